"""What code a step runs, and that its digest knows contents and nothing else."""

import os

from needling.study.code import digest, imported, modules_of
from needling.study.extensions import PACKAGE


def test_a_script_runs_what_it_imports_directly_or_not():
    found = {os.path.relpath(path, PACKAGE) for path in modules_of("read")}
    assert {"../scripts/read.py", "__init__.py", "stage.py", "schema/stored.py"} <= found
    assert not {name for name in found if name.startswith(("analysis/", "mixed/", "figures/"))}


def test_the_registry_of_instruments_is_no_code():
    """What it says of the instruments in use is a parameter, so that another entry runs nothing again."""
    found = modules_of("assemble")
    assert PACKAGE / "instruments/registry.py" in found
    assert [path for path in found if path.name.startswith(("registry.yaml", "instrument_"))] == []


def test_imports_for_the_type_checker_do_not_run(tmp_path):
    file = tmp_path / "one.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from needling.plan import adjust\n"
        "def later():\n    import needling.stage\n"
    )
    assert {path.name for path in imported(file)} == {"__init__.py", "stage.py"}


def test_a_digest_knows_contents_and_names_in_folders_but_no_clock(tmp_path):
    file = tmp_path / "folder/a.py"
    file.parent.mkdir()
    file.write_text("1")
    first = digest(file), digest(file.parent)
    os.utime(file, (1, 1))
    assert (digest(file), digest(file.parent)) == first
    assert digest(file, None) == first[0]
    file.rename(tmp_path / "folder/b.py")
    assert digest(tmp_path / "folder/b.py") == first[0]
    assert digest(file.parent) != first[1]
    absent = digest(file)
    file.write_text("2")
    assert len({absent, digest(file), first[0]}) == 3


def test_imports_count_wherever_a_statement_stands_but_not_those_for_type_checkers(tmp_path):
    module = tmp_path / "one.py"
    module.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from needling.mixed.profile import profile_intervals\n"
        "else:\n    from needling.mixed.likelihood import Likelihood\n"
        "class One:\n    def two(self):\n        try:\n            with open('x'):\n"
        "                from needling.mixed.errors import MixedModelError\n"
        "        except ValueError:\n            import needling.mixed.rows\n"
        "        finally:\n            match self:\n                case 1:\n"
        "                    from needling.mixed import blocks\n"
    )
    found = {path.stem for path in imported(module)} - {"__init__"}
    assert found == {"likelihood", "errors", "rows", "blocks"}
