"""New codes for patients, therapists and clinics, drawn at random and kept outside everything that is published."""

import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from needling.study.keys import StudyError

LETTERS = {"patient": "P", "therapist": "T", "clinic": "C"}
COLUMNS = ["kind", "id", "code"]


class Keys:
    """The key of a study: which new code stands for which code of the export.

    The file is a CSV with columns kind, id and code, readable by its owner alone. Known people keep their codes in later
    exports. A code says nothing of the id: numbers are dealt out in random order.
    """

    def __init__(self, path: Path, seed: int | None, known: dict[str, dict[str, str]]) -> None:
        """Use `Keys.open`."""
        self._path = path
        self._seed = seed
        self._known = known

    @classmethod
    def open(cls, path: str | Path, seed: int | None = None) -> "Keys":
        """Open the key of a study, or begin one.

        Parameters
        ----------
        path : the key's file; its folder is made when the first code is dealt.
        seed : for made-up studies only: all codes are dealt anew in an order drawn from it, whatever an earlier run left
            behind, so that the study is reproducible to the byte; None draws from the system's randomness.

        Returns
        -------
        The key.

        Raises
        ------
        StudyError : the file is not a key, or gives one code to two people.
        """
        path = Path(path)
        known: dict[str, dict[str, str]] = {kind: {} for kind in LETTERS}
        if path.exists() and seed is None:
            try:
                table = pd.read_csv(path, dtype="str", keep_default_na=False)
            except (ValueError, OSError):
                table = pd.DataFrame()
            if not _is_sound(table):
                raise StudyError(
                    f"{path}: this is not a sound key (columns kind, id, code, each id and each code once); restore it from your "
                    "backup, or move it away to deal new codes to everybody."
                )
            for kind, mine in table.groupby("kind"):
                known[str(kind)] = dict(zip(mine["id"], mine["code"], strict=True))
        return cls(path, seed, known)

    def codes(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """Look up the new codes of some ids, dealing and keeping new ones where needed.

        Parameters
        ----------
        kind : patient, therapist or clinic.
        ids : codes of the export; doubles and missing ones do not matter, nor does their order.

        Returns
        -------
        Id -> new code: P0001, T01 or C01, wider where there are more.
        """
        known = self._known[kind]
        new = sorted({str(one) for one in ids if not pd.isna(one)} - known.keys())
        if new:
            first = max((int(code[1:]) for code in known.values()), default=0) + 1
            width = max(4 if kind == "patient" else 2, len(str(first + len(new) - 1)))
            for place, one in zip(self._shuffled(kind, len(new), first), new, strict=True):
                known[one] = f"{LETTERS[kind]}{first + place:0{width}d}"
            self._write()
        return known

    def _shuffled(self, kind: str, n: int, first: int) -> list[int]:
        if self._seed is None:
            order = list(range(n))
            secrets.SystemRandom().shuffle(order)
            return order
        sequence = np.random.SeedSequence([self._seed, list(LETTERS).index(kind), first])
        return [int(place) for place in np.random.default_rng(sequence).permutation(n)]

    def _write(self) -> None:
        """Replace the file at once, so that an interruption leaves the old key or the new one."""
        rows = [(kind, one, code) for kind, codes in self._known.items() for one, code in codes.items()]
        table = pd.DataFrame(sorted(rows), columns=COLUMNS)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".key-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                table.to_csv(file, index=False, lineterminator="\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o600)
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _is_sound(table: pd.DataFrame) -> bool:
    """Has a key its columns, known kinds, codes of the right form, and each id and each code once?"""
    if (
        list(table.columns) != COLUMNS
        or table.duplicated(["kind", "id"]).any()
        or table.duplicated(["kind", "code"]).any()
    ):
        return False
    pairs = zip(table["kind"], table["code"], strict=True)
    return all(kind in LETTERS and re.fullmatch(rf"{LETTERS[kind]}\d+", code) for kind, code in pairs)
