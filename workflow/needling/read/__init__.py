"""Reading: a raw export of any format becomes canonical tables in which every cell still knows its place."""

from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.guess import guess_study
from needling.read.raw import RawExport, Sheet, Variable

__all__ = ["RawExport", "Sheet", "Variable", "guess_study", "read_export", "to_canonical"]
