"""What a set consists of: floats, or whole numbers of few bits from which floats are computed.

Both answer the same questions, so that a set need not know which of them it holds. They take over
what is known to be right, and factors that nobody else holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np

from slimdc._array import HostArray, dtype_name, like, namespace, to_numpy
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.quantization import Codes, factors_of, unpacked
from slimdc.parameterization.quantization.recoding import picked, shortened
from slimdc.parameterization.truncation import largest_of_each
from slimdc.parameterization.validation import check_finite
from slimdc.typing import FactorDtype

__all__ = ["Coded", "Held", "coded", "floats", "held", "in_library_of"]


@dataclass(frozen=True)
class Held:
    """A set in floats.

    Parameters
    ----------
    factors : Factors
        U, s, V_x and V_y; those of NumPy become read-only.
    description : Description
        What is known beside them.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(4, dtype=np.float32), [0, 1, 1, 1])
    >>> whole = Held(data.factors, data.description)
    >>> whole.truncated((1, 2)).nbytes < whole.nbytes, whole.codes
    (True, None)
    """

    factors: Factors
    description: Description

    def __post_init__(self) -> None:
        for factor in self.factors:
            if isinstance(factor, np.ndarray):
                factor.flags.writeable = False

    @property
    def codes(self) -> Codes | None:
        """The whole numbers that the factors are computed from; None where there are none."""
        return None

    @property
    def reason(self) -> str:
        """Why so many bits are spent on what, if somebody has chosen."""
        return ""

    @property
    def entries(self) -> int:
        """Entries c of a label row."""
        return int(self.factors.vy.shape[2])

    @property
    def dtype(self) -> FactorDtype:
        """Name of the dtype of the factors."""
        return cast(FactorDtype, dtype_name(self.factors.u))

    @property
    def numbers(self) -> int:
        """Numbers that the factors consist of, padding left out."""
        u, s, vx, vy = self.factors
        samples, components = self.description.samples, self.description.components
        right = sum(k * (int(vx.shape[2]) + int(vy.shape[2])) for k in components)
        left = [n * k for n, k in zip(samples, components, strict=True)]
        return right + sum(left[: int(u.shape[0])]) + sum(components[: int(s.shape[0])])

    @property
    def nbytes(self) -> int:
        """Bytes that the set costs to keep, padding left out."""
        return self.numbers * (8 if self.dtype == "float64" else 4)

    def truncated(self, kept: tuple[int, ...]) -> Held:
        """Keep so many components of each class, those of largest ``|s|``."""
        factors = largest_of_each(self.factors, kept, self.description.components)
        return Held(Factors(*factors), self.description.truncated(kept))

    def picked(self, blocks: Sequence[int], chosen: Description) -> Held:
        """Take some class blocks, which are described anew."""
        return Held(_blocks_of(self.factors, blocks, chosen), chosen)

    def preprocessed_by(self, preprocessing: Preprocessing) -> Self:
        """Say anew what brought the samples into their space."""
        return replace(self, description=replace(self.description, preprocessing=preprocessing))

    def named(self, names: tuple[str, ...] | None) -> Self:
        """Say anew what the classes are called."""
        return replace(self, description=replace(self.description, names=names))


@dataclass(frozen=True)
class Coded(Held):
    """A set in whole numbers of few bits; its factors are what these stand for.

    Parameters
    ----------
    factors, description
        As of `Held`.
    whole_numbers : Codes
        What the factors were computed from.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> few = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2).quantize(9)
    >>> whole = Coded(few.factors, few.description, few.codes)
    >>> whole.nbytes == few.codes.nbytes, whole.truncated((4, 1)).description.components
    (True, (4, 1))
    """

    whole_numbers: Codes

    @property
    def codes(self) -> Codes:
        """The whole numbers that the factors are computed from."""
        return self.whole_numbers

    @property
    def reason(self) -> str:
        """Why so many bits are spent on what, if somebody has chosen."""
        return self.codes.reason

    @property
    def nbytes(self) -> int:
        """Bytes that the set costs to keep, padding left out."""
        return self.codes.nbytes

    def truncated(self, kept: tuple[int, ...]) -> Coded:
        """Keep the first components of each class as they are coded."""
        return self.coded_as(*shortened(self.codes, self.description, self.entries, kept))

    def picked(self, blocks: Sequence[int], chosen: Description) -> Coded:
        """Take some class blocks, at the same steps."""
        codes = picked(self.codes, self.description, self.entries, blocks, chosen)
        return self.coded_as(codes, chosen)

    def coded_as(self, codes: Codes, description: Description) -> Coded:
        """Hold other codes in the library, on the device and in the dtype of these."""
        return coded(codes, description, self.entries, self.factors.u, self.dtype)


def held(factors: Iterable[Any], description: Description, codes: Codes | None = None) -> Held:
    """Hold factors that are known to be right.

    Parameters
    ----------
    factors : iterable of array
        U, s, V_x and V_y.
    description : Description
        What is known beside them.
    codes : Codes, optional
        What they were computed from.

    Returns
    -------
    Held or Coded

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 1, 1])
    >>> held(data.factors, data.description).numbers
    38
    """
    found = Factors(*factors)
    return Held(found, description) if codes is None else Coded(found, description, codes)


@np.errstate(all="ignore")  # what is not finite is refused, whatever the caller has set
def coded(
    codes: Codes, description: Description, entries: int, reference: Any, dtype: str
) -> Coded:
    """Hold codes, with the factors that they stand for.

    Parameters
    ----------
    codes, description, entries
        As for `slimdc.parameterization.quantization.unpacked`.
    reference : array
        The factors are wanted in its library and on its device.
    dtype : {"float32", "float64"}
        What they are held in.

    Returns
    -------
    Coded

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The codes are damaged, do not fit the description, or stand for numbers beyond the dtype.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> few = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2).quantize(9)
    >>> coded(few.codes, few.description, 2, np.zeros(0), "float32").dtype
    'float32'
    """
    parts = unpacked(codes, description, entries)
    found = Factors(*(np.asarray(x, dtype) for x in factors_of(parts, description)))
    for name, factor in found._asdict().items():
        check_finite(name, factor)
    return Coded(Factors(*(in_library_of(reference, x) for x in found)), description, codes)


def floats(factors: Factors, description: Description, reference: Any) -> Held:
    """Hold what `decompose` gave, in the library and on the device of an array.

    Raises
    ------
    InvalidValueError
        It has left the finite numbers.

    Examples
    --------
    >>> from slimdc.parameterization.decomposition import decompose
    >>> floats(*decompose(np.eye(2), [0, 1]), np.zeros(0)).dtype
    'float64'
    """
    found = Factors(*(in_library_of(reference, factor) for factor in factors))
    # The rest is right by construction: U and V_x have rows and columns of length 1 at most.
    for name, factor in (("s", found.s), ("vy", found.vy)):
        check_finite(name, to_numpy(factor))
    return Held(found, description)


def in_library_of(source: Any, host: HostArray) -> Any:
    """Bring a factor back to where it came from; NumPy's own copy is not copied again.

    Examples
    --------
    >>> ours = np.ones(1)
    >>> in_library_of(np.zeros(1), ours) is ours
    True
    """
    return host if isinstance(source, np.ndarray) else like(host, source)


def _blocks_of(factors: Factors, blocks: Sequence[int], known: Description) -> Factors:
    """Take blocks where they lie, without padding that none of them needs."""
    n, k = max(known.samples), max(known.components)
    u, s, vx, vy = factors
    cut = u[:, :n, :k], s[:, :k], vx[:, :k, :], vy[:, :k, :]
    return Factors(*(_taken(part, blocks) for part in cut))


def _taken(part: Any, blocks: Sequence[int]) -> Any:
    shared = part.shape[0] == 1  # what all classes share, or the only one
    numbers = np.asarray([0] if shared else blocks, np.int64)
    return namespace(part).take(part, like(numbers, part), axis=0)
