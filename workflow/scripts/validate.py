from needling.stage import stage
from needling.validation.cases import repeated

with stage(snakemake.log[0]):
    rows = repeated(snakemake.wildcards.case, int(snakemake.wildcards.first), snakemake.params.repetitions)
    rows.to_csv(snakemake.output[0], index=False, lineterminator="\n")
