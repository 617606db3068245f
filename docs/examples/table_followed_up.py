"""A study's own table: of how many patients in each arm the outcome is known at the primary visit."""

import pandas as pd

from needling.labels.words import Labels
from needling.tables.printed import Printed, headed
from needling.tables.withheld import withheld_note


def followed_up(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print a row for each outcome and arm, under the name of its cohort; no table where nothing was to be measured."""
    table = released["missingness"]
    exact = table[table["visit"] == labels.plan.visits.primary]
    if exact.empty:
        return None
    rows = []
    for row in exact.to_dict("records"):
        share = f"{row['measured']} of {row['expected']} ({100 * row['measured'] / row['expected']:.0f}%)"
        name = labels.outcome(row["outcome"], row["site"])
        rows.append((labels.cohort(row["cohort"]), [name, labels.arm(row["arm"]), share]))
    return Printed(
        f"Patients whose outcome is known at {labels.visit(labels.plan.visits.primary).lower()}.",
        exact,
        ["Outcome", "Arm", "Known"],
        headed(rows),
        withheld_note(exact),
        left=(0, 1),
        section="participants",
    )


TABLES = {"followed_up": followed_up}
