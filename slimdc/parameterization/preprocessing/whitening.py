"""ZCA whitening, as a recipe that is kept and a matrix that is kept beside it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc._array import dtype_name, like, named_dtype, namespace
from slimdc._checks import positive, shown, truth
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import sample_shape
from slimdc.parameterization.preprocessing.matrix import Fingerprint, Matrix, fitted_matrix
from slimdc.parameterization.preprocessing.samples import flat
from slimdc.typing import Layout

__all__ = ["RECIPES", "Recipe", "Whitening", "blocks_of"]


class Recipe(NamedTuple):
    """How a peer whitens: which steps go before, and what the whitening does."""

    standardised: bool
    image_norm: bool
    relative: bool
    centred: bool
    unbiased: bool


# Read in the peers' files (2026-11): FRePo lib/dataset/ops.py; RFAD data.py; KIP's notebook in
# google-research; mtt-distillation utils.py, which DATM and HaBa follow, with kornia.enhance.zca.
# The regularisation is 0.1 in all of them.
RECIPES = {
    "frepo": Recipe(True, False, relative=True, centred=True, unbiased=False),
    "kip": Recipe(True, True, relative=True, centred=False, unbiased=False),
    "mtt": Recipe(False, False, relative=False, centred=True, unbiased=True),
    "rfad": Recipe(True, False, relative=True, centred=False, unbiased=False),
}


@dataclass(frozen=True)
class Whitening:
    """A step: ``(x - mean) W``, with W of the covariance of the data that it was fitted on.

    ``W = V diag(λ + r)^(-1/2) Vᵀ`` for the covariance ``V diag(λ) Vᵀ``. The recipe identifies it:
    two steps of one recipe and one digest of data are equal, with their matrix or without.

    Parameters
    ----------
    shape, layout : tuple of int, str
        Of the samples, whose values W mixes.
    regularisation : float
        r, or its factor.
    relative : bool
        r is `regularisation` times the mean eigenvalue (FRePo, KIP, RFAD), or itself (kornia).
    centred : bool
        The mean of the data is taken off (FRePo, kornia); otherwise W is of the second moments.
    unbiased : bool
        The covariance is divided by n - 1 (kornia), not n.
    data : str
        SHA-256 of the data in units of [0, 1], as float32 values.
    fingerprint : tuple
        What W and the mean are recognised by; see `Matrix.fingerprint`.
    matrix : Matrix, optional
        W and the mean, where they are at hand.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A field is not what it should be.
    """

    shape: tuple[int, ...]
    layout: Layout
    regularisation: float
    relative: bool
    centred: bool
    unbiased: bool
    data: str
    fingerprint: Fingerprint = field(compare=False, repr=False)
    matrix: Matrix | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        shape, layout = sample_shape(self.shape, self.layout)
        self._set(shape=shape, layout=layout)
        self._set(regularisation=positive("preprocessing.regularisation", self.regularisation))
        for name in ("relative", "centred", "unbiased"):
            self._set(**{name: truth(f"preprocessing.{name}", getattr(self, name))})
        data = self.data
        if not isinstance(data, str) or len(data) != 64 or set(data) - set("0123456789abcdef"):
            raise InvalidValueError("preprocessing.data", shown(data), "a SHA-256")
        self._set(fingerprint=_checked(self.fingerprint))
        if self.matrix is not None and not isinstance(self.matrix, Matrix):
            raise InvalidTypeError("matrix", type(self.matrix).__name__, "a Matrix")

    @classmethod
    def fitted(
        cls, blocks: Any, shape: tuple[int, ...], layout: Layout, data: str, **recipe: Any
    ) -> Whitening:
        """Fit to samples that are given as rows, a block at a time; see `fitted_matrix`."""
        matrix = fitted_matrix(blocks, **recipe)
        known: dict[str, Any] = {
            "data": data,
            "fingerprint": matrix.fingerprint(),
            "matrix": matrix,
        }
        return cls(shape, layout, **known, **recipe)

    def refitted(self, blocks: Any) -> Whitening:
        """Fit to the same samples again, and recognise the matrix."""
        names = ("regularisation", "relative", "centred", "unbiased")
        return self.holding(fitted_matrix(blocks, **{name: getattr(self, name) for name in names}))

    def holding(self, matrix: Matrix) -> Whitening:
        """Give it its matrix.

        Raises
        ------
        InvalidValueError
            It is another one.
        """
        if matrix.mean.size != math.prod(self.shape) or not matrix.is_like(self.fingerprint):
            raise InvalidValueError(
                "preprocessing",
                "the matrix of another whitening",
                f"the one of the data of digest {self.data[:16]}",
            )
        return replace(self, matrix=matrix)

    def held(self) -> Matrix:
        """Give the matrix.

        Raises
        ------
        InvalidValueError
            It is not at hand; the message says how to give it.
        """
        if self.matrix is None:
            raise InvalidValueError(
                "preprocessing",
                "a ZCA whitening without its matrix, which the file of a set does not hold",
                "the matrix: data = data.with_preprocessing(data.preprocessing.fitted(x_train)), "
                "or .with_matrix(path) in the place of .fitted(x_train)",
            )
        return self.matrix

    def apply(self, x: Any, _layout: Layout, argument: str = "x") -> Any:
        """Whiten floating-point samples (n, ...)."""
        matrix = self.held()
        rows, dtype = self._rows(x, argument)
        mean, w = (_beside(a, rows, dtype) for a in (matrix.mean, matrix.w))
        return self._back((rows - mean) @ w, x)

    def invert(self, x: Any, _layout: Layout) -> Any:
        """Undo `apply`."""
        matrix = self.held()
        rows, dtype = self._rows(x, "x")
        mean, inverse = (_beside(a, rows, dtype) for a in (matrix.mean, matrix.inverse))
        return self._back(rows @ inverse + mean, x)

    def to_dict(self) -> dict[str, Any]:
        """Plain form for a file's metadata: all but the matrix."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "matrix"}
        plain["shape"] = list(self.shape)
        plain["fingerprint"] = [list(part) for part in self.fingerprint]
        return {"kind": "zca", **plain}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Whitening:
        """Undo `to_dict`; the matrix is not at hand."""
        expected = {"kind"} | {f.name for f in fields(cls) if f.name != "matrix"}
        if set(plain) != expected or plain["kind"] != "zca":
            raise InvalidValueError("preprocessing", shown(plain), f"a whitening of {expected}")
        return cls(**{name: value for name, value in plain.items() if name != "kind"})

    def identity(self) -> str:
        """Hash the recipe: the same for every matrix that belongs to it."""
        plain = {k: v for k, v in self.to_dict().items() if k != "fingerprint"}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def _rows(self, x: Any, argument: str) -> tuple[Any, Any]:
        """Lay samples out as rows of at least single precision, in which sums keep their digits."""
        xp = namespace(x, argument=argument)
        dtype = named_dtype(xp, "float64" if dtype_name(x) == "float64" else "float32")
        return xp.astype(flat(x, self.shape, argument), dtype), dtype

    def _back(self, rows: Any, x: Any) -> Any:
        xp = namespace(rows)
        return xp.astype(xp.reshape(rows, tuple(x.shape)), x.dtype)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def blocks_of(parts: Any) -> Iterator[NDArray[np.float64]]:
    """Lay out parts of samples as rows in float64."""
    for part in parts:
        host = np.asarray(part)
        yield host.reshape(host.shape[0], -1).astype(np.float64)


def _beside(host: NDArray[Any], reference: Any, dtype: Any) -> Any:
    """Bring the matrix to where the samples are; on the host it is not copied."""
    if isinstance(reference, np.ndarray):
        return host.astype(dtype, copy=False)
    return like(host, reference, dtype)


def _checked(fingerprint: object) -> Fingerprint:
    wrong = InvalidTypeError("preprocessing.fingerprint", shown(fingerprint), "10 and 5 numbers")
    if not isinstance(fingerprint, tuple | list) or len(fingerprint) != 2:
        raise wrong
    for part, count in zip(fingerprint, (10, 5), strict=True):
        if not isinstance(part, tuple | list) or len(part) != count:
            raise wrong
        if not all(type(number) is float and math.isfinite(number) for number in part):
            raise wrong
    matrix, mean = fingerprint
    return tuple(matrix), tuple(mean)
