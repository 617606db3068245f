import json
from pathlib import Path

from needling.labels.words import Labels
from needling.report.build import build_report
from needling.report.software import software
from needling.schema.stored import read_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    given, folder = snakemake.input, Path(snakemake.output.html).parent
    released = {name: read_table(path) for name, path in given.items() if str(path).endswith(".parquet")}
    words = json.loads(Path(given.words).read_text(encoding="utf-8"))
    build_report(Labels(part(snakemake.params.study)), released, words, given.figures, folder, software())
