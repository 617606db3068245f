"""Reading: a raw export of any format becomes canonical tables in which every cell still knows its place."""

from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.raw import RawExport, Sheet, Variable

__all__ = ["RawExport", "Sheet", "Variable", "read_export", "to_canonical"]
