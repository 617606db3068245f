"""What is estimated has the same bytes on whatever processor: its last bits are rounded away before anything is written."""

import os
import subprocess
import sys

import numpy as np
import pytest

# How other kinds of processors compute: their kernels of linear algebra, and an old one without NumPy's newer instructions.
NEWER = " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))
PROCESSORS = {
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": NEWER},
}
# Random effects near a boundary, a slope over time, imputation with a surface of 10,000 numbers; limits that a search finds.
SENSITIVE = ["within_sessions", "growth", "primary_under_loss", pytest.param("therapists", marks=pytest.mark.slow)]
ANALYSE = """
import sys
from pathlib import Path
from needling.analysis.run import analyse
from needling.plan import load_study
from needling.schema.stored import ESTIMATED_DIGITS, read_table, write_table

plan, processed, folder, name = sys.argv[1:]
given = {path.stem: read_table(path) for stage in ("clean", "frames") for path in Path(processed, stage).glob("*.parquet")}
for table, found in analyse(name, given, load_study(plan)).tables.items():
    write_table(found, Path(folder, f"{table}.parquet"), digits=ESTIMATED_DIGITS)
"""


@pytest.mark.parametrize("analysis", SENSITIVE)
def test_an_analysis_has_the_same_bytes_on_every_processor(analysis, demo, project, tmp_path):
    made = {}
    for name, own in PROCESSORS.items():
        folder = tmp_path / name
        paths = [project / "config/demo.yaml", demo[0].folder / "data/processed/demo", folder, analysis]
        done = subprocess.run(
            [sys.executable, "-c", ANALYSE, *map(str, paths)],
            env={**os.environ, **own, "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-1000:]
        made[name] = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    first, *others = made.values()
    assert "results.parquet" in first
    for other in others:
        assert list(first) == list(other)
        assert [name for name in first if first[name] != other[name]] == []
