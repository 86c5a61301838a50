"""Several sets as one: classes side by side, and those that are in several merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray, dtype_name, like, namespace, to_numpy
from slimdc._checks import shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.description import NAMES, Description, Factors
from slimdc.parameterization.held import Coded, Held, coded
from slimdc.parameterization.meeting import places
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.preprocessing.samples import widest
from slimdc.parameterization.quantization.codes import Codes
from slimdc.parameterization.quantization.recoding import joined

__all__ = ["united"]


# Characters of a step in a message: a whitening is written whole, means of many values are not.
_LONGEST = 400


class _Block(NamedTuple):
    """A class of a set on the host, without padding: where its rows stood, and its factors."""

    places: NDArray[np.int64]
    factors: Factors


def united(sets: Sequence[Held]) -> Held:
    """Make one set of several; see `SlimmableDataset.union`.

    Parameters
    ----------
    sets : sequence of Held
        The sets.

    Returns
    -------
    Held
        In the framework of the first, coded where all have the same steps and no class is in
        two of them.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        There are none, or they differ in what sets cannot differ in.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
    >>> whole = united([Held(data.factors, data.description)] * 2)
    >>> whole.description.samples, whole.factors.s.shape
    ((2, 4), (2, 4))
    """
    _check_alike(sets)
    entries = max(whole.entries for whole in sets)
    blocks = {label: _merged(parts) for label, parts in sorted(_by_label(sets, entries).items())}
    merged = tuple(blocks.values())
    first = sets[0].description
    known = replace(
        first,
        preprocessing=_complete([whole.description.preprocessing for whole in sets]),
        dtype=widest(*(whole.description.dtype for whole in sets)),
        labels=tuple(blocks),
        samples=tuple(block.factors.u.shape[0] for block in merged),
        components=tuple(block.factors.u.shape[1] for block in merged),
        order=tuple(np.concatenate([block.places for block in merged]).tolist()),
        names=None,
    ).named_as(_names(sets))
    codes, u = _codes_of(sets, entries, known), sets[0].factors.u
    if codes is not None:
        return coded(codes, known, entries, u, sets[0].dtype)
    padded = _padded([block.factors for block in merged])
    return Held(Factors(*(like(x, u) for x in padded)), known)


def _check_alike(sets: Sequence[Held]) -> None:
    if not sets:
        raise InvalidValueError("sets", "none", "one set or more")
    namespace(*(whole.factors.u for whole in sets), argument="sets")
    first, dtype = sets[0].description, dtype_name(sets[0].factors.u)
    for i, whole in enumerate(sets):
        name, known = f"sets[{i}]", whole.description
        for what in ("shape", "layout"):
            found, expected = getattr(known, what), getattr(first, what)
            if found != expected:
                raise InvalidValueError(name, f"{what} {found}", f"that of sets[0], {expected}")
        if known.preprocessing != first.preprocessing:
            found, expected = _difference(known.preprocessing, first.preprocessing)
            raise InvalidValueError(name, f"preprocessing {found}", f"that of sets[0], {expected}")
        if dtype_name(whole.factors.u) != dtype:
            # Not widened: an U of float32 is not orthonormal by the measure of float64.
            found = f"factors of {dtype_name(whole.factors.u)}, which samples of that dtype make"
            raise InvalidTypeError(name, found, f"factors of {dtype}, as sets[0] has them")


def _names(sets: Sequence[Held]) -> dict[int, str]:
    """Collect the names of classes; two sets that number the same classes otherwise do not fit."""
    known: dict[int, str] = {}
    labels: dict[str, int] = {}
    for i, whole in enumerate(sets):
        for label, name in whole.description.named.items():
            if known.setdefault(label, name) != name:
                found = f"class {label} named {shown(name)}"
                raise InvalidValueError(f"sets[{i}]", found, f"{shown(known[label])}, as before it")
            if labels.setdefault(name, label) != label:
                found = f"{shown(name)} as class {label}"
                raise InvalidValueError(f"sets[{i}]", found, f"class {labels[name]}, as before it")
    return known


def _difference(found: Preprocessing, expected: Preprocessing) -> tuple[str, str]:
    """Show the first step in which two chains differ, a whitening with the digest of its data."""
    steps = zip_longest(found.steps, expected.steps, fillvalue="of fewer steps")
    mine, theirs = next(pair for pair in steps if pair[0] != pair[1])
    return _written(mine), _written(theirs)


def _written(step: object) -> str:
    text = str(step)
    return text if len(text) <= _LONGEST else shown(step)


def _complete(given: Sequence[Preprocessing]) -> Preprocessing:
    """Of equal ones, prefer one whose whitening has its matrix."""
    return next((one for one in given if one.is_complete), given[0])


def _by_label(sets: Sequence[Held], entries: int) -> dict[int, list[_Block]]:
    found: dict[int, list[_Block]] = {}
    start = 0
    for whole in sets:
        known = whole.description
        u, s, vx, vy = (to_numpy(factor) for factor in whole.factors)
        vy = np.pad(vy, ((0, 0), (0, 0), (0, entries - whole.entries)))
        for i, stood in enumerate(places(known)):
            n, k = known.samples[i], known.components[i]
            own, shared = min(i, len(u) - 1), min(i, len(s) - 1)
            part = Factors(u[own, :n, :k], s[shared, :k], vx[i, :k], vy[i, :k])
            found.setdefault(known.labels[i], []).append(_Block(stood + start, part))
        start += sum(known.samples)
    return found


def _merged(blocks: Sequence[_Block]) -> _Block:
    """Put the components of a class side by side, U block-diagonal, the most significant first."""
    if len(blocks) == 1:
        return blocks[0]
    u, s, vx, vy = zip(*(block.factors for block in blocks), strict=True)
    stood = np.concatenate([block.places for block in blocks])
    # Sorted, since sets of few bits keep their first components.
    whole = np.concatenate(s)
    order = np.argsort(-np.abs(whole), kind="stable")
    factors = _diagonal(u)[:, order], whole[order], np.concatenate(vx), np.concatenate(vy)
    return _Block(stood, Factors(*factors[:2], *(v[order] for v in factors[2:])))


def _diagonal(blocks: Sequence[HostArray]) -> HostArray:
    rows, columns = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    found = np.zeros((rows, columns), blocks[0].dtype)
    i = j = 0
    for block in blocks:
        n, k = block.shape
        found[i : i + n, j : j + k] = block
        i, j = i + n, j + k
    return found


def _padded(blocks: Sequence[Factors]) -> Factors:
    """Stack the factors of classes, zero padded to the largest."""
    found = []
    for name in NAMES:
        parts = [getattr(block, name) for block in blocks]
        shape = tuple(np.max([part.shape for part in parts], axis=0).tolist())
        whole = np.zeros((len(parts), *shape), parts[0].dtype)
        for block, part in zip(whole, parts, strict=True):
            block[tuple(slice(length) for length in part.shape)] = part
        found.append(whole)
    return Factors(*found)


def _codes_of(sets: Sequence[Held], entries: int, known: Description) -> Codes | None:
    """Code the sets as one where this rounds nothing; otherwise their floats are what there is."""
    few = [(whole.codes, whole.description) for whole in sets if isinstance(whole, Coded)]
    steps = {(codes.step, codes.label_step, codes.rows) for codes, _ in few}
    merges = len(known.labels) < sum(len(whole.description.labels) for whole in sets)
    # Labels are turned by a rotation of so many entries.
    alike = len(few) == len(sets) and len(steps) == 1
    if merges or not alike or any(whole.entries < entries for whole in sets):
        return None
    return joined(few, entries, known)
