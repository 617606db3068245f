"""Side tables that analyses may write beside their results."""

from needling.schema.contract import Contract, count, number, text, whole

RESIDUAL_BINS: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "bin": whole("Bin of the fitted value, from low to high"),
    "n": whole("Residuals in the bin"),
    "fitted": number("Mean fitted value in the bin"),
    "residual": number("Mean scaled residual in the bin"),
    "low": number("10th percentile of the scaled residuals in the bin"),
    "high": number("90th percentile of the scaled residuals in the bin"),
}
RESIDUAL_QUANTILES: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "normal": number("Quantile of the normal distribution"),
    "residual": number("Quantile of the scaled residuals"),
    "n": whole("Residuals"),
}
CROSS_CHECK: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "quantity": text("What is compared"),
    "needling": number("Here"),
    "statsmodels": number("By statsmodels' MixedLM"),
    "difference": number("Difference, relative to the standard error"),
    "note": text("Remark, for eyes only", True),
}
# A comparison when a number of points is added to what was imputed in its arm and in its reference.
TIPPING: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "method": text("Assumption about missing values"),
    "arm": text("Arm"),
    "reference": text("Arm that it is compared with"),
    "delta_arm": number("Added to the values imputed in the arm", empty=False),
    "delta_reference": number("Added to the values imputed in the reference", empty=False),
    "estimate": number("Estimate"),
    "se_frequentist": number("Standard error over repeated trials"),
    "se_information": number("Standard error by which an assumption adds no information"),
    "p": number("P, by the variance that counts"),
    "low": number("Lower confidence limit, by the variance that counts"),
    "high": number("Upper confidence limit, by the variance that counts"),
    "unit": text("Unit of the deltas", True),
}
# Where on the axes of that surface its conclusion changes.
TIPPING_POINTS: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "method": text("Assumption about missing values"),
    "arm": text("Arm"),
    "reference": text("Arm that it is compared with"),
    "shifted": text("Arm to whose imputed values delta is added"),
    "side": text("Side of 0 on which delta is: below or above"),
    "at_zero": text("Without delta: significant or not_significant"),
    "better": text("Direction of improvement of the outcome: lower or higher"),
    "unit": text("Unit of delta", True),
    "delta": number("Delta at which this changes; empty where none does"),
    "n": whole("Patients whose value is shifted"),
    "mean": number("Mean of their imputed values"),
    "mean_then": number("Mean of these values with delta"),
}
# Who was lost: nothing measured from a visit on.
DROPOUT: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "arm": text("Arm"),
    "visit": text("First visit from which nothing more was measured", True),
    "reason": text("Reason on record; empty where there is none", True),
    "n_patients": whole("Patients of the arm measured at least once"),
    "n": whole("Patients lost"),
}
LOST: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "arm": text("Arm"),
    "variable": text("Covariate; baseline is the outcome's value there"),
    "level": text("Level of a category", True),
    "unit": text("Unit", True),
    "n_lost": whole("Patients lost"),
    "n_kept": whole("Patients kept"),
    "lost": number("Mean, or share of a level, of the lost"),
    "lost_sd": number("Standard deviation of the lost"),
    "kept": number("Mean, or share of a level, of the kept"),
    "kept_sd": number("Standard deviation of the kept"),
    "standardised_difference": number("Standardised difference, lost minus kept"),
}
# Treatment as delivered, one value per patient behind each number.
DELIVERED: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "measure": text("What was delivered"),
    "unit": text("Unit", True),
    "n": whole("Patients with a value"),
    "mean": number("Mean"),
    "sd": number("Standard deviation"),
    "q25": number("25th percentile"),
    "median": number("Median"),
    "q75": number("75th percentile"),
    "fewest": count("Patients with the rarest value, where there are at most three values; never released"),
}
# The same by clinic, without a name: each measure in the order of its own means.
DELIVERED_BY_CLINIC: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "arm": text("Arm", True),
    "measure": text("What was delivered"),
    "unit": text("Unit", True),
    "rank": whole("Place in the order of means, from 1; those that are not shown come last"),
    "estimate": number("Mean over the clinic's patients"),
    "low": number("Lower confidence limit of the mean, not below 0"),
    "high": number("Upper confidence limit of the mean"),
    "level": number("Confidence level"),
    "n": whole("Patients of all clinics with a value"),
    "fewest": count(
        "Patients of this clinic, or those with its rarest value where it has at most three; never released"
    ),
}
# Numbers needed to treat, from risk differences of responders; negative for harm.
NUMBER_NEEDED: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "response": text("Response"),
    "arm": text("Arm"),
    "reference": text("Arm that it is compared with"),
    "estimate": number("Number needed to treat"),
    "low": number("Limit nearer to one; through infinity the one to benefit"),
    "high": number("Limit farther from one; through infinity the one to harm"),
    "through_infinity": whole("1 where the interval runs from benefit over infinity to harm, else 0"),
    "n": whole("Patients in the smaller arm"),
    "n_events": whole("Responders in the arm that has fewer"),
    "n_none": whole("Others in the arm that has fewer of them"),
}
# Share of each arm that improved by at least so much, with a band that holds for all amounts at once.
RESPONSE_CURVE: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "arm": text("Arm", True),
    "unit": text("Unit of the improvement", True),
    "improvement": number("Improvement from baseline of at least"),
    "share": number("Share of patients"),
    "low": number("Lower limit of the band"),
    "high": number("Upper limit of the band"),
    "level": number("Confidence level of the whole band"),
    "n": whole("Patients"),
    "n_events": whole("Of them with that improvement"),
}
# Patients measured twice whose change is more than error of measurement, by arm.
RELIABLE_CHANGE: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "arm": text("Arm", True),
    "unit": text("Unit", True),
    "reliability": number("Cronbach's alpha at baseline"),
    "beyond": number("Change beyond which it is reliable"),
    "n": whole("Patients measured at baseline and at the visit"),
    "n_improved": whole("Of them reliably better"),
    "n_worse": whole("Of them reliably worse"),
    "n_unchanged": whole("Of them neither"),
}
# What the patients of an arm guessed of their arm.
GUESSES: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "visit": text("Time of asking; empty where there was one", True),
    "arm": text("Arm"),
    "guess": text("Arm that was guessed, or unknown"),
    "n": whole("Patients with this guess"),
    "n_answered": whole("Patients who answered"),
    "n_arm": whole("Patients of the arm"),
}
# Therapists and clinics of an analysis, counted.
CLUSTERS: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "visit": text("Visit"),
    "component": text("therapist or clinic"),
    "n": whole("Patients"),
    "clusters": whole("Therapists or clinics"),
    "one_arm": count("Of them those all of whose patients are in one arm; empty where there is one arm"),
}
# Predicted effects of therapists and clinics without a name, in the order of their size.
CLUSTER_EFFECTS: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "site": text("Site of the body", True),
    "visit": text("Visit"),
    "component": text("therapist or clinic"),
    "unit": text("Unit", True),
    "rank": whole("Place in the order of effects, from 1"),
    "estimate": number("Predicted effect: difference from the average one"),
    "low": number("Lower limit of the prediction"),
    "high": number("Upper limit of the prediction"),
    "level": number("Level of the limits"),
    "n": whole("Patients of all"),
    "fewest": count("Patients of this one; never released"),
}
# Share of each arm that had an event, over time, and who was still at risk.
EVENT_CURVE: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome, of a response", True),
    "arm": text("Arm", True),
    "time": number("Time from day 0", "weeks"),
    "estimate": number("Share who had the event"),
    "low": number("Lower confidence limit"),
    "high": number("Upper confidence limit"),
    "level": number("Confidence level"),
    "n_at_risk": whole("Patients still observed without the event just before"),
    "n_events": whole("Patients who had the event so far"),
}

# How weights spread among those measured.
WEIGHTS: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "arm": text("Arm", True),
    "n": whole("Patients measured"),
    "mean": number("Mean weight; 1 where the models hold"),
    "sd": number("Standard deviation of the weights"),
    "q05": number("5th percentile"),
    "q95": number("95th percentile"),
    "effective_n": number("Effective number of patients"),
}
# How far two groups differ at day 0, before and after they were weighted.
BALANCE: Contract = {
    "analysis": text("Analysis"),
    "cohort": text("Cohort"),
    "outcome": text("Outcome"),
    "visit": text("Visit"),
    "variable": text("Baseline, or a covariate"),
    "level": text("Level of a category", True),
    "before": number("Difference of the means as they came, in unweighted standard deviations"),
    "after": number("The same after weighting"),
    "n": whole("Patients measured"),
    "fewest": count("Fewest patients of an arm with the level, or without it; never released"),
}

# Side tables that analyses may write, by name; each has its own contract, and passes the release line by it.
SIDE: dict[str, Contract] = {
    "weights": WEIGHTS,
    "balance": BALANCE,
    "residual_bins": RESIDUAL_BINS,
    "residual_quantiles": RESIDUAL_QUANTILES,
    "cross_check": CROSS_CHECK,
    "tipping": TIPPING,
    "tipping_points": TIPPING_POINTS,
    "dropout": DROPOUT,
    "lost": LOST,
    "delivered": DELIVERED,
    "delivered_by_clinic": DELIVERED_BY_CLINIC,
    "number_needed": NUMBER_NEEDED,
    "response_curve": RESPONSE_CURVE,
    "reliable_change": RELIABLE_CHANGE,
    "guesses": GUESSES,
    "clusters": CLUSTERS,
    "cluster_effects": CLUSTER_EFFECTS,
    "event_curve": EVENT_CURVE,
}
