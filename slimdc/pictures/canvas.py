"""Figures without windows and without state, and where they are saved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc._checks import path as checked_path
from slimdc.errors import FileError, MissingLibraryError
from slimdc.storage.atomic import replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure", "save_drawn", "save_picture"]


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
    """Save a figure as PNG, at once or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What one of `slimdc.pictures` has drawn.
    path : path
        Where.

    Raises
    ------
    FileError
        If it cannot be written.

    Examples
    --------
    >>> from slimdc.pictures import save_picture, spectrum
    >>> save_picture(spectrum(slimdc.datasets.sample().data), "s.png")  # doctest: +SKIP
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format="png")
    save_drawn(drawn.getvalue(), path)


def save_drawn(picture: bytes, path: str | Path) -> None:
    """Write a picture that is drawn already, at once or not at all.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    try:
        replace(checked_path("path", path), picture)
    except OSError as error:
        raise FileError(str(path), f"{error}", "a path that can be written") from error
