"""What came of the repetitions, as a page: bias, coverage and rejections of each claim with their Monte Carlo errors."""

import numpy as np
import pandas as pd

from needling.validation.cases import CASES, EXPECTED, SEED, N

LEVEL = 0.95
FAR = 3.0  # Monte Carlo errors from which a gap is no chance
WORDS = {"kept": "kept", "at_least": "kept, on the safe side", "wrong": "wrong"}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise the repetitions of each claim.

    Parameters
    ----------
    rows : as `needling.validation.cases.repeated` gives them.

    Returns
    -------
    A row per case and claim, in their order: expected, n (repetitions), failed (nothing estimated), and bias, coverage, rejection
    with bias_error, coverage_error, rejection_error, their Monte Carlo errors (sd / sqrt n; sqrt(p (1 - p) / n), of the promised
    p where none or all were counted); found, what the figures say: kept, off or wrong.
    """
    made = []
    for (case, claim), mine in rows.groupby(["case", "claim"], sort=False):
        found: dict[str, object] = {"case": case, "claim": claim, "expected": mine["expected"].iloc[0], "n": len(mine)}
        found["failed"] = int(mine[["error", "inside", "rejected"]].isna().all(axis=1).sum())
        error = mine["error"].dropna()
        found["bias"] = error.mean() if len(error) else np.nan
        found["bias_error"] = error.std() / np.sqrt(len(error)) if len(error) > 1 else np.nan
        for name, column, promised in (("coverage", "inside", LEVEL), ("rejection", "rejected", 1 - LEVEL)):
            counted = mine[column].dropna()
            share = counted.mean() if len(counted) else np.nan
            spread = share if 0 < share < 1 else promised
            found[name] = share
            found[f"{name}_error"] = np.sqrt(spread * (1 - spread) / len(counted)) if len(counted) else np.nan
        made.append(found | {"found": _judged(found)})
    order = {case: place for place, case in enumerate(CASES)}
    table = pd.DataFrame(made)
    return table.sort_values("case", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _judged(found: dict[str, object]) -> str:
    """Whether a claim is kept, by three Monte Carlo errors of what is promised; `wrong` where what had to be wrong is."""

    def gap(name: str, promised: float) -> float:
        value, n = float(found[name]), float(found["n"])  # type: ignore[arg-type]
        return 0.0 if np.isnan(value) else (value - promised) / np.sqrt(promised * (1 - promised) / n)

    error = float(found["bias_error"])  # type: ignore[arg-type]
    bias = 0.0 if np.isnan(error) else float(found["bias"]) / max(error, 1e-12)  # type: ignore[arg-type]
    coverage, rejection = gap("coverage", LEVEL), gap("rejection", 1 - LEVEL)
    if found["expected"] == "wrong":
        return "wrong" if abs(bias) > FAR and (coverage < -FAR or rejection > FAR) else "off"
    safe = found["expected"] == "at_least"
    nothing = found["failed"] == found["n"]
    off = nothing or abs(bias) > FAR or coverage < -FAR or rejection > FAR
    return "off" if off or (not safe and (coverage > FAR or rejection < -FAR)) else "kept"


def page(rows: pd.DataFrame) -> str:
    """Write the page of the validation (Markdown) from all repetitions.

    Parameters
    ----------
    rows : as `needling.validation.cases.repeated` gives them, of all cases.
    """
    table = summary(rows)
    assert set(table["expected"]) <= set(EXPECTED)
    lines = [
        "# Validation",
        "",
        f"Written by `snakemake --cores all --config repetitions={rows['repetition'].nunique()} -- validation`; no figure on this "
        "page is typed by hand. Each case is a made-up trial whose truth is known (`workflow/needling/validation/`), drawn and "
        f"analysed again and again by the code that analyses a study: two arms of {N // 2} patients (harms: {N}), intervals "
        f"of 95 %, tests at 5 %. A repetition's chance comes from its number and the seed {SEED}.",
        "",
        "Bias is the mean estimate minus the truth, in the outcome's unit; coverage the share of intervals that hold the truth; "
        "type I error the share of true null hypotheses that are rejected (of families: of trials in which any is). ± is the Monte "
        "Carlo error. A claim is *kept* where the figures are within three Monte Carlo errors of what is promised, else *off*; *on "
        "the safe side* promises a coverage of at least, and a type I error of at most, its level; what habits of the field give "
        "*must be wrong*, or the trial shows nothing.",
    ]
    for case, mine in table.groupby("case", sort=False):
        lines += ["", f"## {case}", "", (CASES[str(case)].__doc__ or "").strip(), ""]
        lines += [
            "| claim | repetitions | bias | coverage | type I error | promised | found |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_line(row) for row in mine.to_dict("records")]
    return "\n".join(lines) + "\n"


def _line(row: dict[object, object]) -> str:
    def share(name: str) -> str:
        value, error = float(row[name]), float(row[f"{name}_error"])  # type: ignore[arg-type]
        return "" if np.isnan(value) else f"{100 * value:.1f} ± {100 * error:.1f} %"

    bias = float(row["bias"])  # type: ignore[arg-type]
    told = "" if np.isnan(bias) else f"{bias:+.3f} ± {float(row['bias_error']):.3f}"  # type: ignore[arg-type]
    n = f"{row['n']}" + (f" ({row['failed']} not estimated)" if row["failed"] else "")
    cells = [
        str(row["claim"]),
        n,
        told,
        share("coverage"),
        share("rejection"),
        WORDS[str(row["expected"])],
        str(row["found"]),
    ]
    return f"| {' | '.join(cells)} |"
