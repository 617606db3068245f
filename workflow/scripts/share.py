from needling.privacy.share import shared_file
from needling.schema.stored import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    patients, frame = read_table(snakemake.input.patients), read_table(snakemake.input.frame)
    file, report = shared_file(snakemake.wildcards.file, patients, frame, study)
    write_table(file, snakemake.output.file)
    write_table(report, snakemake.output.anonymity)
