"""Sets that meet: some classes of a set, other entries of its labels, several sets as one.

Nothing is computed anew: factors are picked, moved and padded, so that samples stay what they were
to the bit of their factors. Blocks come in ascending order of their labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from slimdc._array import like, namespace
from slimdc._checks import MOST, shown, whole_number, whole_numbers
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.description import Description
from slimdc.parameterization.held import Held

__all__ = ["places", "relabelled", "selected"]


def places(description: Description) -> list[NDArray[np.int64]]:
    """Tell where the rows of each class stood in the arrays that a set was made of.

    Parameters
    ----------
    description : Description
        Of the set.

    Returns
    -------
    list of numpy.ndarray of int64
        For each class block.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [1, 0, 1])
    >>> [part.tolist() for part in places(data.description)]
    [[1], [0, 2]]
    """
    given, total = description.order, sum(description.samples)
    order = np.arange(total) if given is None else np.asarray(given, np.int64)
    return np.split(order, np.cumsum(description.samples)[:-1])


def selected(whole: Held, classes: object) -> Held:
    """Take some classes of a set; see `SlimmableDataset.select`.

    Parameters
    ----------
    whole : Held
        The set.
    classes : iterable of int
        Labels of the classes.

    Returns
    -------
    Held
        Coded where the set is.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        There are none, or one is no class of the set.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 2, 1])
    >>> selected(Held(data.factors, data.description), [2, 0]).description.labels
    (0, 2)
    """
    known = whole.description
    wanted = set(whole_numbers("classes", classes, at_least=0))
    unknown = sorted(wanted - set(known.labels))
    if unknown or not wanted:
        found = f"class {unknown[0]}" if unknown else "no class"
        raise InvalidValueError("classes", found, f"classes of the set, {shown(known.labels)}")
    blocks = [i for i in _ascending(known) if known.labels[i] in wanted]
    return whole.picked(blocks, _described(known, blocks))


def relabelled(whole: Held, to: object, entries: object) -> Held:
    """Move the entries of label rows; see `SlimmableDataset.relabel`.

    Parameters
    ----------
    whole : Held
        The set.
    to : sequence of int, or mapping of int to int
        Where each entry goes, or those that move.
    entries : int or None
        Entries of a row of the result.

    Returns
    -------
    Held
        In floats, unless nothing moves.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Entries are missing or meet, or do not fit into the row.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
    >>> moved = relabelled(Held(data.factors, data.description), {0: 3}, None)
    >>> moved.description.labels, moved.entries
    ((1, 3), 4)
    """
    known, c = whole.description, whole.entries
    target = _targets(to, c)
    width = max(target) + 1
    if entries is not None:
        width = whole_number("entries", entries, at_least=width, at_most=MOST)
    if target == tuple(range(c)) and width == c:
        return whole
    vy = whole.factors.vy
    most = MOST // (int(vy.shape[0]) * int(vy.shape[1]))
    if width > most:
        raise InvalidValueError("entries", shown(width), f"at most {most} for so many components")
    xp, blank = namespace(vy), np.zeros((*map(int, vy.shape[:2]), 1))
    source = np.full(width, c)
    source[list(target)] = np.arange(c)
    wider = xp.concat([vy, like(blank, vy, vy.dtype)], axis=2)
    factors = whole.factors._replace(vy=xp.take(wider, like(source, vy), axis=2))
    moved = replace(known, labels=tuple(target[label] for label in known.labels))
    blocks = _ascending(moved)
    return Held(factors, moved).picked(blocks, _described(moved, blocks))


def _targets(to: object, c: int) -> tuple[int, ...]:
    """Read where each of c entries goes."""
    if isinstance(to, Mapping):
        old = whole_numbers("to", to, at_least=0)
        moves = dict(zip(old, whole_numbers("to", to.values(), at_least=0), strict=True))
        if old and max(old) >= c:
            raise InvalidValueError("to", f"entry {max(old)}", f"entries from 0 to {c - 1}")
        target = tuple(moves.get(entry, entry) for entry in range(c))
    elif isinstance(to, set | frozenset):  # has no order
        raise InvalidTypeError("to", type(to).__name__, "a sequence or a mapping of int")
    else:
        target = whole_numbers("to", to, at_least=0)
        if len(target) != c:
            raise InvalidValueError("to", f"{len(target)} numbers", f"{c}, one for each entry")
    came: dict[int, int] = {}
    for before, after in enumerate(target):
        if came.setdefault(after, before) != before:
            found = f"entries {came[after]} and {before} both at {after}"
            raise InvalidValueError("to", found, "a place of its own for each")
    return target


def _ascending(known: Description) -> list[int]:
    return sorted(range(len(known.labels)), key=known.labels.__getitem__)


def _described(known: Description, blocks: Sequence[int]) -> Description:
    """Describe some blocks; rows that stay keep their order."""
    stood, total = places(known), sum(known.samples)
    order = np.concatenate([stood[i] for i in blocks])
    # Counted anew: how many of those that stay stood before each.
    ranks = np.cumsum(np.isin(np.arange(total), order))[order] - 1
    labels, samples, components = (
        tuple(counts[i] for i in blocks)
        for counts in (known.labels, known.samples, known.components)
    )
    names = None if known.names is None else tuple(known.names[i] for i in blocks)
    return replace(
        known,
        labels=labels,
        samples=samples,
        components=components,
        order=tuple(ranks.tolist()),
        names=names,
    )
