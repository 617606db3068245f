"""What the settings of every kind of analysis have, and keys that several kinds share."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from needling.study.analyses import Analysis
from needling.study.keys import Name
from needling.study.plan import Study

Contrasts = Literal["reference", "pairwise", "trend"] | dict[str, float]


class KindSettings(Analysis):
    """Base of the settings of a kind of analysis: a key that the kind does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # What an analysis `of` another takes from it, where it says nothing of its own: its key -> that of the other.
    taken: ClassVar[dict[str, str]] = {
        name: name
        for name in ("outcomes", "adjust", "where", "estimand", "report_as", "reference", "contrasts", "level")
    }

    per_protocol: list[Name] | None = Field(
        None,
        description="Intercurrent events that break the protocol: a non-inferiority analysis is also made without the patients who "
        "had one, as rows beside its own. Default: none, which only a study without intercurrent_events allows there.",
    )
    contrasts: Contrasts = Field(
        "reference",
        description="Which arms are compared: each with the reference (default), all pairs, a linear trend over "
        "patients.arm.dose, or weights by arm that add up to 0.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse, in a sentence, what this kind cannot mean in this study; a kind overrides it where it has more to say.

        Raises
        ------
        ValueError : with the sentence.
        """


# Of kinds that ask about an outcome and mean nothing without one.
Outcomes = Annotated[list[Name], Field(min_length=1, description="Outcomes analysed, each in each cohort that has it.")]
# Covariance of a patient's residuals over visits.
Residual = Literal[
    "unstructured",
    "toeplitz_het",
    "ar1_het",
    "compound_symmetry_het",
    "toeplitz",
    "ar1",
    "compound_symmetry",
    "antedependence",
    "antedependence_het",
    "exponential",
]

# Of kinds with normal errors: an outcome that is none is refused unless somebody says why it is to be taken as one.
Scale = dict[Literal["continuous"], Annotated[str, Field(min_length=10)]]
SCALE: Any = Field(
    default_factory=dict,
    description="continuous: the reason for which an outcome of two values, of few levels, or a count near zero is analysed by "
    "its mean all the same; the report prints it. Default: such an outcome is refused.",
)
