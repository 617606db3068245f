"""Lines about what is released and what is said, each with a way to get it wrong (see run.py)."""

REPORT = "tests/unit/test_report_words.py"
FIGURES = "tests/unit/test_figures.py tests/unit/test_figures_of_results.py tests/unit/test_forest.py"
ATTACK = "tests/unit/test_release_attack.py"
RELEASE = "tests/unit/test_release.py tests/unit/test_release_attack.py"
RESPONDERS = "tests/unit/test_responders.py"
BAND = "tests/unit/test_published_band.py"

EXPLAINED = "tests/unit/test_explained.py"

MUTATIONS = [
    # what a printed number is
    (
        "figures/responses.py",
        'rows["improvement"] >= one.value',
        'rows["improvement"] >= 0',
        "tests/unit/test_figures_of_people.py",
    ),
    ("report/explained.py", '("at most", high) if', '("at least", high) if', EXPLAINED),
    ("report/explained.py", "scale = 100.0 if percent", "scale = 1.0 if percent", EXPLAINED),
    ("report/explained.py", 'if row["reference"] else "%"', 'if not row["reference"] else "%"', EXPLAINED),
    ("analysis/results.py", 'rows["quantity"].isin(RATIOS), ""', 'rows["quantity"].isin(RATIOS), "share"', RESPONDERS),
    ("analysis/results.py", 'rows["quantity"].isin(SHARES), "share"', 'rows["quantity"].isin(SHARES), ""', RESPONDERS),
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
    ("release/line.py", "hide(table, beyond < limit", "hide(table, beyond <= limit", RELEASE),
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
    ("release/line.py", "few(whole - events, limit.cell)", "few(whole - events, 0)", f"{ATTACK} -k curve_beside"),
    ("release/line.py", "given.loc[ordered.index, people]", "ordered[people]", f"{ATTACK} -k curve_beside"),
    ("release/line.py", "while steps and 0 < abs(", "while False and 0 < abs(", f"{ATTACK} -k curve_beside"),
    ("release/line.py", "closed |= beyond < limit.beyond", "closed |= beyond < 0", f"{ATTACK} -k least_and_most"),
    ("release/line.py", '"q05": 0.05, ', "", f"{ATTACK} -k twentieth"),
    (
        "release/line.py",
        'hide(table, few(table["n"], limit.cell), found',
        'hide(table, few(table["n"], 0), found',
        f"{ATTACK} -k few_of_an_arm",
    ),
    ("release/results.py", "max(limit.cell, limit.sd))\n", "1)\n", f"{ATTACK} -k few_of_an_arm"),
    ("release/results.py", "of_levels & _at_levels(table)", "of_levels & False", f"{ATTACK} -k level_in_both"),
    ("release/results.py", "| (small & kept)", "", f"{ATTACK} -k broke_the"),
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
        "report/answer.py",
        "self.digits)) == self.null",
        "self.digits)) != self.null",
        "tests/unit/test_answer.py -k 'direction or prints_as_one'",
    ),
    (
        "figures/forest.py",
        'if arm == group.first["arm"]',
        'if arm != group.first["arm"]',
        f"{FIGURES} -k row_for_each_pair",
    ),
    (
        "figures/forest.py",
        'on_left = row["better"] == "lower"',
        'on_left = row["better"] == "higher"',
        f"{FIGURES} -k 'names_the_side or favours'",
    ),
    # a figure of the report on axes of one's own: its place, never larger than itself, type and lines smaller with it
    (
        "desk/placed.py",
        "room.height / (height * pixels), 1.0)",
        "room.height / (height * pixels), 2.0)",
        "tests/unit/test_desk_pictures.py -k axes",
    ),
    ("desk/placed.py", "room.y1 - height * pixels * scale", "room.y0", "tests/unit/test_desk_pictures.py -k axes"),
    (
        "desk/placed.py",
        "y = self.page.get_canvas_width_height()[1] - y",
        "pass",
        "tests/unit/test_desk_pictures.py -k axes",
    ),
]
