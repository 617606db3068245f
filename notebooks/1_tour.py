# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour of a finished study
#
# Run `./run` first. The demo's data are made up: the numbers say nothing about dry needling. docs/api.md lists what the desk has.

# %%
import needling as nd

study = nd.open("demo")
study

# %% [markdown]
# ## What the run left
#
# Every table of every stage; the frame that models read, a row per patient, visit and outcome.

# %%
study.tables

# %%
visits = study.frame("visits")
visits.groupby(["cohort", "outcome", "visit"], observed=True, sort=False)["patient"].nunique().unstack("visit")

# %% [markdown]
# ## The results that the study file asked for
#
# `study.results` is the unreleased table, for your eyes; `study.released` is what may be shown.

# %%
primary = study.results.query("role == 'primary' and quantity == 'difference'")
primary[["cohort", "outcome", "visit", "estimate", "low", "high", "p", "p_adjusted", "n_patients", "favours"]]

# %% [markdown]
# ## One model of the plan, exactly as the run fitted it

# %%
fit = study.fit("primary", cohort="myofascial", outcome="pain")
assert fit.matches(study.results)
fit

# %%
fit.contrast("arm", by="visit")

# %%
fit.plot("means")
