"""Lines about estimates (direction, margins, units, degrees of freedom, families), each with a way to get it wrong (see run.py)."""

ANALYSIS = "tests/unit/test_analysis.py"
MODEL = "tests/unit/test_model_kind.py"
GRAPH = "tests/unit/test_graph.py"
COMPARISONS = "tests/unit/test_comparisons.py"
MARGIN = f"{COMPARISONS} -k non_inferiority"
EQUIVALENCE = f"{COMPARISONS} -k equivalence"
FAVOURED = f"{COMPARISONS} -k favoured"
TURNED = f"{COMPARISONS} -k improvement"
HEDGES = f"{COMPARISONS} -k standardised"
TREND = f"{COMPARISONS} -k trend"

MUTATIONS = [
    # who is favoured, and in which direction an estimate is reported
    (
        "analysis/results.py",
        '(beyond > 0) == (row["better"] == "higher")',
        '(beyond < 0) == (row["better"] == "higher")',
        FAVOURED,
    ),
    ("analysis/results.py", '1.0 if str(row["quantity"]).endswith("_ratio") else 0.0', "0.0", FAVOURED),
    ("analysis/results.py", 'rows[["estimate", "statistic"]] *= -1', 'rows[["estimate"]] *= -1', TURNED),
    ("analysis/results.py", 'rows["low"], rows["high"] = -rows["high"], -rows["low"]', "pass", TURNED),
    ("analysis/results.py", '"improvement" and self.better == "lower"', '"improvement"', COMPARISONS),
    ("analysis/results.py", 'return "higher" if self.turned else self.better', "return self.better", COMPARISONS),
    (
        "analysis/results.py",
        'return "percentage points" if bare.startswith("%") else bare',
        "return bare",
        "tests/unit/test_directions.py",
    ),
    ("analysis/results.py", 'f"{unit} per {PER[quantity]}"', "unit", f"{ANALYSIS} {MODEL}"),
    (
        "analysis/results.py",
        "{arm: 1.0, question.reference: -1.0}",
        "{arm: -1.0, question.reference: 1.0}",
        f"{ANALYSIS} -k truth",
    ),
    ("analysis/results.py", "Comparison(b, a, {b: 1.0, a: -1.0})", "Comparison(b, a, {b: -1.0, a: 1.0})", COMPARISONS),
    # growth curves: where the lines are compared, and the unit of a slope over dose
    (
        "analysis/growth_curve.py",
        "schedule[study.visits.primary].nominal_week is None",
        "schedule[study.visits.baseline].nominal_week is None",
        "tests/unit/test_study_file.py -k growth_curve",
    ),
    ("analysis/growth_curve.py", 'if asked[0].quantity == "trend"', "if False", f"{ANALYSIS} -k slopes_over_dose"),
    # margins
    (
        "analysis/results.py",
        'above, below = (rows["estimate"] + margin)',
        'above, below = (rows["estimate"] - margin)',
        EQUIVALENCE,
    ),
    ("analysis/results.py", "np.where(lower, under_high, over_low)", "np.where(lower, over_low, under_high)", MARGIN),
    ("analysis/results.py", "np.where(lower, below, above)", "np.where(lower, above, below)", MARGIN),
    ("analysis/results.py", "np.maximum(over_low, under_high)", "np.minimum(over_low, under_high)", EQUIVALENCE),
    ("analysis/results.py", '"level": 1 - 2 * alpha', '"level": 1 - alpha', EQUIVALENCE),
    ("analysis/results.py", "reach = stdtrit(df, 1 - alpha)", "reach = stdtrit(df, 1 - alpha / 2)", EQUIVALENCE),
    # trend and standardised difference
    ("analysis/results.py", "(question.doses[arm] - centre) / spread", "(question.doses[arm] - centre)", TREND),
    (
        "analysis/results.py",
        "gammaln(df / 2) - gammaln((df - 1) / 2)",
        "gammaln((df - 1) / 2) - gammaln(df / 2)",
        HEDGES,
    ),
    ("analysis/results.py", "d**2 / (2 * df)", "d**2 / df", HEDGES),
    # least squares
    ("analysis/ancova.py", "mean[i] = float(own == arm)", "mean[i] = float(own != arm)", f"{ANALYSIS} -k ancova"),
    ("analysis/ancova.py", "self.df = int(self.fit.df_resid)", "self.df = len(data)", f"{ANALYSIS} -k ancova"),
    ("analysis/ancova.py", "alpha=1 - self._level", "alpha=(1 - self._level) / 2", f"{ANALYSIS} -k ancova"),
    (
        "analysis/repeated_measures.py",
        "shift = {name: means[name] - middle",
        "shift = {name: means[name] + middle",
        "tests/unit/test_directions.py",
    ),
    # where the baseline is a response, interactions, the spread that standardises
    ("analysis/results.py", "groups.var() * (groups.size() - 1)", "groups.var() * groups.size()", HEDGES),
    ("analysis/results.py", "int((groups.size() - 1).sum())", "int(groups.size().sum())", HEDGES),
    (
        "analysis/repeated_measures.py",
        'changes[arm, visit] = {f"visit[T.{visit}]": 1.0, **own}',
        'changes[arm, visit] = {f"visit[T.{visit}]": 1.0}',
        f"{ANALYSIS} -k change_of_each",
    ),
    (
        "analysis/ancova.py",
        '"secondary" if question.role == "primary" else question.role',
        "question.role",
        f"{ANALYSIS} -k never_the_primary",
    ),
    # the engine
    (
        "mixed/fit.py",
        'fit.usable and "residual" not in fit.boundary',
        "fit.usable",
        "tests/unit/test_mixed_edges.py -k ladder",
    ),
    (
        "mixed/solution.py",
        "np.log(self.n_subjects)",
        "np.log(self.n_observations)",
        "tests/unit/test_mixed_edges.py -k bic",
    ),
    (
        "mixed/solution.py",
        "-2 * self.log_likelihood + 2 * self._counted",
        "-2 * self.log_likelihood + self._counted",
        "tests/unit/test_directions.py",
    ),
    ("mixed/inference.py", "        return 2.0\n", "        return 4.0\n", "tests/unit/test_directions.py"),
    (
        "mixed/inference.py",
        "expectation / (expectation - rank)",
        "expectation / (expectation + rank)",
        "tests/reference/test_r.py tests/reference/test_fev.py",
    ),
    # families as graphs
    ("analysis/graph.py", "max(reached, min(1.0, least))", "min(1.0, least)", f"{GRAPH} -k 'published or closed'"),
    ("analysis/graph.py", "P[i] / w[i]", "P[i] * w[i]", f"{GRAPH} -k published"),
    ("analysis/graph.py", "1e-300) * alpha / 2), np.inf)", "1e-300) * alpha), np.inf)", f"{GRAPH} -k interval"),
    ("analysis/graph.py", "e - direction * far * s", "e + direction * far * s", f"{GRAPH} -k interval"),
    # how numbers are written
    ("schema/stored.py", "digits - 1 - magnitude", "digits - magnitude", "tests/unit/test_same_bytes.py"),
    ("schema/stored.py", 'side="right") - 308', 'side="left") - 308', "tests/unit/test_same_bytes.py"),
    # F and chi-squared by scipy.special: which of its functions counts from which end
    (
        "mixed/inference.py",
        "special.fdtrc(rank, denominator, statistic)",
        "special.fdtr(rank, denominator, statistic)",
        "tests/unit/test_mixed_results.py",
    ),
    (
        "mixed/inference.py",
        "special.chdtrc(rank, statistic * rank)",
        "special.chdtrc(rank, statistic)",
        "tests/unit/test_mixed_results.py",
    ),
    (
        "mixed/compare.py",
        "float(special.chdtrc(df, statistic))",
        "float(special.chdtr(df, statistic))",
        "tests/unit/test_mixed_results.py",
    ),
]
