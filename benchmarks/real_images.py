"""What people keep of a stream today: real images, as many of each class as there is room for.

Reservoir sampling of a class is a random choice of its images, each as likely as any other
(Vitter, 1985). Herding chooses one after the other so that the mean of those chosen stays nearest
to the mean of the class (Welling, 2009; Rebuffi et al., iCaRL, CVPR 2017), here in the features of
a random network of the width that learns from them.
"""

from __future__ import annotations

import numpy as np

from slimdc import Preprocessing, SlimmableDataset
from slimdc.backend import Compute, get
from slimdc.networks import build, fresh

WIDTH, BATCH = 32, 500


def as_set(x: np.ndarray, y: np.ndarray, space: Preprocessing, classes: int) -> SlimmableDataset:
    """Take images as a set."""
    return SlimmableDataset.from_arrays(x, y, classes=classes, preprocessing=space)


def reservoir(y: np.ndarray, share: dict[int, int], seed: int) -> np.ndarray:
    """Choose images at random, so many of each class; fewer are always some of more."""
    rng = np.random.default_rng(seed)
    orders = {int(label): rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)}
    return np.concatenate([order[: share[label]] for label, order in orders.items()])


def herded_images(
    x: np.ndarray, y: np.ndarray, share: dict[int, int], space: Preprocessing, seed: int
) -> np.ndarray:
    """Choose images by herding, so many of each class; fewer are always some of more."""
    ops = get("numpy")
    network = build("convnet", x.shape[1:], "channels_last", 1, width=WIDTH)
    parameters = fresh(network, ops, np.random.default_rng(seed), "float32")
    scaled = space.apply(x, "channels_last").astype(np.float32)
    batches = [scaled[start : start + BATCH] for start in range(0, len(scaled), BATCH)]
    with Compute.chosen(scaled, "numpy", None, None).session():
        features = np.concatenate(
            [np.asarray(network.embed(ops, parameters, batch)) for batch in batches]
        )
    members = {int(label): np.flatnonzero(y == label) for label in np.unique(y)}
    return np.concatenate(
        [mine[herded(features[mine], share[label])] for label, mine in members.items()]
    )


def herded(features: np.ndarray, count: int) -> np.ndarray:
    """Choose rows one after the other, whose mean follows the mean of all."""
    mean, total = features.mean(axis=0), np.zeros(features.shape[1])
    left, chosen = np.ones(len(features), bool), []
    for taken in range(1, count + 1):
        distance = np.linalg.norm(mean - (total + features) / taken, axis=1)
        best = int(np.argmin(np.where(left, distance, np.inf)))
        left[best], total = False, total + features[best]
        chosen.append(best)
    return np.asarray(chosen)
