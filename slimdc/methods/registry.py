"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from slimdc._checks import shown
from slimdc.errors import InvalidValueError
from slimdc.methods import (
    distribution_matching,
    frepo,
    gradient_matching,
    idc,
    kip,
    parameter_matching,
    rfad,
    selection,
    yoco,
)
from slimdc.methods.method import Method, Way

__all__ = ["METHODS", "condensing", "slimming"]

METHODS: dict[str, Method] = {
    method.name: method
    for module in (
        parameter_matching,
        frepo,
        rfad,
        kip,
        distribution_matching,
        gradient_matching,
        idc,
        selection,
        yoco,
    )
    for method in module.METHODS
}


def condensing(method: str) -> Way:
    """Find how a method condenses real data.

    Raises
    ------
    InvalidValueError
        If there is no method of that name, or it does not condense.

    Examples
    --------
    >>> condensing("random").plan is None
    True
    """
    return _way(method, "condense", lambda known: known.condense)


def slimming(method: str) -> Way:
    """Find how a method slims a set.

    Raises
    ------
    InvalidValueError
        If there is no method of that name, or it does not slim.

    Examples
    --------
    >>> slimming("truncate").plan is None
    True
    """
    return _way(method, "slim", lambda known: known.slim)


_Choose: TypeAlias = Callable[[Method], Way | None]


def _way(name: str, verb: str, choose: _Choose) -> Way:
    found = METHODS.get(name) if isinstance(name, str) else None
    way = None if found is None else choose(found)
    if way is None:
        able = ", ".join(repr(m.name) for m in METHODS.values() if choose(m) is not None)
        told = shown(name) if found is None else f"{name!r}, which cannot {verb}"
        raise InvalidValueError("method", told, f"one that can {verb}: {able}")
    return way
