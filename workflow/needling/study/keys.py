"""What every section of the study file shares: strict keys, names, and the error that one sentence can tell."""

import difflib
import re
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import to_jsonable_python

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class ForPeople:
    """Marks what only people read in a study file, a label, a title, a remark: no number depends on it.

    What shows it runs again when it changes; what computes never sees it. Every such key has a default.
    """


Words = Annotated[str, ForPeople()]


class StudyError(Exception):
    """A mistake in the input that one sentence can name: file, row, column and mend."""


class Section(BaseModel):
    """A section of the study file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe every key of the section and state its default, also where it is a section or a list made anew."""
        described = handler.resolve_ref_schema(handler(core))
        for name, field in cls.model_fields.items():
            key = described.get("properties", {}).get(field.alias or name)
            if key is None:
                continue
            if field.default_factory is not None:
                key["default"] = to_jsonable_python(field.get_default(call_default_factory=True), by_alias=True)
            if "description" not in key and field.annotation is not None:
                words = (field.annotation.__doc__ or "").strip().split("\n")[0]
                key["description"] = f"Always {key['const']}." if "const" in key else words
        return described


def nearest(name: str, names: Any) -> str:
    """Name the closest of some names, or list them all, as the end of a sentence."""
    close = difflib.get_close_matches(str(name), [str(n) for n in names], n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    known = ", ".join(sorted(str(n) for n in names))
    return f"; known are: {known}" if known else ""


def words(name: str) -> str:
    """Write a name of the study file for people."""
    return name.replace("_", " ").capitalize()


ARM = re.compile(r"\b([Aa]n )?([Aa]rm)(s?)\b(?![^{}]*\})")


def of_groups(text: str, design: str) -> str:
    """Call arms groups in a sentence of this project where nobody was allocated; codes in braces stay, and so do labels in them.

    Parameters
    ----------
    text : a sentence, before labels stand in it: they may speak of the limb.
    design : randomised, cohort or single_arm.

    Examples
    --------
    >>> of_groups("Nobody in an arm: {arm:arm}. Arms differ.", "cohort")
    'Nobody in a group: {arm:arm}. Groups differ.'
    """
    if design == "randomised":
        return text
    return ARM.sub(_as_group, text)


def _as_group(found: "re.Match[str]") -> str:
    article = {"an ": "a ", "An ": "A "}.get(found[1], "")
    return f"{article}{'Group' if found[2] == 'Arm' else 'group'}{found[3]}"


def braced(kind: str, *codes: str) -> str:
    """Write a code into a text for people, who will read its label in that place: {arm:usual_care}.

    Parameters
    ----------
    kind : what the code is of: arm, visit, outcome, cohort, covariate, level, analysis, instrument ...
    codes : the code; a level has its covariate's before it.
    """
    return f"{{{kind}:{'/'.join(quote(code, safe='') for code in codes)}}}"
