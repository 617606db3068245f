"""How well do repeated readings agree? Intraclass correlation, error of measurement and the smallest change beyond it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FEWEST_PATIENTS = 10
LEVEL = 0.95  # of the intervals that pingouin gives


def repeatability(readings: "pd.DataFrame") -> dict[str, Any]:
    """Estimate how well readings of one measure agree, each and averaged.

    value = patient + reading + e, both random (absolute agreement): the ICC(A,1) of one reading is the variance between patients
    over the sum of all three, the ICC(A,k) of the mean of k readings has the other two divided by k. From mean squares of the
    two-way analysis of variance; intervals of McGraw and Wong. Error of measurement of the mean: SEM = sqrt((var(reading) +
    var(e)) / k), a variance below 0 taken as 0; smallest detectable change of a person's mean = 1.96 sqrt(2) SEM.

    Parameters
    ----------
    readings : patient, reading, value; patients without every reading are left out.

    Returns
    -------
    single and mean (estimate, low, high at 95 %), k, sem and sdc (of the mean, in the unit of value), n_patients.

    Raises
    ------
    ValueError : fewer than ten patients with every reading, or nobody differs from another.

    Sources: McGraw, Wong 1996, Psychological Methods 1:30-46; de Vet et al. 2006, Journal of Clinical Epidemiology 59:1033-1039.
    The ICCs are pingouin's (Liljequist et al. 2019); checked against Shrout and Fleiss 1979 and McGraw and Wong.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> who, reading = np.repeat(np.arange(10), 2), np.tile(["1", "2"], 10)
    >>> table = pd.DataFrame({"patient": who, "reading": reading, "value": 10.0 * who + np.tile([0.0, 1, 1, 0], 5)})
    >>> found = repeatability(table)
    >>> round(found["single"]["estimate"], 4), round(found["sem"], 3)
    (0.9995, 0.527)
    """
    import numpy as np

    wide = readings.pivot_table(index="patient", columns="reading", values="value", sort=False).dropna()
    n, k = wide.shape
    if n < FEWEST_PATIENTS or k < 2:
        raise ValueError(f"fewer than {FEWEST_PATIENTS} patients with every reading")
    values = wide.to_numpy(float)
    if not values.mean(axis=1).std() > 1e-12 * max(np.abs(values).max(), 1e-300):
        raise ValueError("nobody's readings differ from another's")
    between = values.mean(axis=0) - values.mean()
    left = values - values.mean(axis=1, keepdims=True) - between
    error = float((left**2).sum()) / ((n - 1) * (k - 1))
    of_reading = max((n * float((between**2).sum()) / (k - 1) - error) / n, 0.0)
    sem = ((of_reading + error) / k) ** 0.5
    told: dict[str, Any] = {"k": k, "n_patients": n, "sem": sem, "sdc": 1.959963984540054 * 2**0.5 * sem}
    if sem <= 1e-9 * values.std():
        same = {"estimate": 1.0, "low": float("nan"), "high": float("nan")}
        return told | {"single": same, "mean": same}
    long = wide.reset_index().melt(id_vars="patient", value_name="value")
    table = _unrounded(long).set_index("Type")
    for name, kind in (("single", "ICC(A,1)"), ("mean", "ICC(A,k)")):
        low, high = (float(one) for one in table["CI95"].to_dict()[kind])
        told[name] = {"estimate": float(table["ICC"].to_dict()[kind]), "low": low, "high": high}
    return told


def _unrounded(long: "pd.DataFrame") -> "pd.DataFrame":
    """The intraclass correlations of pingouin, whose intervals have two decimals unless its options say otherwise."""
    import pingouin

    usual = pingouin.options["round.column.CI95"]
    pingouin.options["round.column.CI95"] = 12
    try:
        return pingouin.intraclass_corr(long, targets="patient", raters="reading", ratings="value")
    finally:
        pingouin.options["round.column.CI95"] = usual
