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
# The same rows go to statsmodels, to pingouin and, where it is installed, to R, so that a difference is one of the model and not
# of the data.

# %%
import io
import shutil
import subprocess

import numpy as np
import pandas as pd
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

# %% [markdown]
# ## R
#
# The same model by lme4, with lmerTest's Satterthwaite degrees of freedom. Nothing here needs R: without it the cell says so.

# %%
program = """
suppressMessages(library(lmerTest))
rows <- read.csv(file("stdin"), stringsAsFactors = TRUE)
rows$arm <- relevel(rows$arm, "usual_care")
fit <- lmer(FORMULA, rows, control = lmerControl(optimizer = "bobyqa"))
write.csv(summary(fit)$coefficients)
"""
terms = f"{lines.formula} + (1 + time | patient)"
by_r = None
if shutil.which("Rscript"):
    done = subprocess.run(
        ["Rscript", "-e", program.replace("FORMULA", terms)],
        input=lines.data.to_csv(index=False),
        capture_output=True,
        text=True,
        check=False,
    )
    by_r = pd.read_csv(io.StringIO(done.stdout), index_col=0) if done.returncode == 0 else None
beside = None
if by_r is None:
    print("R with the package lmerTest is not installed here, so its column is left out.")
else:
    mine = lines.terms(df="satterthwaite")
    by_r = by_r.set_axis(["r", "r_se", "r_df", "r_t", "r_p"], axis=1)[["r", "r_se", "r_df"]].reset_index(drop=True)
    beside = mine[["term", "estimate", "se", "df"]].reset_index(drop=True).join(by_r)
    assert np.allclose(beside["estimate"], beside["r"], atol=1e-3)
beside
