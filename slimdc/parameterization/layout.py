"""Shapes of samples: where the channels are, given or inferred."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast, get_args

from slimdc._checks import one_of, shown, whole_numbers
from slimdc.errors import InvalidValueError
from slimdc.typing import Layout

__all__ = ["LAYOUTS", "channels", "check_layout", "sample_shape", "shape_of_samples"]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def check_layout(layout: object) -> Layout:
    """Refuse an unknown layout.

    Parameters
    ----------
    layout : {"flat", "channels_last", "channels_first"}
        Where the channels are.

    Returns
    -------
    str
        The same.

    Raises
    ------
    InvalidTypeError
        It is no str.
    InvalidValueError
        It is none of the three.

    Examples
    --------
    >>> check_layout("flat")
    'flat'
    """
    one_of("layout", layout, LAYOUTS)
    return cast(Layout, layout)


def sample_shape(
    shape: Sequence[int], layout: Layout | None, argument: str = "shape"
) -> tuple[tuple[int, ...], Layout]:
    """Complete the shape of one sample and say where its channels are.

    Parameters
    ----------
    shape : sequence of int
        One entry for a flat vector, two for an image of one channel, three for an image.
    layout : {"flat", "channels_last", "channels_first"}, optional
        By default: one entry is flat; of three, the channels are the first where it is 1 or 3 and
        the last is not, and otherwise the last.
    argument : str
        Name to blame in an error message.

    Returns
    -------
    shape : tuple of int
        One entry (flat) or three; an image of two axes gets a channel axis of 1.
    layout : str
        Where the channels are.

    Raises
    ------
    InvalidTypeError
        `shape` is not a sequence of int, or `layout` is no str.
    InvalidValueError
        An axis is empty, there are none or more than three, or `layout` is unknown or does not
        fit.

    Examples
    --------
    >>> sample_shape((28, 28), None)
    ((28, 28, 1), 'channels_last')
    >>> sample_shape((3, 32, 32), None)
    ((3, 32, 32), 'channels_first')
    """
    axes = whole_numbers(argument, shape, at_least=0)
    if not 1 <= len(axes) <= 3 or min(axes) < 1:
        raise InvalidValueError(
            argument,
            found=f"a sample of shape {shown(axes)}",
            expected="1 to 3 axes, none of them empty",
        )
    if layout is None:
        first = len(axes) == 3 and axes[0] in (1, 3) and axes[2] not in (1, 3)
        images: Layout = "channels_first" if first else "channels_last"
        layout = "flat" if len(axes) == 1 else images
    if (check_layout(layout) == "flat") != (len(axes) == 1):
        raise InvalidValueError(
            "layout", found=repr(layout), expected=f"one that fits samples of shape {axes}"
        )
    if len(axes) == 2:
        axes = (*axes, 1) if layout == "channels_last" else (1, *axes)
    return axes, layout


def shape_of_samples(
    x: Any, layout: Layout | None, argument: str = "x"
) -> tuple[tuple[int, ...], Layout]:
    """Complete the shape of each of an array of samples, and say where the channels are.

    Parameters
    ----------
    x : array, shape (n, ...)
        The samples.
    layout : {"flat", "channels_last", "channels_first"}, optional
        As for `sample_shape`; ``"flat"`` takes samples of any shape as vectors.
    argument : str
        Name to blame in an error message.

    Returns
    -------
    shape : tuple of int
    layout : str

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As in `sample_shape`.

    Examples
    --------
    >>> import numpy as np
    >>> shape_of_samples(np.zeros((5, 8, 8)), None), shape_of_samples(np.zeros((5, 8, 8)), "flat")
    (((8, 8, 1), 'channels_last'), ((64,), 'flat'))
    """
    axes = tuple(int(n) for n in x.shape[1:])
    if layout is not None and check_layout(layout) == "flat":
        axes = (math.prod(axes),)
    return sample_shape(axes, layout, argument)


def channels(shape: tuple[int, ...], layout: Layout) -> int:
    """Count the channels of a sample.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample, as `sample_shape` gives it.
    layout : {"flat", "channels_last", "channels_first"}
        Where the channels are.

    Returns
    -------
    int
        Number of channels; every value of a flat sample counts as one.

    Examples
    --------
    >>> channels((3, 32, 32), "channels_first")
    3
    """
    return shape[0] if layout == "channels_first" else shape[-1]
