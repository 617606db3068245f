"""Lines about what was not measured, each with a way to get it wrong (see run.py)."""

IMPUTATION = "tests/unit/test_imputation.py"
WEEKLY = f"{IMPUTATION} -k points_per_week"

MUTATIONS = [
    ("analysis/missing_data.py", "np.diff(weeks), np.ones", "np.ones(len(visits)), np.ones", WEEKLY),
    (
        "analysis/imputation.py",
        "delta[v + 1 - run : v + 1] @ lag[:run]",
        "delta[v + 1 - run : v + 1] @ lag[:run][::-1]",
        f"{IMPUTATION} -k add_up",
    ),
    (
        "analysis/imputation.py",
        "np.where(seen[:, v], 0, missed + 1)",
        "missed + ~seen[:, v]",
        f"{IMPUTATION} -k add_up",
    ),
    ("analysis/imputation.py", "shifted if amount is None else shifted * amount[:, :, None]", "shifted", WEEKLY),
    (
        "analysis/fits.py",
        'return [] if study.design == "randomised" else list(values)',
        'return [] if study.design != "randomised" else list(values)',
        "tests/unit/test_words_of_kinds.py -k whom_an_analysis",
    ),
]
