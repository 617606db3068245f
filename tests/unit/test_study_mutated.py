"""Broken study files: each is read, or refused in words that name what to mend; no traceback, no endless reading."""

import random
import resource
import time
from pathlib import Path

import pytest

from needling.plan import load_study
from needling.study.keys import StudyError

PROJECT = Path(__file__).parents[2]
STUDIES = sorted((PROJECT / "config").glob("*.yaml"))
WORDS = [
    "[]",
    "{}",
    "null",
    "-5",
    "1e400",
    ".nan",
    "2026-02-30",
    "12:30:00",
    "yes",
    "''",
    "' '",
    "a .. b",
    "p1 .. p100000000",
]
WORDS += [
    "../../etc/passwd",
    "/dev/zero",
    "[1, 2, 3]",
    "{x: []}",
    "[{value: -5}]",
    '"a\\\\b"',
    '"\\0"',
    '"\\ud800"',
    "&a [*a]",
    "!!python/x",
]
WORDS += [
    "9" * 400,
    "x" * 5000,
    "[" * 200 + "]" * 200,
    "\N{RIGHT-TO-LEFT OVERRIDE}",
    "0x1F",
    "0o17",
    "1_000",
    "~",
    "<<: *x",
]


def mutated(text: str, draw: random.Random) -> str:
    """One to three mistakes in lines of a study file."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(lines))
        line = lines[place]
        key, colon, value = line.partition(": ")
        kind = draw.randrange(8)
        if kind == 0:
            del lines[place]
        elif kind == 1:
            lines.insert(place, line)
        elif kind == 2:
            lines[place] = f"{key}: {draw.choice(WORDS)}" if colon else line + draw.choice(WORDS)
        elif kind == 3:
            lines[place] = f"{key}x{colon}{value}"
        elif kind == 4:
            lines[place] = line[: draw.randrange(len(line) + 1)]
        elif kind == 5:
            lines[place] = draw.choice(["  ", "\t", " "]) + line
        elif kind == 6:
            other = draw.randrange(len(lines))
            lines[place], lines[other] = lines[other], line
        else:
            lines[place] = line.replace(
                draw.choice("abeio1[]{}:,"), draw.choice(["", "'", '"', "#", "{", ": ", "-", "\\"]), 1
            )
        if not lines:
            break
    return "\n".join(lines) + "\n"


def endings(seeds, folder: Path) -> dict[str, int]:
    """Load mutated study files; count how they end."""
    counts = {"read": 0, "refused": 0}
    for seed in seeds:
        draw = random.Random(seed)
        source = draw.choice(STUDIES)
        path = folder / source.name
        path.write_text(mutated(source.read_text(encoding="utf-8"), draw), encoding="utf-8", errors="surrogatepass")
        begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            load_study(path)
            counts["read"] += 1
        except StudyError as error:
            said = str(error)
            assert said.strip()
            assert "Traceback" not in said
            assert "pydantic" not in said
            assert len(said) < 5000, said[:300]
            counts["refused"] += 1
        assert time.process_time() - begun < 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000_000  # kilobytes
    return counts


def test_some_broken_study_files(tmp_path):
    counts = endings(range(30), tmp_path)
    assert min(counts.values()) >= 3


@pytest.mark.slow
def test_three_hundred_broken_study_files(tmp_path):
    counts = endings(range(1000, 1300), tmp_path)
    assert sum(counts.values()) == 300
    assert min(counts.values()) >= 20
