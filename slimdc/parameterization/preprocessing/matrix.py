"""The matrix of a ZCA whitening: fitted, recognised, written and read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray
from slimdc.errors import FileError, InvalidValueError, NumericalError

__all__ = ["Fingerprint", "Matrix", "fitted_matrix", "read_matrix", "write_matrix"]

_PROBES = 4
_PAGE = "docs/preprocessing.md#the-matrix-of-a-whitening"
# Another BLAS moves the numbers of a fingerprint by about 1e-12 of the largest (2.5e-13 between two
# kernels of OpenBLAS, 2,000 images of 16x16x3), rounding of W to single precision by up to 1e-8.
# Another regularisation, or other samples, move them by far more.
_TOLERANCE = 1e-6

Fingerprint = tuple[tuple[float, ...], tuple[float, ...]]


class Matrix:
    """A whitening matrix W and the mean that is taken off before it, both read-only.

    W is held in float32, as it is saved: 38 MB for images of 32x32x3.

    Examples
    --------
    >>> held = Matrix(np.zeros(2), 2.0 * np.eye(2))
    >>> held.inverse.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    def __init__(self, mean: HostArray, w: HostArray) -> None:
        self.mean, self.w = np.array(mean, np.float64), np.array(w, np.float32)
        for array in (self.mean, self.w):
            array.flags.writeable = False

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """The inverse of W, in float64, made when it is first asked for."""
        return np.asarray(np.linalg.inv(self.w.astype(np.float64)))

    def fingerprint(self) -> Fingerprint:
        """Give a few numbers that tell matrices apart, and that rounding hardly moves.

        They are the products of W and of the mean with four fixed vectors of signs. A digest of the
        bytes would be another one for each BLAS.

        Examples
        --------
        >>> Matrix(np.zeros(2), np.eye(2)).fingerprint()[1]
        (0.0, 0.0, 0.0, 0.0, 0.0)
        """
        size = self.mean.size
        signs = np.stack([_signs(i, size) for i in range(_PROBES)])
        products = signs @ self.w.astype(np.float64) @ signs.T
        upper = products[np.triu_indices(_PROBES)]
        mean = [float(np.linalg.norm(self.mean)), *(signs @ self.mean).tolist()]
        return tuple(upper.tolist()), tuple(mean)

    def is_like(self, expected: Fingerprint) -> bool:
        """Tell whether this has a fingerprint, to rounding."""
        (w, mean), (wanted_w, wanted_mean) = self.fingerprint(), expected
        largest = max(map(abs, wanted_w))
        # A mean near zero is what rounding leaves of samples, whose size is the inverse of W's.
        of_samples = self.mean.size / largest if largest > 0 else 0.0
        size = max(of_samples, *map(abs, wanted_mean))
        return _near(w, wanted_w, largest) and _near(mean, wanted_mean, size)


def _near(found: Sequence[float], wanted: Sequence[float], size: float) -> bool:
    return bool(np.all(np.abs(np.subtract(found, wanted)) <= _TOLERANCE * size))


def fitted_matrix(
    blocks: Callable[[], Iterator[NDArray[np.float64]]],
    *,
    regularisation: float,
    relative: bool,
    centred: bool,
    unbiased: bool,
) -> Matrix:
    """Compute ``W = V diag(λ + r)^(-1/2) Vᵀ`` of the covariance ``V diag(λ) Vᵀ`` of samples.

    Parameters
    ----------
    blocks : callable
        Gives the samples as rows, a block at a time; it is called anew for each pass over them.
    regularisation, relative, centred, unbiased
        As in `Whitening`.

    Returns
    -------
    Matrix
        W, computed in float64 on the host, and the mean (zero where not `centred`).

    Raises
    ------
    InvalidValueError
        Samples are not finite, or all alike.
    NumericalError
        The eigenvalues do not converge, or W is beyond single precision.

    Examples
    --------
    >>> rows = np.asarray([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> known = dict(regularisation=0.5, relative=False, centred=True, unbiased=False)
    >>> fitted_matrix(lambda: iter([rows]), **known).w.astype(float).round(4).tolist()
    [[0.4472, 0.0], [0.0, 1.0]]
    """
    count, total = 0, np.zeros(1)
    for block in blocks():
        count, total = count + len(block), total + block.sum(axis=0)
    mean = total / count if centred else np.zeros_like(total)
    moment = np.zeros((mean.size, mean.size))
    for block in blocks():
        off = block - mean
        moment += off.T @ off
    if not np.isfinite(moment).all():
        raise InvalidValueError("x", "values that are not finite", "finite samples")
    covariance = moment / max(count - 1 if unbiased else count, 1)
    added = regularisation * (float(np.trace(covariance)) / mean.size if relative else 1.0)
    if not added > 0.0:
        raise InvalidValueError("x", "samples that are all alike", "samples that differ")
    try:
        values, vectors = np.linalg.eigh(covariance)
    except np.linalg.LinAlgError as error:
        raise NumericalError("x", str(error), "samples whose covariance has eigenvalues") from error
    # Rounding leaves eigenvalues a little below zero where there are fewer samples than values.
    held = Matrix(mean, (vectors / np.sqrt(np.maximum(values, 0.0) + added)) @ vectors.T)
    if not np.isfinite(held.w).all() or not np.diagonal(held.w).all():
        raise NumericalError(
            "regularisation", f"{regularisation}", "one whose matrix single precision can hold"
        )
    return held


def write_matrix(matrix: Matrix, recipe: str, path: str | os.PathLike[str]) -> None:
    """Write a matrix with the recipe that it belongs to, whole or not at all."""
    # Files are a room above this one, so that it is asked only when it is needed.
    from slimdc.storage.tensor_file import write_tensors

    tensors: dict[str, HostArray] = {"mean": matrix.mean, "matrix": matrix.w}
    write_tensors(path, tensors, {"format": "slimdc-zca", "version": "1", "recipe": recipe})


def read_matrix(path: str | os.PathLike[str], size: int) -> Matrix:
    """Read a matrix of a size."""
    from slimdc.storage.tensor_file import DIGEST, read_tensors

    tensors, metadata = read_tensors(path)
    expected = f"a matrix of {size} x {size} that save_matrix wrote"
    if metadata.get("format") != "slimdc-zca" or DIGEST not in metadata:
        raise FileError(os.fspath(path), f"format {metadata.get('format')!r}", expected, see=_PAGE)
    found: dict[str, Any] = {name: (x.dtype.name, x.shape) for name, x in tensors.items()}
    if found != {"mean": ("float64", (size,)), "matrix": ("float32", (size, size))}:
        raise FileError(os.fspath(path), f"{found}", expected, see=_PAGE)
    if not all(np.isfinite(x).all() for x in tensors.values()):
        raise FileError(os.fspath(path), "values that are not finite", expected, see=_PAGE)
    return Matrix(tensors["mean"], tensors["matrix"])


def _signs(number: int, size: int) -> NDArray[np.float64]:
    """Draw signs from a hash: the same for ever, whatever becomes of random generators."""
    bits = hashlib.shake_256(f"slimdc {number}".encode()).digest((size + 7) // 8)
    return np.unpackbits(np.frombuffer(bits, np.uint8))[:size].astype(np.float64) * 2.0 - 1.0
