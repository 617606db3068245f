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
# # A figure of your own for a journal
#
# Means by arm in one column, 85 mm wide, from released numbers alone, so that it may leave the house.

# %%
import matplotlib.pyplot as plt

import needling as nd

study = nd.open("demo")
means = study.released.query(
    "analysis == 'primary' and quantity == 'mean' and outcome == 'pain' and cohort == 'myofascial'"
)
weeks = {visit: plan.nominal_week for visit, plan in study.plan.visits.schedule.items()}

# %%
figure, ax = plt.subplots(figsize=(85 / 25.4, 60 / 25.4), layout="constrained")
for arm, marker, colour in zip(study.plan.arms, "so", ("#a65200", "#114b8b"), strict=True):
    mine = means[means["arm"] == arm]
    at = mine["visit"].map(weeks).astype(float)
    reach = [mine["estimate"] - mine["low"], mine["high"] - mine["estimate"]]
    label = study.plan.patients.arm.labels[arm]
    ax.errorbar(at, mine["estimate"], yerr=reach, marker=marker, color=colour, capsize=2, linewidth=1, label=label)
ax.set(xlabel="Week", ylabel="Pain (0-10), mean and 95% CI", xticks=sorted(w for w in weeks.values() if w))
ax.legend(frameon=False)  # Jupyter shows the figure by itself

# %% [markdown]
# Figures of the report come from the same tables. One that is to be made with every run is a file in workflow/extensions
# (docs/extending.md).

# %%
study.figure("trajectories")

# %% [markdown]
# Any of them stands on axes of one's own, as a picture:

# %%
both, (left, right) = plt.subplots(1, 2, figsize=(180 / 25.4, 70 / 25.4), width_ratios=(1, 2), layout="constrained")
study.fit("primary", cohort="myofascial", outcome="pain").plot("means", ax=left)
study.figure("forest", ax=right)
