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
# # Models of your own, beside those of other programs
#
# The same rows go to statsmodels and to pingouin, so that a difference is one of the model and not of the data.

# %%
import numpy as np
import pingouin as pg
import statsmodels.formula.api as smf

import needling as nd

study = nd.open("demo")
fit = study.fit("growth", cohort="myofascial", outcome="pain")
lines = fit.update(cluster=None)
lines.terms()

# %% [markdown]
# ## statsmodels
#
# Random intercept and slope by REML. statsmodels divides an estimate by its standard error and takes the normal distribution;
# the desk takes t with the degrees of freedom of Kenward and Roger. Estimates of the two agree.

# %%
other = smf.mixedlm(lines.formula, lines.data, groups=lines.data["patient"], re_formula="~ time").fit(reml=True)
mine = lines.terms(df="asymptotic").set_index("term")
both = mine[["estimate", "se"]].assign(statsmodels=other.fe_params, statsmodels_se=other.bse_fe)
assert np.allclose(both["estimate"], both["statsmodels"], atol=1e-3)
both

# %% [markdown]
# ## pingouin
#
# A single visit compared by Welch's t test: no baseline, no covariate, and a wider interval for it.

# %%
week_4 = study.data("primary", cohort="myofascial", outcome="pain").query("visit == 'week_4'")
pg.ttest(*[week_4.loc[week_4["arm"] == arm, "value"] for arm in ("dry_needling", "usual_care")], correction=True)

# %%
ancova = study.results.query("analysis == 'week_4_ancova' and cohort == 'myofascial' and outcome == 'pain'")
ancova.query("quantity == 'difference'")[["visit", "arm", "reference", "estimate", "low", "high", "p"]]
