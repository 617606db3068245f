"""The packages that computed, with the versions that really ran."""

import platform

from needling.stage import versions

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "pingouin",
    "firthmodels",
    "matplotlib",
    "snakemake",
    "pypandoc-binary",
    "typst",
)


def software() -> list[str]:
    """Name the Python and the packages of this environment, each with its version."""
    return [f"Python {platform.python_version()}", *versions(*PACKAGES)]
