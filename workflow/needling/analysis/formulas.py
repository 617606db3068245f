"""A model as a formula, and the same in words for who cannot see it."""

import re

from needling.study.keys import braced

Term = tuple[str, str]

INTERCEPT: Term = (r"\alpha", "an intercept")
OUTCOME: Term = (r"Y_{i}", "The outcome of a patient at the visit")
ERROR: Term = (r"\varepsilon_{i}", "an error")
NORMAL: Term = (r"\varepsilon_{i} \sim N(0, \sigma^{2})", "Errors are independent and normal with one variance")
ADJUSTED: Term = (r"\boldsymbol{\gamma}^{\top}\mathbf{x}_{i}", "the covariates with their coefficients")


def displayed(lines: list[Term]) -> list[tuple[str, str]]:
    """Write lines of formulas below one another for the methods of a kind.

    Parameters
    ----------
    lines : each in LaTeX and as a sentence without its full stop.

    Returns
    -------
    Items of the side table `methods`: formula (LaTeX) and formula_words.
    """
    below = r" \\ & ".join(latex for latex, _ in lines)
    return [
        ("formula", rf"\begin{{aligned}} & {below} \end{{aligned}}"),
        ("formula_words", " ".join(f"{words}." for _, words in lines)),
    ]


def summed(left: Term, terms: list[Term]) -> Term:
    """A line that says of what something is the sum."""
    right, words = zip(*terms, strict=True)
    return f"{left[0]} = {' + '.join(right)}", f"{left[1]} is the sum of {', '.join(words[:-1])} and {words[-1]}"


def equation(left: Term, terms: list[Term], distributions: list[Term]) -> list[tuple[str, str]]:
    """Write a model for the methods of a kind.

    Parameters
    ----------
    left : what is modelled, in LaTeX and in words.
    terms : the parts of its sum, likewise.
    distributions : what is random and how it is distributed, likewise.

    Returns
    -------
    As `displayed`.
    """
    random, told = zip(*distributions, strict=True)
    return displayed([summed(left, terms), (r", \quad ".join(random), ". ".join(told))])


def covariance_terms(arms: bool, baseline: bool, adjust: bool) -> list[Term]:
    """The terms of a model of one visit: intercept, and as there are arm, baseline and covariates."""
    return [
        INTERCEPT,
        *([(r"\tau_{A(i)}", "what the arm adds")] if arms else []),
        *([(r"\beta\,Y_{i0}", "a slope times the value at baseline")] if baseline else []),
        *([ADJUSTED] if adjust else []),
    ]


def cluster_effects(clusters: list[str], index: str) -> tuple[list[Term], list[Term]]:
    """Terms of the random intercepts of therapists and clinics, and how they are distributed."""
    terms = [(rf"u_{{\text{{{one}}}({index})}}", f"a random effect of the {one}") for one in clusters]
    spread = ", ".join(rf"u_{{\text{{{one}}}}} \sim N(0, \sigma_{{\text{{{one}}}}}^{{2}})" for one in clusters)
    told = f"The random effects of each {' and '.join(clusters)} are normal with a variance of their own"
    return terms, [(spread, told)] if clusters else []


NAME = re.compile(r"[A-Za-z_]\w*(?!\w)(?!\s*[(=])")  # a column, and neither a function nor its option


def as_written(formula: str, random: str, clusters: list[str]) -> list[tuple[str, str]]:
    """A formula of the study file with its columns in braces, for labels; random effects stand in brackets with whose they are.

    Returns
    -------
    Items of the side table `methods`: formula (LaTeX) and formula_words.
    """
    groups = [*([f"({random} | patient)"] if random else []), *(f"(1 | {one})" for one in clusters)]
    whole = " + ".join([formula, *groups])
    named = NAME.sub(lambda name: braced("column", name[0]), whole)
    words = named.replace("~", "depends on").replace("*", "times").replace("|", "for each")
    latex = re.sub(r"(?<!column):", "{:}", named)
    latex = re.sub(r"\{column:\w+\}", lambda name: rf"\text{{{name[0]}}}", latex)
    for mark, command in (("~", r"\sim "), ("*", r"\times "), ("|", r"\mid ")):
        latex = latex.replace(mark, command)
    return [("formula", latex), ("formula_words", f"{words}.")]
