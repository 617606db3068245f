from needling.instruments import definitions, reliability, score
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0]):
    instruments = definitions(part(snakemake.params.study).instruments)
    outcomes = read_table(snakemake.input.outcomes)
    write_table(score(outcomes, instruments), snakemake.output.scores)
    write_table(reliability(outcomes, instruments), snakemake.output.reliability)
