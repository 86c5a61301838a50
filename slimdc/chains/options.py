"""Further arguments of `condense`, `slim` and `evaluate` in a chain, checked before it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from slimdc._later import check_evaluating, check_making, known_options, with_defaults
from slimdc.budgets.budget import Budget
from slimdc.budgets.within import agree
from slimdc.condensing import condense
from slimdc.errors import SlimdcError
from slimdc.evaluation import evaluate
from slimdc.methods.method import Way
from slimdc.slimming import slim

__all__ = ["OptionsOf", "check_options", "options_of"]

# By the name of the call that they are for.
OptionsOf = Mapping[str, Mapping[str, Any]]

_CALLS: dict[str, Callable[..., Any]] = {"condense": condense, "slim": slim, "evaluate": evaluate}
# Options that the chain sets itself, and what sets them.
_KEPT = {
    "seed": "seed= of the chain",
    "checkpoint": "none: a chain keeps its own in its folder",
    "history": "none: a chain keeps none",
}
_OWN = {
    "condense": _KEPT
    | {"x": "x of the chain", "y": "y of the chain"}
    | {"ipc": "sizes of the chain", "method": "method= of the chain"},
    "slim": _KEPT
    | {"data": "the set before, in the chain"}
    | {"k": "sizes of the chain", "method": "slim_by= of the chain"},
    "evaluate": _KEPT
    | {"data": "the sets of the chain"}
    | {"x_test": "x_test= of the chain", "y_test": "y_test= of the chain"},
}


def options_of(**given: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Check that arguments are those of the calls that they are for.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        They are no mapping, or one is unknown, or set by the chain itself.

    Examples
    --------
    >>> options_of(condense=None, slim={"steps": 5})
    {'condense': {}, 'slim': {'steps': 5}}
    """
    return {
        name: known_options(name, options, _CALLS[name], _OWN[name])
        for name, options in given.items()
    }


def check_options(options: OptionsOf, condenses: Way | None, slims: Sequence[Way]) -> None:
    """Check values of arguments, as far as they can be without data.

    Parameters
    ----------
    options : mapping
        As `options_of` gives them.
    condenses : Way or None
        What condenses; None where nothing does.
    slims : sequence of Way
        What slims. Ways that train nothing take no settings.

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingBackendError
        No cell could be filled with them; the call is named before the argument.
    """
    for name, way in (("condense", condenses), *(("slim", way) for way in slims)):
        if way is not None and way.library is not None:
            way.library()
        if way is not None and way.plan is not None:
            whole = with_defaults(_CALLS[name], options[name])
            with _blaming(name):
                check_making(way, whole)
                if name == "slim":
                    given = {of: whole[of] for of in ("bits", "nbytes", "keep", "start")}
                    agree(Budget(k=1, **given), way, whole["samples"])
    with _blaming("evaluate"):
        check_evaluating(with_defaults(evaluate, options["evaluate"]))


@contextmanager
def _blaming(call: str) -> Iterator[None]:
    try:
        yield
    except SlimdcError as error:
        blamed = f"{call}: {error.argument}"
        raise type(error)(blamed, error.found, error.expected, error.see) from error
