"""What all tests share: where the project is, reference data where they are, and the demo once it has run."""

import fcntl
import gc
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from copied import PROJECT, Copy, copy_project, load_launcher

# Drawn examples are the same in every run, and a busy machine is no failure.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run simulations of minutes")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="a simulation of minutes; run with --slow"))


def pytest_collection_finish():
    """Let later collections of garbage pass over what is loaded by now: statsmodels' multipletests makes one in each call."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def project():
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def reference():
    """The folder with reference data that may not be copied into the project."""
    folder = Path(os.environ.get("NEEDLING_REFERENCE", PROJECT.parent / "shared" / "reference"))
    if not folder.is_dir() and "NEEDLING_REFERENCE" in os.environ:
        pytest.fail(f"NEEDLING_REFERENCE names {folder}, which is no folder", pytrace=False)
    if not folder.is_dir():
        pytest.skip("reference data are not here; name their folder in NEEDLING_REFERENCE")
    return folder


@pytest.fixture(scope="session")
def launcher():
    """The launcher ./run as a module."""
    return load_launcher()


@pytest.fixture
def copy(tmp_path, launcher):
    """A fresh copy of the project."""
    return copy_project(tmp_path / "project", launcher)


@pytest.fixture(scope="session")
def demo(request, tmp_path_factory, launcher):
    """A copy in which the demo study has been run from nothing by the launcher; (copy, what was said).

    Of the processes that share the tests the first that needs it makes it, and the others wait for it.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "a demo"
    folder.mkdir(exist_ok=True)
    made, told = Copy(folder / "a project"), folder / "told.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            done = copy_project(made.folder, launcher).run("--cores", "2")
            told.write_text(json.dumps([done.returncode, done.stdout]), encoding="utf-8")
    code, said = json.loads(told.read_text(encoding="utf-8"))
    if code:
        pytest.fail(f"the demo run failed:\n{said[-1500:]}", pytrace=False)
    return made, said
