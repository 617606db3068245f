"""The gallery of figures: what each one shows, where the report has it and from which file it is drawn.

``python -m needling.figures.gallery > ../docs/gallery.md`` writes it, in the folder workflow; pictures are those of a report, so
that none is kept twice.
"""

from pathlib import Path

from needling.figures.draw import figures

HEAD = """# Gallery

Each figure draws itself from released tables, for a page, a phone or a journal's column, when a study has the numbers for it.
After `./run` the links show the demo's, each beside a PDF, a PNG and a CSV of what is shown. This page is written in the folder
`workflow` by `python -m needling.figures.gallery > ../docs/gallery.md`, and a test holds it current.

| figure | what it shows | drawn by |
|---|---|---|
"""


def gallery(folder: Path) -> str:
    """Write the page: a line for each figure of the package, in the order of their names.

    Parameters
    ----------
    folder : where a study would keep figures of its own; none of them is in the gallery of the package.
    """
    lines = []
    for name, room in figures(folder).items():
        told = (room.__doc__ or "").strip().split("\n")[0]
        place = f"[{name}](../reports/demo/figures/{name}.svg)"
        lines.append(f"| {place} | {told} | [{name}.py](../workflow/needling/figures/{name}.py) |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(gallery(Path("none")), end="")
