"""What a study's key held when cleaning last used it, so that another key is noticed and new codes of the same key are not."""

import json
from pathlib import Path

from needling.stage import digest


def key_content(key: str | Path, memory: str | Path) -> str:
    """Sum up a key, for what decides whether cleaning runs again.

    Parameters
    ----------
    key : path of the key.
    memory : path of what `remember` wrote after the key was last used.

    Returns
    -------
    What it was before that use, where the key is as that use left it: dealing codes to new people is no change. Else the
    digest of the key; empty where there is none.
    """
    now = _digest(key)
    try:
        known = json.loads(Path(memory).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return now
    return str(known["before"]) if known.get("after") == now else now


def remember(key: str | Path, before: str, memory: str | Path) -> None:
    """Write down what `key_content` said before a use of the key, and what the use left behind: digests, no codes."""
    told = json.dumps({"before": before, "after": _digest(key)}, sort_keys=True)
    Path(memory).write_text(told + "\n", encoding="utf-8")


def _digest(key: str | Path) -> str:
    return digest(key)[0] if Path(key).exists() else ""
