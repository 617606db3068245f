"""Lines about whom a treatment helps, its dose and groups not made by chance, each with a way to get it wrong (see run.py)."""

BY_R = "tests/reference/test_r_moderators.py"
WHOM = "tests/unit/test_moderators.py"
BESIDE = "tests/unit/test_multimodal.py"
FOR_WHOM = "tests/unit/test_for_whom.py"
POLICY = "tests/unit/test_policy.py"
WEIGHTED = "tests/unit/test_overlap_weights.py"
SUBGROUPS = "tests/unit/test_subgroups.py"
DOSE = "tests/unit/test_dose.py"

MUTATIONS = [
    # effects at values of moderators
    ("analysis/moderation.py", "row[1 + place] = 1.0", "row[1 + place] = -1.0", f"{BY_R} -k line"),
    ("analysis/moderation.py", "self.df = self.n - self.rank", "self.df = self.n - 1", f"{BY_R} -k line"),
    (
        "analysis/moderation.py",
        "self._mains + (self._arms.index(arm) - 1) * self._each",
        "self._mains + self._arms.index(arm) * self._each",
        f"{BY_R} -k line",
    ),
    ("analysis/moderation.py", "return bare.fitted - own @ ", "return bare.fitted + own @ ", f"{BY_R} -k predicted"),
    ("analysis/moderation.py", "/ len(rows)\n        return", "* len(rows)\n        return", f"{BY_R} -k spline"),
    (
        "analysis/weighting.py",
        "covariance * len(y) / (len(y) - X.shape[1])",
        "covariance * len(y) / (len(y) + X.shape[1])",
        f"{BY_R} -k overlap",
    ),
    ("analysis/moderators.py", "values[-1] - values[0]", "values[0] - values[-1]", f"{WHOM} -k first_value"),
    ("analysis/moderators.py", "basis.at(values[-1]) - basis", "basis.at(values[1]) - basis", f"{BY_R} -k line"),
    ("analysis/moderation.py", "FEWEST_DF = 10", "FEWEST_DF = 3", f"{WHOM} -k too_little"),
    ("analysis/moderators.py", "<= value <= numbers.max()", "<= value", f"{WHOM} -k nobody_is"),
    ("analysis/moderators.py", "one:.2g", "one:.4g", f"{WHOM} -k quartiles"),
    (
        "analysis/moderators.py",
        '"favours": "", "better": "neither"}',
        '"favours": "", "better": "lower"}',
        f"{WHOM} -k better_side",
    ),
    ("analysis/moderators.py", 'PER_UNIT, PER_SD = "per unit"', 'PER_UNIT, PER_SD = "per SD"', f"{WHOM} -k units"),
    ("analysis/shrinkage.py", "tau**2 / spread * rotated", "tau / spread * rotated", f"{BY_R} -k shrunken"),
    ("analysis/shrinkage.py", "((1 - level) / 2, (1 + level) / 2)", "(1 - level, level)", f"{BY_R} -k shrunken"),
    ("analysis/shrinkage.py", "values[:, None] + tau**2", "values[:, None] + tau", f"{BY_R} -k shrunken"),
    ("cohort/analysed.py", "*settings.adjust, *needs.filled,", "*settings.adjust,", f"{WHOM} -k costs"),
    ("plan.py", '"hazard_ratio", "moderation")', '"hazard_ratio")', f"{WHOM} -k family"),
    ("figures/intervals.py", 'row["better"] == "lower"', 'row["better"] == "higher"', f"{FOR_WHOM} -k side"),
    (
        "report/whom.py",
        'row["p"] if pd.isna(row["p_adjusted"])',
        'row["p"] if True',
        f"{FOR_WHOM} -k clear",
    ),
    # treatment beside the one compared
    ("analysis/multimodal.py", '(mine["day"] < mine', '(mine["day"] <= mine', f"{BESIDE} -k counted"),
    ("analysis/multimodal.py", "7 * week", "week", f"{BESIDE} -k missed"),
    ("analysis/multimodal.py", "k / n - j / m", "j / m - k / n", f"{BESIDE} -k counted"),
    ("analysis/moderation.py", "FEWEST_DF = 10", "FEWEST_DF = 3", f"{BESIDE} -k too_little"),
    ("analysis/multimodal.py", "np.sqrt(n))", "n)", f"{BESIDE} -k counted"),
    (
        "analysis/multimodal.py",
        'if key not in ("statistic", "p")',
        "if key",
        f"{BESIDE} -k least_squares",
    ),
    # dose
    ("analysis/sessions_received.py", "weights.max() > LARGEST_WEIGHT", "weights.min() > LARGEST_WEIGHT", DOSE),
    ("analysis/sessions_received.py", "share < SMALLEST_SHARE", "share > SMALLEST_SHARE", DOSE),
    ("analysis/sessions_received.py", '["day"].le(by_day)', '["day"].ge(0)', DOSE),
    ("analysis/sessions_received.py", "np.where(self.done == 1, -1, 1)", "np.where(self.done == 1, 1, -1)", DOSE),
    ("analysis/sessions_received.py", "(self.n - 1) / self.n * ((", "1 / self.n * ((", DOSE),
    (
        "analysis/sessions_received.py",
        "((-1, self.designs[2], seen_den), (1,",
        "((1, self.designs[2], seen_den), (1,",
        DOSE,
    ),
    ("analysis/dose.py", "*settings.adjust), 7 * settings.by_week)", "*settings.adjust), settings.by_week)", DOSE),
    ("analysis/dose.py", '["day"].le(7 * settings.by_week)', '["day"].le(settings.by_week)', DOSE),
    ("analysis/dose.py", "week < self.by_week", "week > self.by_week", DOSE),
    # subgroups
    ("analysis/subgroups.py", '1.0 if about.better == "higher" else -1.0', "1.0", f"{SUBGROUPS} -k own_models"),
    ("analysis/subgroups.py", "FEWEST_PATIENTS = 20", "FEWEST_PATIENTS = 5", f"{SUBGROUPS} -k small_subgroup"),
    ("analysis/subgroups.py", 'factor * (own["baseline"]', '0 * (own["baseline"]', f"{SUBGROUPS} -k own_models"),
    (
        "analysis/subgroups.py",
        'unit=SD_UNIT, better="higher"',
        'unit=SD_UNIT, better="lower"',
        f"{SUBGROUPS} -k own_models",
    ),
    (
        "analysis/subgroups.py",
        "n_patients=int(sizes[level])",
        "n_patients=len(rows)",
        f"{SUBGROUPS} -k two_instruments",
    ),
    (
        "instruments/definition.py",
        'shares if self.better == "higher" else 100 - shares',
        "shares",
        f"{SUBGROUPS} -k own_models",
    ),
    ("report/whom.py", "clear = _p(test) < CLEAR", "clear = _p(test) > CLEAR", f"{SUBGROUPS} -k clear_test"),
    # whom to treat
    ("analysis/policy.py", "return min(gain for gain", "return max(gain for gain", f"{POLICY} -k better_of_both"),
    ("analysis/policy.py", "gain - float(ndtri(level)) * se for", "gain for", f"{POLICY} -k better_of_both"),
    (
        "analysis/policy.py",
        "before, now = fold < k, fold == k",
        "before, now = fold > k, fold == k",
        f"{POLICY} -k values",
    ),
    ("analysis/policy.py", "variance = sum(len(one) * ", "variance = sum(", f"{POLICY} -k values"),
    ("analysis/policy.py", "a / share * (y", "a * (y", f"{POLICY} -k values"),
    ("analysis/policy.py", "rule - 1) * (g1", "rule) * (g1", f"{POLICY} -k differences"),
    ("analysis/policy.py", '(-1 if question.better == "lower" else 1)', "(1)", f"{POLICY} -k recommended_rule"),
    ("analysis/policy.py", '-1 if question.better == "lower" else 1\n', "1\n", f"{POLICY} -k recommended_rule"),
    ("analysis/policy.py", "if low > 0 else", "if low > -9 else", f"{POLICY} -k abstains_there"),
    ("analysis/policy.py", "learnt.slopes / spread", "learnt.slopes * spread", f"{POLICY} -k recommended_rule"),
    (
        "analysis/policy.py",
        "learnt.constant - float(middle",
        "learnt.constant + float(middle",
        f"{POLICY} -k recommended_rule",
    ),
    ("analysis/policy.py", "(1 - a) / (1 - share)", "(1 - a) / share", f"{POLICY} -k different_size"),
    ("analysis/policy.py", "fit.b[1] + middle @", "fit.b[1] - middle @", f"{POLICY} -k gain_of_the_middle"),
    (
        "analysis/policy.py",
        "value - float(ndtri(level)) * se",
        "value - float(ndtri((1 + level) / 2)) * se",
        f"{POLICY} -k recommended_rule",
    ),
    # two groups that chance did not make
    ("analysis/moderation.py", "(counts < 2).any()", "(counts < 1).any()", f"{WEIGHTED} -k says_so"),
    ("analysis/overlap_weights.py", "math.sqrt(n / df)", "math.sqrt(df / n)", f"{WEIGHTED} -k least_squares"),
    (
        "analysis/overlap_weights.py",
        "np.column_stack([np.ones(len(here)), mains])) - 1",
        "mains) - 1",
        f"{WEIGHTED} -k least_squares",
    ),
    (
        "analysis/overlap_weights.py",
        "(1 + question.settings.level) / 2",
        "question.settings.level",
        f"{WEIGHTED} -k least_squares",
    ),
    (
        "analysis/overlap_weights.py",
        'row["low"] if row["estimate"] > 0 else row["high"]',
        'row["high"] if row["estimate"] > 0 else row["low"]',
        f"{WEIGHTED} -k e_values",
    ),
    ("analysis/overlap_weights.py", "CHINN = 0.91", "CHINN = 1.91", f"{WEIGHTED} -k e_values"),
    (
        "analysis/overlap_weights.py",
        '"estimate": x.mean() - y.mean()',
        '"estimate": y.mean() - x.mean()',
        f"{WEIGHTED} -k small_group",
    ),
    (
        "release/line.py",
        'few(table["fewest"], limit.cell).groupby',
        'few(table["fewest"], 1).groupby',
        f"{WEIGHTED} -k told_by_balance",
    ),
]
