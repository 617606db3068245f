"""The `needling` command: what a person does beside running the pipeline."""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from needling.plan import load_study, study_schema
from needling.study.keys import StudyError
from needling.study.plan import Study


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a mistake in the input ends in one sentence and exit code 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        print(options.command(options), flush=True)
    except StudyError as error:
        print(f"needling: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who listened has seen enough, as `| head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="needling", description="Helps with studies of the needling pipeline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    summary = commands.add_parser("summary", help="print where a study's report is and its primary contrasts")
    summary.add_argument("study")
    summary.set_defaults(command=_summary)

    explain = commands.add_parser(
        "explain", help="say what a printed number is: model, people, test, and who asked for it"
    )
    explain.add_argument("row", metavar="ROW_ID", help="the number of its row, as the report and results/*.csv have it")
    explain.add_argument("--study", default="demo")
    explain.set_defaults(command=_explain)

    check = commands.add_parser(
        "check", help="read, gate and clean a study and say what would happen, without analyses"
    )
    check.add_argument("study")
    check.add_argument("--raw", help="take the export from this path")
    check.set_defaults(command=_check)

    new = commands.add_parser("new", help="write a first study file by looking at an export")
    new.add_argument("name")
    new.add_argument("--from", dest="export", required=True, help="the export")
    new.add_argument("--dictionary", help="its REDCap data dictionary")
    new.set_defaults(command=_new)

    simulate = commands.add_parser("simulate", help="make up a study with known truth")
    simulate.add_argument("folder", help="where the export goes, e.g. data/raw/demo")
    simulate.add_argument("--truth", required=True, help="where the truth and the log of the dirt go")
    simulate.add_argument("--seed", type=int, default=20260101)
    simulate.add_argument("--patients", type=int, default=None, help="default: the demo's number")
    simulate.add_argument("--scenario", default="default", choices=["default", "null", "mnar", "confounded", "sham"])
    simulate.set_defaults(command=_simulate)

    extension = commands.add_parser("extension", help="write or check a study's own kind of analysis")
    actions = extension.add_subparsers(required=True, metavar="ACTION")
    first = actions.add_parser("new", help="write the first file of a kind of analysis, which runs as it is")
    first.add_argument("what", choices=["kind"])
    first.add_argument("name")
    first.set_defaults(command=_new_extension)
    examine = actions.add_parser("check", help="run a kind on awkward frames and on data without effect")
    examine.add_argument("file")
    examine.set_defaults(command=_check_extension)

    drawn = commands.add_parser("figures", help="check exported figures against a journal's rules")
    actions = drawn.add_subparsers(required=True, metavar="ACTION")
    judge = actions.add_parser("check", help="print what each file keeps and breaks; exit code 1 on a breach")
    judge.add_argument("folder")
    judge.add_argument("--journal", required=True, help="elsevier, bmj, pain, jama, plos, jospt or slides")
    judge.set_defaults(command=_check_figures)

    pages = commands.add_parser("notebooks", help="execute the notebooks that open a study, and write a page of each")
    pages.add_argument("--study", default="demo")
    pages.set_defaults(command=_notebooks)

    schema = commands.add_parser("schema", help="print the JSON schema of the study file")
    schema.add_argument("--page", action="store_true", help="as a page that explains every key")
    schema.set_defaults(command=_schema)
    return parser


def _study(name: str) -> Study:
    """Load a study by its name; who writes the path of its file means the same."""
    return load_study(Path("config") / f"{name.removeprefix('config/').removesuffix('.yaml')}.yaml")


def _schema(options: argparse.Namespace) -> str:
    if not options.page:
        return json.dumps(study_schema(), indent=2, ensure_ascii=False)
    from needling.study.described import page

    shipped = sorted(Path("config").glob("*.yaml"), key=lambda path: (path.stem != "demo", path.stem))
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in shipped]
    return page(study_schema(), [file for file in files if file.get("made_up") or "published" in file]).rstrip("\n")


def _summary(options: argparse.Namespace) -> str:
    from needling.tables.summary import primary_lines

    study = _study(options.study)
    released, report = Path("data/processed") / study.study / "release", Path("reports") / study.study / "report.html"
    return "\n".join(primary_lines(study, released, report))


def _explain(options: argparse.Namespace) -> str:
    from needling.labels.words import Labels
    from needling.report.explained import explained
    from needling.schema.stored import read_table

    study = _study(options.study)
    folder = Path("data/processed") / study.study / "release"
    if not (folder / "results.parquet").exists():
        raise StudyError(f"{folder}: there are no results yet; run ./run --study {study.study} first.")
    released = {name: read_table(folder / f"{name}.parquet") for name in ("results", "methods")}
    return "\n".join(explained(options.row, released, Labels(study)))


def _check(options: argparse.Namespace) -> str:
    from needling.check import dry_run

    return dry_run(_study(options.study), options.raw)


def _new(options: argparse.Namespace) -> str:
    from needling.instruments.registry import raw_scales, registry
    from needling.read.guess import guess_study

    path = Path("config") / f"{options.name}.yaml"
    if path.exists():
        raise StudyError(f"{path} exists; choose another name or remove it first.")
    undirected = [name for name, entry in registry().items() if entry.better == "none"]
    text = guess_study(options.name, options.export, options.dictionary, known=raw_scales(), undirected=undirected)
    _stop_on_names(path.name, text)
    path.write_text(text, encoding="utf-8")
    return f"{path} written; look at each line marked 'review', then: .venv/bin/needling check {options.name}"


def _stop_on_names(file: str, text: str) -> None:
    """Refuse a draft that would carry names of people into config/: in names of columns, sheets and files, or as codes."""
    from needling.privacy.gate import names_somebody, scan
    from needling.read.export import read_export
    from needling.read.workbook import data_sheets

    with TemporaryDirectory() as folder:
        draft = Path(folder) / file
        draft.write_text(text, encoding="utf-8")
        study = load_study(draft)
    patients = study.patients
    columns = [patients.arm, patients.cohort, study.visits.planned, *patients.covariates.values()]
    written = [column.source for column in columns if column and column.codes]
    written += study.export.values.name if study.export.values else []
    raw = read_export(study.export)
    if study.export.sheets:
        # the draft names the sheets that are not read, too
        others = data_sheets(Path(study.export.records), study.export.records)
        raw.sheets.extend(replace(raw.sheets[0], name=name, frame=raw.sheets[0].frame.head(0)) for name in others)
    unsaid = [n for n, name in enumerate(raw.columns, 1) if names_somebody(name)]
    found = scan(raw, study.model_copy(update={"privacy": type(study.privacy)()}))
    names = found["column"].str.fullmatch(r"column \d+|the (?:file|sheet)'s name")
    cells = found["line"].notna() & found["column"].isin([f"column '{column}'" for column in written])
    places = [
        f"{column} ({why})" for column, why in found[names | cells][["column", "why"]].drop_duplicates("column").values
    ]
    places += [
        f"column {n} (its name)" for n in unsaid if not any(place.startswith(f"column {n} (") for place in places)
    ]
    if places:
        raise StudyError(
            f"{study.export.records}: the study file would hold what may name a person, from {'; '.join(places)}. Rename it in "
            "the export and try again; nothing has been written."
        )


def _new_extension(options: argparse.Namespace) -> str:
    from needling.extension import write_kind

    path = Path(os.path.relpath(write_kind(options.name)))
    return (
        f"{path} written: a difference in means at the primary visit. It runs as it is: name kind: {options.name} in an analysis "
        f"of a study file; .venv/bin/needling extension check {path} tries it on awkward data."
    )


def _check_extension(options: argparse.Namespace) -> str:
    from needling.extension import check_kind

    path = Path(options.file)
    if not path.exists():
        raise StudyError(f"{path}: there is no such file.")
    for line in check_kind(path):
        print(line, flush=True)
    return f"{path.name} keeps the contract of a kind."


def _check_figures(options: argparse.Namespace) -> str:
    from needling.submission.check import check_folder
    from needling.submission.journals import journal

    rules = journal(options.journal)
    table = check_folder(options.folder, rules)
    broken, files = table[table["verdict"] == "breach"], table["file"].nunique()
    print(f"{table.to_string(index=False)}\n{rules.label}: rules of {rules.source}. {rules.remark}")
    if len(broken):
        first = broken.iloc[0]
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        what = f"{first['file']}: {first['rule']} is {first['found']}, asked is {first['asked']}"
        raise StudyError(f"{what}{more}; {files} files checked.")
    return f"{files} files keep every rule that was checked."


def _notebooks(options: argparse.Namespace) -> str:
    from needling.desk.pages import write_pages

    made = write_pages(Path.cwd(), _study(options.study).study)
    return "\n".join(str(page.relative_to(Path.cwd())) for page in made)


def _simulate(options: argparse.Namespace) -> str:
    from needling.simulate.demo import write_demo

    kept = [Path(options.folder, name) for name in ("records.csv", "dictionary.csv")]
    kept += [Path(options.truth, name) for name in ("truth.json", "dirt.csv")]
    there = [str(path) for path in kept if path.exists()]
    if there:
        raise StudyError(f"{there[0]} exists; name another folder or move it away first. Nothing has been written.")
    write_demo(Path(options.folder), Path(options.truth), options.seed, options.scenario, options.patients)
    return f"made-up export in {options.folder}, its truth in {options.truth}"


if __name__ == "__main__":
    sys.exit(main())
