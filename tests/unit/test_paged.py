"""Figures and tables of the PDF in an order that fills the pages, none beyond its section."""

import re

import pytest

from needling.report.paged import PAGE, SPACE, START, well_paged

HEAD = "= Answer" + START
CONTENTS = "\n#pagebreak(weak: true)\n#contents()\n"  # on a page after the answer's


def words(title, height, drawn=0):
    return f"= {title}\n<{title.lower()}>\nWords. // {height} {drawn}\n\n"


def figure(name, share, drawn=None):
    """One that fills a share of a page."""
    return f'// float figure-{name}\n#drawn-figure("{name}.svg") <figure-{name}> // {share} {drawn or share}\n// end\n'


def table(name, share):
    """One of eight rows that stays whole."""
    rows = "".join(f"    [{row}], [1],\n" for row in range(8))
    rows = f"    table.header([Head], [n],),\n{rows}    table.header(level: 3, repeat: false,\n    [8], [1],\n    [9], [1],),\n"
    return f"// float table-{name}\n#block(breakable: false)[\n#table(\n{rows}  )\n] // {share} 0\n// end\n"


def measured(source, answered=(1, 700.0)):
    """What typst would say: each piece as high as its source says, its rows alike."""
    assert source.count("#set page(height: 100000mm)") == 1
    body = source.split("#contents()\n")[1]
    places, y, drawn = [(-1, *answered)], 45.36 + 80, []
    for number, piece in re.findall(
        r"#metadata\((\d+)\) <piece>\n(.*?)(?=#metadata\(\d+\) <piece>\n)", body, re.DOTALL
    ):
        share, of_it = map(float, re.search(r"// ([\d.]+) ([\d.]+)", piece).groups())
        places.append((int(number), 2, y))
        rows = piece.count(f"#metadata({-2 - int(number)}) <piece>")
        places += [(-2 - int(number), 2, y + share * PAGE * row / max(rows, 1)) for row in range(rows)]
        drawn += [of_it * PAGE] if "drawn-figure" in piece else []
        y += share * PAGE
    return {"pieces": [*places, (int(re.findall(r"#metadata\((\d+)\) <piece>", body)[-1]), 2, y)], "drawn": drawn}


def order(source):
    return re.findall(r"// float \w+-(\w+)", well_paged(source, measured))


def test_a_table_that_fills_a_page_comes_before_a_figure_that_would_leave_it_empty():
    source = HEAD + words("Who", 0.1) + figure("large", 0.6) + figure("larger", 0.8) + table("small", 0.2)
    assert order(source) == ["large", "small", "larger"]


def test_what_fills_pages_stays_in_its_order():
    source = (
        HEAD + words("Who", 0.1) + figure("one", 0.4) + table("two", 0.4) + figure("three", 0.5) + table("four", 0.45)
    )
    assert order(source) == ["one", "two", "three", "four"]
    assert well_paged(source, measured) == source.replace(START, CONTENTS)


def test_figures_keep_their_order_and_so_do_tables_and_none_leaves_its_section():
    floats = [figure("a", 0.7), table("t", 0.15), figure("b", 0.3), table("u", 0.7), figure("c", 0.65), table("v", 0.3)]
    source = HEAD + words("One", 0.1) + "".join(floats[:4]) + words("Two", 0.1) + "".join(floats[4:])
    made = well_paged(source, measured)
    assert [name for name in re.findall(r"float \w+-(\w)", made) if name in "abc"] == ["a", "b", "c"]
    assert [name for name in re.findall(r"float \w+-(\w)", made) if name in "tuv"] == ["t", "u", "v"]
    one, two = made.split("= Two")
    assert set(re.findall(r"float \w+-(\w)", one)) == set("atbu")
    assert set(re.findall(r"float \w+-(\w)", two)) == set("cv")


def test_a_figure_that_nearly_fits_is_made_smaller_and_one_that_does_not_is_left_as_it_is():
    nearly = well_paged(HEAD + words("Who", 0.45) + figure("one", 0.5) + words("What", 0.8), measured)
    shares = [float(share) for share in re.findall(r"#drawn-figure\(share: ([\d.]+), ", nearly)]
    assert len(shares) == 1
    assert shares[0] >= 0.85
    assert 0.45 * PAGE + 80 + 0.5 * PAGE * shares[0] - SPACE < PAGE
    far = well_paged(HEAD + words("Who", 0.45) + figure("one", 0.9) + words("What", 0.8), measured)
    assert "share:" not in far


def test_a_short_table_is_cut_only_where_much_of_a_page_would_be_empty():
    assert "breakable: false" not in well_paged(HEAD + words("Who", 0.5) + table("one", 0.7), measured)
    assert "breakable: false" in well_paged(HEAD + words("Who", 0.9) + table("one", 0.7), measured)
    assert "breakable: false" in well_paged(HEAD + words("Who", 0.2) + table("one", 0.7), measured)


def test_supplements_are_neither_measured_nor_moved():
    supplement = (
        words("Supplement", 0.1) + "\n// supplement\n" + table("last", 0.9).replace("] //", "] <table-last>\n] //")
    )
    source = HEAD + words("Who", 0.1) + figure("one", 0.5) + supplement

    def asked(text):
        assert "[Head]" not in text
        assert "#metadata(none) <table-last>" in text  # so that links to it lead somewhere
        return measured(text)

    assert well_paged(source, asked) == source.replace(START, CONTENTS)


@pytest.mark.parametrize(
    ("answered", "contents"),
    [
        ((1, 300.0), "\n#contents()\n#pagebreak(weak: true)\n"),
        ((1, 760.0), CONTENTS),
        ((2, 300.0), "\n#contents()\n"),
    ],
)
def test_contents_stand_below_the_answer_where_they_fit(answered, contents):
    made = well_paged(HEAD + words("Who", 0.1), lambda source: measured(source, answered))
    assert made == HEAD.replace(START, contents) + words("Who", 0.1)


def test_a_text_of_which_a_part_is_code_counts_as_one():
    """A section of one's own may hold code with empty lines, in which a mark is code too."""
    text = "= Own\n<own>\n```\none // 0.3 0\n\ntwo\n```\n\n"

    def laid_out(source):
        found = measured(source)
        assert "#metadata(-2) <piece> two" in source
        return found | {"pieces": [place for place in found["pieces"] if place[0] != -2]}

    assert well_paged(HEAD + text + figure("one", 0.6), laid_out) == HEAD.replace(START, CONTENTS) + text + figure(
        "one", 0.6
    )


@pytest.mark.parametrize("source", ["= Answer\n\nNo more than that.\n"])
def test_a_report_without_sections_is_as_it_was(source):
    assert well_paged(source, measured) == source
