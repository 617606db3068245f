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
# # Missing data: who is missing, and how far the result can be tipped

# %%
import statsmodels.formula.api as smf

import needling as nd

study = nd.open("demo")
missing = study.tables["release/missingness"].query("cohort == 'myofascial' and outcome == 'pain'")
missing[["visit", "arm", "expected", "measured"]]

# %% [markdown]
# ## Under other assumptions about the lost
#
# The primary analysis is right where the missing would have looked like the measured. These assume something else.

# %%
lost = study.results.query("analysis == 'primary_under_loss' and cohort == 'myofascial' and outcome == 'pain'")
lost.query("quantity == 'difference' and visit == 'week_4'")[
    ["variant", "variance", "estimate", "se", "low", "high", "p"]
]

# %% [markdown]
# ## The tipping point
#
# By how many points the lost would have to be worse than assumed until the interval takes in no difference.

# %%
study.tables["release/tipping_points"]

# %% [markdown]
# ## Does being missed hang on what is known?

# %%
pain = study.frame("visits").query("cohort == 'myofascial' and outcome == 'pain'")
first, last = pain.query("visit == 'baseline'"), pain.query("visit == 'week_12'")
missed = (~first["patient"].isin(last["patient"])).astype(float)
first = first.assign(missed=missed, needled=first["arm"].eq("dry_needling").astype(float))
smf.logit("missed ~ needled + value + age", first).fit(disp=False).summary().tables[1]
