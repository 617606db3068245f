"""Linear mixed models for repeated outcomes: fit them, judge the fit, and ask it for results."""

from .errors import MixedModelError
from .fit import MixedFit, fit_ladder, fit_mixed
from .structures import STRUCTURES, Residual

__all__ = ["STRUCTURES", "MixedFit", "MixedModelError", "Residual", "fit_ladder", "fit_mixed"]
