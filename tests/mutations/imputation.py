"""Lines about what was not measured, each with a way to get it wrong (see run.py)."""

IMPUTATION = "tests/unit/test_imputation.py"
NAIVE, DELIVERED = "tests/unit/test_naive.py", "tests/unit/test_treatment_delivered.py"
MISSING = "tests/unit/test_missing_data.py"
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
        "cohort/analysed.py",
        'return [] if study.design == "randomised" else list(values)',
        'return [] if study.design != "randomised" else list(values)',
        "tests/unit/test_words_of_kinds.py -k whom_an_analysis",
    ),
    # thresholds, directions and which of two, of the analysis of what was not measured
    ("analysis/missing_data.py", "FEWEST_CLUSTERS = 10", "FEWEST_CLUSTERS = 11", f"{IMPUTATION} -k ten_clusters"),
    ("analysis/missing_data.py", ">= FEWEST_CLUSTERS", "> FEWEST_CLUSTERS", f"{IMPUTATION} -k ten_clusters"),
    ("analysis/missing_data.py", "question.arms) < 2:", "question.arms) < 1:", f"{IMPUTATION} -k one_patient"),
    ("analysis/missing_data.py", "units = min(fit_for_it", "units = max(fit_for_it", f"{IMPUTATION} -k two_kinds"),
    ("analysis/missing_data.py", '["nunique"] <= 1).all()', '["nunique"] <= 2).all()', f"{IMPUTATION} -k two_kinds"),
    ("analysis/missing_data.py", '"p": 2 * (ndtr(below)', '"p": 1 * (ndtr(below)', f"{IMPUTATION} -k two_sided"),
    ("analysis/missing_data.py", "min(inside, key=abs)", "max(inside, key=abs)", f"{IMPUTATION} -k next_to_zero"),
    ("analysis/missing_data.py", "mean + delta * by", "mean - delta * by", f"{IMPUTATION} -k next_to_zero"),
    ("analysis/missing_data.py", "_round_step(2 * float(", "_round_step(1 * float(", f"{IMPUTATION} -k two_standard"),
    ("analysis/missing_data.py", "for times in (1, 2, 5, 10)", "for times in (1, 10)", f"{IMPUTATION} -k two_standard"),
    ("analysis/missing_data.py", "(by.max() if len(by) else 1.0)", "1.0", WEEKLY),
    ("analysis/imputation.py", "present[mar] + fixed", "present[mar] - fixed", f"{IMPUTATION} -k without_a_unit"),
    ("analysis/imputation.py", "whole - whole[mar]", "whole - whole[0]", f"{IMPUTATION} -k order"),
    ("analysis/imputation.py", "= D.mean(axis=0)", "= D[0]", f"{IMPUTATION} -k without_a_unit"),
    ("analysis/naive.py", "min(len(x), len(y)) < 2", "min(len(x), len(y)) < 1", f"{NAIVE} -k one_patient"),
    ("analysis/treatment_delivered.py", "if len(rarest) <= 3", "if len(rarest) <= 2", f"{DELIVERED} -k rarest"),
    ("analysis/lost.py", 'keep="last"', 'keep="first"', f"{MISSING} -k dropout_is"),
    ("analysis/lost.py", "FEW_VALUES = 3", "FEW_VALUES = 30", f"{MISSING} -k lost_beside"),
    (
        "analysis/proportions.py",
        "min(int((y > 0).sum()), int((y < s).sum()))",
        "int((y > 0).sum())",
        "tests/unit/test_proportions.py -k few_patients",
    ),
    # of those who responded
    (
        "analysis/responders.py",
        "covariance + (1 + 1 / len(found)) *",
        "covariance +",
        "tests/unit/test_responders.py -k spread_between",
    ),
    (
        "analysis/responders.py",
        '"n": min(n[row["arm"]], n[row["reference"]])',
        '"n": max(n[row["arm"]], n[row["reference"]])',
        "tests/unit/test_responders.py -k as_safe",
    ),
    (
        "analysis/responders.py",
        '"n_none": min(events[one][0] - events[one][1]',
        '"n_none": max(events[one][0] - events[one][1]',
        "tests/unit/test_responders.py -k as_safe",
    ),
    (
        "analysis/responders.py",
        'data["base"] = data["base"].fillna(data["base"].mean())',
        "pass",
        "tests/unit/test_responders.py -k costs_no",
    ),
]
