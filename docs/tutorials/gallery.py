# %% [markdown]
# # Gallery
#
# What slimming does, in pictures. All are drawn by `slimdc.pictures`; the command line draws the
# same from files. Needs `pip install "slimdc[plot]"`.

# %%
import slimdc
from slimdc import pictures

data, x_test, y_test = slimdc.datasets.sample()  # Fashion-MNIST, 10 components of each class

# %% [markdown]
# ## Before and after
#
# A component is one direction of the images of a class. Samples are mixtures of components, so
# that there are as many samples with two components as with ten: they look more and more alike.
# One sample of each class, with all of its 10 components, 5, 2 and 1. (Condensed images go beyond
# black and white; what does is cut off here, and not in the sets.)

# %% One sample of each class, with all components, 5, 2 and 1
sets = {"10 components": data}
sets |= {f"{k} components": data.truncate(k) for k in (5, 2)}
sets |= {"1 component": data.truncate(1)}
pictures.samples(sets)

# %% [markdown]
# ```sh
# slimdc plot samples ten.safetensors five.safetensors two.safetensors -o samples.png
# ```
#
# Ten samples of one class. With one component all of a class are one image, brighter or darker:

# %% Ten sneakers with 10, 5, 2 and 1 components
pictures.components(data, 7, (10, 5, 2, 1))

# %% [markdown]
# ```sh
# slimdc plot components ten.safetensors --label 7 -k 10 5 2 1 -o sneakers.png
# ```
#
# ## Few bits
#
# All ten components, in fewer and fewer bits for each number. What is lost first are fine
# details, which networks look at least:

# %% One sample of each class, in float32 and in 4, 2, 1 and half a bit for each number
few = {"float32": data} | {f"{bits:.1f} bits": data.quantize(bits) for bits in (4, 2, 1, 0.5)}
pictures.samples({f"{name}, {some.nbytes:,} bytes": some for name, some in few.items()})

# %% [markdown]
# ## Trained
#
# Training changes what is kept, so that networks learn from it what they learned from the whole.
# It need not look better. Two components, 40 steps in narrow networks, so that this page is made
# quickly:

# %% Two components at once, and trained
history = []
trained = slimdc.slim(data, 2, steps=40, width=16, history=history, progress=False)
pictures.samples({"at once": data.truncate(2), "trained": trained})

# %% [markdown]
# ## Convergence
#
# Eq. 7 is what is lost of the solutions of the networks, here relative to the first step. Each
# step is in another network of the pool, which is why the line is not smooth.

# %% Eq. 7 over the steps of that run
losses = [terms["infinity"] for terms in history]
curve = [(step, loss / losses[0]) for step, loss in enumerate(losses, 1)]
pictures.convergence({"two components": curve}, "Eq. 7, of its first value")

# %% [markdown]
# ## Spectra
#
# The significance of each component, class by class. Where it falls fast, few components hold
# most of the class.

# %% The significances of the set in the package
pictures.spectrum(data)

# %% [markdown]
# ```sh
# slimdc plot spectrum ten.safetensors -o spectrum.png
# ```
#
# ## Accuracy against components, and against bytes
#
# Chains of budgets, each set made from the one before: from `benchmarks/results` of the repository.
# RT are sets that were made anew from the real data at each size; the others never saw any.
# [Chains of budgets](../chains.md) says how they are run, and [Results](../results.md) what they
# mean.

# %% Accuracy against components of each class
from pathlib import Path

results = Path(__file__).parents[2] / "benchmarks" / "results" / "small" / "fashion-mnist"
chains = {
    name: slimdc.Chain.read(results / f"{name}-0") for name in ("parameter-matching", "frepo")
}
pictures.accuracies(chains)

# %% [markdown]
# ```sh
# slimdc plot accuracies results/parameter-matching-0 results/frepo-0 -o accuracies.png
# ```
#
# The same against bytes. These sets are of float32; few bits go on where this picture ends:

# %% Accuracy against bytes, of sets in float32
pictures.accuracies(chains, against="bytes")

# %% [markdown]
# ![Accuracy against bytes: sets by slimdc, and what else one might do](../img/bytes.png)
#
# [A budget is bytes](../bytes.md) has the figures of the last one.

# %%
assert losses[-1] < losses[0]
