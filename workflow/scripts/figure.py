from needling.figures import FIGURES, write_figure
from needling.schema import read_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    name = snakemake.wildcards.figure
    inputs = {table: read_table(snakemake.input[table]) for table in FIGURES[name]}
    write_figure(name, inputs, part(snakemake.params.study), snakemake.output.csv, snakemake.output.words)
