"""Learning-free methods that choose samples: the rivals that a trained set has to beat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from slimdc.errors import MissingBackendError
from slimdc.methods.method import (
    Host,
    Method,
    Task,
    Way,
    in_library,
    members_to_choose,
    random_rows,
)
from slimdc.parameterization import SlimmableDataset
from slimdc.settings import FREE

__all__ = ["METHODS", "cluster_centres"]


def cluster_centres(task: Task) -> SlimmableDataset:
    """Take the centres of k clusters of each class, found by k-means (scikit-learn).

    The label row of a centre is the mean of its cluster's. A class that has fewer samples than are
    asked for gives them all.

    Raises
    ------
    InvalidValueError
        If every class has fewer.
    MissingBackendError
        If scikit-learn is not installed.

    Warns
    -----
    SlimdcWarning
        If some classes have fewer.
    """
    cluster, material = _k_means(), task.material
    x, y = (v.reshape(v.shape[0], -1).astype(np.float64) for v in (material.x, material.y))
    rows, labels, classes = [], [], []
    for numbers in members_to_choose(task):
        count = min(task.count, np.unique(x[numbers], axis=0).shape[0])
        seed = int(task.rng.integers(2**31))
        of = cluster(count, n_init=1, random_state=seed).fit(x[numbers]).labels_
        averages = _averaging(of, count)
        rows.append(averages @ x[numbers])
        labels.append(averages @ y[numbers])
        classes.append(np.full(count, material.classes[numbers[0]]))
    centres = np.concatenate(rows).astype(material.x.dtype)
    made = replace(
        material,
        x=centres.reshape(-1, *material.x.shape[1:]),
        y=np.concatenate(labels),
        classes=np.concatenate(classes),
    )
    return in_library(made.dataset(np.arange(centres.shape[0])), task.reference)


def _averaging(of: Host, count: int) -> Host:
    """Make the matrix (k, n) that averages the rows of each cluster."""
    belongs = (of == np.arange(count)[:, None]).astype(np.float64)
    return np.asarray(belongs / belongs.sum(axis=1, keepdims=True))


def _k_means() -> Any:
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingBackendError(
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
        "centres of clusters of each class: k-means (Lloyd 1982), by scikit-learn",
        condense=Way(cluster_centres, None, FREE),
        slim=Way(cluster_centres, None, FREE),
    ),
)
