"""Warnings that name the line of the caller, however deep in slimdc they arise."""

from __future__ import annotations

import os
import sys
import warnings

from slimdc.errors import SlimdcWarning

__all__ = ["warn"]

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def warn(message: str) -> None:
    """Warn of something at the first line outside of slimdc that led to it.

    A fixed number of calls would do for one way to a warning, and most have several.

    Examples
    --------
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     warn("k: a class holds fewer")
    Traceback (most recent call last):
    slimdc.errors.SlimdcWarning: k: a class holds fewer
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, SlimdcWarning, stacklevel=level)
