"""Float factors as components, one after the other, so that every prefix of them is a set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from slimdc._array import HostArray
from slimdc.parameterization import Factors
from slimdc.storage.header import Header
from slimdc.storage.said import Said

__all__ = ["packed", "places_of", "significances", "sizes_of", "unpacked"]

_TYPES = {"F32": "<f4", "F64": "<f8"}


def places_of(s: HostArray, held: tuple[int, ...]) -> tuple[tuple[int, ...], ...] | None:
    """Tell in which order truncation keeps components; None where they come in it.

    Parameters
    ----------
    s : numpy.ndarray, shape (C or 1, b)
        Significances.
    held : tuple of int
        Components of each class.

    Returns
    -------
    tuple of tuple of int, or None
        For each block of s its components, the largest first, as `SlimmableDataset.truncate` takes
        them.

    Examples
    --------
    >>> places_of(np.asarray([[3.0, -4.0]]), (2, 2))
    ((1, 0),)
    >>> places_of(np.asarray([[4.0, 3.0]]), (2, 2))
    """
    size = np.abs(s)
    if (size[:, 1:] <= size[:, :-1]).all():
        return None
    order = np.argsort(-size, axis=1, kind="stable").tolist()
    return tuple(tuple(block[:k]) for block, k in zip(order, held, strict=False))


def sizes_of(said: Said, held: tuple[int, ...], *, apart: bool) -> tuple[int, ...]:
    """Count the numbers of each component of a float set.

    Parameters
    ----------
    said : Said
        What is said of the set.
    held : tuple of int
        Components of each class.
    apart : bool
        Whether a shared U is written for each class; see `Header.apart`.

    Returns
    -------
    tuple of int
    """
    samples, components = np.asarray(said.samples or held), np.asarray(held)
    shared = "u" in said.shared and not apart
    each = said.size + said.entries + ("s" not in said.shared)
    found = []
    for j in range(max(held)):
        mine = samples[components > j].tolist()
        left = mine[0] if shared else sum(mine)
        found.append(left + ("s" in said.shared) + len(mine) * each)
    return tuple(found)


def packed(factors: Factors, header: Header) -> list[HostArray]:
    """Lay out the numbers of each component as a file holds them.

    First come the column of U and the significance where all classes share them, then for each
    class that holds the component its column of U, its significance, its rows of V_x and of V_y.

    Parameters
    ----------
    factors : Factors
        On the host.
    header : Header
        Of their file.

    Returns
    -------
    list of numpy.ndarray, shape (size of the component,)
    """
    found = []
    for j in range(header.count):
        parts = [_view(factors, piece) for piece in _pieces(header, j, original=True)]
        found.append(np.concatenate(parts, dtype=_TYPES[header.dtype]))
    return found


def unpacked(data: bytes, header: Header, k: int, *, original: bool) -> Factors:
    """Undo `packed` for the first k components.

    Parameters
    ----------
    data : bytes
        These components.
    header : Header
        Of the file.
    k : int
        How many they are.
    original : bool
        Whether components are wanted in the order that they had before they were sorted.

    Returns
    -------
    Factors
        On the host, padded with zeros.
    """
    said, classes = header.said, len(header.held)
    items = np.frombuffer(data, _TYPES[header.dtype])
    dtype, n = items.dtype.newbyteorder("="), max(header.description.samples)
    u_blocks = 1 if "u" in said.shared and not header.apart else classes
    s_blocks = 1 if "s" in said.shared else classes
    factors = Factors(
        np.zeros((u_blocks, n, k), dtype),
        np.zeros((s_blocks, k), dtype),
        np.zeros((classes, k, said.size), dtype),
        np.zeros((classes, k, said.entries), dtype),
    )
    begin = 0
    for j in range(k):
        for piece in _pieces(header, j, original=original):
            view = _view(factors, piece)
            view[:] = items[begin : begin + view.size]
            begin += view.size
    if header.apart and header.places is not None:
        alike = original or len({block[:k] for block in header.places}) == 1
        return factors._replace(u=factors.u[:1] if alike else factors.u)
    return factors


def significances(data: bytes, header: Header, k: int) -> list[HostArray]:
    """Read the significances of the first k components, and nothing else of them.

    Parameters
    ----------
    data : bytes
        These components.
    header : Header
        Of the file.
    k : int
        How many they are.

    Returns
    -------
    list of numpy.ndarray
        Of each component one for each class that holds it, or one where all classes share s.
    """
    items, lengths = np.frombuffer(data, _TYPES[header.dtype]), {"s": 1}
    lengths |= {"vx": header.said.size, "vy": header.said.entries}
    found, begin = [], 0
    for j in range(k):
        mine = []
        for piece in _pieces(header, j, original=False):
            if piece.factor == "s":
                mine.append(items[begin])
            begin += piece.rows if piece.factor == "u" else lengths[piece.factor]
        found.append(np.asarray(mine, np.float64))
    return found


class _Piece(NamedTuple):
    """Numbers that lie side by side: a factor's, of a block, at a place; of U so many rows."""

    factor: str
    block: int
    place: int
    rows: int = 0


def _pieces(header: Header, j: int, *, original: bool) -> Iterator[_Piece]:
    """Name what a component is made of, in its order."""
    shared = header.said.shared if not header.apart else header.said.shared.replace("u", "")
    own = [name for name in "us" if name not in shared]
    samples, places = header.description.samples, header.places

    def place(block: int) -> int:
        if places is None or not original:
            return j
        return places[min(block, len(places) - 1)][j]

    yield from (_Piece(name, 0, place(0), samples[0]) for name in shared)
    for c, held in enumerate(header.held):
        if held > j:
            yield from (_Piece(name, c, place(c), samples[c]) for name in own)
            yield from (_Piece(name, c, place(c)) for name in ("vx", "vy"))


def _view(factors: Factors, piece: _Piece) -> HostArray:
    whole = getattr(factors, piece.factor)
    block = whole[min(piece.block, len(whole) - 1)]
    match piece.factor:
        case "u":
            return np.asarray(block[: piece.rows, piece.place])
        case "s":
            return np.asarray(block[piece.place : piece.place + 1])
        case _:
            return np.asarray(block[piece.place])
