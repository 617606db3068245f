"""What all tests share: where the project is, reference data where they are, and a copy of the project to run in."""

import fcntl
import gc
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).parents[1]

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


def load_launcher():
    """Import ./run, which has no ending, without leaving compiled code beside it."""
    loader = importlib.machinery.SourceFileLoader("launcher", str(PROJECT / "run"))
    spec = importlib.util.spec_from_loader("launcher", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@dataclass(frozen=True)
class Copy:
    """A copy of the project, without what earlier runs made, whose own code runs."""

    folder: Path

    def snakemake(self, *arguments, study="demo", cores=1, **variables):
        """Run the pipeline in the copy; return the finished process with what it said."""
        profile = ["--workflow-profile", "workflow/profiles/default"]
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *profile, *arguments]
        return self.call(*command, "--config", f"study={study}", **variables)

    def run(self, *arguments, **variables):
        """Run the launcher in the copy."""
        return self.call(sys.executable, "run", *arguments, **variables)

    def call(self, *command, **variables):
        """Run any command in the copy."""
        path = os.pathsep.join([*variables.pop("first_on_path", []), str(self.folder / "workflow")])
        own = {**os.environ, **THREADS, "PYTHONPATH": path, "XDG_CACHE_HOME": str(self.folder / ".snakemake/cache")}
        return subprocess.run(
            [str(word) for word in command],
            check=False,
            cwd=self.folder,
            env={**own, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3600,  # of what hangs; a busy machine may be slow
        )

    def outputs(self, study="demo"):
        """Every file that the pipeline made for a study: path -> bytes."""
        made = [self.folder / "data/processed" / study, self.folder / "reports" / study]
        files = sorted(path for folder in made for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-test.lock", "requirements-notebook.lock")


def copy_project(folder, launcher):
    """Copy the tracked part of the project's tree, with an installation that the launcher finds complete."""
    wanted = ["Snakefile", "run", "pyproject.toml", *LOCKS, "README.md"]
    wanted += ["config", "workflow", "data/raw/README.md", "data/raw/demo"]
    ignore = shutil.ignore_patterns("__pycache__")
    for name in wanted:
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        elif source.exists():
            shutil.copy(source, target)
    pretend_installed(folder, launcher)
    return Copy(folder)


def pretend_installed(folder, launcher):
    """Give the copy a .venv of its own that borrows the packages of the running one, stamped as the launcher would."""
    venv = folder / ".venv"
    site = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(Path(sys.executable).resolve())
    (venv / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (site / "borrowed.pth").write_text(f"{folder / 'workflow'}\n{sysconfig.get_path('purelib')}\n")
    here, launcher.PROJECT = launcher.PROJECT, str(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for lock in LOCKS[1:]:
            (venv / f"{lock}.installed").write_text(launcher.wanted_installation(lock))
    finally:
        os.chdir(before)
        launcher.PROJECT = here


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
