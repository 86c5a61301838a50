"""Learning-free methods that choose samples: the rivals that a trained set has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimdc.errors import MissingLibraryError
from slimdc.methods.method import (
    Method,
    Task,
    Way,
    members_to_choose,
    random_rows,
)
from slimdc.parameterization import SlimmableDataset
from slimdc.settings import FREE

__all__ = ["METHODS", "central_rows"]

# Of a sample, beside the largest entry of its class: float32 and an SVD leave one or two more.
_DIGITS = 5


def central_rows(task: Task) -> SlimmableDataset:
    """Take the sample nearest to each centre of k clusters of each class (k-means, scikit-learn).

    A class that has fewer samples than are asked for gives them all, and one of equal samples those
    that differ.

    Raises
    ------
    InvalidValueError
        If every class has fewer.
    MissingLibraryError
        If scikit-learn is not installed.

    Warns
    -----
    SlimdcWarning
        If some classes have fewer.

    Notes
    -----
    Samples, not the centres themselves: on Fashion-MNIST, 2,000 test images and two networks, they
    give 76.0 % at 10 of each class where centres, which are blurred, give 73.7 and random samples
    71.4; at 1 of each class 60.1, 60.4 and 43.1.
    """
    cluster, material = _k_means(), task.material
    x = material.x.reshape(material.x.shape[0], -1).astype(np.float64)
    chosen = []
    for numbers in members_to_choose(task):
        own = x[numbers]
        # Samples of a set are equal to rounding where those that it was made of are.
        distinct = np.round(own / (np.abs(own).max() or 1.0), _DIGITS)
        count = min(task.count, np.unique(distinct, axis=0).shape[0])
        seed = int(task.rng.integers(2**31))
        found = cluster(count, n_init=1, random_state=seed).fit(own)
        # A cluster's own samples: two centres never share one. Where samples are equal to rounding,
        # clusters may stay empty.
        away = np.sum((own - found.cluster_centers_[found.labels_]) ** 2, axis=1)
        clusters = [i for i in range(count) if np.any(found.labels_ == i)]
        near = [np.where(found.labels_ == i, away, np.inf).argmin() for i in clusters]
        chosen.append(numbers[near])
    return task.dataset(np.concatenate(chosen))


def _k_means() -> Any:
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingLibraryError(
            "method", "'kmeans' without scikit-learn", 'pip install "slimdc[select]"'
        ) from error
    return KMeans


METHODS = (
    Method(
        "random",
        "random samples of each class: real ones, or rows of the set",
        condense=Way(random_rows, None, FREE),
        slim=Way(random_rows, None, FREE),
    ),
    Method(
        "kmeans",
        "the samples nearest to the centres of k-means (Lloyd 1982) in each class, by scikit-learn",
        condense=Way(central_rows, None, FREE, _k_means),
        slim=Way(central_rows, None, FREE, _k_means),
    ),
)
