"""Whether one set is a truncation of another, and which components were removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slimdc._array import HostArray
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import Components

__all__ = [
    "OneClass",
    "Truncation",
    "as_truncation",
    "classes_of",
    "second_significance",
    "stacked",
]


class OneClass(NamedTuple):
    """One class of a set in float64, without padding.

    Attributes
    ----------
    label : int
        The class.
    u : numpy.ndarray (n, b)
        U of Eq. 8.
    part : Components
        s, V_x and V_y of its b components.

    Examples
    --------
    >>> part = Components(np.ones(1), np.ones((1, 3)), np.ones((1, 2)))
    >>> OneClass(label=0, u=np.eye(2, 1), part=part).u.shape
    (2, 1)
    """

    label: int
    u: HostArray
    part: Components


class Truncation(NamedTuple):
    """The components of all classes that slimming keeps, and those that it removes.

    Attributes
    ----------
    kept, removed : Components
        NumPy float64 arrays.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> Truncation(*part.split(1)).removed.s.shape
    (1,)
    """

    kept: Components
    removed: Components


def classes_of(data: SlimmableDataset) -> list[OneClass]:
    """Classes of a set as NumPy float64 arrays, padding dropped and shared factors repeated.

    Parameters
    ----------
    data : SlimmableDataset
        A set of any namespace.

    Returns
    -------
    list of OneClass
        In the order of the set.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 0, 1])
    >>> [one.u.shape for one in classes_of(data)]
    [(2, 2), (1, 1)]
    """
    u, s, vx, vy = data.host_factors("float64")
    found = []
    for i, (label, n, b) in enumerate(zip(data.labels, data.samples, data.components, strict=True)):
        part = Components(s[min(i, len(s) - 1), :b], vx[i, :b], vy[i, :b])
        found.append(OneClass(label, u[min(i, len(u) - 1), :n, :b], part))
    return found


def stacked(parts: Sequence[Components]) -> Components:
    """Components of several classes as those of one set.

    Parameters
    ----------
    parts : sequence of Components
        NumPy components of equal widths.

    Returns
    -------
    Components
        All of them, in order.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> stacked([part, part]).vx.shape
    (4, 2)
    """
    return Components(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def second_significance(classes: Sequence[OneClass]) -> float:
    """s₂ of Eq. 9 over several classes: the largest second value of |s| in any.

    It bounds every removed significance, since the first component of each class stays.

    Parameters
    ----------
    classes : sequence of OneClass
        Of the set before.

    Returns
    -------
    float
        0 where every class holds one component.

    Examples
    --------
    >>> part = Components(np.asarray([3.0, 2.0]), np.eye(2), np.ones((2, 1)))
    >>> second_significance([OneClass(0, np.eye(2), part)])
    2.0
    """
    held = [np.sort(np.abs(one.part.s)) for one in classes]
    return max((float(s[-2]) for s in held if len(s) > 1), default=0.0)


def as_truncation(before: Sequence[OneClass], after: Sequence[OneClass]) -> Truncation | None:
    """Tell which components a truncation keeps and which it removes, if it is one.

    `after` is a truncation of `before` if its classes are those of `before` with the same rows,
    and the components of each are, to the bit and in any order, components of `before` none of
    which is less significant than one left out.

    Parameters
    ----------
    before, after : sequence of OneClass
        Classes of both sets.

    Returns
    -------
    Truncation or None
        None if `after` is no truncation.

    Examples
    --------
    >>> part = Components(np.asarray([3.0, 2.0]), np.eye(2), np.ones((2, 1)))
    >>> before = [OneClass(0, np.eye(2), part)]
    >>> after = [OneClass(0, np.eye(2, 1), part.split(1)[0])]
    >>> as_truncation(before, after).removed.s.tolist()
    [2.0]
    >>> as_truncation(after, before) is None
    True
    """
    if [(one.label, len(one.u)) for one in before] != [(one.label, len(one.u)) for one in after]:
        return None
    kept, removed = [], []
    for old, new in zip(before, after, strict=True):
        indices = _places(new, old)
        if indices is None:
            return None
        others = np.setdiff1d(np.arange(len(old.part.s)), indices)
        size = np.abs(old.part.s)
        if size[indices].min() < size[others].max(initial=0.0):
            return None
        kept.append(Components(*(a[indices] for a in old.part)))
        removed.append(Components(*(a[others] for a in old.part)))
    return Truncation(stacked(kept), stacked(removed))


def _places(new: OneClass, old: OneClass) -> list[int] | None:
    """Find each component of one class in another one; None if one is missing there."""
    where: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, key in enumerate(_bytes_of_components(old)):
        where[key].append(i)
    found = []
    for key in _bytes_of_components(new):
        if not where[key]:
            return None
        found.append(where[key].pop(0))
    return found


def _bytes_of_components(one: OneClass) -> list[bytes]:
    s, vx, vy = one.part
    # Adding zero makes −0 and 0 the same bytes, as they are the same component.
    rows = np.concatenate([s[:, None], vx, vy, one.u.T], axis=1) + 0.0
    return [row.tobytes() for row in rows]
