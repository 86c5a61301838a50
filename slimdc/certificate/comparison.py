"""Whether one set is a truncation of another, and which components were removed."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from slimdc._array import HostArray, to_numpy
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import Components


class Block(NamedTuple):
    """One class without padding, in float64: `left` is U (n, b) of Eq. 8.

    Examples
    --------
    >>> part = Components(np.ones(1), np.ones((1, 3)), np.ones((1, 2)))
    >>> Block(label=0, left=np.eye(2, 1), part=part).left.shape
    (2, 1)
    """

    label: int
    left: HostArray
    part: Components


class Split(NamedTuple):
    """A set divided into the components that a truncation keeps and those that it removes.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> Split(*part.split(1)).removed.s.shape
    (1,)
    """

    kept: Components
    removed: Components


def blocks(data: SlimmableDataset) -> list[Block]:
    """Classes of a set as NumPy float64 arrays, padding dropped and shared factors repeated.

    Parameters
    ----------
    data : SlimmableDataset
        A set of any namespace.

    Returns
    -------
    list of Block
        One for each class.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 0, 1])
    >>> [block.left.shape for block in blocks(data)]
    [(2, 2), (1, 1)]
    """
    u, s, vx, vy = (to_numpy(factor).astype(np.float64) for factor in data.factors)
    found = []
    for i, (label, n, b) in enumerate(zip(data.labels, data.samples, data.components, strict=True)):
        left, weights = u[min(i, len(u) - 1), :n, :b], s[min(i, len(s) - 1), :b]
        found.append(Block(label, left, Components(weights, vx[i, :b], vy[i, :b])))
    return found


def stack(parts: list[Components]) -> Components:
    """Components of several classes, stacked.

    Parameters
    ----------
    parts : list of Components
        NumPy components of equal widths.

    Returns
    -------
    Components
        All of them, in order.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> stack([part, part]).vx.shape
    (4, 2)
    """
    return Components(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def split(before: list[Block], after: list[Block]) -> Split | None:
    """Divide a set by what a truncation of it keeps.

    `after` is a truncation if its classes are those of `before` with the same rows, and the
    components of each are, to the bit and in any order, components of `before` none of which is
    less significant than one left out.

    Parameters
    ----------
    before, after : list of Block
        Classes of both sets.

    Returns
    -------
    Split or None
        None if `after` is no truncation.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.diag([1.0, 2.0]), [0, 0])
    >>> found = split(blocks(data), blocks(data.truncate(1)))
    >>> found.removed.s.round(6).tolist()
    [1.0]
    >>> split(blocks(data.truncate(1)), blocks(data)) is None
    True
    """
    if [(b.label, len(b.left)) for b in before] != [(b.label, len(b.left)) for b in after]:
        return None
    kept, removed = [], []
    for old, new in zip(before, after, strict=True):
        indices = _match(old, new)
        if indices is None:
            return None
        others = np.setdiff1d(np.arange(len(old.part.s)), indices)
        size = np.abs(old.part.s)
        if size[indices].min() < size[others].max(initial=0.0):
            return None
        kept.append(Components(*(a[indices] for a in old.part)))
        removed.append(Components(*(a[others] for a in old.part)))
    return Split(stack(kept), stack(removed))


def _match(old: Block, new: Block) -> list[int] | None:
    where: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, key in enumerate(_keys(old)):
        where[key].append(i)
    found = []
    for key in _keys(new):
        if not where[key]:
            return None
        found.append(where[key].pop(0))
    return found


def _keys(block: Block) -> list[bytes]:
    s, vx, vy = block.part
    # Adding zero makes −0 and 0 the same bytes, as they are the same component.
    rows = np.concatenate([s[:, None], vx, vy, block.left.T], axis=1) + 0.0
    return [row.tobytes() for row in rows]
