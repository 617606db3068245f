"""Released tables: what may be shown, and nothing else is read above the release line."""

from needling.schema.contract import Contract, Field, number, text, whole
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, INTERCURRENT, MISSINGNESS
from needling.schema.intake import CLEANING, CODEBOOK, RELIABILITY, TOTALS
from needling.schema.results import METHODS, PEOPLE, RESULTS
from needling.schema.side import SIDE

_NEVER_HIDDEN = ("bin", "items", "version")
_NEVER_RELEASED = ("fewest", "rows")


def released(contract: Contract) -> Contract:
    """Give the contract of a table after release: counts and numbers may be empty, and `hidden` says why they are."""
    shown = {}
    for name, field in contract.items():
        if name not in _NEVER_RELEASED:
            counts = field.kind in ("whole", "count") and name not in _NEVER_HIDDEN
            shown[name] = Field("count" if counts else field.kind, field.label, field.empty or counts, field.unit)
    return shown | {
        "hidden": text("Why numbers are not shown: few_people, few_events, complement, own_value, withheld", True)
    }


RELEASED: dict[str, Contract] = {
    "results": released(RESULTS),
    "methods": METHODS,
    "people": released(PEOPLE),
    "flow": released(FLOW),
    "intercurrent": released(INTERCURRENT),
    "baseline": released({**BASELINE, "count": whole("Patients at this level")}),
    "distribution": released(DISTRIBUTION),
    "missingness": released(MISSINGNESS),
    "codebook": released({**CODEBOOK, "missing": number("Missing", "%")}),
    "cleaning": released(CLEANING),
    "unread": released({"kind": text("not_named, or like_identifier for some of them"), "n": whole("Columns")}),
    "totals": released(TOTALS),
    "reliability": released(RELIABILITY),
    **{name: released(contract) for name, contract in SIDE.items()},
    # what is not shown, by section: one row per table and reason
    "withheld": {"section": text("Released table"), "reason": text("Reason"), "n": whole("Rows")},
    # the results as analysis results data
    "ard": {
        **{f"group{i}{part}": text("Grouping, and its level", True) for i in range(1, 9) for part in ("", "_level")},
        "variable": text("Outcome", True),
        "variable_level": text("Term", True),
        "context": text("Kind of analysis and quantity"),
        "stat_name": text("Name of the number"),
        "stat_label": text("Label of the number"),
        "stat": number("The number"),
        "warning": text("Why it is not shown, or a remark on the fit", True),
        "error": text("Status of a fit that failed", True),
        "row_id": text("Row of the results"),
    },
}
