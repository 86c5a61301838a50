"""Chains as a table in Markdown, laid out as the paper's Table 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from slimdc._checks import instances_of
from slimdc.chains.cells import RETRAINED, START, Chain
from slimdc.errors import InvalidValueError

__all__ = ["table"]

_TITLES = {RETRAINED: RETRAINED, START: "as given"}


def table(chains: Sequence[Chain]) -> str:
    """Lay out chains: a line for each method and way, a column for each number of components.

    Chains of one method are synthesis seeds of it: their mean accuracies are averaged, and the
    spread is their sample standard deviation. A gap is what a slimmed set is behind a set made of
    the real data (RT), in points.

    Parameters
    ----------
    chains : sequence of Chain
        Of one data set and one protocol.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If they are no chains, or there is none.

    Examples
    --------
    >>> from slimdc.chains import Cell
    >>> cells = Cell("RT", 2, (80.0,), 64), Cell("RT", 1, (70.0,), 32), Cell("dm", 1, (69.0,), 32)
    >>> print(table([Chain("dm", cells)]))
    | condensed by | way | 2 | 1 |
    |---|---|---|---|
    | dm | RT | 80.0 | 70.0 |
    | | slimmed by dm | | 69.0 |
    | | gap | | 1.0 |
    | | bytes | 64 | 32 |
    """
    chains = instances_of("chains", chains, Chain)
    if not chains:
        raise InvalidValueError("chains", "none", "a chain, or several")
    sizes = sorted({cell.k for chain in chains for cell in chain.cells}, reverse=True)
    lines = [_line(["condensed by", "way", *map(str, sizes)]), "|---|---|" + "---|" * len(sizes)]
    for method in dict.fromkeys(chain.method for chain in chains):
        same = [chain for chain in chains if chain.method == method]
        ways = dict.fromkeys(way for chain in same for way in chain.ways)
        name = "(a set given)" if START in ways else method
        for way in ways:
            title = _TITLES.get(way, f"slimmed by {way}")
            lines.append(_line([name, title, *(_accuracy(same, way, k) for k in sizes)]))
            name = ""
            gaps = [_gap(same, way, k) for k in sizes]
            if any(gaps):
                lines.append(_line(["", "gap", *gaps]))
        lines.append(_line(["", "bytes", *(_bytes(same, k) for k in sizes)]))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _accuracy(chains: Sequence[Chain], way: str, k: int) -> str:
    known = [x for x in (chain.accuracy(way, k) for chain in chains) if x is not None]
    if not known:
        return ""
    spread = f" ± {np.std(known, ddof=1):.1f}" if len(known) > 1 else ""
    return f"{np.mean(known):.1f}{spread}"


def _gap(chains: Sequence[Chain], way: str, k: int) -> str:
    if way == RETRAINED:
        return ""
    known = [x for x in (chain.gap(way, k) for chain in chains) if x is not None]
    return f"{np.mean(known):.1f}" if known else ""


def _bytes(chains: Sequence[Chain], k: int) -> str:
    """Give what sets of k components cost, by way where ways differ."""
    found = {cell.way: cell.nbytes for chain in chains for cell in chain.cells if cell.k == k}
    sizes = sorted(set(found.values()))
    return " to ".join(f"{n:,}" for n in (sizes if len(sizes) < 2 else (sizes[0], sizes[-1])))
