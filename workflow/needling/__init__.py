"""needling: from the raw export of a dry-needling study to a report that a statistical reviewer accepts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from needling.mixed.fit import fit_mixed as fit_mixed

__version__ = "0.1.0"

# Imported on first use: importing the package must not cost the import of the whole scientific stack.
_EXPORTS = {"fit_mixed": "needling.mixed.fit"}


def __getattr__(name: str) -> Any:
    """Import the room that holds a public name when the name is first used."""
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'needling' has no attribute {name!r}")
