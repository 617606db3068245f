"""Lines that carry a sign, a direction, a unit, a threshold or degrees of freedom, each with a way to get it wrong.

(file under workflow/needling, what stands there once, what is put in its place, the tests that must notice);
`tests/mutations/run.py` runs them.
"""

ANALYSIS, REPORT, FIGURES = (f"tests/unit/test_{name}.py" for name in ("analysis", "report_words", "figures"))
RELEASE = "tests/unit/test_release.py tests/unit/test_release_attack.py"
EVENTS, COHORT, MODEL = "tests/unit/test_cohort_events.py", "tests/unit/test_cohort.py", "tests/unit/test_model_kind.py"
CELLS, RULES = "tests/unit/test_clean_cells.py", "tests/unit/test_clean_rules.py"
GRAPH, HARMS = "tests/unit/test_graph.py", "tests/unit/test_harms.py"
RESPONDERS, NAIVE, MISSING = (f"tests/unit/test_{name}.py" for name in ("responders", "naive", "missing_data"))
COMPARISONS = "tests/unit/test_comparisons.py"
MARGIN = f"{COMPARISONS} -k non_inferiority"
EQUIVALENCE = f"{COMPARISONS} -k equivalence"
FAVOURED = f"{COMPARISONS} -k favoured"
TURNED = f"{COMPARISONS} -k improvement"
HEDGES = f"{COMPARISONS} -k standardised"
CLUSTERING, SHARES = "tests/unit/test_clustering.py", "tests/reference/test_r_questions.py -k shares"
SURVIVAL, TIMES = "tests/reference/test_r_survival.py", "tests/unit/test_time_to_event.py"
BLINDING = "tests/unit/test_blinding.py"
TREND = f"{COMPARISONS} -k trend"
BY_R = "tests/reference/test_r_moderators.py"
WHOM = "tests/unit/test_moderators.py"
BESIDE = "tests/unit/test_multimodal.py"
FOR_WHOM = "tests/unit/test_for_whom.py"
POLICY = "tests/unit/test_policy.py"
WEIGHTED = "tests/unit/test_overlap_weights.py"
SUBGROUPS, READINGS = "tests/unit/test_subgroups.py", "tests/unit/test_repeatability.py"

DOSE = "tests/unit/test_dose.py"
ODD = "tests/unit/test_odd_exports_checked.py"
PROCESS, SIMULATE = "tests/unit/test_process.py", "tests/unit/test_simulate.py"

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
    # per protocol, strategies, roles
    ("analysis/run.py", '~rows["patient"].isin(gone)', 'rows["patient"].isin(gone)', f"{EVENTS} -k protocol"),
    ("plan.py", '["change_score", "per_protocol", ', '["change_score", ', f"{EVENTS} -k protocol"),
    (
        "cohort/events.py",
        'full["patient"].map(earliest["day"]) < day',
        'full["patient"].map(earliest["day"]) > day',
        EVENTS,
    ),
    (
        "cohort/events.py",
        'had = theirs[theirs["day"].fillna(-np.inf) <',
        'had = theirs[theirs["day"].fillna(np.inf) <',
        EVENTS,
    ),
    ("cohort/events.py", "7 * week", "6 * week", EVENTS),
    ("cohort/events.py", "fillna(7 * planned)", "fillna(6 * planned)", EVENTS),
    # times, directions and scales of the frames
    ("cohort/frame.py", 'frame["day"] / 7', 'frame["day"] / 5', f"{COHORT} -k times"),
    ("cohort/frame.py", '24 * frame["day"]', '12 * frame["day"]', f"{COHORT} -k times"),
    ("cohort/frame.py", "-1.0, 1.0)", "1.0, -1.0)", f"{COHORT} -k improvement"),
    (
        "cohort/frame.py",
        'frame["value"] - frame["baseline"]',
        'frame["baseline"] - frame["value"]',
        f"{COHORT} -k improvement",
    ),
    ("cohort/sessions.py", 'frame["day"] / 7', 'frame["day"] / 5', f"{EVENTS} -k sessions"),
    (
        "cohort/sessions.py",
        'frame["pain_after"] - frame["pain_before"]',
        'frame["pain_before"] - frame["pain_after"]',
        EVENTS,
    ),
    (
        "cohort/covariates.py",
        '(rows["day"] < rows["patient"].map(last))',
        '(rows["day"] <= rows["patient"].map(last))',
        EVENTS,
    ),
    ("study/sources.py", "return self.hours / 168", "return self.hours / 24", "tests/unit/test_directions.py"),
    ("study/sources.py", "sum(self.days) / 14", "sum(self.days) / 7", "tests/unit/test_directions.py"),
    ("instruments/definition.py", 'share if self.better == "higher" else 100 - share', "share", f"{COHORT} -k pooled"),
    # cleaning
    ("clean/outcomes.py", "questions.SLACK, 1e-9)", "questions.SLACK, 0.5)", "tests/unit/test_directions.py"),
    (
        "clean/questions.py",
        'scores["value"] % steps[0] != 0',
        'scores["value"] % steps[0] == 0',
        f"{ODD} -k raw_points",
    ),
    ("clean/questions.py", "beyond and between", "between", f"{ODD} -k raw_points"),
    ("clean/questions.py", "strange.mean() < PART", "strange.mean() < BEYOND", "tests/unit/test_clean_odd_exports.py"),
    ("clean/visits.py", "same &= time == time.shift(1)", "same &= True", f"{ODD} -k times_of_the_day"),
    ("clean/outcomes.py", "sums = (sums | (", "sums = (sums & (", f"{ODD} -k row_by_row"),
    ("read/guess.py", "(cells % 2 == 0).all()", "(cells % 2 == 1).all()", f"{ODD} -k all_even"),
    ("clean/questions.py", "SLACK = 0.05", "SLACK = 0.6", "tests/unit/test_directions.py"),
    ("clean/outcomes.py", "rule.count > MANY_ITEMS", "rule.count > 30 * MANY_ITEMS", f"{ODD} -k sums_of_one"),
    ("clean/questions.py", "quantile(0.1) > 2 * value", "quantile(0.1) > 0 * value", f"{ODD} -k another_version"),
    ("instruments/definition.py", "return (most, least) if", "return (least, most) if", f"{ODD} -k added_up"),
    ("instruments/definition.py", "(values - first) / (last - first)", "(values - first) / last", f"{ODD} -k added_up"),
    ("read/vocabulary.py", "else -after_zero", "else after_zero", f"{ODD} -k weeks_before"),
    ("read/vocabulary.py", '"hour": 1 / 168', '"hour": 1 / 24', f"{ODD} -k hours"),
    (
        "clean/outcomes.py",
        "out = (value < low) | (value > high)",
        "out = value > high",
        f"{CELLS} tests/unit/test_directions.py",
    ),
    ("clean/outcomes.py", "(stated > high + slack)", "(stated > high + 10 * slack)", f"{RULES} -k total"),
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
    # responders
    (
        "analysis/responders.py",
        'gain = baseline - value if better == "lower" else value - baseline',
        'gain = value - baseline if better == "lower" else baseline - value',
        f"{RESPONDERS} -k who_responded",
    ),
    ("analysis/responders.py", "response.percent / 100", "response.percent / 10", f"{RESPONDERS} -k who_responded"),
    ("analysis/responders.py", "value <= response.at_most + slack", "value < response.at_most", f"{RESPONDERS} -k who"),
    ("analysis/responders.py", "- slack) & (gain > 0))", "- slack))", f"{RESPONDERS} -k baseline_of_zero"),
    ("analysis/responders.py", "k / n - j / m", "j / m - k / n", f"{RESPONDERS} -k are_counted"),
    (
        "analysis/responders.py",
        'confint(k, n, 1 - level, "wilson")',
        'confint(k, n, level, "wilson")',
        f"{RESPONDERS} -k are_counted",
    ),
    # habits of the field
    ("analysis/naive.py", "float(x.mean() - y.mean())", "float(y.mean() - x.mean())", f"{NAIVE} -k hand"),
    ("analysis/naive.py", "float(high - low) / 2 /", "float(high - low) /", f"{NAIVE} -k hand"),
    # missing data
    ("analysis/missing_data.py", "len(set(units)) - 1 if count", "len(set(units)) if count", f"{MISSING} -k clusters"),
    ("analysis/missing_data.py", 'float("inf"), (1 + level) / 2', 'float("inf"), level', f"{MISSING} -k normal_and_t"),
    ("analysis/missing_data.py", '"low": estimate - reach,', '"low": estimate + reach,', f"{MISSING} -k normal_and_t"),
    ("analysis/missing_data.py", "n - imputed.parameters", "n - 1", f"{MISSING} -k without_missing"),
    (
        "analysis/missing_data.py",
        "tail = (1 + settings.level) / 2",
        "tail = settings.level",
        f"{MISSING} -k tipping_point",
    ),
    # harms
    (
        "analysis/harms.py",
        "risk_difference(events, n, others, m, level)",
        "risk_difference(others, m, events, n, level)",
        f"{HARMS} -k differences",
    ),
    (
        "analysis/harms.py",
        "rate_ratio(*numbers(pair.arm), *numbers(pair.reference), level)",
        "rate_ratio(*numbers(pair.reference), *numbers(pair.arm), level)",
        f"{HARMS} -k 'truth or pairs or rates'",
    ),
    (
        "analysis/harms.py",
        'question.study.design == "randomised" else []',
        'question.study.design != "randomised" else []',
        f"{HARMS} -k lot",
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
    # how numbers are written
    ("schema/stored.py", "digits - 1 - magnitude", "digits - magnitude", "tests/unit/test_same_bytes.py"),
    ("schema/stored.py", 'side="right") - 308', 'side="left") - 308', "tests/unit/test_same_bytes.py"),
    # what is said
    (
        "report/numbers.py",
        'if self.side == "better" else self.row["reference"]',
        'if self.side == "worse" else self.row["reference"]',
        f"{REPORT} -k every_side",
    ),
    ("report/numbers.py", "(low > null) == (self", "(low < null) == (self", f"{REPORT} -k every_side"),
    (
        "report/numbers.py",
        'row["margin"] if row["better"] == "lower"',
        'row["margin"] if row["better"] == "higher"',
        f"{REPORT} -k margin",
    ),
    ("report/numbers.py", 'row["low"] > -row["margin"]', 'row["low"] > row["margin"]', f"{REPORT} -k margin"),
    ("report/text.py", "not -3 <=", "not -30 <=", f"{REPORT} -k beyond"),
    (
        "figures/forest.py",
        '(row["arm"], row["reference"]) if left_is_better',
        '(row["reference"], row["arm"]) if left_is_better',
        f"{FIGURES} -k each_side",
    ),
    (
        "figures/forest.py",
        '    left = row["better"] == "lower"\n',
        '    left = row["better"] == "higher"\n',
        f"{FIGURES} -k names_the_side",
    ),
    (
        "figures/forest.py",
        'on_left = row["better"] == "lower"',
        'on_left = row["better"] == "higher"',
        f"{FIGURES} -k 'names_the_side or favours'",
    ),
    # guesses of the arm
    ("analysis/blinding.py", "_interval(right - wrong,", "_interval(wrong - right,", BLINDING),
    ("analysis/blinding.py", "(right + wrong - (right - wrong) ** 2) / n", "(right + wrong) / n", BLINDING),
    ("analysis/blinding.py", "d + u * m**2 / (2 * chance)", "d + u * m**2 / chance", BLINDING),
    ("analysis/blinding.py", "-wrong * d * (1 - d)", "-wrong * d", BLINDING),
    ("analysis/blinding.py", "(b * b - 8 * n * c, 0.0)", "(b * b - 4 * n * c, 0.0)", BLINDING),
    ("analysis/blinding.py", "float(ndtri((1 + level) / 2)), (right", "float(ndtri(level)), (right", BLINDING),
    ("analysis/blinding.py", 'if found["se"] < ZERO', 'if found["se"] < 0', BLINDING),
    ("analysis/blinding.py", "if len(arms) != 2:", "if len(arms) > 2:", BLINDING),
    ("report/happened.py", 'if row["low"] > 0:', 'if row["high"] > 0:', BLINDING),
    ("report/happened.py", 'if row["high"] < 0 else "right and', 'if row["low"] < 0 else "right and', BLINDING),
    ("release/results.py", 'guesses[few(guesses["n"], limit.cell)]', 'guesses[few(guesses["n"], 0)]', BLINDING),
    ("release/results.py", 'for arm in (row["arm"], "")}', 'for arm in (row["arm"],)}', BLINDING),
    # times to an event
    ("analysis/survival.py", "(n * (n - d)), 0.0)", "(n * n), 0.0)", SURVIVAL),
    ("analysis/survival.py", 'curve["time"] < horizon', 'curve["time"] <= 2 * horizon', SURVIVAL),
    (
        "analysis/survival.py",
        "centre + reach)), np.exp(-np.exp(centre - reach",
        "centre - reach)), np.exp(-np.exp(centre + reach",
        SURVIVAL,
    ),
    ("analysis/survival.py", "rank = rank - rank.mean()", "rank = rank + 0.0", SURVIVAL),
    ("analysis/survival.py", "model.fit(groups=pd.factorize(groups)[0])", "model.fit()", SURVIVAL),
    ("analysis/survival.py", "at_risk = time >= time", "at_risk = time >= 0 * time", f"{TIMES} -k left_before"),
    ("analysis/survival.py", "FEWEST_CLINICS = 20", "FEWEST_CLINICS = 21", f"{TIMES} -k twenty"),
    (
        "analysis/survival.py",
        "event[time == longest].all()",
        "event[time == longest].any()",
        f"{TIMES} -k does_not_end",
    ),
    ("analysis/time_to_event.py", "happened = first <= seen", "happened = first.notna()", f"{TIMES} -k after_the_end"),
    ("analysis/time_to_event.py", '"low": 1 - row["high"]', '"low": 1 - row["low"]', f"{TIMES} -k limits_of"),
    (
        "analysis/time_to_event.py",
        'int((event * (time <= last)).sum()), "variance"',
        'int(event.sum()), "variance"',
        f"{TIMES} -k limits_of",
    ),
    ("analysis/time_to_event.py", 'fillna(7 * visits["week"])', 'fillna(visits["week"])', f"{TIMES} -k planned_day"),
    ("analysis/process.py", 'transform("size") > 1', 'transform("size") > 0', f"{PROCESS} -k once"),
    ("analysis/process.py", 'subset=["twitch", response]', 'subset=["twitch"]', f"{PROCESS} -k no_part"),
    ("analysis/sessions_received.py", "DECIDED = 0.1", "DECIDED = 0.0", f"{DOSE} -k hide_nothing"),
    ("analysis/survival.py", "FEWEST_CLINICS = 20", "FEWEST_CLINICS = 19", f"{TIMES} -k twenty"),
    (
        "analysis/time_to_event.py",
        'earlier == (quantity == "hazard_ratio")',
        'earlier != (quantity == "hazard_ratio")',
        f"{TIMES} -k directions",
    ),
    ("analysis/time_to_event.py", '"time": time / 7', '"time": time / 5', f"{TIMES} -k at_risk"),
    (
        "analysis/time_to_event.py",
        'status["still_followed"] != "yes"',
        'status["still_followed"] != "no"',
        f"{TIMES} -k at_risk",
    ),
    ("analysis/time_to_event.py", "mean - other", "other - mean", f"{TIMES} -k directions"),
    ("analysis/time_to_event.py", "FEWEST_EVENTS = 10", "FEWEST_EVENTS = 1", f"{TIMES} -k too_few"),
    ("analysis/time_to_event.py", "NOT_PROPORTIONAL = 0.05", "NOT_PROPORTIONAL = 0.0", f"{TIMES} -k cross"),
    ("tables/reached.py", '(row["low"] > null) == (row', '(row["low"] < null) == (row', f"{TIMES} -k association"),
    # therapists and clinics
    ("mixed/profile.py", "(part - value(theta) ** 2 * whole)", "(part - value(theta) * whole)", SHARES),
    ("mixed/profile.py", "estimate**2, low**2, high**2))", "estimate**2, low, high))", SHARES),
    ("analysis/clustering.py", "SMALLEST = 1e-7", "SMALLEST = 1.0", CLUSTERING),
    ("analysis/clustering.py", "if zero and counted == number:", "if zero:", f"{CLUSTERING} -k coverage_that"),
    ("analysis/clustering.py", "if number < FEWEST:", "if number <= FEWEST:", f"{CLUSTERING} -k fewer"),
    ("analysis/clustering.py", "(arms == 1).sum()", "(arms >= 1).sum()", f"{CLUSTERING} -k one_arm"),
    (
        "analysis/clustering.py",
        '["estimate"] - reach * mine["se"], mine',
        '["estimate"] + reach * mine["se"], mine',
        CLUSTERING,
    ),
    ("analysis/clustering.py", "here[one].nunique() < 2", "here[one].nunique() < 1", f"{CLUSTERING} -k told"),
    ("analysis/clustering.py", "value_counts().max() < 2", "value_counts().max() < 1", f"{CLUSTERING} -k told"),
    (
        "release/line.py",
        'few(table["fewest"], max(limit.cell, limit.sd))',
        'few(table["fewest"], limit.cell)',
        CLUSTERING,
    ),
    # the release line
    (
        "release/cells.py",
        "small = (values > 0) & (values < minimum)",
        "small = (values > 0) & (values <= minimum)",
        RELEASE,
    ),
    (
        "release/cells.py",
        "small = (values > 0) & (values < minimum)",
        "small = (values > 1) & (values < minimum)",
        RELEASE,
    ),
    (
        "release/cells.py",
        "hidden & (values > 0) & (values < minimum)",
        "hidden & (values > 0) & (values < minimum - 1)",
        RELEASE,
    ),
    ("release/cells.py", "0 < total < minimum", "0 < total <= minimum", RELEASE),
    ("release/cells.py", "0 < total < minimum", "0 < total < minimum - 1", RELEASE),
    ("release/cells.py", "low > 0 or high", "high", RELEASE),
    ("release/cells.py", "high < minimum - 1", "high < minimum - 2", RELEASE),
    ("release/cells.py", "math.ceil(lowest", "math.floor(lowest", RELEASE),
    ("release/rule.py", "(n > 0) & (n < fewest)", "(n > 0) & (n <= fewest)", RELEASE),
    ("release/rule.py", "(n > 0) & (n < fewest)", "(n > 1) & (n < fewest)", RELEASE),
    ("release/rule.py", "Limits(1, 2, 2, 3)", "Limits(1, 1, 2, 3)", RELEASE),
    ("release/rule.py", "Limits(1, 2, 2, 3)", "Limits(1, 2, 1, 3)", RELEASE),
    ("release/rule.py", "Limits(1, 2, 2, 3)", "Limits(1, 2, 2, 2)", RELEASE),
    ("release/line.py", "beyond < limit.beyond", "beyond <= limit.beyond", RELEASE),
    ("release/line.py", "min(share, 1 - share)", "share", RELEASE),
    ("release/people.py", 'few(beside["n"], limit.cell) |', 'few(beside["n"], 0) |', RELEASE),
    ("release/results.py", 'few(table["n_events"], limit.cell)', 'few(table["n_events"], limit.cell - 1)', RELEASE),
    (
        "release/results.py",
        'few(table["n_patients"] - table["n_events"], limit.cell)',
        'few(table["n_events"], 0)',
        RELEASE,
    ),
    ("release/results.py", "if not needed <= shown", "if not shown", RELEASE),
    ("release/results.py", "0 < gap < limit.cell", "0 < gap < 0", RELEASE),
    # measures of process
    ("analysis/process.py", 'value=both["value"] - both["_other"]', 'value=both["_other"] - both["value"]', PROCESS),
    ("analysis/process.py", "(people + places - parts) - 1", "(people + places - parts)", PROCESS),
    ("analysis/process.py", "nx=df + 2", "nx=df + 3", PROCESS),
    (
        "analysis/process.py",
        'twitch_within=rows["twitch"] - between',
        'twitch_within=between - rows["twitch"]',
        PROCESS,
    ),
    ("analysis/process.py", '["pain_before"].shift(-1)', '["pain_before"].shift(1)', PROCESS),
    ("analysis/process.py", '(rows["muscles"] > 0)', '(rows["muscles"] >= 0)', PROCESS),
    ("analysis/process.py", 'arm + "|" + both["visit"]', "arm", PROCESS),
    ("analysis/process.py", "FEWEST_PATIENTS = 10", "FEWEST_PATIENTS = 1", PROCESS),
    # what follows patients in made-up studies
    ("simulate/treatment.py", "pain[cohort == name] > most", "pain[cohort == name] >= most", SIMULATE),
    (
        "simulate/treatment.py",
        '(sessions["session"] >= SESSIONS_FOR_ALL)',
        '(sessions["session"] > SESSIONS_FOR_ALL)',
        SIMULATE,
    ),
    (
        "simulate/treatment.py",
        "np.where(np.isnan(drawn), *STIMULATIONS)",
        "np.where(~np.isnan(drawn), *STIMULATIONS)",
        SIMULATE,
    ),
    ("simulate/treatment.py", "(draws[here] / ratio[here])", "(draws[here] * ratio[here])", SIMULATE),
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
    # repeated readings
    ("analysis/repeatability.py", "((of_reading + error) / k) ** 0.5", "(of_reading + error) ** 0.5", READINGS),
    ("analysis/repeatability.py", "(n - 1) * (k - 1))", "n * (k - 1))", READINGS),
    ("analysis/repeatability.py", "* 2**0.5 * sem", "* sem", READINGS),
    ("analysis/repeatability.py", "FEWEST_PATIENTS = 10", "FEWEST_PATIENTS = 3", READINGS),
    (
        "analysis/repeatability.py",
        '("single", "ICC(A,1)"), ("mean", "ICC(A,k)")',
        '("single", "ICC(C,1)"), ("mean", "ICC(C,k)")',
        READINGS,
    ),
    ("analysis/repeatability.py", '["round.column.CI95"] = 12', '["round.column.CI95"] = 2', READINGS),
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
