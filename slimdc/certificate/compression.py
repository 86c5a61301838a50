"""What slimming kept of a set and what it left out, where the kept may have been changed as well.

Two sets are all that is known. Which components or samples of the set before stand behind the set
after is inferred from both, and no inference makes a bound wrong: every bound is true of any
components or samples that are called the kept ones. Others than the right ones make it larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from slimdc._array import HostArray
from slimdc.certificate.truncation import OneClass, stacked
from slimdc.parameterization.balance import side_by_side
from slimdc.regression import Components

__all__ = ["Compression", "Kind", "as_compression", "samples_of", "without_vanished"]

Kind: TypeAlias = Literal["truncation", "rows"]


class Compression(NamedTuple):
    """A set that holds, in each class, as many equations as were kept of the set before.

    Attributes
    ----------
    kind : {"truncation", "rows"}
        Whether components were kept, or samples.
    kept : list of Components
        The kept of each class as they were before; samples have significances of 1.
    removed : Components
        Those that were left out, of all classes.
    after : list of Components
        Of each class, what the set holds instead of the kept.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> kept, removed = part.split(1)
    >>> Compression("truncation", [kept], removed, [kept]).removed.s.shape
    (1,)
    """

    kind: Kind
    kept: list[Components]
    removed: Components
    after: list[Components]


def as_compression(before: Sequence[OneClass], after: Sequence[OneClass]) -> Compression | None:
    """Tell what of one set may stand behind another one of the same classes.

    With as many samples in each class as before, and no more components, it is the components of
    largest ``|s|``. With fewer samples, and a component for each, it is the samples nearest to
    those after: pairs are made from the nearest on, no sample being taken twice.

    Parameters
    ----------
    before, after : sequence of OneClass
        Classes of both sets.

    Returns
    -------
    Compression or None
        None if the classes differ, or the set after is larger, or neither.

    Examples
    --------
    >>> part = Components(np.asarray([1.0, 2.0]), np.eye(2), np.ones((2, 1)))
    >>> before = [OneClass(0, np.eye(2), part)]
    >>> rounded = Components(np.ones(1), np.asarray([[0.0, 2.1]]), np.asarray([[2.0]]))
    >>> found = as_compression(before, [OneClass(0, np.eye(1), rounded)])
    >>> found.kind, found.kept[0].vx.tolist(), found.removed.vx.tolist()
    ('rows', [[0.0, 2.0]], [[1.0, 0.0]])
    """
    if [one.label for one in before] != [one.label for one in after]:
        return None
    pairs = list(zip(before, after, strict=True))
    samples = [(len(old.u), len(new.u)) for old, new in pairs]
    components = [(len(old.part.s), len(new.part.s)) for old, new in pairs]
    as_many = all(n == left for n, left in samples)
    if as_many and all(b >= k for b, k in components):
        kind: Kind = "truncation"
        split = [_split(old.part, _largest(old.part, len(new.part.s))) for old, new in pairs]
    elif not as_many and all(
        n >= left == k for (n, left), (_, k) in zip(samples, components, strict=True)
    ):
        kind = "rows"
        split = [_split(samples_of(old), _nearest(old, new)) for old, new in pairs]
    else:
        return None
    kept, removed = zip(*split, strict=True)
    return Compression(kind, list(kept), stacked(removed), [new.part for new in after])


def samples_of(one: OneClass) -> Components:
    """Put samples and labels of a class (Eq. 8) in the place of components.

    Parameters
    ----------
    one : OneClass
        The class.

    Returns
    -------
    Components
        With significances of 1.

    Examples
    --------
    >>> part = Components(np.asarray([2.0]), np.ones((1, 2)), np.ones((1, 1)))
    >>> samples_of(OneClass(0, np.asarray([[0.6], [0.8]]), part)).vx.tolist()
    [[1.2, 1.2], [1.6, 1.6]]
    """
    weighted = one.u * one.part.s
    return Components(np.ones(len(one.u)), weighted @ one.part.vx, weighted @ one.part.vy)


def without_vanished(classes: Sequence[OneClass]) -> list[OneClass]:
    """Leave out components whose significance is 0: no sample has a share of them.

    A set in few bits may hold them, where no bits were spent on a component.

    Parameters
    ----------
    classes : sequence of OneClass
        Of a set.

    Returns
    -------
    list of OneClass
        As they are if nothing else is held.

    Examples
    --------
    >>> part = Components(np.asarray([1.0, 0.0]), np.eye(2), np.ones((2, 1)))
    >>> [one.part.s.tolist() for one in without_vanished([OneClass(0, np.eye(2), part)])]
    [[1.0]]
    """
    held = [one.part.s != 0 for one in classes]
    if not any(mask.any() for mask in held):
        return list(classes)
    return [
        OneClass(one.label, one.u[:, mask], Components(*(a[mask] for a in one.part)))
        for one, mask in zip(classes, held, strict=True)
    ]


def _largest(part: Components, k: int) -> HostArray:
    return np.argsort(-np.abs(part.s), kind="stable")[:k]


def _nearest(old: OneClass, new: OneClass) -> HostArray:
    """For each sample after, one before: the nearest of those that no nearer one has taken."""
    (_, x, y), (_, x_after, y_after) = map(samples_of, (old, new))
    rows, rows_after = side_by_side(x, y), side_by_side(x_after, y_after, like=(x, y))
    squares = (rows_after**2).sum(axis=1)[:, None] + (rows**2).sum(axis=1)
    away = squares - 2 * rows_after @ rows.T
    found = np.zeros(len(rows_after), dtype=np.int64)
    for _ in found:
        i, j = np.unravel_index(np.argmin(away), away.shape)
        found[i] = j
        away[i, :] = away[:, j] = np.inf
    return found


def _split(part: Components, indices: HostArray) -> tuple[Components, Components]:
    others = np.setdiff1d(np.arange(len(part.s)), indices)
    return Components(*(a[indices] for a in part)), Components(*(a[others] for a in part))
