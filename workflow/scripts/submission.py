from pathlib import Path

from needling.labels.words import Labels
from needling.schema.stored import read_table
from needling.stage import stage
from needling.study.file import part
from needling.submission.build import build_submission
from needling.submission.journals import journal
from needling.submission.provenance import licences, provenance

with stage(snakemake.log[0]):
    given, asked = snakemake.input, snakemake.params
    released = {name: path for name, path in given.items() if str(path).endswith(".parquet")}
    told = provenance(asked.study["study"], asked.journal, asked.inputs, asked.code, released)
    tables = {name: read_table(path) for name, path in released.items()}
    labels = Labels(part(asked.study))
    texts = {"plan.yaml": asked.plan, "ard.csv": Path(given.ard).read_text(encoding="utf-8"), **licences()}
    build_submission(labels, tables, journal(asked.journal), snakemake.output[0], told, texts)
