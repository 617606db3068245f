from needling.analysis.describe import baseline_characteristics, distributions, missingness
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    frame, patients = read_table(snakemake.input.frame), read_table(snakemake.input.patients)
    write_table(distributions(frame, study), snakemake.output.distribution)
    write_table(missingness(frame, patients, study), snakemake.output.missingness)
    write_table(baseline_characteristics(frame, patients, study), snakemake.output.baseline)
