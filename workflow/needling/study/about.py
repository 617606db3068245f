"""What a report must say and no export holds: who, where, by which protocol; and what was published before."""

from typing import Annotated, Literal

from pydantic import Field

from needling.study.keys import ForPeople, Name, Section, Words


class Metadata(Section):
    """What the authors know of the study: methods and checklist print it, and list once what is not here."""

    registration: Words = Field("", description="Registry and number, with the date. Default: for the authors to add.")
    protocol: Words = Field(
        "", description="Where the protocol and the analysis plan are. Default: for the authors to add."
    )
    setting: Words = Field("", description="Where the study took place. Default: for the authors to add.")
    dates: Words = Field(
        "", description="Recruitment and follow-up, from when to when. Default: for the authors to add."
    )
    eligibility: Words = Field("", description="Who could take part. Default: for the authors to add.")
    treatments: Words = Field(
        "",
        description="What was done to patients of each arm, in enough detail to repeat it. Default: for the authors to add.",
    )
    needling: bool = Field(
        True, description="Whether a treatment of the study is needling; without it STRICTA is left out. Default: yes."
    )
    randomisation: Words = Field(
        "", description="Sequence, concealment and who enrolled. Default: for the authors to add."
    )
    blinding: Words = Field("", description="Who knew the treatment, and who did not. Default: for the authors to add.")
    sample_size: Words = Field("", description="How the number of patients was set. Default: for the authors to add.")
    ethics: Words = Field("", description="Approval and consent. Default: for the authors to add.")
    funding: Words = Field("", description="Who paid, and what for. Default: for the authors to add.")
    interests: Words = Field("", description="Conflicts of interest. Default: for the authors to add.")


class Published(Section):
    """A number that a publication printed, to stand beside the one computed here."""

    what: Words = Field(
        "", description="Words for the line where several would look alike. Default: outcome and visit."
    )
    analysis: Name | None = Field(None, description="Analysis whose result it is. Default: the primary analysis.")
    cohort: Name | None = Field(None, description="Cohort. Default: the only one.")
    outcome: Name = Field(description="Outcome.")
    visit: Name | None = Field(None, description="Visit. Default: the primary one.")
    arm: str | None = Field(None, description="Arm that is compared. Default: the only one.")
    reference: str | None = Field(None, description="Arm that it is compared with. Default: the only one.")
    estimate: float = Field(description="The published estimate, with the sign that the publication gave it.")
    low: float | None = Field(None, description="The published lower limit. Default: not published.")
    high: float | None = Field(None, description="The published upper limit. Default: not published.")
    p: float | None = Field(None, ge=0, le=1, description="The published P. Default: not published.")
    better: Literal["lower", "higher"] = Field(
        description="Which sign of the published number speaks for the arm; it is turned where that differs from here. No default."
    )
    source: Words = Field(description="Where it stands: publication and table.")


ForReading = Annotated[Metadata, ForPeople()]
