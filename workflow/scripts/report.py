from pathlib import Path

import pandas as pd

from needling.figures import read_words
from needling.report import TABLES, build_report
from needling.schema import read_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0]):
    given, folder = snakemake.input, Path(snakemake.output.html).parent
    inputs = {name: read_table(given[name]) for name in TABLES}
    inputs["cross_check"] = pd.concat([read_table(path) for path in given.cross_check])
    build_report(part(snakemake.params.study), inputs, read_words(given.words), folder / "figures", folder)
