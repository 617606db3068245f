"""Linear mixed models for repeated outcomes: fit them, judge the fit, and ask it for results."""
