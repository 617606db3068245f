"""What one printed number is: everything that its row says, in words."""

from typing import Any

import pandas as pd
import yaml

from needling.labels.numbers import decimals, format_estimate, format_fixed, format_interval, format_p
from needling.labels.sentences import listed, plainly, sentence, span
from needling.labels.words import FAMILIES, WITHHELD, Labels
from needling.report.methods import model_words
from needling.study.keys import StudyError

PEOPLE = {
    "n_patients": "patients",
    "n_events": "of them with the event",
    "n_observations": "observations",
    "n_therapists": "therapists",
    "n_clinics": "clinics",
}
STATUS = {
    "converged": "The fit converged.",
    "singular": "The fit converged, with a variance estimated as zero.",
    "rank_deficient": "The fit converged without the terms that others determine.",
    "failed": "The model could not be fitted.",
    "not_estimated": "It was not estimated.",
    "abstains": "The analysis makes no recommendation.",
}


def row_words(results: pd.DataFrame, labels: Labels) -> dict[str, str]:
    """Say of each row of the results what it is about, for those who point at a printed number."""
    told = {}
    named = results[["row_id", "analysis", "cohort", "outcome", "site", "visit", "quantity", "arm", "reference"]]
    for row_id, analysis, cohort, outcome, site, visit, quantity, arm, reference in named.itertuples(
        index=False, name=None
    ):
        parts = [
            labels.analysis(analysis),
            labels.cohort(cohort) if cohort else "",
            labels.outcome(outcome, site) if outcome else "",
        ]
        parts += [labels.visit(visit) if visit else "", quantity.replace("_", " ")]
        parts += [labels.compared({"arm": arm, "reference": reference}) if arm else ""]
        told[row_id] = ", ".join(part for part in parts if part)
    return told


def explained(row_id: str, released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """Say what a row of the results is, how it was estimated, from whom, and where it was asked for.

    Parameters
    ----------
    row_id : number of the row; it stands at every number of the report (`data-row`) and in results/*.csv.
    released : the released tables `results` and `methods`.
    labels : the study's words.

    Returns
    -------
    Lines of text: what it is; the number with its interval and test; whom it favours; people; method; the fit; the analysis as
    the study file asks for it. What the release line hides is said to be hidden.

    Raises
    ------
    StudyError : there is no such row.

    Examples
    --------
    >>> explained("0000000000", released, labels)  # doctest: +SKIP
    """
    results = released["results"]
    found = results[results["row_id"] == row_id]
    if found.empty:
        raise StudyError(
            f"there is no result '{row_id}'; the column row_id of reports/{labels.plan.study}/results/*.csv has them."
        )
    row: dict[Any, Any] = found.iloc[0].to_dict()
    people = [f"{int(row[name])} {what}" for name, what in PEOPLE.items() if pd.notna(row[name])]
    model = model_words(row["analysis"], released, labels)
    told = [
        *_particulars(row, labels),
        ("Result", _number(row)),
        *[("Test", text) for text in _test(row, labels)],
        ("The estimate speaks for", labels.arm(row["favours"]) if row["favours"] else ""),
        ("From", listed(people)),
        ("Fit", " ".join(part for part in (STATUS[row["status"]], sentence(plainly(row["note"]))) if part)),
        *[("Formula", words) for _, words in model["written"]],
        ("Method", model["sentences"]),
        ("Exact number", f"reports/{labels.plan.study}/results/{row['analysis']}.csv, row_id {row_id}"),
    ]
    asked = labels.plan.analyses[row["analysis"]].model_dump(mode="json", exclude_unset=True)
    said = {key: value for key, value in asked.items() if value not in (None, [], {})}
    entry = yaml.safe_dump({row["analysis"]: said}, sort_keys=False, allow_unicode=True, width=100).rstrip()
    return [
        row_words(found, labels)[row_id],
        *[f"{label}: {text}" for label, text in told if text],
        f"Asked for in config/{labels.plan.study}.yaml, under analyses:",
        *[f"  {line}" for line in entry.splitlines()],
    ]


def _particulars(row: dict[str, Any], labels: Labels) -> list[tuple[str, str]]:
    """What narrows a row down beside cohort, outcome and visit."""
    return [
        ("Variant", labels.variant(row["variant"]) if row["variant"] else ""),
        ("Term", labels.term(row["term"]) if row["term"] else ""),
        ("Read at", labels.at(row["at"])),
        ("Restricted to", labels.subset(row["subset"])),
        ("Role", row["role"]),
    ]


def _number(row: dict[str, Any]) -> str:
    if row["hidden"]:
        return f"not shown, because it would tell of {WITHHELD[row['hidden']]}"
    if pd.isna(row["estimate"]):
        return "no number; see the test" if pd.notna(row["p"]) else "no number"
    percent = row["unit"] == "share"
    unit = (" percentage points" if row["reference"] else "%") if percent else f" {span(row['unit'])}".rstrip()
    scale = 100.0 if percent else 1.0
    estimate, low, high = (scale * row[name] for name in ("estimate", "low", "high"))
    better = "" if row["better"] == "neither" else f"; {row['better']} is better"
    if pd.isna(low) and pd.isna(high):
        return f"{format_fixed(estimate, 1 if percent else 3)}{unit}{better}"
    if pd.isna(low) or pd.isna(high):
        side, limit = ("at most", high) if pd.isna(low) else ("at least", low)
        half = abs(limit - estimate)
        digits = decimals(estimate - half, estimate + half)
        interval = f"one-sided {100 * row['level']:g}% limit: {side} {format_fixed(limit, digits)}"
        return f"{format_fixed(estimate, digits)}{unit} ({interval}){better}"
    return f"{format_estimate(estimate, low, high)}{unit} ({format_interval(low, high, row['level'])}){better}"


def _test(row: dict[str, Any], labels: Labels) -> list[str]:
    """Standard error, statistic and degrees of freedom, P, and the family that adjusted it; each where there is one."""
    parts = [f"standard error {row['se']:.3g}"] if pd.notna(row["se"]) else []
    parts += [f"statistic {format_fixed(row['statistic'], 2)}"] if pd.notna(row["statistic"]) else []
    parts += [f"{format_fixed(row['df'], 1)} degrees of freedom"] if pd.notna(row["df"]) else []
    parts += [format_p(row["p"])] if pd.notna(row["p"]) else []
    if pd.notna(row["margin"]):
        parts.append(f"{row['framework'].replace('_', '-')} with a margin of {row['margin']:g} {row['unit']}".rstrip())
    told = [", ".join(parts)]
    if row["family"] and pd.notna(row["p_adjusted"]):
        method = FAMILIES.get(labels.plan.families[row["family"]].method, "not adjusted")
        told.append(
            f"adjusted {format_p(row['p_adjusted'])} over the family of tests “{labels.family(row['family'])}” ({method})"
        )
    return told
