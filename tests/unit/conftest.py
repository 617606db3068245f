"""What tests of several files ask for by name."""

import pytest
from made_desk import FILE, make
from odd_export import checking

import needling as nd
from needling.plan import load_study


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys):
    """Draft and check an export in a folder of its own: (what check says, values by instrument)."""
    return checking(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project in which the small study of `made_desk` has run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "config").mkdir()
    (folder / "config/small.yaml").write_text(FILE)
    make(folder, load_study(folder / "config/small.yaml"))
    return folder


@pytest.fixture
def study(root):
    """That study, opened, with its study file as it was."""
    (root / "config/small.yaml").write_text(FILE)
    return nd.open("small", root=root)


@pytest.fixture
def mod(study):
    """A model of one's own: the main analysis with a moderator."""
    rows = study.data("main").add_baseline("csi")
    return study.fit("main").update("~ . + arm*csi", data=rows)
