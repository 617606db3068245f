"""The study file: one YAML document that is the analysis plan, typed and checked.

Every key carries its unit, its default and the reason for the default in its description; the generated
``config/study.schema.json`` gives the same words to an editor. Nothing here imports pandas, so that the
workflow can read the plan in a moment.
"""
