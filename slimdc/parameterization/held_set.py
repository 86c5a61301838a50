"""What a set holds and says of itself: its factors, its classes, its bytes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from slimdc._array import guarded
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.held import Held, held
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.quantization import Codes
from slimdc.typing import FactorDtype, FloatDtype, Layout

__all__ = ["HeldSet"]


class HeldSet:
    """A set and what is known about it; `SlimmableDataset` says how one is made.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> isinstance(SlimmableDataset.from_arrays(np.eye(2), [0, 1]), HeldSet)
    True
    """

    __slots__ = ("__weakref__", "_held")

    _held: Held

    def __getstate__(self) -> tuple[Factors, Description, Codes | None]:
        return self._held.factors, self.description, self.codes

    def __setstate__(self, state: tuple[Factors, Description, Codes | None]) -> None:
        self._held = held(*state)  # copies and pickles forget that arrays are read-only

    def __repr__(self) -> str:
        held = sorted(set(self.components))
        components = str(held[0]) if len(held) == 1 else f"{held[0]}..{held[-1]}"
        return (
            f"{type(self).__name__}(classes={self.classes}, components={components}, "
            f"samples={len(self)}, shape={self.shape}, dtype={self.dtype}"
            + ("" if self.codes is None else f", nbytes={self.nbytes}")
            + ")"
        )

    def __str__(self) -> str:
        reason = self._held.reason
        return f"{self!r}: {reason}" if reason else repr(self)

    def __len__(self) -> int:
        return sum(self.samples)

    @property
    def factors(self) -> Factors:
        """U, s, V_x and V_y: read-only (NumPy), or copies."""
        return Factors(*map(guarded, self._held.factors))

    @property
    def u(self) -> Any:
        """Left factors, shape (C or 1, n, b): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.u)

    @property
    def s(self) -> Any:
        """Significances of the components, shape (C or 1, b): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.s)

    @property
    def vx(self) -> Any:
        """Right factors of the samples, shape (C, b, d): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.vx)

    @property
    def vy(self) -> Any:
        """Right factors of the labels, shape (C, b, c): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.vy)

    @property
    def description(self) -> Description:
        """All that is known about the set beside its factors."""
        return self._held.description

    @property
    def classes(self) -> int:
        """Number C of class blocks."""
        return int(self._held.factors.vx.shape[0])

    @property
    def label_entries(self) -> int:
        """Entries c of a label row."""
        return self._held.entries

    @property
    def labels(self) -> tuple[int, ...]:
        """Label index of each class block: the label entry that its rows should have largest."""
        return self.description.labels

    @property
    def members(self) -> NDArray[np.int64]:
        """Class of each row of `arrays`: what `from_arrays` takes beside soft rows."""
        return np.repeat(np.asarray(self.labels, np.int64), self.samples)

    @property
    def order(self) -> NDArray[np.int64]:
        """Where each row of `arrays` stood in the arrays that the set was made of."""
        order = self.description.order
        return np.arange(len(self)) if order is None else np.asarray(order, np.int64)

    @property
    def samples(self) -> tuple[int, ...]:
        """Rows that each class holds."""
        return self.description.samples

    @property
    def components(self) -> tuple[int, ...]:
        """Components that each class holds."""
        return self.description.components

    @property
    def components_per_class(self) -> int:
        """Components of the largest class."""
        return max(self.components)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(d,)``, or three axes for images."""
        return self.description.shape

    @property
    def layout(self) -> Layout:
        """Where the channels are: "flat", "channels_last" or "channels_first"."""
        return self.description.layout

    @property
    def preprocessing(self) -> Preprocessing:
        """What brought the samples into the space that they live in."""
        return self.description.preprocessing

    @property
    def dtype(self) -> FloatDtype:
        """Name of the dtype that `arrays` gives back."""
        return self.description.dtype

    @property
    def factor_dtype(self) -> FactorDtype:
        """Name of the dtype that the factors are held in: "float32" or "float64"."""
        return self._held.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the held codes or factors, padding left out: what the set costs to keep."""
        return self._held.nbytes

    @property
    def numbers(self) -> int:
        """Numbers that the factors consist of, padding left out."""
        return self._held.numbers

    @property
    def codes(self) -> Codes | None:
        """The whole numbers that a quantised set is held in; None for one held in floats."""
        return self._held.codes

    @classmethod
    def _of(cls, whole: Held) -> Self:
        """Build a set of what was made of valid ones: no check needs to touch it again."""
        made = cls.__new__(cls)
        made._held = whole
        return made
