"""Samples as images: sets one below the other, and one class by the components that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slimdc._checks import instance_of, instances_of, shown, whole_number, whole_numbers
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.notebook.thumbnails import shortened
from slimdc.parameterization import SlimmableDataset
from slimdc.pictures.canvas import new_figure
from slimdc.pictures.pixels import first_of_each_class, pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["components", "samples"]

_WIDEST = 20  # images of a line of samples; more go on below it


def samples(sets: Mapping[str, SlimmableDataset], *, per_class: int = 1) -> Figure:
    """Draw the first samples of each class, a line for each set (the paper's Fig. 5).

    Above them are the names of the classes, where the first set has some. After 20 images the
    lines of all sets go on below.

    Parameters
    ----------
    sets : mapping of str to SlimmableDataset
        Sets of images by the names that are written beside them, of the same classes.
    per_class : int
        Samples of each class.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there is no set, or one holds no images.
    MissingLibraryError
        If matplotlib is not installed.

    Examples
    --------
    >>> data = slimdc.datasets.sample().data  # doctest: +SKIP
    >>> figure = samples({"before": data, "after": data.truncate(2)})  # doctest: +SKIP
    """
    if not isinstance(sets, Mapping) or not sets:
        raise InvalidTypeError("sets", shown(sets), "a mapping of names to sets")
    instances_of("sets", sets, str)
    instances_of("sets", sets.values(), SlimmableDataset)
    per_class = whole_number("per_class", per_class, at_least=1)
    shown_of = {name: first_of_each_class(data, per_class) for name, data in sets.items()}
    longest = max(map(len, shown_of.values()))
    width = min(longest, _WIDEST)
    parts = [
        (name, images[begin : begin + width])
        for begin in range(0, longest, width)
        for name, images in shown_of.items()
    ]
    figure = _grid(parts)
    first = next(iter(sets.values()))
    places = np.cumsum([0, *(min(per_class, held) for held in first.samples)])
    for place, name in zip(places.tolist(), map(shortened, first.names or ()), strict=False):
        line, column = divmod(place, width)
        figure.axes[line * len(sets) * width + column].set_title(name, fontsize=7, parse_math=False)
    return figure


def components(
    data: SlimmableDataset, label: int, counts: Sequence[int], columns: int = 10
) -> Figure:
    """Draw samples of a class by how many components are kept (the paper's Fig. 6).

    Parameters
    ----------
    data : SlimmableDataset
        A set of images.
    label : int
        The class.
    counts : sequence of int
        Numbers of components.
    columns : int
        Samples of a line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the set holds no images, or not that class or number of components.
    MissingLibraryError
        If matplotlib is not installed.
    """
    instance_of("data", data, SlimmableDataset)
    label = whole_number("label", label, at_least=0)
    counts = whole_numbers("counts", counts, at_least=1)
    columns = whole_number("columns", columns, at_least=1)
    if not counts:
        raise InvalidValueError("counts", "none", "a number of components, or several")
    if label not in data.labels:
        raise InvalidValueError("label", shown(label), f"one of {shown(data.labels)}")
    rows = np.flatnonzero(data.members == label)[:columns]
    return _grid([(f"{k}", pixels(data.truncate(k))[rows]) for k in dict.fromkeys(counts)])


def _grid(lines: Sequence[tuple[str, np.ndarray]]) -> Figure:
    columns = max(len(images) for _, images in lines)
    figure = new_figure(0.8 * columns + 2.0, 0.85 * len(lines) + 0.2)
    axes = figure.subplots(len(lines), columns, squeeze=False)
    for line, (title, images) in zip(axes, lines, strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            _draw(axis, image)
        place = line[0].transAxes
        name = line[0].text(-0.15, 0.5, title, ha="right", va="center", transform=place)
        name.set_parse_math(False)
    return figure


def _draw(axis: Any, image: np.ndarray) -> None:
    if image.shape[-1] == 3:
        axis.imshow(image)
    else:
        axis.imshow(image[..., 0], cmap="gray", vmin=0.0, vmax=1.0)
