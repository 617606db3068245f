"""Reading in a process of its own: readers of binary formats can end the process they run in, which then costs only a sentence."""

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from needling.study.keys import StudyError

# Memory that a reader may take beyond what the process has, in bytes.
MOST_MEMORY = 6 << 30


class Unreadable(Exception):  # noqa: N818 - what a reader raised, by the name of its class
    """What a reader raised in its own process.

    Parameters
    ----------
    name : name of the exception's class.
    text : its words.
    """

    def __init__(self, name: str, text: str) -> None:
        """Keep name and words."""
        super().__init__(f"{name}: {text}")
        self.name = name


def apart(reader: Callable[[], Any], shown: str) -> Any:
    """Call a reader in a forked process and return what it returns.

    Parameters
    ----------
    reader : takes nothing; what it returns can be pickled.
    shown : how messages name the file.

    Returns
    -------
    What the reader returned. Where processes cannot be forked, it runs in this one.

    Raises
    ------
    Unreadable : the reader raised something.
    StudyError : the reader's process ended without a word.
    """
    if not hasattr(os, "fork"):
        return reader()
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        os.close(ear)
        _answer(reader, mouth)
    os.close(mouth)
    with os.fdopen(ear, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    try:
        fault, found = pickle.loads(told)
    except (EOFError, pickle.UnpicklingError):
        raise StudyError(
            f"{shown}: reading this file ended the reader (it is damaged, or needs more memory than there is); open it in the "
            "program that it comes from, save it again, and export it as CSV if that does not help."
        ) from None
    if fault:
        raise Unreadable(*fault)
    return found


def _answer(reader: Callable[[], Any], mouth: int) -> None:
    """Read, write the answer into the pipe and end the process, whatever happens."""
    code = 1
    try:
        _limit_memory()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a reader that dies tells of its own inside
        try:
            told = pickle.dumps((None, reader()), protocol=pickle.HIGHEST_PROTOCOL)
        except BaseException as error:
            told = pickle.dumps(((type(error).__name__, str(error)), None))
        with os.fdopen(mouth, "wb") as pipe:
            pipe.write(told)
        code = 0
    finally:
        os._exit(code)


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, -1))
