from needling.clean.codebook import codebook, write_codebook
from needling.clean.workbook import write_audit_workbook
from needling.schema.stored import read_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0], private=snakemake.output.workbook):
    study = part(snakemake.params.study)
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    audit, sources = (given.pop(name) for name in ("audit", "sources"))
    write_audit_workbook(snakemake.output.workbook, audit, study)
    book = codebook(given, sources, study)
    write_codebook(book, snakemake.output.page, snakemake.output.codebook, study)
