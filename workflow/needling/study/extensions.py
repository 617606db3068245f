"""Parts that are one file each: those of a folder of the package, and those that a study brings in workflow/extensions."""

import re
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

from needling.study.keys import StudyError

PACKAGE = Path(__file__).parents[1]
EXTENSIONS = PACKAGE.parent / "extensions"


def part_files(room: str, mark: str, prefix: str = "", extensions: Path = EXTENSIONS) -> dict[str, Path]:
    """Find the files that hold a part of some sort, told by their text, so that nothing is imported to be found.

    Parameters
    ----------
    room : folder of the package, e.g. "figures".
    mark : regular expression that a line of such a file begins with.
    prefix : how the name of an extension's file begins; it is no part of the part's name.
    extensions : folder with a study's own files.

    Returns
    -------
    Name -> file, sorted by name, the package's own first.

    Raises
    ------
    StudyError : an extension has a name that exists.
    """
    told = re.compile(rf"^(?:{mark})", re.MULTILINE)

    def holding(folder: Path, pattern: str) -> list[Path]:
        return [path for path in sorted(folder.glob(pattern)) if told.search(path.read_text(encoding="utf-8"))]

    found = {path.stem: path for path in holding(PACKAGE / room, "*.py")}
    for path in holding(extensions, f"{prefix}*.py"):
        name = path.stem.removeprefix(prefix)
        if name in found:
            raise StudyError(f"workflow/extensions/{path.name}: the name '{name}' is taken; rename the file.")
        found[name] = path
    return found


def loaded(path: Path, needs: tuple[str, ...]) -> ModuleType:
    """Import the file of a part.

    Parameters
    ----------
    path : as `part_files` gives it.
    needs : names that such a file defines.

    Raises
    ------
    StudyError : an extension cannot be read or lacks one of the names.
    """
    if path.is_relative_to(PACKAGE):
        return import_module(".".join(["needling", *path.relative_to(PACKAGE).with_suffix("").parts]))
    spec = util.spec_from_file_location(f"extension_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise StudyError(f"workflow/extensions/{path.name}: it cannot be read as Python.")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lacking = [name for name in needs if not hasattr(module, name)]
    if lacking:
        raise StudyError(f"workflow/extensions/{path.name}: it lacks {', '.join(lacking)}.")
    return module
