"""How a stage of the pipeline knows its files, and ends when it cannot go on: one sentence, the rest for the log."""

import hashlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from needling.study import StudyError


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


@contextmanager
def stage(log: str | Path) -> Iterator[None]:
    """Run a stage; end with one sentence on the terminal and in the log if the input is at fault.

    Parameters
    ----------
    log : path of the log file of the rule; empty after success.

    Raises
    ------
    SystemExit : the input is at fault (the sentence says where), or the program is (the log has the traceback).
    """
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
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
