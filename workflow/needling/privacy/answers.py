"""The gate for what comes back from the sites: answers may not bring in what identifies a person."""

from needling.clean.corrections import answers
from needling.privacy.gate import IN_WORDS
from needling.privacy.patterns import PATTERNS
from needling.read.canonical import mapped_columns
from needling.study.keys import StudyError
from needling.study.plan import Study


def stop_on_identifying_answers(study: Study) -> None:
    """Stop the run where a file of corrections could bring in what identifies a person.

    Parameters
    ----------
    study : a study, or the part of one, with the sections cleaning, export, patients, visits, instruments and events.

    Raises
    ------
    StudyError : names file, line, column and kind, never the value. Corrected codes and dates are expected, since cleaning
        re-keys and converts them.
    """
    path = study.cleaning.corrections
    if not path:
        return
    roles = mapped_columns(study)
    for line, one in answers(path).iterrows():
        expected = roles.get(one["column"]) in {"code", "date"}
        for column, text in (("new", "" if expected else one["new"]), ("why", one["why"])):
            held = [p.why for p in PATTERNS if (column == "new" or p.kind in IN_WORDS) and text and p.found(text)]
            if held:
                raise StudyError(
                    f"{path}, line {line}, column {column}: it holds {held[0]}; say it without, or take the answer out."
                )
