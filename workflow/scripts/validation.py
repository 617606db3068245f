from pathlib import Path

import pandas as pd

from needling.stage import stage
from needling.validation.page import page

with stage(snakemake.log[0]):
    rows = pd.concat([pd.read_csv(path) for path in snakemake.input.parts], ignore_index=True)
    Path(snakemake.output[0]).write_text(page(rows), encoding="utf-8")
