import json
from pathlib import Path

from needling.figures.draw import write_figures
from needling.labels.words import Labels
from needling.schema.stored import read_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    released = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    labels = Labels(part(snakemake.params.study))
    words = write_figures(released, labels, snakemake.output.folder, processes=snakemake.threads)
    Path(snakemake.output.words).write_text(json.dumps(words, indent=1, sort_keys=True) + "\n", encoding="utf-8")
