from pathlib import Path

import pandas as pd

from needling.plan import adjust
from needling.release.line import release
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study, given = part(snakemake.params.study), snakemake.input
    tables = {name: read_table(given[name]) for name in snakemake.params.once}
    for name in snakemake.params.joined:
        mine = [path for path in given.analyses if Path(path).stem == name]
        tables[name] = pd.concat([read_table(path) for path in mine], ignore_index=True)
    released = release(tables | {"results": adjust(tables["results"], study)}, study)
    for name in snakemake.params.shown:
        write_table(released[name], snakemake.output[name])
    write_table(released["ard"], snakemake.output.ard)
    for path in snakemake.output.files:
        write_table(released["results"].query(f"analysis == {Path(path).stem!r}"), path)
