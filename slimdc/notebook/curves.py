"""Small drawings as SVG, in the colour of the text around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["dots", "spectrum"]

_WIDTH, _HEIGHT, _MARGIN = 240, 84, 6
_POINTS = 64


def spectrum(s: NDArray[np.float64], components: Sequence[int]) -> str:
    """Draw significances: their mean over the classes, and the range between them.

    Parameters
    ----------
    s : numpy.ndarray, shape (C or 1, b)
        Significances, zero padded.
    components : sequence of int
        How many each class holds.

    Returns
    -------
    str
        An ``svg`` element.

    Examples
    --------
    >>> spectrum(np.asarray([[2.0, 1.0]]), [2])[:4]
    '<svg'
    """
    lines = -np.sort(-np.abs(s), axis=1)
    largest = max(float(lines.max()), np.finfo(np.float64).tiny)
    counts = np.asarray(components if len(lines) > 1 else [max(components)])
    held = np.arange(lines.shape[1]) < counts[:, None]
    shares = np.where(held, lines / largest, np.nan)
    picked = np.unique(np.linspace(0, lines.shape[1] - 1, _POINTS).round().astype(int))
    shares = shares[:, picked]
    mean, low, high = (f(shares, axis=0) for f in (np.nanmean, np.nanmin, np.nanmax))
    last = max(int(picked[-1]), 1)
    across = _MARGIN + picked / last * (_WIDTH - 2 * _MARGIN)
    band = [*zip(across, high, strict=True), *zip(across[::-1], low[::-1], strict=True)]
    points = "".join(
        f'<circle cx="{x:.1f}" cy="{_up(y):.1f}" r="1.8" fill="currentColor"/>'
        for x, y in zip(across, mean, strict=True)
        if len(picked) <= 32
    )
    drawn = (
        f'<polygon points="{_points(band)}" fill="currentColor" opacity="0.18"/>'
        f'<polyline points="{_points(zip(across, mean, strict=True))}" fill="none" '
        f'stroke="currentColor" stroke-width="1.5"/>{points}'
    )
    said = f"significances of {len(s)} classes, {last + 1} components, at most {largest:.3g}"
    return _drawing(_HEIGHT, drawn + _base(_up(0.0)), said)


def dots(values: Sequence[float], low: float, high: float) -> str:
    """Draw numbers as dots on a line, and their mean as a stroke.

    Parameters
    ----------
    values : sequence of float
        What is drawn, at least one.
    low, high : float
        What the line spans.

    Returns
    -------
    str
        An ``svg`` element.

    Examples
    --------
    >>> dots([70.0, 72.0], 0.0, 100.0).count("<circle")
    2
    """
    span = max(high - low, np.finfo(np.float64).tiny)
    places = [_MARGIN + (v - low) / span * (_WIDTH - 2 * _MARGIN) for v in values]
    mean = float(np.mean(places))
    drawn = "".join(
        f'<circle cx="{x:.1f}" cy="10" r="4" fill="currentColor" opacity="0.45"/>' for x in places
    )
    stroke = f'<line x1="{mean:.1f}" x2="{mean:.1f}" y1="2" y2="18" stroke="currentColor"/>'
    said = f"{len(values)} values from {min(values):.2f} to {max(values):.2f}"
    return _drawing(20, _base(10.0) + drawn + stroke, said)


def _up(share: float) -> float:
    return _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)


def _points(pairs: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{_up(y):.1f}" for x, y in pairs)


def _base(y: float) -> str:
    return (
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{y:.1f}" y2="{y:.1f}" '
        'stroke="currentColor" opacity="0.3"/>'
    )


def _drawing(height: int, content: str, said: str) -> str:
    return (
        f'<svg role="img" aria-label="{said}" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}">{content}</svg>'
    )
