"""Linear mixed models for repeated outcomes: fit them, judge the fit, and ask it for results."""

from .compare import likelihood_ratio_test
from .errors import MixedModelError
from .fit import fit_ladder, fit_mixed
from .fitted import MixedFit
from .resample import bootstrap_intervals
from .structures import STRUCTURES, Residual

__all__ = [
    "STRUCTURES",
    "MixedFit",
    "MixedModelError",
    "Residual",
    "bootstrap_intervals",
    "fit_ladder",
    "fit_mixed",
    "likelihood_ratio_test",
]
