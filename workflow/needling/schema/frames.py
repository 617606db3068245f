"""Tables that analyses read, and those that describe the people in them."""

from needling.schema.contract import Contract, count, number, text, whole

SCORES: Contract = {
    "visit_row": whole("Row of the visits table"),
    "instrument": text("Instrument"),
    "value": number("Score", empty=False),
    "unit": text("Unit of the score"),
    "answered": number("Items answered"),
    "source": text("items or total"),
}

# One row per patient x visit (of the schedule) x outcome (x site) that was measured, in the order of the study file and of the
# patients' rows in the export, which no new code changes.
FRAME: Contract = {
    "patient": text("Patient"),
    "clinic": text("Clinic", True),
    "therapist": text("Therapist at the visit", True),
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "outcome": text("Outcome"),
    "instrument": text("Instrument"),
    "site": text("Site of the body, where the outcome is measured at several"),
    "side": text("Side of the body, where the study file says it"),
    "unit": text("Unit"),
    "better": text("Direction of improvement: lower or higher"),
    "visit": text("Visit"),
    "visit_number": whole("Place of the visit in the schedule, baseline is 0"),
    "week": number("Time from day 0; the planned one where no date is known", "weeks"),
    "day": number("Day of the visit from day 0", "days"),
    "hour": number("Time from day 0; the planned one of visits with hours", "hours"),
    "value": number("Value", empty=False),
    "baseline": number("Value at baseline"),
    "change": number("Change from baseline"),
    "improvement": number("Change from baseline, positive is better"),
    # and one column per covariate
}

# Repeated readings of one measure at baseline.
READINGS: Contract = {
    "patient": text("Patient"),
    "cohort": text("Cohort"),
    "instrument": text("Instrument"),
    "reading": text("Number of the reading"),
    "value": number("Value", empty=False),
}

# One row per patient x treatment session, in the order of the patients' rows in the export and of their sessions.
SESSIONS_FRAME: Contract = {
    "patient": text("Patient"),
    "clinic": text("Clinic", True),
    "therapist": text("Therapist of the session", True),
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "session": number("Number of the session, as recorded"),
    "number": whole("Place of the session among the patient's, from 1"),
    "day": number("Day from day 0", "days"),
    "week": number("Time from day 0", "weeks"),
    "pain_before": number("Pain before the session"),
    "pain_after": number("Pain after the session"),
    "pain_change": number("Pain after minus before the session"),
    # then the exposures, the other columns of the study file's sessions (soreness_24h ...) and one column per covariate
}
# What was done at a session, from its rows of the needling table: none of them is 0 muscles. Empty where the study has no such
# table or column, or a row leaves it open. Each has a second column with `_before`: the sum over the patient's earlier sessions.
EXPOSURES: Contract = {
    "muscles": number("Muscles needled"),
    "needles": number("Needles"),
    "insertions": number("Insertions"),
    "twitch_responses": number("Local twitch responses"),
}
# Of each session alone.
MANNER: Contract = {
    "twitch": number("A local twitch response in any muscle: 1, else 0"),
    "depth_mm": number("Depth, mean over muscles", "mm"),
    "retention_min": number("Needles left in, mean over muscles", "minutes"),
    "technique": text("Technique; several are joined by +", True),
}

# One row per patient and intercurrent event that happened: the first time.
EVENTS: Contract = {
    "patient": text("Patient"),
    "event": text("Intercurrent event"),
    "day": number("Day from day 0; unknown where the export has no date", "days"),
}
# Per cohort, arm, outcome and follow-up visit: how many had each intercurrent event before it ('' is none of them), how many of
# those were measured; the others' values are missing.
INTERCURRENT: Contract = {
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "event": text("Intercurrent event; empty for people without any", True),
    "n": whole("People with the event before the visit"),
    "n_measured": whole("Of them, measured at the visit"),
}

# Participant flow: counts of people, one row per stage and reason.
FLOW: Contract = {
    "cohort": text("Cohort"),
    "arm": text("Arm ('' before allocation)", True),
    "stage": text("exported, excluded, enrolled, allocated, treated, followed, measured, analysed, left_out"),
    "visit": text("Visit, where the stage has one", True),
    "outcome": text("Outcome, where the stage has one", True),
    "reason": text("Reason, where people leave", True),
    "n": whole("People"),
}

# Observed values per visit and arm, in bins of at least the smallest cell.
DISTRIBUTION: Contract = {
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "visit": text("Visit"),
    "arm": text("Arm", True),
    "n": whole("Patients"),
    "mean": number("Mean"),
    "sd": number("Standard deviation"),
    "q10": number("10th percentile"),
    "q25": number("25th percentile"),
    "median": number("Median"),
    "q75": number("75th percentile"),
    "q90": number("90th percentile"),
    "floor": number("Share at the lowest possible score"),
    "ceiling": number("Share at the highest possible score"),
    "fewest": count("Patients with the rarest value, where there are at most three values; never released"),
}
# Baseline characteristics by cohort and arm: one row per number, or per level of a category.
BASELINE: Contract = {
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "variable": text("Covariate, or outcome at baseline"),
    "visit": text("Baseline visit, for an outcome", True),
    "site": text("Site of the body, for an outcome", True),
    "unit": text("Unit", True),
    "level": text("Level of a category", True),
    "n": whole("Patients with a value"),
    "mean": number("Mean"),
    "sd": number("Standard deviation"),
    "median": number("Median"),
    "q25": number("25th percentile"),
    "q75": number("75th percentile"),
    "count": number("Patients at this level"),
    "percent": number("Percent at this level", "%"),
    "standardised_difference": number("Standardised difference from the reference arm"),
    "fewest": count("Patients with the rarest value, where there are at most three values; never released"),
}
MISSINGNESS: Contract = {
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "visit": text("Visit"),
    "arm": text("Arm", True),
    "expected": whole("Patients allocated"),
    "measured": whole("Patients measured"),
}
