"""The folder that authors hand in, made from released tables alone; what was changed in it by hand is found out."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from needling.figures.draw import figures, subject, words_of
from needling.figures.style import METADATA, Profile, save, style
from needling.labels.sentences import listed
from needling.labels.words import Labels
from needling.report.checklists import checklists, sources, write_checklists
from needling.report.methods import ITEMS
from needling.report.parted import cuts_of
from needling.report.software import software
from needling.schema.stored import write_table
from needling.study.keys import StudyError
from needling.submission.check import check_folder
from needling.submission.documents import write_checklist_page, write_documents
from needling.submission.journals import FORMATS, Journal
from needling.submission.outgoing import Pattern, meant_to_go_out, stop_on_identifiers
from needling.tables.make import write_tables

MANIFEST, CHECKED = "SHA256SUMS", "figures_checked.csv"
STAMP = ".snakemake_timestamp"  # Snakemake puts it into a folder that a rule has made, after the manifest is written
DOCUMENT = 200  # dots per inch of the pictures in a document
WAY = "to show a figure in another way put a file figure_<name>.py into workflow/extensions (docs/extending.md)"
METHODS = (*ITEMS.values(), "Design", "Outcomes", "Analyses", "Missing data", "Intervals and tests")
REPRODUCE = Path(__file__).with_name("reproduce.py")


def build_submission(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    rules: Journal,
    folder: str | Path,
    provenance: dict[str, Any],
    texts: dict[str, str],
    patterns: Sequence[Pattern],
) -> pd.DataFrame:
    """Write everything that authors hand in to a journal.

    Parameters
    ----------
    labels : the study's words.
    released : the released tables by name; nothing else of the data is read.
    rules : of the journal.
    folder : where it goes; what is in it is removed once the new submission is whole. Where that is refused, it stays, and the
        check of the figures is written beside it.
    provenance : digests of inputs, code and results, packages, commit; written as JSON.
    texts : file name -> text of what is handed on as it is: the study file (plan.yaml), released results, licence, citation.
    patterns : what identifies a person, as the gate has it for what comes in.

    Returns
    -------
    The check of every figure file (columns of `check_folder`). A figure that is too tall for a page at some width is not in the
    folder at that width, and figures.csv says so.

    Raises
    ------
    StudyError : a figure breaks a rule of the journal, or a file could identify somebody.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    refused = folder.with_name(f"{folder.name}_{CHECKED}")
    # Beside the folder, so that it can take its place in one step; until then the last good submission stays.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / folder.name
        verdicts = _write_all(labels, released, rules, fresh, provenance, texts)
        broken = verdicts[verdicts["verdict"] == "breach"]
        if len(broken):
            shutil.copyfile(fresh / CHECKED, refused)
            raise StudyError(_refusal(broken, rules, refused))
        meant = {*meant_to_go_out(texts.get("plan.yaml", "")), *software()}
        stop_on_identifiers(fresh, patterns, meant, set(released["results"]["row_id"]))
        write_manifest(fresh)
        if folder.exists():
            folder.rename(Path(scratch) / "before")
        fresh.rename(folder)
    refused.unlink(missing_ok=True)
    return verdicts


def _refusal(broken: pd.DataFrame, rules: Journal, table: Path) -> str:
    """Say which rule a figure breaks, and where all such rules stand."""
    first, several = broken.iloc[0], len(broken) > 1
    return (
        f"figures/{first['file']}: {first['rule']} is {first['found']}, and {rules.label} asks for {first['asked']} "
        f"({len(broken)} such {'breaches' if several else 'breach'}; {table} has every rule that was checked). "
        f"No submission was written."
    )


def _write_all(
    labels: Labels,
    released: dict[str, pd.DataFrame],
    rules: Journal,
    folder: Path,
    provenance: dict[str, Any],
    texts: dict[str, str],
) -> pd.DataFrame:
    """Write all files but the manifest; give the check of the figures."""
    folder.mkdir()
    tables = write_tables(released, labels, folder / "tables")
    with tempfile.TemporaryDirectory() as scratch:
        pictures, drawings = Path(scratch) / "pictures", Path(scratch) / "drawings"
        pictures.mkdir()
        words = _figures(labels, released, rules, folder / "figures", pictures, drawings)
        write_documents(labels, released, tables, words, pictures, folder)
        verdicts = check_folder(folder / "figures", rules, drawings)
    filled, files = checklists(released, labels, tables, words), answers_in(folder, rules)
    write_checklists(filled, sources(labels), folder / "checklists.xlsx", files)
    write_checklist_page(filled, sources(labels), labels, files, folder / "checklists.html")
    write_table(released["results"], folder / "results.csv")
    told = {"journal": rules.label, "rules": rules.source, "remark": rules.remark, **provenance}
    (folder / "provenance.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copyfile(REPRODUCE, folder / "reproduce")
    (folder / "reproduce").chmod(0o755)
    write_table(verdicts, folder / CHECKED)
    return verdicts


def answers_in(folder: Path, rules: Journal) -> dict[str, str]:
    """Link of a checklist's item -> the file of the submission in which its answer is.

    A figure is the file in the journal's first format at its first width that has one, or the document where no width does.
    """
    found = {f"table:{path.stem}": f"tables/{path.name}" for path in sorted((folder / "tables").glob("*.csv"))}
    found |= {f"methods:{title}": "methods.docx" for title in METHODS}
    for path in sorted((folder / "figures").glob("*.csv")):
        made = [
            f"figures/{width}/{name}.{ending}"
            for name in (path.stem, f"{path.stem}-part-1")
            for width in rules.widths
            for ending in FORMATS
            if (folder / "figures" / width / f"{name}.{ending}").is_file()
        ]
        found[f"figure:{path.stem}"] = made[0] if made else "figures.docx"
    return found


def _figures(
    labels: Labels, released: dict[str, pd.DataFrame], rules: Journal, folder: Path, pictures: Path, drawings: Path
) -> dict[str, dict[str, str]]:
    """Draw every figure at every width of the journal, with its words and numbers; figure -> caption, alternative text, section.

    What is too tall for a page at every width comes in parts at the widest, cut where nothing is drawn.
    Into `pictures` goes each at the widest width that fits a page, for the document; into `drawings` as PDF, of which type, lines
    and colours can be read, where the journal takes none.
    """
    folder.mkdir(parents=True)
    found, sizes = {}, []
    for name, room in figures().items():
        source = room.data(released, labels)
        if source.empty:
            continue
        found[name] = words_of(room, source, labels)
        _tell(folder / name, found[name])
        write_table(source, folder / f"{name}.csv")
        has_place, told = False, (subject(room, found[name]["caption"]), found[name]["alternative"])
        for width in rules.widths:
            profile = rules.profile(width)
            with style(profile):
                figure = room.draw(source, labels, profile)
                across, height = (25.4 * size for size in figure.get_size_inches())
                fits = height <= rules.height
                if fits:
                    _write(figure, folder / width / name, profile, rules, told)
                    if "pdf" not in rules.formats:
                        save(figure, drawings / width / name, profile, ["pdf"])
                if fits or not has_place:
                    has_place = has_place or fits
                    save(figure, pictures / name, replace(profile, dpi=DOCUMENT), ["png"])
                sizes.append([name, width, round(across, 1), round(height, 1), "" if fits else "too tall for a page"])
            if not has_place and width == list(rules.widths)[-1]:
                with style(profile):
                    ends = _parts(pictures / f"{name}.png", height, rules.height)
                    for number, part in enumerate(ends, 1):
                        which, where = f"{name}-part-{number}", f"part {number} of {len(ends)}"
                        _write(figure, folder / width / which, profile, rules, (f"{told[0]}, {where}", told[1]), part)
                        if "pdf" not in rules.formats:
                            save(figure, drawings / width / which, profile, ["pdf"], part=part)
                        _tell(folder / which, found[name], f" ({where})")
                        sizes.append([which, width, round(across, 1), round(part[1] - part[0], 1), ""])
    columns = ["figure", "width", "width_mm", "height_mm", "left_out"]
    table = pd.DataFrame(sizes, columns=columns)
    write_table(table, folder.parent / "figures.csv")
    whole = table.assign(figure=table["figure"].str.partition("-part-")[0])
    nowhere = [str(name) for name, mine in whole.groupby("figure", sort=False) if mine["left_out"].ne("").all()]
    if nowhere:
        print(f"needling: look at this first: {_too_tall(nowhere, rules)}", file=sys.stderr)
    return found


def _tell(stem: Path, words: dict[str, str], where: str = "") -> None:
    """Write caption and description of a figure, or of a part of it."""
    for kind in ("caption", "alternative"):
        path = stem.with_name(f"{stem.name}.{kind.removesuffix('ernative')}.txt")
        path.write_text(f"{words[kind]}{where}\n", encoding="utf-8")


def _parts(picture: Path, height: float, most: float) -> list[tuple[float, float]]:
    """From where to where the parts of a drawing go that is taller than a page, in mm; none where it cannot be cut."""
    cuts = cuts_of(picture, height, most)
    ends = list(pairwise([0.0, *cuts, height]))
    return ends if max(bottom - top for top, bottom in ends) <= most else []


def _too_tall(names: list[str], rules: Journal) -> str:
    """Say which figures a journal cannot take as they are, and what helps."""
    several = len(names) > 1
    return (
        f"{'figures' if several else 'figure'} {listed(names)} {'are' if several else 'is'} taller than a page of {rules.label} at "
        f"every width and not among its figures; shorter labels, or fewer cohorts, outcomes or comparisons in one analysis, help."
    )


def _write(figure: Any, stem: Path, profile: Profile, rules: Journal, told: tuple[str, str], part: Any = None) -> None:
    """Write a figure in the journal's formats, a drawing with what it is about and shows; pictures are flat RGB on white."""
    from PIL import Image

    drawn = [ending for ending in METADATA if ending in rules.formats and ending != "png"]
    pictures = [ending for ending in ("png", "tif") if ending in rules.formats]
    save(figure, stem, profile, [*drawn, "png"], told, part)
    png = stem.with_name(f"{stem.name}.png")
    with Image.open(png) as opened:
        flat = Image.new("RGB", opened.size, "white")
        flat.paste(opened, mask=opened.getchannel("A") if opened.mode == "RGBA" else None)
    png.unlink()
    resolution = (profile.dpi, profile.dpi)
    if "png" in pictures:
        flat.save(png, dpi=resolution, optimize=False)
    if "tif" in pictures:
        flat.save(stem.with_name(f"{stem.name}.tif"), compression="tiff_lzw", dpi=resolution)


def write_manifest(folder: Path) -> None:
    """Write the SHA-256 of every file, in the form that `sha256sum -c` reads."""
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}" for path in _files(folder)]
    (folder / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")


def stop_on_changes_by_hand(folder: str | Path) -> None:
    """Refuse to write over a submission in which somebody changed a file.

    Parameters
    ----------
    folder : of the submission; nothing happens where none is there yet.

    Raises
    ------
    StudyError : a file differs from its digest in the manifest, or is there beside those that the manifest names.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.exists():
        return
    lines = [line.split("  ", 1) for line in manifest.read_text(encoding="utf-8").splitlines()]
    known = {name: digest for digest, name in lines}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in known or _digest(path) != known[name]:
            what = "was changed by hand" if name in known else "was put there by hand"
            raise StudyError(f"{path} {what}, and a new submission would lose it: move it away; {WAY}.")


def _files(folder: Path) -> list[Path]:
    own = {folder / MANIFEST, folder / STAMP}
    return sorted(path for path in folder.rglob("*") if path.is_file() and path not in own)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
