from pyarrow import set_cpu_count

from needling.privacy.gate import hide_names, stop_on_identifiers
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.schema.stored import write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0], private=snakemake.output.patients):
    set_cpu_count(snakemake.threads)  # its cells are the same whoever parses them
    study = part(snakemake.params.study)
    stop_on_identifiers(raw := read_export(study.export, raw=snakemake.params.raw), study)
    for name, table in hide_names(to_canonical(raw, study)).items():
        write_table(table, snakemake.output[name])
