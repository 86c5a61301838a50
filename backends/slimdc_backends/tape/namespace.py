"""The namespace of variables: rules by name, plain functions for plain arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from slimdc_backends.tape import elementwise, products, reductions, shapes
from slimdc_backends.tape.variables import Var

__all__ = ["Recorder", "recorder"]

Rules = Mapping[str, Callable[..., Any]]


class Recorder:
    """An array-API namespace that records the functions that slimdc differentiates.

    It belongs to no tape: each function records on the newest tape of its operands.

    Parameters
    ----------
    plain : namespace
        The namespace that computes.
    rules : mapping of str to callable
        What is differentiated, by the names in ``plain``. A rule is given the recording namespace,
        and then what the function takes.
    parent : Recorder, optional
        The namespace that this one is a part of, as ``linalg`` is; it is what rules are given.

    Attributes
    ----------
    linalg : Recorder
        Its part for linear algebra.
    """

    linalg: Recorder

    def __init__(self, plain: Any, rules: Rules, parent: Recorder | None = None) -> None:
        self.plain = plain
        self._rules = rules
        self._root = self if parent is None else parent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.plain, name)
        if name in self._rules:
            rule = functools.partial(self._rules[name], self._root)
            # The next time it is found without a search.
            self.__dict__[name] = rule
            return rule
        if not callable(found) or isinstance(found, type):
            return found

        def without_rule(*args: Any, **kwargs: Any) -> Any:
            if any(map(_live, (*args, *kwargs.values()))):
                message = f"the tape has no rule to differentiate {name!r}"
                raise TypeError(message)
            return found(*args, **kwargs)

        return without_rule


@functools.cache
def recorder(plain: Any) -> Recorder:
    """Give the one recording namespace over a plain one: variables of all tapes share it."""
    rules = elementwise.RULES | products.RULES | reductions.RULES | shapes.RULES
    made = Recorder(plain, rules)
    made.linalg = Recorder(plain.linalg, products.LINALG_RULES, made)
    return made


def _live(x: Any) -> bool:
    return isinstance(x, Var) or (isinstance(x, list | tuple) and any(map(_live, x)))
