# %% [markdown]
# # Choose a budget in bytes
#
# How small may a set be? This page draws the curve, chooses a point of it, and shows that one
# file holds many budgets. Needs `pip install "slimdc[plot]"`.

# %%
import slimdc

data, x_test, y_test = slimdc.datasets.sample()
print(f"{data.nbytes:,} bytes, {data.components_per_class} components of each class")

# %% [markdown]
# ## What fits?
#
# `nbytes` is a promise about the file, header and all. What is kept within it, and why, is
# printed.

# %%
budgets = (10_000, 2_500, 1_000)
sets = {nbytes: slimdc.slim(data, nbytes=nbytes, steps=0) for nbytes in budgets}
print(sets[2_500])

# %% [markdown]
# ## What does it cost?
#
# If you have a few real images to test on, draw the curve. One narrow network for each budget,
# trained for a few steps, is enough to see where it bends, and for no more: a single point moves
# by two points of accuracy with the seed.

# %%
quick = slimdc.settings.EvaluationSettings(width=16, repeats=1, steps=40, rate=2e-3)


def accuracy(some):
    return slimdc.evaluate(some, x_test, y_test, protocol=quick, progress=False).mean


curve = {len(slimdc.dumps(some)): accuracy(some) for some in sets.values()}
curve[len(slimdc.dumps(data))] = whole = accuracy(data)
for nbytes, percent in sorted(curve.items()):
    print(f"{nbytes:>8,} bytes  {percent:.1f} %")

# %% Accuracy against the bytes of the file
from slimdc import pictures

pictures.budgets({"at once": sorted(curve.items())})

# %% [markdown]
# On the command line, with the networks of a protocol and so in minutes:
#
# ```bash
# slimdc slim sample "of-{nbytes}.safetensors" --nbytes 10000 2500 1000 --steps 0
# slimdc evaluate of-*.safetensors sample --data sample --out curve.png
# ```
#
# ## Without real images
#
# The set alone tells as well: `keep` asks for the fewest bytes that keep a share of what random
# networks learn from it (Eq. 7).

# %%
kept = slimdc.slim(data, keep=0.6, start="components", steps=0)
print(kept)

# %% [markdown]
# ## One file, many budgets
#
# Components lie in the file in the order of their significance. Whoever reads a prefix has a set
# of fewer components: one file on a server serves all who read it, and `load` reads no more than
# it needs, from URLs too.

# %%
from pathlib import Path

slimdc.save(data.quantize(4), "set.safetensors")
print(f"{Path('set.safetensors').stat().st_size:,} bytes in all")
for k in (5, 2, 1):
    part = slimdc.load("set.safetensors", k=k)
    print(f"k = {k}: {part.nbytes:,} bytes of components")

# %% [markdown]
# Cutting the file itself, without decoding a number:

# %%
slimdc.storage.truncate_file("set.safetensors", "two.safetensors", k=2)
two = slimdc.load("two.safetensors")
print(two)

# %% [markdown]
# ## To be sure

# %%
assert all(len(slimdc.dumps(some)) <= nbytes for nbytes, some in sets.items())
least, *_, most = (curve[nbytes] for nbytes in sorted(curve))
assert most > least
assert two.components_per_class == 2
