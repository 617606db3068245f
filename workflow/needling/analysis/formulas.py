"""A model as a formula, and the same in words for who cannot see it."""

import re

Term = tuple[str, str]

INTERCEPT: Term = (r"\alpha", "an intercept")
ADJUSTED: Term = (r"\boldsymbol{\gamma}^{\top}\mathbf{x}_{i}", "the covariates with their coefficients")


def equation(left: Term, terms: list[Term], distributions: list[Term]) -> list[tuple[str, str]]:
    """Write a model for the methods of a kind.

    Parameters
    ----------
    left : what is modelled, in LaTeX and in words.
    terms : the parts of its sum, likewise.
    distributions : what is random and how it is distributed, likewise.

    Returns
    -------
    Items of the side table `methods`: formula (LaTeX) and formula_words.
    """
    right, words = zip(*terms, strict=True)
    random, told = zip(*distributions, strict=True)
    above, below = " + ".join(right), r", \quad ".join(random)
    latex = rf"\begin{{aligned}} & {left[0]} = {above} \\ & {below} \end{{aligned}}"
    said = f"{left[1]} is the sum of {', '.join(words[:-1])} and {words[-1]}."
    return [("formula", latex), ("formula_words", " ".join([said, *(f"{one}." for one in told)]))]


def cluster_effects(clusters: list[str], index: str) -> tuple[list[Term], list[Term]]:
    """Terms of the random intercepts of therapists and clinics, and how they are distributed."""
    terms = [(rf"u_{{\text{{{one}}}({index})}}", f"a random effect of the {one}") for one in clusters]
    spread = ", ".join(rf"u_{{\text{{{one}}}}} \sim N(0, \sigma_{{\text{{{one}}}}}^{{2}})" for one in clusters)
    told = f"The random effects of each {' and '.join(clusters)} are normal with a variance of their own"
    return terms, [(spread, told)] if clusters else []


def as_written(formula: str, random: str, clusters: list[str]) -> list[tuple[str, str]]:
    """A formula of the study file with spaces for the marks of codes; random effects stand in brackets with whose they are.

    Returns
    -------
    Items of the side table `methods`: formula (LaTeX) and formula_words.
    """
    groups = [*([f"({random} | patient)"] if random else []), *(f"(1 | {one})" for one in clusters)]
    whole = " + ".join([formula, *groups])
    latex = re.sub(r"[A-Za-z_]\w*", lambda name: rf"\text{{{name[0].replace('_', ' ')}}}", whole)
    for mark, command in (("~", r"\sim "), ("*", r"\times "), ("|", r"\mid "), (":", "{:}")):
        latex = latex.replace(mark, command)
    words = re.sub(r"[A-Za-z_]\w*", lambda name: name[0].replace("_", " "), whole)
    for mark, told in (("~", "depends on"), ("*", "times"), ("|", "for each")):
        words = words.replace(mark, told)
    return [("formula", latex), ("formula_words", f"{words[:1].upper()}{words[1:]}.")]
