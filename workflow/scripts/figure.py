import json
from pathlib import Path

from needling.figures import FIGURES, make_figure
from needling.figures.style import save
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0]):
    name, study = snakemake.wildcards.figure, part(snakemake.params.study)
    figure, source, caption, alternative = make_figure(name, {t: read_table(snakemake.input[t]) for t in FIGURES[name]}, study)
    save(figure, Path(snakemake.output.pdf).with_suffix(""), study.figures.profile)
    write_table(source, snakemake.output.csv)
    Path(snakemake.output.words).write_text(json.dumps({"caption": caption, "alternative": alternative}))
