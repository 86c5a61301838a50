"""What a set of few bits is: whole numbers, two steps, and the parts of Eq. 8 they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc._checks import positive, shown, truth, whole_number
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.description import Description
from slimdc.parameterization.quantization.component import Shape, coded, decoded
from slimdc.parameterization.quantization.entropy import LARGEST, MOST_IN_A_BYTE
from slimdc.parameterization.quantization.transform import SampleTransform, turned

__all__ = [
    "Codes",
    "Numbers",
    "Parts",
    "band_of",
    "held",
    "largest_of",
    "numbers_of",
    "packed",
    "unpacked",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Parts(NamedTuple):
    """Rows that samples are combinations of: ``X = left x`` and ``Y = left y`` for each class.

    They are Eq. 8 with the significances among the rows: x = diag(s) V_x, y = diag(s) V_y.

    Attributes
    ----------
    left : numpy.ndarray, shape (C, n, k), or None
        Coefficients; None where the rows are the samples themselves.
    x : numpy.ndarray, shape (C, k, d)
        Rows of the samples.
    y : numpy.ndarray, shape (C, k, c)
        Rows of the labels.
    """

    left: Floats | None
    x: Floats
    y: Floats


class Numbers(NamedTuple):
    """Parts in multiples of their steps, padded like them.

    Attributes
    ----------
    left : numpy.ndarray of int64, shape (C, n, k), or None
    x, y : numpy.ndarray of int64, shapes (C, k, d) and (C, k, c)
    """

    left: Integers | None
    x: Integers
    y: Integers


@dataclass(frozen=True)
class Codes:
    """A set as whole numbers in bytes, component by component.

    A row of samples is the inverse cosine transform of its numbers times `step` and the weights of
    their frequencies; a coefficient of U diag(s) is its number times `step` over the length of that
    row, so that all errors weigh alike in X; a row of labels is turned by `label_rotation`, in
    steps of `label_step`.

    Parameters
    ----------
    step, label_step : float
        The steps of samples and of labels.
    rows : bool
        Whether components are samples as they are: U is the identity then, and takes no bytes.
    components : tuple of bytes
        Each with its scales, see `slimdc.parameterization.quantization.component`.
    reason : str
        Why just this was kept, in words; files do not hold it.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A step is no finite number above zero, or a component is not of bytes.

    Examples
    --------
    >>> Codes(0.5, 0.125, False, (b"abc", b"de")).truncated(1).nbytes
    3
    """

    step: float
    label_step: float
    rows: bool
    components: tuple[bytes, ...]
    reason: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name in ("step", "label_step"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        object.__setattr__(self, "rows", truth("rows", self.rows))
        if not isinstance(self.components, tuple | list):
            found = type(self.components).__name__
            raise InvalidTypeError("components", found, "a tuple of bytes")
        object.__setattr__(self, "components", tuple(self.components))
        for component in self.components:
            if not isinstance(component, bytes):
                raise InvalidTypeError("components", type(component).__name__, "bytes")
        if not isinstance(self.reason, str):
            raise InvalidTypeError("reason", shown(self.reason), "a str")

    @property
    def nbytes(self) -> int:
        """Bytes of all components."""
        return sum(map(len, self.components))

    def truncated(self, k: int) -> Codes:
        """Keep the first k components; why there were more is no reason any longer."""
        return replace(self, components=self.components[:k], reason="")

    def described(self, description: Description, kept: tuple[int, ...]) -> Description:
        """Describe what is left of a set with so many components in each class."""
        if not self.rows:
            return description.truncated(kept)
        order = None
        if description.order is not None:
            parts = np.split(np.asarray(description.order), np.cumsum(description.samples)[:-1])
            left = np.concatenate([part[:k] for part, k in zip(parts, kept, strict=True)])
            order = tuple(np.argsort(np.argsort(left)).tolist())
        return replace(description, samples=kept, components=kept, order=order)


def band_of(description: Description, entries: int, *, rows: bool) -> Integers:
    """Give the band of each number of a component: labels, coefficients, then samples.

    Parameters
    ----------
    description : Description
        Of the set.
    entries : int
        Entries c of a label row.
    rows : bool
        Whether components are samples themselves, so that there are no coefficients.

    Returns
    -------
    numpy.ndarray of int64, shape (c + n + d,), or (c + d,) for rows

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])
    >>> band_of(data.description, 2, rows=False).tolist()
    [0, 1, 2, 2, 3, 3, 3, 3]
    """
    labels = np.minimum(np.arange(entries), 1)
    left = np.full(0 if rows else max(description.samples), 2)
    samples = SampleTransform(description).bands + (2 if rows else 3)
    return np.concatenate([labels, left, samples])


def largest_of(numbers: Numbers) -> int:
    """Give the size of the largest number: above `LARGEST` it cannot be coded."""
    return max(int(np.abs(part).max(initial=0)) for part in numbers if part is not None)


def packed(numbers: Numbers, description: Description) -> tuple[bytes, ...]:
    """Code numbers, component by component.

    Parameters
    ----------
    numbers : Numbers
        The numbers of a set.
    description : Description
        Which class holds how many components.

    Returns
    -------
    tuple of bytes

    Raises
    ------
    InvalidValueError
        A number is larger than any that is coded.
    """
    if (largest := largest_of(numbers)) > LARGEST:
        raise InvalidValueError("step", f"one that makes numbers of {largest}", f"up to {LARGEST}")
    bands = band_of(description, numbers.y.shape[2], rows=numbers.left is None)
    return tuple(coded(held(numbers, description), bands))


def held(numbers: Numbers, description: Description) -> list[Integers]:
    """Give the numbers of each component, (r, c + n + d): a row for each class that holds it."""
    found = []
    for j in range(max(description.components)):
        mine = np.flatnonzero(np.asarray(description.components) > j)
        left = [] if numbers.left is None else [numbers.left[mine, :, j]]
        found.append(np.concatenate([numbers.y[mine, j], *left, numbers.x[mine, j]], axis=1))
    return found


def unpacked(codes: Codes, description: Description, entries: int) -> Parts:
    """Compute the parts that codes stand for.

    Parameters
    ----------
    codes : Codes
        A set in bytes.
    description : Description
        What else is known about it.
    entries : int
        Entries c of a label row.

    Returns
    -------
    Parts

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A component is damaged, or they do not fit the description.
    """
    return parts_of(numbers_of(codes, description, entries), codes, description)


def numbers_of(codes: Codes, description: Description, entries: int) -> Numbers:
    """Undo `packed`: the numbers that codes hold.

    Parameters
    ----------
    codes, description, entries
        As for `unpacked`, and refused as there.

    Returns
    -------
    Numbers
    """
    _check(codes, description, entries)
    counts = np.asarray(description.components)
    bands, k = band_of(description, entries, rows=codes.rows), int(counts.max())
    shapes = [Shape(int((counts > j).sum()), bands) for j in range(k)]
    whole = np.zeros((counts.size, k, bands.size), np.int64)
    for j, numbers in enumerate(decoded(codes.components, shapes)):
        whole[counts > j, j] = numbers
    n = 0 if codes.rows else max(description.samples)
    y, left, x = np.split(whole, [entries, entries + n], axis=2)
    return Numbers(None if codes.rows else np.moveaxis(left, 1, 2), x, y)


def parts_of(numbers: Numbers, steps: Codes, description: Description) -> Parts:
    """Compute the parts that numbers stand for."""
    transform = SampleTransform(description)
    cosines = transform.weights * numbers.x
    x = transform.inverse(cosines * steps.step)
    y = turned(np.asarray(numbers.y * steps.label_step, np.float64), description.labels)
    if numbers.left is None:
        return Parts(None, x, y)
    length = np.sqrt((cosines**2).sum(axis=2))
    return Parts(numbers.left / np.where(length > 0, length, 1.0)[:, None, :], x, y)


def _check(codes: Codes, description: Description, entries: int) -> None:
    if not isinstance(codes, Codes):
        raise InvalidTypeError("codes", type(codes).__name__, "Codes")
    if not isinstance(description, Description):
        raise InvalidTypeError("description", type(description).__name__, "a Description")
    whole_number("label_entries", entries, at_least=max(description.labels) + 1)
    k = max(description.components)
    if len(codes.components) != k:
        raise InvalidValueError("codes", f"{len(codes.components)} components", f"{k}")
    if codes.rows and description.samples != description.components:
        found = f"{shown(description.samples)} samples of {shown(description.components)} rows"
        raise InvalidValueError("codes", found, "rows that are the samples")
    # Before anything is made room for: what a forged description asks of few bytes fits nowhere.
    row = entries + description.size + (0 if codes.rows else max(description.samples))
    held = np.asarray(description.components)
    for j, component in enumerate(codes.components):
        numbers = int((held > j).sum()) * row
        if numbers > MOST_IN_A_BYTE * len(component):
            found = f"{len(component)} bytes for {numbers} numbers"
            raise InvalidValueError(f"component {j}", found, "a byte for every 1,512 of them")
