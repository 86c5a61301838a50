"""Choosing a preprocessing for samples, checking it, and bringing them into its space."""

from __future__ import annotations

import numpy as np

from slimdc._array import HostArray
from slimdc._checks import one_of
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import channels
from slimdc.parameterization.preprocessing.chain import Preprocessing
from slimdc.parameterization.preprocessing.samples import parts
from slimdc.typing import Layout

__all__ = ["checked", "chosen", "in_space"]


def in_space(x: HostArray, layout: Layout, preprocessing: Preprocessing) -> HostArray:
    """Bring samples on the host into a space a part at a time, as float32 or float64.

    Examples
    --------
    >>> in_space(np.asarray([[0, 255]], np.uint8), "flat", Preprocessing(0.5, 0.5)).tolist()
    [[-1.0, 1.0]]
    """
    whole: HostArray | None = None
    filled = 0
    for part in parts(x):
        found = np.asarray(preprocessing.apply(part, layout))
        if whole is None:
            dtype = np.float64 if found.dtype == np.float64 else np.float32
            whole = np.empty((len(x), *found.shape[1:]), dtype)
        whole[filled : filled + len(found)] = found
        filled += len(found)
    return np.empty(x.shape, np.float32) if whole is None else whole


def checked(preprocessing: object, shape: tuple[int, ...], layout: Layout) -> Preprocessing:
    """Refuse what is no preprocessing of such samples; None is the identity.

    Parameters
    ----------
    preprocessing : Preprocessing or None
        What a caller gave.
    shape, layout : tuple of int, str
        Of the samples.

    Returns
    -------
    Preprocessing
        It, or the identity.

    Raises
    ------
    InvalidTypeError
        It is something else.
    InvalidValueError
        It is for another number of channels, or whitens samples of another shape or layout.

    Examples
    --------
    >>> checked(None, (28, 28, 1), "channels_last")
    Preprocessing(mean=(0.0,), std=(1.0,))
    """
    if preprocessing is None:
        return Preprocessing()
    if not isinstance(preprocessing, Preprocessing):
        raise InvalidTypeError(
            "preprocessing",
            found=type(preprocessing).__name__,
            expected="a Preprocessing, such as Preprocessing.named('cifar10')",
        )
    count, wanted = len(preprocessing.mean), channels(shape, layout)
    if count not in (1, wanted):
        raise InvalidValueError(
            "preprocessing",
            found=f"{count} channels",
            expected="1" if wanted == 1 else f"1 or {wanted}",
        )
    whitening = preprocessing.whitening
    if whitening is not None and (whitening.shape, whitening.layout) != (shape, layout):
        raise InvalidValueError(
            "preprocessing",
            f"a whitening of samples of shape {whitening.shape}, {whitening.layout}",
            f"one of samples of shape {shape}, {layout}",
        )
    return preprocessing


def chosen(
    preprocessing: object, raw: HostArray, layout: Layout, preprocessed: bool
) -> Preprocessing:
    """Take a preprocessing, or fit the one that a name or None stands for to real samples.

    Examples
    --------
    >>> chosen("none", np.eye(2), "flat", False)
    Preprocessing(mean=(0.0,), std=(1.0,))
    """
    shape = raw.shape[1:]
    if preprocessing is None and preprocessed:
        return Preprocessing()
    if preprocessing is not None and not isinstance(preprocessing, str):
        return checked(preprocessing, shape, layout)
    name = "standardise" if preprocessing is None else preprocessing
    one_of("preprocessing", name, ("standardise", "zca", "none"))
    if name == "none":
        return Preprocessing()
    if preprocessed:
        raise InvalidValueError(
            "preprocessing", f"{name!r} of samples that are preprocessed", "a Preprocessing"
        )
    fit = Preprocessing.zca if name == "zca" else Preprocessing.standardise
    return fit(raw, layout)
