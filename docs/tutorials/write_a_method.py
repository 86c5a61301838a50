# %% [markdown]
# # Write a method
#
# A method says how a smaller set is made of a set, or a set of real data. Here are two: one that
# trains nothing, and one that does. Both are given to `slim` and `condense` as they are.
#
# ## One that trains nothing
#
# Of each class keep the samples whose mean is nearest to the mean of all (herding). A `Task` says
# what is asked for: `count` samples of each class, of the `material`, which are the samples of
# the set before or real ones.

# %%
import numpy as np

import slimdc
from slimdc.methods import METHODS, Method, Way


def herded(task):
    material, kept = task.material, []
    x = material.x.reshape(len(material.x), -1).astype(np.float64)
    for numbers in material.members():
        own, mean, total = x[numbers], x[numbers].mean(axis=0), 0.0
        chosen = []
        for size in range(1, min(task.count, len(numbers)) + 1):
            away = np.linalg.norm((total + own) / size - mean, axis=1)
            away[chosen] = np.inf
            chosen.append(int(away.argmin()))
            total = total + own[chosen[-1]]
        kept.append(numbers[chosen])
    return task.dataset(np.concatenate(kept))


# %% [markdown]
# A `Way` holds the start, the plan of the training (none here) and the settings by name; a
# `Method` holds a way of condensing and one of slimming. Since this method knows nothing but
# samples, both are the same.

# %%
from slimdc.settings import FREE

way = Way(herded, None, FREE)
herding = Method("herding", "Welling, ICML 2009", condense=way, slim=way)

data, x_test, y_test = slimdc.datasets.sample()
free = slimdc.slim(data, 2, method=herding)
print(free)

# %% [markdown]
# ## One that trains
#
# The plan of a run names three things: what is trained, what for, and in which networks. Each
# method in slimdc is a choice of the three, and so may be one of yours. This one begins with the
# herded samples and trains them as DM does, so that the mean features of each class are those of
# the set before; but it looks at the mean absolute difference, and not at squares.

# %%
from dataclasses import dataclass, replace
from typing import Any

from array_api_compat import array_namespace


@dataclass(frozen=True)
class Absolute:
    squared: Any  # the objective of DM: it draws the batches and knows the mean of each class

    def batch(self):
        return self.squared.batch()

    def target(self, backend, network, parameters, batch):
        return self.squared.target(backend, network, parameters, batch)

    def loss(self, view, target):
        difference = self.squared.own @ view.features - target
        xp = array_namespace(difference)
        loss = xp.sum(xp.abs(difference))
        return loss, {"absolute": loss}


def plan(start, task):
    of_dm = METHODS["dm"].slim.plan(start, task)
    return replace(of_dm, objective=Absolute(of_dm.objective))


settings = {"default": slimdc.methods.DmSettings(steps=40, width=16, rate=0.1)}
way = Way(herded, plan, settings)
mean_features = Method("mean-features", "this page", condense=None, slim=way)

# %% [markdown]
# Losses and networks are written in the array API, once for all backends. Checkpoints, progress,
# the history and few bits come with the loop.

# %%
history = []
trained = slimdc.slim(data, 2, method=mean_features, history=history, progress=False)
losses = [terms["absolute"] for terms in history]
print(f"{losses[0]:.1f} at the first step, {losses[-1]:.1f} at the last")

# %% How the loss went
from slimdc import pictures

pictures.convergence({"mean features": list(enumerate(losses, 1))}, "absolute difference")

# %% [markdown]
# ## Are they any good?
#
# Beside random samples, and the paper's method without training. Narrow networks and few steps,
# so that this page is made quickly: compare the figures with each other only.

# %%
quick = slimdc.settings.EvaluationSettings(width=16, repeats=1, steps=60, rate=2e-3)
rivals = {
    "random": slimdc.slim(data, 2, method="random"),
    "herding": free,
    "mean-features": trained,
    "truncate": slimdc.slim(data, 2, method="truncate"),
}
found = {
    name: slimdc.evaluate(some, x_test, y_test, protocol=quick, progress=False).mean
    for name, some in rivals.items()
}
for name, accuracy in found.items():
    print(f"{name:>14}  {accuracy:.1f} %")

# %% [markdown]
# The parts of a run are in [Architecture](../architecture.md#a-run) and on the page
# [Runs](../api/runs.md); a method that stays goes into a file of its own in `slimdc/methods`,
# with a test against an oracle.
#
# ## To be sure

# %%
assert free.samples == (2,) * 10
assert min(losses[-5:]) < losses[0]
assert found["herding"] > found["random"] - 5
