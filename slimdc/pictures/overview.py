"""A set at a glance: a sample of each class above the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slimdc._checks import shown
from slimdc.errors import InvalidTypeError
from slimdc.notebook.thumbnails import Thumbnails, thumbnails
from slimdc.parameterization import SlimmableDataset
from slimdc.pictures.canvas import new_figure
from slimdc.pictures.curves import draw_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["overview"]

_COLUMNS = 10


def overview(data: SlimmableDataset) -> Figure:
    """Draw a sample of each class, as many as there is room for, and the spectrum below.

    Parameters
    ----------
    data : SlimmableDataset
        Any set. Vectors are drawn as lines of grey values. Samples whose preprocessing cannot be
        undone, or that are no pixels, are scaled to their own range.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidTypeError
        It is no set.
    MissingLibraryError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = overview(slimdc.datasets.sample().data)  # doctest: +SKIP
    """
    if not isinstance(data, SlimmableDataset):
        raise InvalidTypeError("data", shown(data), "a SlimmableDataset")
    with np.errstate(all="ignore"):
        pictures = thumbnails(data)
    lines = -(-len(pictures.classes) // _COLUMNS) if data.layout != "flat" else 2
    figure = new_figure(7.0, 0.9 * lines + 3.0)
    heights = [0.9 * lines, 3.0]
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    if data.layout == "flat":
        _draw_lines(above, pictures)
    else:
        _draw_images(above, pictures, lines)
    draw_spectrum(below.subplots(), data)
    return figure


def _draw_lines(figure: SubFigure, pictures: Thumbnails) -> None:
    axis = figure.subplots()
    axis.imshow(pictures.pixels[0], cmap="gray", vmin=0, vmax=255, aspect="auto")
    axis.set_xticks([])
    axis.set_yticks(range(len(pictures.classes)), pictures.classes, fontsize=7, parse_math=False)
    axis.set_ylabel("class")


def _draw_images(figure: SubFigure, pictures: Thumbnails, lines: int) -> None:
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).flat
    for axis in axes:
        axis.set_axis_off()
    for axis, image, name in zip(figure.axes, pictures.pixels, pictures.classes, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255)
        axis.set_title(name, fontsize=8 if len(name) < 9 else 6, parse_math=False)
