# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first look at a finished study
#
# Run `./run` first. This notebook opens the tables that the pipeline left behind, fits one model of its own with the same
# engine that the pipeline uses, and draws it. The demo's data are made up: the numbers say nothing about dry needling.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from needling import fit_mixed
from needling.plan import load_study
from needling.schema.stored import read_table

root = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "Snakefile").exists())
study = load_study(root / "config/demo.yaml")
processed = root / "data/processed" / study.study

# %% [markdown]
# ## The analysis frame: one row per patient, visit and outcome

# %%
frame = read_table(processed / "frames/visits.parquet")
counts = frame.groupby(["cohort", "outcome", "visit"], sort=False)["patient"].nunique()
counts.unstack("visit")[list(study.visits.schedule)]

# %% [markdown]
# ## The results that the study file asked for

# %%
results = read_table(processed / "release/results.parquet")
primary = results.query("role == 'primary' and quantity == 'difference'")
primary[["cohort", "outcome", "estimate", "low", "high", "p", "p_adjusted", "n_patients", "favours"]].round(3)

# %% [markdown]
# ## A model of one's own: does the effect on pain fade?
#
# The study file's growth curve draws straight lines over the follow-up. Here each visit has its own mean in each arm, and
# the visits of a patient are correlated without a pattern: what does the difference look like at each visit?

# %%
pain = frame.query("cohort == 'myofascial' and outcome == 'pain' and visit != 'baseline'").dropna(subset="baseline")
fit = fit_mixed("value ~ baseline * visit + arm * visit", pain, subject="patient", residual="unstructured(visit)")
fit

# %%
effects = fit.contrast("arm", by="visit", reference=study.patients.arm.reference, df="kenward_roger")
effects.round(3)

# %%
figure, ax = plt.subplots(figsize=(5, 3))
weeks = [study.visits.schedule[visit].nominal_week for visit in effects["visit"]]
ax.axhline(0, color="0.6", linewidth=1)
half = effects["high"] - effects["estimate"]
ax.errorbar(weeks, effects["estimate"], yerr=half, fmt="o-", capsize=3, color="#0072B2")
ax.set(xlabel="Week", ylabel="Difference in pain (0-10 points)\ndry needling minus usual care")
figure.tight_layout()

# %% [markdown]
# ## And if the intercepts and slopes of patients vary instead?

# %%
growth = fit_mixed("value ~ baseline + arm * week", pain, subject="patient", random="1 + week")
growth.terms(df="satterthwaite").round(3)
