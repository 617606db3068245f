"""What is estimated has the same bytes on whatever processor: its last bits are rounded away before anything is written."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

# How other kinds of processors compute: their kernels of linear algebra, and an old one without NumPy's newer instructions.
FOUND = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
HASWELL = {"OPENBLAS_CORETYPE": "Haswell"}
WIDE = any(name.startswith(("X86_V4", "AVX512")) for name in FOUND)
OTHERS = [
    pytest.param(
        {"OPENBLAS_CORETYPE": "SkylakeX"},
        id="SkylakeX",
        marks=pytest.mark.skipif(not WIDE, reason="this processor has no AVX-512, which those kernels need"),
    ),
    pytest.param({"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND)}, id="Nehalem"),
]
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


@pytest.fixture(scope="module")
def made(demo, project, tmp_path_factory):
    """What an analysis of the demo writes on a processor: (analysis, variables) -> bytes of each file, made once."""

    @cache
    def on(analysis, *variables):
        folder = tmp_path_factory.mktemp(analysis)
        paths = [project / "config/demo.yaml", demo[0].folder / "data/processed/demo", folder, analysis]
        done = subprocess.run(
            [sys.executable, "-c", ANALYSE, *map(str, paths)],
            env={**os.environ, **dict(variables), "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-1000:]
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    return on


@pytest.mark.parametrize("analysis", SENSITIVE)
@pytest.mark.parametrize("other", OTHERS)
def test_an_analysis_has_the_same_bytes_on_every_processor(analysis, other, made):
    here, there = made(analysis, *HASWELL.items()), made(analysis, *other.items())
    assert "results.parquet" in here
    assert list(here) == list(there)
    assert [name for name in here if here[name] != there[name]] == []
