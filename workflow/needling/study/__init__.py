"""The study file: one YAML document that is the analysis plan, typed and checked.

Every key carries its unit, its default and the reason for the default in its description; the generated
``config/study.schema.json`` gives the same words to an editor. Nothing here imports pandas, so that the
workflow can read the plan in a moment.
"""

from needling.study.file import load_study, part, schema, section, study_files
from needling.study.keys import Section, StudyError, words
from needling.study.plan import (
    Ancova,
    Cleaning,
    Cohort,
    Disclosure,
    Estimand,
    Family,
    Figures,
    GrowthCurve,
    Privacy,
    RepeatedMeasures,
    Review,
    Shared,
    Study,
)
from needling.study.sources import (
    Arm,
    Column,
    Events,
    EventTable,
    Export,
    Instrument,
    Patients,
    PlannedVisit,
    Threshold,
    Ticked,
    Values,
    Visits,
)

__all__ = [
    "Ancova",
    "Arm",
    "Cleaning",
    "Cohort",
    "Column",
    "Disclosure",
    "Estimand",
    "EventTable",
    "Events",
    "Export",
    "Family",
    "Figures",
    "GrowthCurve",
    "Instrument",
    "Patients",
    "PlannedVisit",
    "Privacy",
    "RepeatedMeasures",
    "Review",
    "Section",
    "Shared",
    "Study",
    "StudyError",
    "Threshold",
    "Ticked",
    "Values",
    "Visits",
    "load_study",
    "part",
    "schema",
    "section",
    "study_files",
    "words",
]
