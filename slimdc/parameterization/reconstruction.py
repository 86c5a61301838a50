"""Eq. 8: samples and labels from the factors of a set."""

from __future__ import annotations

import numpy as np

from slimdc._array import HostArray, to_numpy
from slimdc.backend import one_blas_thread
from slimdc.parameterization.description import Description, Factors
from slimdc.typing import ArrayT

__all__ = ["reconstruct", "rows"]


def reconstruct(u: ArrayT, s: ArrayT, vx: ArrayT, vy: ArrayT) -> tuple[ArrayT, ArrayT]:
    """Compute samples and labels of a set from its factors (Eq. 8).

    A pure function of products and broadcasts, for any array namespace, traced or not.

    Parameters
    ----------
    u : array, shape (C or 1, n, b)
        Left factors.
    s : array, shape (C or 1, b)
        Significances of the components.
    vx : array, shape (C, b, d)
        Right factors of the samples.
    vy : array, shape (C, b, c)
        Right factors of the labels.

    Returns
    -------
    x : array, shape (C, n, d)
        Samples, class by class; padding rows are zero.
    y : array, shape (C, n, c)
        Labels.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = reconstruct(np.eye(2)[None], np.ones((1, 2)), np.ones((3, 2, 5)), np.ones((3, 2, 3)))
    >>> x.shape, y.shape
    ((3, 2, 5), (3, 2, 3))
    """
    weighted = u * s[:, None, :]
    return weighted @ vx, weighted @ vy


def rows(factors: Factors, description: Description) -> tuple[HostArray, HostArray]:
    """Compute samples and labels on the host in float64, without padding.

    Parameters
    ----------
    factors : Factors
        Of any framework.
    description : Description
        How many rows each class holds.

    Returns
    -------
    x : numpy.ndarray, shape (N, d)
        Samples, class by class.
    y : numpy.ndarray, shape (N, c)
        Labels.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays([[7.0], [8.0], [9.0]], [1, 0, 1])
    >>> rows(data.factors, data.description)[0].round(12).ravel()
    array([8., 7., 9.])
    """
    wide = (to_numpy(factor).astype(np.float64) for factor in factors)
    with one_blas_thread(), np.errstate(all="ignore"):
        blocks = reconstruct(*wide)
    x, y = (
        np.concatenate([part[:n] for part, n in zip(block, description.samples, strict=True)])
        for block in blocks
    )
    return x, y
