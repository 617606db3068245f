from needling.clean import codebook, write_audit_workbook, write_codebook
from needling.schema import read_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0], private=snakemake.output.workbook):
    study = part(snakemake.params.study)
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    audit, sources = (given.pop(name) for name in ("audit", "sources"))
    write_audit_workbook(snakemake.output.workbook, audit, study)
    write_codebook(codebook(given, sources, study), snakemake.output.page, snakemake.output.codebook, study)
