from needling.cohort.assembled import assembled
from needling.schema.stored import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    made = assembled(given, part(snakemake.params.study))
    for name, path in snakemake.output.items():
        write_table(made[name], path)
