"""A copy of the project to run in, with an installation that the launcher finds complete."""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]


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


def load_launcher():
    """Import ./run, which has no ending, without leaving compiled code beside it."""
    loader = importlib.machinery.SourceFileLoader("launcher", str(PROJECT / "run"))
    spec = importlib.util.spec_from_loader("launcher", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module
