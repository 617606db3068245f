"""Lines about what is released and what is said, each with a way to get it wrong (see run.py)."""

REPORT = "tests/unit/test_report_words.py"
FIGURES = "tests/unit/test_figures.py"
RELEASE = "tests/unit/test_release.py tests/unit/test_release_attack.py"
BAND = "tests/unit/test_published_band.py"

MUTATIONS = [
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
    ("report/text.py", "high < -3 or", "high < -30 or", f"{REPORT} -k beyond"),
    ("report/text.py", "or low > 0.5:", "or high > 0.5:", BAND),
    ("report/text.py", '(-row["high"], -row["low"]) if turned', '(row["low"], row["high"]) if turned', BAND),
    (
        "tables/summary.py",
        "if alone or adjusted else",
        "if alone or True else",
        "tests/unit/test_tables.py -k terminal",
    ),
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
]
