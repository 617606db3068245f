"""Families of tests that share one error rate."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from needling.study.keys import Name, Section, Words, nearest


class Hypothesis(Section):
    """One comparison of a family: what is named here must fit exactly one."""

    analysis: Name | None = Field(None, description="Analysis. Default: the only one of the family.")
    cohort: Name | None = Field(None, description="Cohort. Default: the only one.")
    outcome: Name | None = Field(None, description="Outcome. Default: the only one.")
    arm: str | None = Field(None, description="Arm that is compared. Default: the only one.")
    reference: str | None = Field(None, description="Arm that it is compared with. Default: the only one.")
    variant: str | None = Field(None, description="Response, or another method within the kind. Default: the only one.")


class Family(Section):
    """Contrasts that share one error rate."""

    method: Literal["holm", "hochberg", "bonferroni", "fixed_sequence", "fallback", "graph", "none"] = Field(
        "holm",
        description="Default: Holm, valid whatever the correlation; hochberg assumes that it is not negative. fixed_sequence: "
        "each at the full level once those before it are rejected; fallback: a sequence in which each starts with a weight; "
        "graph: weights, and where the weight of a rejected one goes (gatekeeping and others).",
    )
    label: Words = Field(
        "", description="What it asks, in words: Pain, then function. Default: the analyses whose tests it holds."
    )
    level: float = Field(0.05, gt=0, lt=0.5, description="Family-wise error rate. Default: 0.05, two-sided.")
    hypotheses: dict[Name, Hypothesis] = Field(
        default_factory=dict,
        description="Name -> the comparison, in the order of the sequence. Needed by fixed_sequence, fallback and graph.",
    )
    weights: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="Hypothesis -> share of the level it starts with; together at most 1. Default: 0.",
    )
    transitions: dict[Name, dict[Name, Annotated[float, Field(ge=0, le=1)]]] = Field(
        default_factory=dict,
        description="Hypothesis -> where its weight goes once it is rejected, in shares of at most 1 together. Default: nowhere.",
    )

    @model_validator(mode="after")
    def _graph_is_whole(self) -> "Family":
        ordered = self.method in ("fixed_sequence", "fallback", "graph")
        if ordered != bool(self.hypotheses):
            raise ValueError("hypotheses belong to fixed_sequence, fallback and graph, which need them")
        if (self.method in ("fallback", "graph")) != bool(self.weights):
            raise ValueError("weights belong to fallback and graph, which need them")
        if self.transitions and self.method != "graph":
            raise ValueError("transitions belong to the method graph")
        named = [*self.weights, *self.transitions, *(to for one in self.transitions.values() for to in one)]
        for name in named:
            if name not in self.hypotheses:
                raise ValueError(f"hypothesis '{name}' is not defined{nearest(name, self.hypotheses)}")
        if sum(self.weights.values()) > 1 + 1e-9:
            raise ValueError("weights add up to at most 1")
        for name, one in self.transitions.items():
            if name in one or sum(one.values()) > 1 + 1e-9:
                raise ValueError(f"transitions of '{name}' lead to others and add up to at most 1")
        return self

    @property
    def arrows(self) -> dict[str, dict[str, float]]:
        """Where the weight of each hypothesis goes once it is rejected; along a sequence to the next one."""
        names = list(self.hypotheses)
        if self.method == "graph":
            return {name: self.transitions.get(name, {}) for name in names}
        return {name: dict.fromkeys(names[i + 1 : i + 2], 1.0) for i, name in enumerate(names)}

    @property
    def starts(self) -> dict[str, float]:
        """Share of the level with which each hypothesis starts; of a fixed sequence all with the first."""
        first = next(iter(self.hypotheses), "")
        return {
            name: float(name == first) if self.method == "fixed_sequence" else self.weights.get(name, 0.0)
            for name in self.hypotheses
        }
