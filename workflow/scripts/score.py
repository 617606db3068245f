from needling.instruments.definition import definition
from needling.instruments.scoring import reliability, score
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    definitions = {name: definition(name, settings) for name, settings in study.instruments.items()}
    outcomes, visits = read_table(snakemake.input.outcomes), read_table(snakemake.input.visits)
    at_baseline = visits.loc[visits["visit"] == study.visits.baseline, "row"]
    write_table(score(outcomes, definitions), snakemake.output.scores)
    write_table(reliability(outcomes, definitions, at_baseline), snakemake.output.reliability)
