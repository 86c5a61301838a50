"""Options of `condense`, `slim` and `evaluate` for later calls: what can be told of them now."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from slimdc._checks import one_of, shown, truth
from slimdc.backend import Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.learning import chosen_settings
from slimdc.methods.method import Way
from slimdc.networks import NAMES
from slimdc.protocols import steps_of
from slimdc.settings import chosen
from slimdc.training.progress import check_progress
from slimdc.typing import FactorDtype

__all__ = ["check_evaluating", "check_making", "known_options", "with_defaults"]


def known_options(
    name: str,
    given: Mapping[str, Any] | None,
    function: Callable[..., Any],
    own: Mapping[str, str],
) -> dict[str, Any]:
    """Check that options are a function's.

    Parameters
    ----------
    name : str
        Name to blame in an error message.
    given : mapping or None
        The options.
    function : callable
        Whose.
    own : mapping of str to str
        Options that whoever calls it later sets, and where these come from.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        They are no mapping, or one of them is unknown or among `own`.

    Examples
    --------
    >>> from slimdc import slim
    >>> known_options("slim", {"steps": 20}, slim, {"k": "sizes of the chain"})
    {'steps': 20}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidTypeError(name, type(given).__name__, "a mapping of options to values")
    known = inspect.signature(function).parameters
    for option in given:
        if option in own:
            raise InvalidValueError(name, f"the option {option!r}", own[option])
        if option not in known:
            expected = f"options of slimdc.{function.__name__}"
            raise InvalidTypeError(name, f"the option {shown(option)}", expected)
    return dict(given)


def with_defaults(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Complete options by what a function takes where they are not given.

    Examples
    --------
    >>> from slimdc import condense
    >>> with_defaults(condense, {"method": "frepo"})["preset"]
    'default'
    """
    known = inspect.signature(function).parameters
    return {name: parameter.default for name, parameter in known.items()} | dict(options)


def check_making(way: Way, options: Mapping[str, Any]) -> None:
    """Check options of `condense` or `slim`, as far as they can be without data.

    Parameters
    ----------
    way : Way
        What makes sets by them.
    options : mapping
        All of them: see `with_defaults`.

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingBackendError
        No set could be made with them.
    """
    chosen(way.presets, options["preset"], steps=options["steps"], width=options["width"])
    _check_run(options)


def check_evaluating(options: Mapping[str, Any]) -> None:
    """Check options of `evaluate`, as far as they can be without data.

    Parameters
    ----------
    options : mapping
        All of them: see `with_defaults`.

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingBackendError
        No set could be evaluated with them.
    """
    settings = chosen_settings(options["protocol"], options["network"], options["width"])
    if options["repeats"] is not None:
        settings = replace(settings, repeats=options["repeats"])
    steps_of(settings, options["steps"], samples=1)
    truth("preprocessed", options["preprocessed"])
    _check_run(options)


def _check_run(options: Mapping[str, Any]) -> None:
    """Check where and how a run computes; what an "auto" stands for is told by the data."""
    backend, dtype, network = options["backend"], options["dtype"], options["network"]
    if dtype is not None:
        one_of("dtype", dtype, get_args(FactorDtype))
    if isinstance(network, str):
        one_of("network", network, ("auto", *NAMES))
    check_progress(options["progress"])
    if not (isinstance(backend, str) and backend == "auto"):
        Compute.chosen(np.zeros(0, np.float32), backend, options["device"], dtype)
