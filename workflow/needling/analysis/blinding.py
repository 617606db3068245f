"""Did blinding hold? What patients guess of their arm, summarised as James's and Bang's indices."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import displayed
from needling.analysis.results import Output, Question, complete
from needling.schema.side import GUESSES
from needling.study.keys import Name, StudyError, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings
from needling.study.sources import EventTable

if TYPE_CHECKING:
    import pandas as pd

READS = ("guesses",)
USES = ("events",)
SIDE = {"guesses": GUESSES}
UNKNOWN = "unknown"
ZERO = 1e-9  # a standard error of rounding alone
METHODS = {"james": "james_delta_method", "bang": "bang_score"}


class Settings(KindSettings):
    """Guesses of the arm at each time they were asked for: James's and Bang's blinding indices."""

    kind: Literal["blinding"]
    guesses: dict[str, Name] = Field(
        min_length=2,
        description="Guess -> the arm that it means, e.g. {active: dry_needling, sham: sham}; guesses of one arm in several "
        "degrees count alike. The two arms named are those that were to be kept blind. No default: it is not guessed.",
    )
    unknown: list[str] = Field(
        default_factory=list,
        description="Guesses that name no arm, e.g. [do_not_know]. Default: none; everybody was to choose.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse designs in which nobody was blind, guesses that the table has not, and what no index can mean."""
        place, table = f"analyses.{name}", study.events.guesses
        if study.design != "randomised":
            raise ValueError(
                f"{place}: blinding hides an arm that was drawn by lot; in the design {study.design} patients and clinicians knew "
                "the treatment, and an index of their guesses would say nothing"
            )
        if table is None or "guess" not in table.columns:
            raise ValueError(f"{place}: the study has no table events.guesses with a column guess; name it there")
        if self.outcomes or self.adjust or self.observed_at:
            raise ValueError(f"{place}: guesses are of everybody asked; leave outcomes, adjust and observed_at out")
        if study.primary == name:
            raise ValueError(f"{place}: guesses are no primary result of this report; name an analysis of an outcome")
        if self.family or self.framework != "superiority" or {"contrasts", "reference"} & self.model_fields_set:
            raise ValueError(
                f"{place}: an index of blinding is estimated and neither tested nor compared; leave contrasts, reference, family, "
                "framework and margin out"
            )
        self._check_guesses(place, table, study)

    def _check_guesses(self, place: str, table: EventTable, study: Study) -> None:
        arms = list(dict.fromkeys(self.guesses.values()))
        for arm in arms:
            if arm not in study.arms:
                raise ValueError(f"{place}.guesses: arm '{arm}' is not defined{nearest(arm, study.arms)}")
        if len(arms) != 2:
            raise ValueError(
                f"{place}.guesses name {len(arms)} arm(s); the indices are of two arms that were to be kept blind, so name these "
                "two"
            )
        codes = table.columns["guess"].codes
        if not codes:
            raise ValueError(f"{place}: list the codes of events.guesses.columns.guess, so that a misspelt guess shows")
        named = [*self.guesses, *self.unknown]
        for guess in named:
            if guess not in codes.values():
                raise ValueError(f"{place}: nobody can guess '{guess}'{nearest(guess, codes.values())}")
        for guess in codes.values():
            if named.count(guess) != 1:
                raise ValueError(
                    f"{place}: the guess '{guess}' is named once: with its arm under guesses, or under unknown"
                )


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Count the guesses of one cohort at each time of asking, and form the indices.

    Parameters
    ----------
    data : patients of one cohort (frame), guesses (clean, all patients; columns patient, guess, and time where there were several).
    question : its settings are those of this kind.

    Returns
    -------
    Output. Results of the quantity blinding_index: of variant bang one row per arm and time (`visit`), with Bang's standard error
    and the score interval of `guessing_interval`; of variant james one per time, of both arms together. `n_patients` guessed or
    said that they did not know. Guesses of other arms' patients are left out. No row has a test. What cannot be formed has the
    status not_estimated. `guesses` (contract GUESSES): who guessed what, of how many of the arm.

    Raises
    ------
    StudyError : a patient has two guesses at one time.
    """
    import pandas as pd

    settings = question.settings
    arms = [arm for arm in question.arms if arm in settings.guesses.values()]
    people = data["patients"]
    people = people[people["arm"].isin(arms)]
    told = data["guesses"]
    told = told[told["patient"].isin(people["patient"]) & told["guess"].notna()]
    told = told.assign(time=_times(told), arm=told["patient"].map(people.set_index("patient")["arm"]))
    if told.duplicated(["patient", "time"]).any():
        raise StudyError(
            f"events.guesses: {int(told.duplicated(['patient', 'time']).sum())} guesses are a patient's second at one time; name "
            "the column that tells when it was asked as `time`, or mend the export."
        )
    rows: list[dict[str, Any]] = []
    side: list[dict[str, Any]] = []
    for time in _asked(told, question):
        now = told[told["time"] == time]
        counts = pd.crosstab(now["guess"].map(settings.guesses).fillna(UNKNOWN), now["arm"])
        counts = counts.reindex(index=[*arms, UNKNOWN], columns=arms, fill_value=0)
        whole = people["arm"].value_counts().reindex(arms, fill_value=0)
        found = indices(counts, settings.level).sort_values("index", kind="stable")
        rows += [_row(one, time) for one in found.to_dict("records")]
        side += [
            {"cohort": question.cohort, "visit": time, "arm": arm, "guess": guess,
             "n": int(n), "n_answered": int(counts[arm].sum()), "n_arm": int(whole[arm])}
            for arm in arms
            for guess, n in counts[arm].items()
        ]  # fmt: skip
    results = complete(pd.DataFrame(rows), question, quantity="blinding_index")
    return Output(results, {"guesses": pd.DataFrame(side)})


def _times(told: "pd.DataFrame") -> "pd.Series":
    """When each guess was asked for, as text; of a table without times all at one without a name."""
    import pandas as pd

    if "time" not in told.columns:
        return pd.Series("", index=told.index, dtype="str")
    if pd.api.types.is_numeric_dtype(told["time"].dtype):
        return told["time"].map(lambda time: f"{time:g}").astype("str")
    return told["time"].fillna("").astype("str")


def _asked(told: "pd.DataFrame", question: Question) -> list[str]:
    """The times of asking: those that the study file names, in its order, else those that there are."""
    table = question.study.events.guesses
    column = table.typed_columns.get("time") if table else None
    named = list(dict.fromkeys(column.codes.values())) if column and column.codes else []
    return named or sorted(told["time"].unique(), key=lambda time: (len(time), time)) or [""]


def _row(found: dict[Any, Any], time: str) -> dict[str, Any]:
    """A row of the results from an index."""
    import math

    name = found["index"]
    made = {"variant": name, "visit": time, "arm": found["arm"], "reference": "", "method": METHODS[name]}
    made |= {"n_patients": found["n"], "n_observations": found["n"], "variance": "", "status": "converged"}
    if math.isnan(found["estimate"]):
        why = "nobody in this arm answered" if name == "bang" else "all who named an arm were of one arm and named one"
        return made | {"status": "not_estimated", "note": why if found["n"] else "nobody answered"}
    if name == "bang":
        right, wrong = found["n_right"], found["n_wrong"]
        low, high = guessing_interval(right, wrong, found["n"], found["level"])
        return made | {"estimate": found["estimate"], "se": found["se"], "low": low, "high": high}
    if found["se"] < ZERO:
        note = "all answers were alike in each arm, so that the data have no interval for it"
        return made | {"estimate": found["estimate"], "note": note}
    return made | {one: found[one] for one in ("estimate", "se", "low", "high")}


BANG = (
    r"B_{a} = \frac{n_{a,\text{right}} - n_{a,\text{wrong}}}{n_{a}}",
    "Bang's index of an arm is the number who guessed right less the number who guessed wrong, over all who answered",
)
JAMES = (
    r"J = d + \frac{u\,(1 - d)^{2}}{2 A}",
    "James's index is the share who did not know, plus the share of wrong guesses times the square of the share who did, over "
    "twice the disagreement that chance alone would give",
)


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    arms = [arm for arm in study.arms if arm in settings.guesses.values()]
    kept = " and ".join(braced("arm", arm) for arm in arms)
    others = [arm for arm in study.arms if arm not in arms]
    model = (
        f"What patients of {kept} guessed of their arm, at each time they were asked. Bang's index of an arm is the share who "
        "guessed right less the share who guessed wrong (0 as by chance, 1 all right, −1 all wrong; who did not know counts among "
        "all), with the score interval of such a difference (Tango 1998). James's index is of both arms together (0 all right, "
        "0.5 as by chance, 1 nobody knew), with its interval by the delta method. Nothing is tested: a guess late in a trial is "
        "also one of who got better."
    )
    if others:
        model += f" Nobody was to be kept blind in {' and '.join(braced('arm', arm) for arm in others)}."
    return [
        ("model", model),
        *displayed([BANG, JAMES]),
        ("uses", "everybody who was asked and answered"),
        ("missing", "Who was not asked, or did not answer, is in no index; how many answered stands beside it."),
        ("table", "guesses"), ("figure", "guesses"),
    ]  # fmt: skip


# ---------------------------------------------------------------- the indices


def indices(counts: "pd.DataFrame", level: float = 0.95) -> "pd.DataFrame":
    """Summarise guesses of the arm by James's index over both arms and Bang's index in each.

    James: 1 if everybody says "don't know", 0 if all guess right, one half if guesses are at random;
    d + u m^2 / (2 A), with d and m = 1 - d the shares who do and do not say "don't know", u that of wrong guesses, and A the chance
    disagreement of the others' arms and guesses (products of their margins). Bang, of one arm: the share guessing right
    less the share guessing wrong, with "don't know" in the denominator; 0 at random, 1 all right, -1 all wrong.
    Variances by the delta method of a multinomial sample (James) and (r + w - (r - w)^2) / n (Bang); normal intervals, as they
    are published. That of Bang's index is too short in a small arm or where nearly all answer alike (`guessing_interval` is not).

    Parameters
    ----------
    counts : people who guessed, one column per arm (two) and one row per guess: both arms' names, and any other row (such as
        dont_know) for who did not guess. People.
    level : of the confidence intervals.

    Returns
    -------
    One row each: index (james, bang), arm ('' for james), estimate, se, low, high (kept inside the index's range), level, n
    (people), n_right, n_wrong and n_unknown (did not guess). An index that cannot be formed (nobody asked; all who guessed in one
    cell) is missing.

    Raises
    ------
    ValueError : not two arms, a guess of an arm that has no row, or a count that is negative or no integer.

    Sources: James et al. 1996, Statistics in Medicine 15:1421-1434; Bang, Ni, Davis 2004, Controlled Clinical Trials 25:143-156.
    Checked against the CRISP trial in the latter's table 7.

    Examples
    --------
    >>> import pandas as pd
    >>> told = pd.DataFrame({"verum": [82, 25, 170], "sham": [27, 29, 83]}, index=["verum", "sham", "dont_know"])
    >>> indices(told)[["index", "arm", "estimate", "se"]].round(3).values.tolist()
    [['james', '', 0.748, 0.022], ['bang', 'verum', 0.206, 0.035], ['bang', 'sham', 0.014, 0.054]]
    """
    import pandas as pd

    arms = list(counts.columns)
    _check(counts, arms)
    rows = [_james(counts, arms, level), *(_bang(counts, arms, arm, level) for arm in arms)]
    found = pd.DataFrame(rows, columns=["index", "arm", "estimate", "se", "low", "high", "n", "n_unknown"])
    right = {arm: int(counts[arm][arm]) for arm in arms}
    found["n_right"] = [sum(right.values()), *right.values()]
    return found.assign(n_wrong=found["n"] - found["n_right"] - found["n_unknown"], level=level)


def guessing_interval(right: int, wrong: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give the score interval of Bang's index, the difference between two shares of the same people.

    Its limits are the differences d with |right - wrong - n d| = z sqrt(n (2 q + d (1 - d))), where q is the share of wrong guesses
    that is likeliest if the difference is d: the larger root of 2 n q^2 + (-right - wrong + (2 n - right + wrong) d) q - wrong d
    (1 - d) = 0.

    Parameters
    ----------
    right, wrong : people of an arm who guessed right and wrong.
    n : all of the arm who answered, with those who did not know. At least 1.
    level : of the interval.

    Returns
    -------
    Lower and upper limit, between -1 and 1; never of no width.

    Source: Tango 1998, Statistics in Medicine 17:891-908 (score interval of paired proportions; Bang's index is one). Checked
    against the likelihood maximised numerically, and by its coverage: 94 to 97 % where the normal interval has 78 to 94 %, of 15
    to 150 people.

    Examples
    --------
    >>> [round(limit, 3) for limit in guessing_interval(82, 25, 277)]
    [0.136, 0.275]
    >>> guessing_interval(12, 0, 12)[1]
    1.0
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z, estimate, end = float(ndtri((1 + level) / 2)), (right - wrong) / n, 1 - 1e-12

    def statistic(d: float) -> float:
        b, c = -right - wrong + (2 * n - right + wrong) * d, -wrong * d * (1 - d)
        q = (max(b * b - 8 * n * c, 0.0) ** 0.5 - b) / (4 * n)
        return float((right - wrong - n * d) / max(n * (2 * q + d * (1 - d)), 1e-300) ** 0.5)

    low = -1.0 if statistic(-end) <= z else brentq(lambda d: statistic(d) - z, -end, min(estimate, end))
    high = 1.0 if statistic(end) >= -z else brentq(lambda d: statistic(d) + z, max(estimate, -end), end)
    return float(low), float(high)


def _james(counts: "pd.DataFrame", arms: list[str], level: float) -> tuple[object, ...]:
    import numpy as np

    table = counts.to_numpy(float)
    n = float(table.sum())
    guessed = counts.loc[arms].to_numpy(float).T / max(n, 1)  # arm x guess
    unknown = counts.drop(index=arms).to_numpy(float).sum()
    m, d = guessed.sum(), unknown / max(n, 1)
    by_arm, by_guess = guessed.sum(axis=1), guessed.sum(axis=0)
    u, chance = guessed[0, 1] + guessed[1, 0], by_arm[0] * by_guess[1] + by_arm[1] * by_guess[0]
    place = (int(n), int(unknown))
    if n == 0 or (m > 0 and chance == 0):
        return ("james", "", np.nan, np.nan, np.nan, np.nan, *place)
    if m == 0:
        return ("james", "", 1.0, 0.0, 1.0, 1.0, *place)
    estimate = d + u * m**2 / (2 * chance)
    wrong = np.array([[0.0, 1.0], [1.0, 0.0]])
    slope_of_chance = by_guess[::-1][:, None] + by_arm[::-1][None, :]
    slopes = (wrong * m**2 + 2 * u * m) / (2 * chance) - u * m**2 / (2 * chance**2) * slope_of_chance
    mean = (slopes * guessed).sum() + d
    variance = ((slopes**2 * guessed).sum() + d - mean**2) / n
    return ("james", "", *_interval(estimate, variance, level, 0.0), *place)


def _bang(counts: "pd.DataFrame", arms: list[str], arm: str, level: float) -> tuple[object, ...]:
    import numpy as np

    own = counts[arm]
    n, other = float(own.sum()), next(name for name in arms if name != arm)
    place = (int(n), int(own.drop(arms).sum()))
    if n == 0:
        return ("bang", arm, np.nan, np.nan, np.nan, np.nan, *place)
    right, wrong = own[arm] / n, own[other] / n
    return ("bang", arm, *_interval(right - wrong, (right + wrong - (right - wrong) ** 2) / n, level, -1.0), *place)


def _interval(estimate: float, variance: float, level: float, lowest: float) -> tuple[float, float, float, float]:
    import numpy as np
    from scipy.special import ndtri

    se = float(np.sqrt(max(variance, 0.0)))
    reach = float(ndtri((1 + level) / 2)) * se
    return float(estimate), se, max(lowest, float(estimate - reach)), min(1.0, float(estimate + reach))


def _check(counts: "pd.DataFrame", arms: list[str]) -> None:
    if len(arms) != 2 or len(set(arms)) != 2:
        raise ValueError("these indices compare two arms; name the two whose patients were to be kept blind")
    missing = [arm for arm in arms if arm not in counts.index]
    if missing:
        raise ValueError(
            f"there is no row for those who guessed {' or '.join(map(str, missing))}; write 0 where nobody did"
        )
    values = counts.to_numpy(float)
    if (values < 0).any() or (values % 1 != 0).any():
        raise ValueError("counts of people are integers from 0")
