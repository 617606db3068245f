from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse, without_baseline
from needling.schema.stored import ESTIMATED_DIGITS, read_table, write_table
from needling.stage import stage
from needling.study.file import part
from needling.study.keys import StudyError

with stage(snakemake.log[0]):
    study = part(snakemake.params.study, settings_of_kinds())
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    if said := without_baseline(snakemake.params.analysis, given["visits"], study):
        raise StudyError("\n".join(said))
    found = analyse(snakemake.params.analysis, given, study)
    for name, path in snakemake.output.items():
        write_table(found.tables[name], path, digits=ESTIMATED_DIGITS)
