# %% [markdown]
# # Rehearse from a buffer that never grows
#
# A learner that sees one task after the other forgets the first ones. It may keep 6,000 bytes of
# them. Kept as images, that is seven; kept as a condensed set, it is something of every class.

# %%
import numpy as np

import slimdc

_, x, y = slimdc.datasets.sample()  # 1,000 real images; 60 of each class are learned from
first = np.concatenate([np.flatnonzero(y == label)[:60] for label in range(10)])
held_out = np.setdiff1d(np.arange(len(x)), first)
tasks = [(0, 1, 2), (3, 4, 5), (6, 7), (8, 9)]

# %% [markdown]
# ## One task after the other
#
# The buffer condenses what is added, unites it with what it holds, and slims the whole where it
# would not fit. It is told how many classes will come, and how to condense: in very few steps
# here, so that this page is made quickly.

# %%
buffer = slimdc.ReplayBuffer(
    nbytes=6_000, classes=10, condense={"ipc": 5, "steps": 20, "width": 16, "progress": False}
)
for task in tasks:
    own = first[np.isin(y[first], task)]
    buffer.add(x[own], y[own])  # the real images are not needed after this
    print(f"{buffer.labels}: {buffer.nbytes:,} bytes, {buffer.data.components} components")

# %% [markdown]
# ## Rehearse
#
# `batches` gives what is held for ever, each sample once before any comes again. In your own loop
# you would mix them with those of the task at hand.

# %%
rehearsal = buffer.batches(16)
x_old, y_old = next(rehearsal)
print(x_old.shape, y_old.shape)

# %% [markdown]
# ## What is remembered?
#
# A network that learns from the buffer alone, tested on real images of all classes that it has
# seen. Beside it the seven images that 6,000 bytes hold, chosen at random: most classes are not
# among them.

# %%
quick = {"steps": 100, "width": 16, "progress": False}


def right(network):
    return float(np.mean(network.predict(x[held_out]) == y[held_out]))


remembered = right(slimdc.train_network(buffer.data, **quick))
print(f"the buffer: {100 * remembered:.1f} %")

# %%
seven = np.random.default_rng(0).choice(first, 6_000 // (28 * 28), replace=False)
space = buffer.data.preprocessing
pixels = x[seven, ..., None].astype(np.float32) / 255
images = slimdc.SlimmableDataset.from_arrays(
    space.apply(pixels, "channels_last"), y[seven], classes=10, preprocessing=space
)
of_images = right(slimdc.train_network(images, **quick))
print(f"seven images: {100 * of_images:.1f} %")

# %% [markdown]
# ## Stop and go on
#
# A buffer is saved with its budget and its options; what goes on is the same to the bit.

# %%
buffer.save("buffer.safetensors")
again = slimdc.ReplayBuffer.load("buffer.safetensors")
print(again)

# %% [markdown]
# Measured at a larger scale, beside other buffers: [A buffer that never grows](../replay.md). In
# Avalanche: `examples/avalanche` in the repository.
#
# ## To be sure

# %%
assert buffer.nbytes <= 6_000
assert buffer.labels == tuple(range(10))
assert remembered > of_images
assert again.message == buffer.message
