"""Which rows over the coefficients a test of a term looks at: the coefficients themselves, or types II and III."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
from formulaic import Formula

from .design import Design
from .errors import MixedModelError
from .splines import CONTEXT

Array = np.ndarray

HYPOTHESES = ("coefficients", "II", "III")


def term_of(design: Design, asked: str) -> str:
    """Find a term of the formula, its parts in any order."""
    wanted = sorted(part.strip() for part in str(asked).split(":"))
    for name in design.terms:
        if sorted(part.strip() for part in name.split(":")) == wanted:
            return name
    raise MixedModelError(f"'{asked}' is not a term of the model; its terms are: {', '.join(design.terms)}.")


def hypothesis_rows(design: Design, terms: list[str], kind: str) -> Array:
    """Give the rows that are zero under the hypothesis, over all coefficients of the formula.

    "coefficients": those of the terms. "III": the same in sum-to-zero coding of every category, so that a main effect is
    averaged over the levels of what it interacts with; numbers stay as they are, so that beside an interaction with a number
    the effect where it is 0 is tested. "II": the terms adjusted for all terms that do not contain them, after SAS: X2'M X
    with M the projection off the columns of those terms.
    """
    if kind not in HYPOTHESES:
        raise MixedModelError(f"'{kind}' is not a kind of hypothesis; known are: {', '.join(HYPOTHESES)}.")
    if kind == "coefficients":
        return np.eye(len(design.names))[[column for one in terms for column in design.terms[one]]]
    if kind == "II":
        return np.concatenate([_second(design, one) for one in terms])
    return np.concatenate([_third(design, one) for one in terms])


def _third(design: Design, term: str) -> Array:
    own = design.terms[term]
    coded, columns = _sum_coded(design)
    if coded.shape != design.X.shape or np.linalg.matrix_rank(design.X) < design.X.shape[1]:
        return np.full((len(own), len(design.names)), np.nan)  # an empty cell: there is no average over levels
    T = np.linalg.lstsq(design.X, coded, rcond=None)[0]
    L = np.linalg.inv(T)[columns[list(design.terms).index(term)]]
    return np.linalg.solve(
        L[:, own], L
    )  # in terms of the term's own coefficients, on which Fai and Cornelius's df depend


def _factors(design: Design, term: str) -> tuple[set[str], set[str]]:
    """Give the categories and the numbers of a term."""
    found = next(one for one in design.spec.formula if str(one) == term)
    names = {str(factor.expr) for factor in found.factors if str(factor.expr) != "1"}
    categories = names & _contrasts(design).keys()
    return categories, names - categories


def _contrasts(design: Design) -> dict[str, Any]:
    return {str(factor.expr): state for factor, state in design.spec.factor_contrasts.items()}


def _contains(design: Design, larger: str, smaller: str) -> bool:
    """Say whether a term adds categories to another one with the same numbers; every term contains the intercept."""
    large, small = _factors(design, larger), _factors(design, smaller)
    return large[1] == small[1] and large[0] > small[0]


def _second(design: Design, term: str) -> Array:
    own = design.terms[term]
    above = [column for one in design.terms if _contains(design, one, term) for column in design.terms[one]]
    beside = [column for column in range(len(design.names)) if column not in own and column not in above]
    Q = _orthonormal(design.X[:, beside])
    left = design.X[:, own] - Q @ (Q.T @ design.X[:, own])
    L = np.zeros((len(own), len(design.names)))
    L[:, [*own, *above]] = np.linalg.pinv(left.T @ design.X[:, own], rcond=1e-10) @ left.T @ design.X[:, [*own, *above]]
    return L


def _orthonormal(columns: Array) -> Array:
    if not columns.shape[1]:
        return columns
    scale = np.sqrt((columns**2).sum(axis=0))
    U, values, _ = np.linalg.svd(columns / np.where(scale > 0, scale, 1), full_matrices=False)
    return U[:, values > 1e-9 * values[0]]


def _sum_coded(design: Design) -> tuple[Array, list[list[int]]]:
    """Compute the formula's columns with sum-to-zero coding of every category, and each term's columns."""
    categories = _contrasts(design)
    terms = []
    for term in design.spec.formula:
        parts = [str(factor.expr) for factor in term.factors]
        parts = [_with_sum(part) if part in categories else _quoted(part) for part in parts]
        terms.append(":".join(parts))
    text = " + ".join(terms)
    text = text if "1" in terms else f"0 + {text}"
    matrix = Formula(text, _ordering="none").get_model_matrix(
        design.frame, output="numpy", na_action="ignore", context=CONTEXT
    )
    return np.asarray(matrix, dtype=float)[design.order], [list(one) for one in matrix.model_spec.term_indices.values()]


def _quoted(part: str) -> str:
    return part if part.isidentifier() or not part.replace(" ", "").isidentifier() else f"`{part}`"


def _with_sum(part: str) -> str:
    """Write a category with sum contrasts, whatever contrasts it had."""
    inner = part if part.isidentifier() else f"`{part}`"
    if part.startswith("C("):
        call = ast.parse(part, mode="eval").body
        assert isinstance(call, ast.Call)
        inner = ast.unparse(call.args[0])
    return f"C({inner}, contr.sum)"


def tested(design: Design, term: str, kind: str) -> str:
    """Say in words which effect of a term is tested beside the interactions that hold it."""
    categories, numbers = _factors(design, term)
    others_of = [_factors(design, one) for one in design.terms]
    larger = [one for one in others_of if one[0] >= categories and one[1] >= numbers and one != (categories, numbers)]
    if term == "1" or not larger:
        return f"{term}"
    if kind == "II":
        return f"{term}, adjusted for all terms that do not contain it"
    where = []
    for name in sorted({name for one in larger for name in one[0] - categories}):
        state = _contrasts(design)[name]
        coding = type(state.contrasts).__name__
        if kind == "III" or coding == "SumContrasts":
            where.append(f"averaged over {name}")
        elif coding == "TreatmentContrasts":
            base = getattr(state.contrasts, "base", None)
            level = base if base in state.levels else state.levels[0]
            where.append(f"at {name} = {level}")
        else:
            where.append(f"in the coding of {name}")
    where += [f"at {name} = 0" for name in sorted({name for one in larger for name in one[1] - numbers})]
    return f"{term} {', '.join(where)}"
