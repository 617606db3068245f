"""Lines about the data (reading, cleaning, frames, events, made-up studies), each with a way to get it wrong (see run.py)."""

EVENTS = "tests/unit/test_cohort_events.py"
COHORT = "tests/unit/test_cohort.py"
CELLS = "tests/unit/test_clean_cells.py"
RULES = "tests/unit/test_clean_rules.py"
ODD = "tests/unit/test_odd_exports_checked.py tests/unit/test_odd_scales_checked.py"
SIMULATE = "tests/unit/test_simulate.py"

MUTATIONS = [
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
        'mine.set_index("patient")["day"].fillna(-np.inf)',
        'mine.set_index("patient")["day"].fillna(np.inf)',
        EVENTS,
    ),
    ("cohort/events.py", "first < day for event", "first <= day for event", EVENTS),
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
    ("clean/patterns.py", "_correlation(both) < AGAINST", "_correlation(both) > -AGAINST", f"{ODD} -k other_way_round"),
    ("clean/patterns.py", "MANY_VISITS = 40", "MANY_VISITS = 10", f"{ODD} -k other_way_round"),
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
]
