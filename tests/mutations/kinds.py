"""Lines of kinds of analysis, each with a way to get it wrong (see run.py)."""

HARMS = "tests/unit/test_harms.py"
RESPONDERS = "tests/unit/test_responders.py"
PROPORTIONS = "tests/unit/test_proportions.py"
NAIVE = "tests/unit/test_naive.py"
MISSING = "tests/unit/test_missing_data.py"
CLUSTERING = "tests/unit/test_clustering.py"
ROTATION = "tests/unit/test_mixed_rotation.py"
SHARES = "tests/reference/test_r_questions.py -k shares"
SURVIVAL = "tests/reference/test_r_survival.py"
TIMES = "tests/unit/test_time_to_event.py"
BLINDING = "tests/unit/test_blinding.py"
READINGS = "tests/unit/test_repeatability.py"
DOSE = "tests/unit/test_dose.py"
PROCESS = "tests/unit/test_process.py"

MUTATIONS = [
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
    ("analysis/responders.py", '"estimate": p - q,', '"estimate": q - p,', f"{RESPONDERS} -k are_counted"),
    (
        "analysis/responders.py",
        "np.hypot(p - low, upper - q)",
        "np.hypot(high - p, q - lower)",
        f"{RESPONDERS} -k are_counted",
    ),
    ("analysis/proportions.py", "(1 + 1 / m) * between", "between", f"{PROPORTIONS} -k completed"),
    (
        "analysis/proportions.py",
        "(m - 1) * (1 + 1 / more) ** 2",
        "m * (1 + 1 / more) ** 2",
        f"{PROPORTIONS} -k completed",
    ),
    ("analysis/proportions.py", "t.ppf((1 + level) / 2, df)", "t.ppf(level, df)", f"{PROPORTIONS} -k completed"),
    ("analysis/proportions.py", "p.var(ddof=1)", "p.var(ddof=0)", f"{PROPORTIONS} -k completed"),
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
    (
        "tables/reached.py",
        '(row["low"] > null) == is_ratio',
        '(row["low"] < null) == is_ratio',
        f"{TIMES} -k association",
    ),
    (
        "tables/reached.py",
        '("higher" if is_ratio else "lower")',
        '("lower" if is_ratio else "higher")',
        f"{TIMES} -k association",
    ),
    # therapists and clinics
    ("mixed/rotation.py", "left > NEW**2 * size", "left > 0 * size", ROTATION),
    ("mixed/rotation.py", "[*enumerate(basis), *enumerate(basis)]", "[*enumerate(basis)]", ROTATION),
    ("mixed/rotation.py", "self.lengths - self.reached.sum(axis=1)", "self.lengths - self.reached.shape[1]", ROTATION),
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
]
