"""needling: from the raw export of a dry-needling study to a report that a statistical reviewer accepts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from needling.desk.compared import compare as compare
    from needling.desk.opened import open_study as open  # noqa: F401 - the face's own name for it
    from needling.mixed.fit import fit_mixed as fit_mixed

__version__ = "0.1.0"

# The face: imported on first use, since importing the package must not cost the import of the whole scientific stack.
_FACE = {
    "open": ("needling.desk.opened", "open_study"),
    "compare": ("needling.desk.compared", "compare"),
    "fit_mixed": ("needling.mixed.fit", "fit_mixed"),
}


def __getattr__(name: str) -> Any:
    """Import the room that holds a public name when the name is first used."""
    if name in _FACE:
        module, own = _FACE[name]
        return getattr(import_module(module), own)
    raise AttributeError(f"module 'needling' has no attribute {name!r}; its face is: {', '.join(_FACE)}")


def __dir__() -> list[str]:
    """List the face, and nothing else."""
    return sorted(_FACE)
