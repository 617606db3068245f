"""How a stage of the pipeline knows its files, and ends when it cannot go on: one sentence, the rest for the log."""

import hashlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from needling.study.keys import StudyError


def digest(*paths: str | Path | None) -> list[str]:
    """Sum up what files hold, so that a rule runs again when their content changes, whatever their time stamps say.

    Parameters
    ----------
    paths : the files; None stands for one that the study does not have.

    Returns
    -------
    SHA-256 of each file in hexadecimal digits; empty for None.
    """
    sums = []
    for path in paths:
        if path is None:
            sums.append("")
            continue
        with Path(path).open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").hexdigest())
    return sums


def versions(*names: str) -> list[str]:
    """Name the packages that run here, with their versions; those that are not installed are left out.

    Parameters
    ----------
    names : names of distributions, e.g. numpy.

    Returns
    -------
    'numpy 2.4.6' and so on, in the order asked for.
    """
    found = []
    for name in names:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


@contextmanager
def stage(log: str | Path, private: str | Path | None = None) -> Iterator[None]:
    """Run a stage; end with one sentence on the terminal and in the log if the input is at fault.

    Parameters
    ----------
    log : path of the log file of the rule; empty after success.
    private : a file among outputs that hold codes or values of the export: they and their folder are the user's alone.

    Raises
    ------
    SystemExit : the input is at fault (the sentence says where), or the program is (the log has the traceback).
    """
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    mask = os.umask(0o022)
    os.umask(mask if private is None else 0o077)
    if private is not None:
        Path(private).parent.mkdir(parents=True, exist_ok=True)
        Path(private).parent.chmod(0o700)
    try:
        yield
    except StudyError as error:
        log.write_text(f"needling: {error}\n", encoding="utf-8")
        sys.exit(f"needling: {error}")
    except OSError as error:
        log.write_text(f"needling: {error.strerror or error}\n{traceback.format_exc()}", encoding="utf-8")
        sys.exit(f"needling: {error.strerror or 'input or output failed'}: {Path(str(error.filename or '')).name}")
    except Exception as error:
        log.write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(f"needling: stopped on a fault of its own ({type(error).__name__}); {log} says where.")
    finally:
        os.umask(mask)
