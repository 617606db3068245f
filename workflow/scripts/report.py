import json
from pathlib import Path

import pandas as pd

from needling.report import build_report
from needling.schema import read_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0]):
    given, results = snakemake.input, ("results", "flow", "distribution", "missingness", "baseline", "reliability", "audit", "quarantine")
    inputs = {name: read_table(given[name]) for name in results} | {"cross_check": pd.concat(map(read_table, given.cross_check))}
    words = {Path(path).stem: json.loads(Path(path).read_text(encoding="utf-8")) for path in given.words}
    folders = Path(given.figures[0]).parent, Path(snakemake.output.html).parent
    build_report(part(snakemake.params.study), inputs, words, *folders, lock=Path(given.lock).read_text(encoding="utf-8"))
