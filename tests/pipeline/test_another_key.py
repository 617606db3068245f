"""Codes of people are dealt at random: with another key the same export gives the same released tables and report, to the byte."""

import pytest
import yaml

from needling.clean.cleaning import clean
from needling.cohort.assembled import assembled
from needling.figures.draw import write_figures
from needling.labels.words import Labels
from needling.plan import load_study
from needling.privacy.gate import stop_on_identifiers
from needling.privacy.rekey import Keys
from needling.privacy.share import shared_file
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.report.build import build_report
from needling.schema.contract import check
from needling.schema.released import RELEASED
from needling.schema.stored import read_table, write_table
from stages import Ran

# One analysis of each sort that reads a code, as the unit that repeats, as a random effect or as who treated.
ANALYSES = ["primary", "week_4_ancova", "habits", "sessions", "treatment", "harms"]


@pytest.fixture(scope="module")
def study(project, tmp_path_factory):
    """The demo with a few of its analyses."""
    text = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))
    text["analyses"] = {name: text["analyses"][name] for name in ANALYSES}
    del text["families"]["later"]
    path = tmp_path_factory.mktemp("plan") / "demo.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return load_study(path)


@pytest.fixture(scope="module")
def read(project, study):
    export = read_export(study.export, project)
    stop_on_identifiers(export, study)
    return to_canonical(export, study)


def published(study, read, seed, folder):
    """Everything that a study publishes, with codes dealt by a seed: (codes of the patients, file -> bytes)."""
    cleaned = clean(read, study, Keys.open(folder / "key.csv", seed=seed))
    beside = {"exported": read["patients"], "sources": read["sources"], "quarantine": cleaned.quarantine}
    ran = Ran(study, read, cleaned, assembled(cleaned.tables | beside, study))
    for name, table in ran.released().items():
        write_table(check(table, RELEASED[name], name), folder / f"release/{name}.parquet")
    for name in study.disclosure.share:
        write_table(shared_file(name, cleaned.tables["patients"], ran.frame, study)[0], folder / f"shared/{name}.csv")
    released = {path.stem: read_table(path) for path in sorted(folder.glob("release/*.parquet"))}
    labels = Labels(study)
    words = write_figures(released, labels, folder / "figures")
    build_report(labels, released, words, folder / "figures", folder, ["pandas"])
    made = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "key.csv"]
    return cleaned.tables["patients"]["patient"].tolist(), {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in made
    }


def test_another_key_publishes_the_same_bytes(study, read, tmp_path):
    people, one = published(study, read, 1, tmp_path / "one")
    others, other = published(study, read, 2, tmp_path / "other")
    assert people != others
    assert sorted(people) == sorted(others)
    assert {name.split("/")[0] for name in one} >= {"release", "figures", "shared", "report.html", "report.pdf"}
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []
    told = one["report.html"].decode()
    assert not [code for code in people if f">{code}<" in told]
