"""Figures without windows and without state, and where they are saved."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from slimdc._checks import path as checked_path
from slimdc._checks import shown
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError, MissingLibraryError
from slimdc.storage.atomic import replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure", "picture_format", "save_drawn", "save_picture"]

_FORMATS = ("png", "svg", "pdf")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of a size in inches.

    Raises
    ------
    MissingLibraryError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from slimdc.pictures.figure import ShownFigure
    except ImportError:
        expected = "it installed: pip install 'slimdc[plot]'"
        raise MissingLibraryError("pictures", "no matplotlib", expected) from None
    # No pyplot: it would keep figures in a global state and choose a window system.
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_picture(figure: Figure, path: str | Path) -> None:
    """Save a figure as its name says: PNG, SVG or PDF; at once or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What one of `slimdc.pictures` has drawn.
    path : path
        Where. A name without an ending is that of a PNG.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no figure, or the name ends otherwise.
    FileError
        If it cannot be written.

    Examples
    --------
    >>> from slimdc.pictures import save_picture, spectrum
    >>> save_picture(spectrum(slimdc.datasets.sample().data), "s.png")  # doctest: +SKIP
    """
    if isinstance(figure, type | ModuleType) or not hasattr(figure, "savefig"):
        raise InvalidTypeError("figure", shown(figure), "a figure of matplotlib")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format=picture_format(path))
    save_drawn(drawn.getvalue(), path)


def picture_format(path: str | Path, argument: str = "path") -> str:
    """Tell in what format a picture of that name is saved.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no path, or its name ends in anything else than .png, .svg or .pdf.

    Examples
    --------
    >>> picture_format("curve.svg"), picture_format("curve")
    ('svg', 'png')
    """
    name = Path(checked_path(argument, path)).name
    ending = Path(name).suffix[1:].lower() or "png"
    if ending not in _FORMATS:
        raise InvalidValueError(argument, shown(name), "a name that ends in .png, .svg or .pdf")
    return ending


def save_drawn(picture: bytes, path: str | Path) -> None:
    """Write a picture that is drawn already, at once or not at all.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    try:
        replace(checked_path("path", path), picture)
    except (OSError, ValueError) as error:  # names that no system can write, too
        raise FileError(str(path), f"{error}", "a path that can be written") from error
