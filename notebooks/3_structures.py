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
# # Random effects, residual structures, curves and sessions

# %%
import needling as nd

study = nd.open("demo")
fit = study.fit("primary", cohort="myofascial", outcome="pain")

# %% [markdown]
# ## Which covariance?
#
# The plan's ladder was written before the data were seen; this is how much hangs on it. All fits are of the same rows and fixed
# effects.

# %%
structures = [
    "unstructured(visit)",
    "toeplitz_het(visit)",
    "ar1_het(visit)",
    "compound_symmetry(visit)",
    "exponential(week)",
]
fits = [fit.update(residual=one) for one in structures]
fits.append(fit.update(random="1 + week", residual=None))
nd.compare(*fits)

# %%
[one.contrast("arm", at={"visit": "week_4"})["estimate"].iloc[0] for one in fits]

# %% [markdown]
# ## A curve over the actual time of each visit

# %%
curve = fit.update("value ~ baseline + age + sex + arm * ns(week, df=2)", random="1 + week", residual=None)
curve.contrast("arm", at={"week": [2, 4, 8, 12]})

# %%
curve.plot("contrast", x="week")

# %% [markdown]
# ## Treatment sessions
#
# Pain before each session: a row per session, patients with lines of their own, therapists and clinics above them.

# %%
sessions = study.fit("sessions", cohort="myofascial")
assert sessions.matches(study.results)
sessions.variance_components()

# %%
sessions.plot("random_effects", "therapist")
