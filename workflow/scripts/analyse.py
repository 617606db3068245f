from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.schema.stored import ESTIMATED_DIGITS, read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study, settings_of_kinds())
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    found = analyse(snakemake.params.analysis, given, study)
    for name, path in snakemake.output.items():
        write_table(found.tables[name], path, digits=ESTIMATED_DIGITS)
