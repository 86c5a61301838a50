"""The norm of single images, which KIP and RFAD (on SVHN) divide by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from slimdc._array import dtype_name, named_dtype, namespace
from slimdc._checks import shown
from slimdc._magnitudes import squarable
from slimdc.errors import InvalidValueError
from slimdc.typing import Layout

__all__ = ["ImageNorm"]

# Roundings that a sum over an image may go through on the way to its mean.
_ROUNDINGS = 16.0


@dataclass(frozen=True)
class ImageNorm:
    """A step: each image minus its own mean, over its own Euclidean norm.

    The brightness and the contrast of an image are gone after it. `invert` gives each image the
    contrast that an average one has after standardisation, and no brightness of its own: it shows
    images approximately. A constant image becomes zero.

    Examples
    --------
    >>> import numpy as np
    >>> ImageNorm().apply(np.asarray([[1.0, 3.0, 1.0, 3.0], [5.0, 5.0, 5.0, 5.0]]), "flat").tolist()
    [[-0.5, 0.5, -0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]
    """

    def apply(self, x: Any, _layout: Layout, argument: str = "x") -> Any:
        """Normalise floating-point samples (n, ...)."""
        xp = namespace(x, argument=argument)
        if x.ndim < 2:
            raise InvalidValueError(argument, f"shape {tuple(x.shape)}", "samples (n, ...)")
        axes, given = tuple(range(1, x.ndim)), x.dtype
        # Half-width sums over an image overflow, and their rounding is as large as what varies.
        wide = named_dtype(xp, "float64" if dtype_name(x) == "float64" else "float32")
        # The result is the same in any units.
        x, _ = squarable(xp.astype(x, wide, copy=False), axes)
        centred = x - xp.mean(x, axis=axes, keepdims=True)
        norm = xp.sqrt(xp.sum(centred * centred, axis=axes, keepdims=True))
        # What the mean's rounding leaves of a constant image must not be blown up to norm 1.
        rounding = _ROUNDINGS * math.sqrt(math.prod(x.shape[1:])) * xp.finfo(x.dtype).eps
        seen = norm > rounding * xp.max(xp.abs(x), axis=axes, keepdims=True)
        normed = xp.where(seen, centred / xp.where(seen, norm, xp.ones_like(norm)), 0.0 * centred)
        return xp.astype(normed, given, copy=False)

    def invert(self, x: Any, _layout: Layout) -> Any:
        """Bring samples to a deviation of 1 where their norm is 1: an approximation."""
        return x * math.sqrt(math.prod(x.shape[1:]))

    def to_dict(self) -> dict[str, Any]:
        """Plain form for a file's metadata."""
        return {"kind": "image-norm"}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ImageNorm:
        """Undo `to_dict`."""
        if plain != {"kind": "image-norm"}:
            raise InvalidValueError("preprocessing", shown(plain), "an image norm, without more")
        return cls()
