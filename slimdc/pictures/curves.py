"""Curves: the spectrum of a set, accuracy against budgets, and how training went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from slimdc._array import to_numpy
from slimdc._checks import finite, instance_of, instances_of, one_of, positive, shown, values_of
from slimdc.chains import Chain
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.pictures.canvas import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["accuracies", "budgets", "convergence", "draw_spectrum", "sensitivity", "spectrum"]

_STYLES = ("-", "--", ":", "-.")
# Labels of budgets are drawn where one is so much smaller than the next.
_ROOM = 1.3


def spectrum(data: SlimmableDataset) -> Figure:
    """Draw the significances s of a set, a line for each class.

    Parameters
    ----------
    data : SlimmableDataset
        A set.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError
        If it is no set.
    MissingLibraryError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = spectrum(slimdc.datasets.sample().data)  # doctest: +SKIP
    """
    instance_of("data", data, SlimmableDataset)
    figure = new_figure(5.0, 3.5)
    draw_spectrum(figure.subplots(), data)
    return figure


def draw_spectrum(axis: Any, data: SlimmableDataset) -> None:
    """Draw the significances of a set into axes of a figure."""
    s = np.abs(to_numpy(data.s).astype(np.float64))
    named = data.description.named
    for line, k, label in zip(s, data.components, data.labels, strict=False):
        values = np.sort(line[:k])[::-1]
        name = f"{label} {named.get(label, '')}".rstrip()
        axis.plot(np.arange(1, values.size + 1), values, marker=".", label=name)
    axis.set_xlabel("component")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_ylabel("significance s")
    if 1 < s.shape[0] <= 10:
        _as_they_are(axis.legend(title="class", fontsize="small", ncols=2))


def accuracies(
    chains: Mapping[str, Chain], *, against: Literal["components", "bytes"] = "components"
) -> Figure:
    """Draw accuracies of chains against components or bytes, and how far networks are apart.

    A bar at a mean is a sample standard deviation long to either side: over the networks that were
    trained on that one set, so that it holds nothing of how sets of other seeds differ.

    Parameters
    ----------
    chains : mapping of str to Chain
        Chains by the names that are written beside them.
    against : {"components", "bytes"}
        What a budget is counted in.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there is no chain, or another budget is asked for.
    MissingLibraryError
        If matplotlib is not installed.
    """
    one_of("against", against, ("components", "bytes"))
    if not isinstance(chains, Mapping) or not chains:
        raise InvalidTypeError("chains", shown(chains), "a mapping of names to chains")
    instances_of("chains", chains, str)
    instances_of("chains", chains.values(), Chain)
    for name, chain in chains.items():
        if not chain.cells:
            found = f"{shown(name)} without a finished cell"
            raise InvalidValueError("chains", found, "chains that have been begun")
    figure = new_figure(6.5, 5.0)
    axis = figure.subplots()
    for i, (name, chain) in enumerate(chains.items()):
        first = chain.cells[0]
        for way, style, marker in zip(chain.ways, cycle(_STYLES), cycle("osDv^<>")):
            cells = [c for c in chain.cells if c.way == way]
            if cells and way != first.way:  # it starts where the first set is
                cells = [first, *cells]
            places = [c.k if against == "components" else c.nbytes for c in cells]
            axis.plot(
                places, [c.mean for c in cells], style, color=f"C{i}", marker=marker,
                markersize=4, label=f"{name}: {way}",
            )  # fmt: skip
            low, high = zip(*((c.mean - c.std, c.mean + c.std) for c in cells), strict=True)
            axis.vlines(places, low, high, color=f"C{i}", alpha=0.5)
    axis.set_xscale("log")
    cells = [cell for chain in chains.values() for cell in chain.cells]
    _mark(axis, {cell.k if against == "components" else cell.nbytes for cell in cells})
    axis.set_xlabel("components per class" if against == "components" else "bytes")
    axis.set_ylabel("accuracy, %")
    axis.grid(alpha=0.3)
    legend = figure.legend(fontsize="small", ncols=2, loc="outside lower center", handlelength=3.5)
    _as_they_are(legend)
    return figure


def _as_they_are(legend: Any) -> None:
    """Take names as they are: they are no formulas, whatever they hold."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def _mark(axis: Any, budgets: Iterable[float]) -> None:
    """Mark budgets themselves, not powers of ten."""
    ticks = _apart(budgets)
    axis.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axis.set_xticks([], minor=True)


def _apart(budgets: Iterable[float]) -> list[float]:
    """Leave out budgets that have no room beside a larger one."""
    kept: list[float] = []
    for budget in sorted(budgets, reverse=True):
        if not kept or budget * _ROOM <= kept[-1]:
            kept.append(budget)
    return kept


def convergence(curves: Mapping[str, Sequence[tuple[float, float]]], what: str) -> Figure:
    """Draw curves over training steps (the paper's Figs. 3 and 4, right).

    Parameters
    ----------
    curves : mapping of str to sequence of (step, value)
        Curves by name.
    what : str
        Written beside the vertical axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there is no curve, or one that is none.
    MissingLibraryError
        If matplotlib is not installed.
    """
    instance_of("what", what, str)
    return _lines(_curves(curves, (2,)), "step", what, scale="linear")


def sensitivity(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Draw accuracy against the weight of each term of Eq. 13.

    Parameters
    ----------
    curves : mapping of str to sequence of (weight, accuracy)
        Accuracies in percent by the name of the weight.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingLibraryError
        As for `convergence`.
    """
    across = "weight, as a multiple of the default"
    return _lines(_curves(curves, (2,), "log"), across, "accuracy, %", scale="log")


def budgets(curves: Mapping[str, Sequence[tuple[float, ...]]]) -> Figure:
    """Draw accuracy against bytes, whatever the sets are.

    Parameters
    ----------
    curves : mapping of str to sequence of (bytes, accuracy) or (bytes, accuracy, spread)
        Accuracies in percent, by the name of a curve; a spread is a bar to either side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingLibraryError
        As for `convergence`.

    Examples
    --------
    >>> figure = budgets({"ours": [(608, 68.6), (4_009, 80.5)]})  # doctest: +SKIP
    """
    known = _curves(curves, (2, 3), "log")
    means = {name: [point[:2] for point in points] for name, points in known.items()}
    figure = _lines(means, "bytes", "accuracy, %", scale="log")
    _mark(figure.axes[0], {point[0] for points in known.values() for point in points})
    for i, points in enumerate(known.values()):
        for place, mean, *spread in points:
            for std in spread:
                figure.axes[0].vlines(place, mean - std, mean + std, color=f"C{i}", alpha=0.5)
    return figure


_Curves: TypeAlias = dict[str, list[tuple[float, ...]]]


def _curves(given: object, lengths: tuple[int, ...], scale: str = "linear") -> _Curves:
    """Check curves, of points of so many numbers."""
    place = finite if scale == "linear" else positive
    if not isinstance(given, Mapping) or not given:
        raise InvalidTypeError("curves", shown(given), "a mapping of names to curves")
    expected = f"a sequence of points of {' or '.join(map(str, lengths))} numbers"
    known: _Curves = {}
    for name, curve in given.items():
        points = [
            values_of("curves", point, expected) for point in values_of("curves", curve, expected)
        ]
        if not points or any(len(point) not in lengths for point in points):
            raise InvalidValueError("curves", shown(curve), expected)
        drawn = [
            (place("curves", point[0]), *(finite("curves", number) for number in point[1:]))
            for point in points
        ]
        known[instance_of("curves", name, str)] = drawn
    return known


def _lines(curves: _Curves, across: str, up: str, *, scale: str) -> Figure:
    figure = new_figure(5.0, 3.5)
    axis = figure.subplots()
    for name, points in curves.items():
        axis.plot(*zip(*points, strict=True), marker=".", label=name)
    axis.set_xscale(scale)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    _as_they_are(axis.legend(fontsize="small"))
    return figure
