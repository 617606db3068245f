"""Figures and tables of the PDF in an order that fills the pages, none beyond its section."""

import re

import pytest

from needling.figures.style import Sheet, save, style
from needling.report.paged import PAGE, SPACE, START, well_paged
from needling.report.parted import cuts_of, write_parts

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
    nearly = well_paged(HEAD + words("Who", 0.45) + figure("one", 0.48) + words("What", 0.8), measured)
    shares = [float(share) for share in re.findall(r"#drawn-figure\(share: ([\d.]+), ", nearly)]
    assert len(shares) == 1
    assert shares[0] >= 0.94  # type of 7 points is then above 6.5
    assert 0.45 * PAGE + 80 + 0.48 * PAGE * shares[0] - SPACE < PAGE
    far = well_paged(HEAD + words("Who", 0.45) + figure("one", 0.9) + words("What", 0.8), measured)
    assert "share:" not in far


def answer(results, figure="forest"):
    """An answer with its figure as layout.lua writes it."""
    told = f'// told\n"figures/{figure}.svg", "What is seen.", [#strong[Figure 1.] Effect],'
    first = f"#first-figure(\n{told}\n// beside\n[#asides([How sure])]\n// end\n) <figure-forest>"
    return f"#let in-columns = false\n= Answer\n#{'results' if results > 3 else 'answers'}([One])\n{first}{START}"


@pytest.mark.parametrize(
    ("results", "pages", "columns", "moved"),
    [
        (6, {"as it is": 1}, False, False),
        (6, {"as it is": 2, "in columns": 1}, True, False),
        (6, {"as it is": 2, "in columns": 2, "without figure": 1}, False, True),
        (6, {"as it is": 2, "in columns": 2, "without figure": 2}, True, True),
        (3, {"as it is": 2, "without figure": 1}, False, True),
        (3, {"as it is": 3, "without figure": 2}, False, True),
    ],
)
def test_an_answer_stands_on_its_page_in_columns_or_without_its_figure_if_need_be(results, pages, columns, moved):
    """What stands beside the figure stays with the answer; a figure that has no room there comes right after the contents."""

    def laid_out(source):
        kind = "in columns" if "in-columns = true" in source else "as it is"
        head = source.split("#contents()")[0]
        page = pages.get(kind if "#first-figure" in head else "without figure", 2)
        return measured(
            source.replace(") <figure-forest>\n// end", ") <figure-forest> // 0.5 0.5\n// end"), (page, 300.0)
        )

    made = well_paged(answer(results) + words("Who", 0.1), laid_out)
    head, body = made.split("#contents()")
    assert ("in-columns = true" in head) == columns
    assert ("#first-figure" not in made) == moved
    assert body.count("#drawn-figure(") == moved
    assert head.count("#asides([How sure])") == made.count("How sure") == 1
    assert made.count("<figure-forest>") == 1


def test_a_drawing_taller_than_a_page_comes_in_parts_that_say_whose_they_are():
    told = '"All of \\"it\\".", [#strong[Figure 7.] Long]'
    tall = f'// float figure-tall\n#drawn-figure("figures/tall.svg", {told}) <figure-tall>\n// end\n'
    asked = []

    def parts(path, letters):
        asked.append((path, letters))
        return ["tall-1.svg", "tall-2.svg"] if "tall" in path else []

    def laid_out(source):
        return measured(re.sub(r'(#drawn-figure\("figures/tall.*)', r"\1 // 0.5 0.5", source))

    made = well_paged(HEAD + words("Who", 0.1) + tall + figure("low", 0.2), laid_out, parts)
    assert re.findall(r'"(?:figures/)?(\w+[\w-]*)\.svg"', made) == ["tall-1", "tall-2", "low"]
    assert "[#strong[Figure 7.] Long]) <figure-tall>" in made
    assert '"Figure 7, part 2 of 2. All of \\"it\\".", [Figure 7, part 2 of 2.])' in made
    assert asked[0] == ("figures/tall.svg", len("#strong[Figure 7.] Long"))


@pytest.mark.parametrize(("height", "parts"), [(240, 0), (255, 0), (300, 2), (600, 3)])
def test_a_drawing_is_cut_where_nothing_is_drawn(height, parts, tmp_path):
    """Blocks of 27 mm with 3 mm between: no part has a piece of a block."""
    with style():
        sheet = Sheet(100, height)
        for top in range(0, height, 30):
            sheet.panel(5, top + 1.5, 90, 27, xticks=[], yticks=[]).axvspan(0, 1, color="#5a6068")
        save(sheet.figure, tmp_path / "one", endings=["svg", "png"])
    names = write_parts(tmp_path / "one.svg", 100)
    assert len(names) == parts
    ends = []
    for name in names:
        drawing = (tmp_path / name).read_text(encoding="utf-8")
        tall, top = (
            float(re.search(rf"<svg[^>]*? {what}", drawing)[1])
            for what in (r'height="([\d.]+)pt"', r'viewBox="0 ([\d.]+) ')
        )
        ends.append((top * 25.4 / 72, (top + tall) * 25.4 / 72))
        assert tall * 25.4 / 72 < 242
    if parts:
        assert ends[0][0] == 0
        assert ends[-1][1] == pytest.approx(height, abs=0.1)
        assert [end for _, end in ends[:-1]] == pytest.approx([top for top, _ in ends[1:]], abs=0.01)
        assert all(min(end % 30, 30 - end % 30) < 1.6 for _, end in ends[:-1])


def test_a_drawing_is_cut_between_blocks_and_not_between_a_plot_and_the_numbers_below_it(tmp_path):
    """Three blocks of 80 mm: a plot, 4 mm on its numbers, 8 mm on the next. The middle is nearer to the first kind of space."""
    with style():
        sheet = Sheet(100, 240)
        for top in (0, 80, 160):
            for start, tall in ((top + 4, 48), (top + 56, 20)):
                sheet.panel(5, start, 90, tall, xticks=[], yticks=[]).axvspan(0, 1, color="#5a6068")
        save(sheet.figure, tmp_path / "one", endings=["png"])
    (cut,) = cuts_of(tmp_path / "one.png", 240, 200)
    assert min(abs(cut - place) for place in (80, 160)) < 4
    assert [abs(cut - place) < 4 for place in (80, 160)] == [True, False]  # as wide and as far: the first
    assert len(cuts_of(tmp_path / "one.png", 240, 100)) == 2  # three parts keep to 100 mm, two do not


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
