"""The results contract: every analysis writes this and only this."""

from needling.schema.contract import Contract, count, number, text
from needling.schema.frames import FLOW

# One row per estimate, codes and no words. What a row is, its columns say together:
#   arm, reference     an estimate of one arm has no reference; with one it compares the two (arm minus reference)
#   quantity           difference        of two means              change   of a mean from the baseline visit (compared, where
#                      mean              of one arm at a visit              there is a reference, between arms)
#                      slope             per week                  interaction  does a difference depend on `term`: per unit, or
#                      coefficient       a fixed effect                     a joint test of a category, which has no estimate
#                      standard_deviation, correlation, icc       of the random part, named by `term`
#                      icc of readings (term ["readings"]), of one (variant single) or their mean (mean), and of the latter
#                      standard_error_of_measurement, smallest_detectable_change
#                      session_rate      share of sessions (those with an event)
#                      blinding_index    of guesses of the arm: of one arm by Bang, of both by James (variant)
#                      conditional_odds_ratio  given covariates, where the standardised odds_ratio is of everybody
#                      share, risk_difference, risk_ratio, odds_ratio, rate_ratio, hazard_ratio, standardised_difference ...
#   term               what a coefficient or a component belongs to, as JSON: [["visit", "week_4"], ["arm", "x"]] (a factor and
#                      its level, or a number's name alone: ["age"]); or the kind of an event, an exposure, a moderator
#   at                 values at which an estimate is read, as JSON: {"csi": 40}
#   subset             who, where not everybody, as JSON: {"headache_type": ["migraine"]}
# `unit`, `better` and `favours` belong to the estimate. `note` is for eyes only: nothing reads it.

KEYS = (
    "analysis",
    "kind",
    "role",
    "variant",
    "estimand",
    "cohort",
    "outcome",
    "instrument",
    "site",
    "subset",
    "quantity",
    "arm",
    "reference",
    "visit",
    "at",
    "term",
)
NUMBERS = (
    "estimate",
    "se",
    "df",
    "statistic",
    "p",
    "low",
    "high",
    "p_adjusted",
    "low_adjusted",
    "high_adjusted",
    "mcse",
)
# Quantities whose unit is in what they are, whatever the outcome's: ratios have none, the others are shares of people or sessions.
RATIOS = ("risk_ratio", "odds_ratio", "conditional_odds_ratio", "rate_ratio", "hazard_ratio")
SHARES = ("share", "risk_difference", "session_rate")
COUNTS = ("n_patients", "n_observations", "n_events", "n_clinics", "n_therapists")

RESULTS: Contract = {
    "row_id": text("Number of the row: the same in every run"),
    "analysis": text("Analysis"),
    "kind": text("Kind of analysis"),
    "role": text("primary, secondary, sensitivity or exploratory"),
    "variant": text("Method within the kind", True),
    "estimand": text("Estimand", True),
    "cohort": text("Cohort", True),
    "outcome": text("Outcome", True),
    "instrument": text("Instrument; empty where several are pooled", True),
    "site": text("Site of the body", True),
    "subset": text("Who, where not everybody (JSON)", True),
    "quantity": text("What is estimated"),
    "arm": text("Arm", True),
    "reference": text("Arm that it is compared with", True),
    "visit": text("Visit", True),
    "at": text("Values at which it is read (JSON)", True),
    "term": text("Coefficient, component, moderator, kind of event or exposure", True),
    "estimate": number("Estimate"),
    "se": number("Standard error"),
    "df": number("Degrees of freedom"),
    "statistic": number("Test statistic"),
    "p": number("P"),
    "low": number("Lower confidence limit"),
    "high": number("Upper confidence limit"),
    "level": number("Confidence level"),
    "family": text("Family of tests that share one error rate", True),
    "p_adjusted": number("P adjusted within its family"),
    "low_adjusted": number("Lower limit compatible with the adjusted test"),
    "high_adjusted": number("Upper limit compatible with the adjusted test"),
    "framework": text("superiority, non_inferiority or equivalence", True),
    "margin": number("Margin of non-inferiority or equivalence, positive"),
    "mcse": number("Monte Carlo error of the estimate"),
    "unit": text("Unit of the estimate", True),
    "better": text("Which direction of the estimate is better: lower, higher or neither"),
    "favours": text("Arm that the estimate speaks for", True),
    "n_patients": count("Patients in the model"),
    "n_observations": count("Observations in the model"),
    "n_events": count("Patients with the event, where there is one"),
    "n_clinics": count("Clinics with an effect in the model"),
    "n_therapists": count("Therapists with an effect in the model"),
    "method": text("Code of the model and estimation"),
    "df_method": text("Rule for the degrees of freedom", True),
    "variance": text("Variance of the estimate: model, CR2, frequentist, information_anchored, ye, ge ...", True),
    "information": text("Information that the degrees of freedom rest on: observed or expected", True),
    "weights": text("Population averaged over", True),
    "imputation": text("How missing values were imputed; empty where none was", True),
    "structure": text("Covariance structure of the residuals", True),
    "structures_tried": text("Structures that were planned before it and did not hold (JSON)", True),
    "status": text("converged, singular, rank_deficient, failed, not_estimated, abstains"),
    "note": text("Remark, for eyes only", True),
}

# What a job says about its analysis, and which of the standard tables and figures show it. Codes stand in braces: {arm:usual_care}.
METHODS: Contract = {
    "analysis": text("Analysis"),
    "item": text(
        "What the text is about: model, missing, adjusted, df, averaged, limits ...; or table, figure, section"
    ),
    "text": text("Text with codes in braces; for table, figure and section the name of one"),
}

# Who is in an analysis and who is not, by the first reason that holds: rows of FLOW with the analysis before them.
PEOPLE: Contract = {"analysis": text("Analysis"), **FLOW}
