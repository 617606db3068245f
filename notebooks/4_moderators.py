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
# # For whom, and how much: moderators and dose
#
# What is found here is exploratory. A moderator is allocated to nobody, and the dose that a patient had was decided on the way.

# %%
import needling as nd

study = nd.open("demo")
d = study.data("primary", cohort="myofascial", outcome="pain").add_baseline("csi").add_baseline("pcs_total")
fit = study.fit("primary", cohort="myofascial", outcome="pain")
mod = fit.update("~ . + arm*csi", data=d)
mod.contrast("arm", by="csi", at={"csi": [20, 40, 60], "visit": "week_4"})

# %%
mod.plot("contrast", x="csi")

# %% [markdown]
# The interaction itself, per point of the CSI, is the test of moderation: of two effects one may be significant and the other
# not, and that shows none.

# %%
mod.terms().query("term == 'arm[T.dry_needling]:csi'")

# %% [markdown]
# ## Dose: an association among the needled
#
# How many needles somebody had before a visit follows from how he fared until then, so this is no effect.

# %%
needled = d.query("arm == 'dry_needling'").add_exposure("needles")
dose = fit.update("value ~ baseline * visit + age + sex + needles_before", data=needled, cluster=None)
dose.terms().query("term == 'needles_before'")

# %% [markdown]
# The plan's own analysis of dose weights for that course, and says what it assumes: docs/analyses/dose.md.
