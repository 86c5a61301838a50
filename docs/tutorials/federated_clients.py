# %% [markdown]
# # Federated clients that share a bandwidth
#
# Clients hold images of their own and send none. Each condenses them once; in each round it slims
# its set to its share of the round's bytes and sends that. The server unites what came and trains
# a network.
#
# Here all of them are functions in one process: what passes between them is bytes. With
# processes, losses and late messages it is a [Flower](https://flower.ai) app in
# `examples/federated` of the repository.

# %%
import numpy as np

import slimdc

_, x, y = slimdc.datasets.sample()
held = np.concatenate([np.flatnonzero(y == label)[:60] for label in range(10)])
held_out = np.setdiff1d(np.arange(len(x)), held)

# %% [markdown]
# ## What all agree on
#
# The number of classes and the space of the samples, before the first round: sets of other label
# spaces or spaces cannot be united, and no client has to tell the mean of its own images.

# %%
CLASSES, SPACE = 10, slimdc.Preprocessing((0.2861,), (0.3530,))

# %% [markdown]
# ## A client
#
# It condenses its own images once. What it sends of them in a round depends on its share.


# %%
class Client:
    def __init__(self, labels):
        own = held[np.isin(y[held], labels)]
        options = {"steps": 15, "width": 16, "progress": False}  # few: this page is made quickly
        self.data = slimdc.condense(
            x[own], y[own], 5, classes=CLASSES, preprocessing=SPACE, **options
        )

    def message(self, share):
        return slimdc.dumps(slimdc.slim(self.data, nbytes=share, steps=0))


clients = [Client(labels) for labels in ((0, 1, 2), (3, 4, 5), (6, 7), (8, 9))]
print([client.data.labels for client in clients])

# %% [markdown]
# ## The server
#
# It measures a message before it reads it, and reads strictly: a damaged message, or more bytes
# than a share, costs its client the round.


# %%
def united(messages, share):
    sets = []
    for message in messages:
        if len(message) > share:
            continue
        try:
            sets.append(slimdc.loads(message, strict=True))
        except slimdc.errors.SlimdcError as error:
            print("left out:", str(error)[:90], "…")
    return slimdc.SlimmableDataset.union(*sets)


def accuracy(data):
    network = slimdc.train_network(data, steps=80, width=16, progress=False)
    return float(np.mean(network.predict(x[held_out]) == y[held_out]))


# %% [markdown]
# ## Rounds
#
# The bandwidth of a round is fixed: the more clients are there, the coarser is what each sends. A
# client that stays away takes its classes with it.

# %%
BANDWIDTH = 8_000
found = {}
for present in (clients[:2], clients):
    share = BANDWIDTH // len(present)
    messages = [client.message(share) for client in present]
    data = united(messages, share)
    found[len(present)] = accuracy(data)
    print(
        f"{len(present)} clients, {sum(map(len, messages)):,} of {BANDWIDTH:,} bytes, "
        f"{data.classes} classes: {100 * found[len(present)]:.1f} % over all ten classes"
    )

# %% [markdown]
# A damaged message:

# %%
damaged = bytearray(messages[0])
damaged[-5] ^= 1
fewer = united([bytes(damaged), *messages[1:]], share)
print(fewer.labels)

# %% [markdown]
# ## To be sure

# %%
assert sum(map(len, messages)) <= BANDWIDTH
assert found[4] > found[2]
assert fewer.labels == (3, 4, 5, 6, 7, 8, 9)
