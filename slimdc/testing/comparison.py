"""Holding a backend against the reference: values, extras and gradients."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, NoReturn, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.testing.reference import ReferenceBackend

__all__ = [
    "CLEARANCE",
    "FLOATS",
    "GRADIENT",
    "NESTED",
    "PLAIN",
    "VALUE",
    "Host",
    "Loss",
    "Problem",
    "Tolerances",
    "clear_of_kinks",
    "close",
    "compare",
    "compare_twice",
    "enter",
    "fail",
    "half_squares",
    "held",
]

FLOATS = ("float32", "float64")
# Relative errors (Frobenius, per tensor) that a value and a gradient may have.
VALUE = {"float32": 1e-5, "float64": 1e-12}
GRADIENT = {"float32": 2e-3, "float64": 1e-6}
# Central differences need values that are rectified to lie farther from zero than their step.
CLEARANCE = 1e-4

Host: TypeAlias = dict[str, np.ndarray]
# (variables, *constants) -> (a scalar, extras).
Loss: TypeAlias = Callable[..., tuple[Array, Tensors]]


class Tolerances(NamedTuple):
    """Relative errors (Frobenius, per tensor) that may be found, by dtype."""

    value: Mapping[str, float]
    gradient: Mapping[str, float]


# Of values computed with array operations and their gradients by the reference; and of values that
# the reference has by central differences already.
PLAIN = Tolerances({"float32": 1e-3, "float64": 1e-10}, GRADIENT)
NESTED = Tolerances({"float32": 1e-3, "float64": 1e-7}, {"float32": 5e-3, "float64": 2e-4})


@dataclass(frozen=True)
class Problem:
    """Something to differentiate.

    Parameters
    ----------
    build : callable
        Makes the function for a backend.
    variables : dict of numpy.ndarray
        Where it is differentiated.
    constants : tuple of numpy.ndarray
        What else it is given.
    """

    build: Callable[[Backend], Loss]
    variables: Host
    constants: tuple[np.ndarray, ...] = ()

    @cached_property
    def expected(self) -> tuple[Array, Tensors, Tensors]:
        """Value, extras and gradients by the reference."""
        reference = ReferenceBackend()
        differentiate = value_and_grad(reference, self.build(reference))
        return differentiate(self.variables, *self.constants)

    @cached_property
    def of_gradients(self) -> Problem:
        """Half the squared norm of its gradients, which is differentiated by second derivatives."""

        def build(ops: Backend) -> Loss:
            differentiate = value_and_grad(ops, self.build(ops))

            def function(v: Tensors, *constants: Array) -> tuple[Array, Tensors]:
                return half_squares(differentiate(v, *constants)[2]), {}

            return function

        return Problem(build, self.variables, self.constants)


def compare(ops: Backend, problem: Problem, title: str, tolerances: Tolerances = PLAIN) -> None:
    """Hold a value, its extras and its gradients against the reference, in both dtypes."""
    value, extras, gradients = problem.expected
    differentiate = value_and_grad(ops, problem.build(ops))
    for dtype in FLOATS:
        width = held(ops, dtype)
        entered = enter(ops, {name: x.astype(dtype) for name, x in problem.variables.items()})
        others = tuple(ops.asarray(x.astype(dtype)) for x in problem.constants)
        found, found_extras, found_gradients = differentiate(entered, *others)
        close(ops, found, np.asarray(value), tolerances.value[width], f"{title} in {dtype}")
        for name, x in extras.items():
            close(ops, found_extras[name], x, VALUE[width], f"{title} in {dtype}, {name}")
        for name, gradient in gradients.items():
            of = f"the gradient of {title} in {name}, {dtype},"
            close(ops, found_gradients[name], gradient, tolerances.gradient[width], of)


def compare_twice(ops: Backend, problem: Problem, title: str) -> None:
    """Hold gradients of gradients against the reference, in both dtypes."""
    compare(ops, problem.of_gradients, f"half the squared gradient of {title}", NESTED)


def half_squares(tensors: Tensors) -> Array:
    """Add up half the squares of all entries."""
    halves = [array_namespace(x).sum(x * x) * 0.5 for x in tensors.values()]
    return functools.reduce(operator.add, halves)


def clear_of_kinks(
    build: Callable[[Backend], Loss],
    draw: Callable[[], Host],
    constants: tuple[np.ndarray, ...],
) -> Host:
    """Draw variables until every rectified value is clear of zero."""
    while True:
        variables = draw()
        reference = ReferenceBackend()
        build(reference)(variables, *constants)
        if reference.nearest_kink > CLEARANCE:
            return variables


def close(ops: Backend, found: Array, expected: np.ndarray, tolerance: float, what: str) -> None:
    """Fail unless an array of the backend is the expected one, in the norm."""
    host = ops.to_numpy(found).astype(np.float64)
    if host.shape != expected.shape:
        fail(f"{what} to have shape {expected.shape}", str(host.shape))
    size, error = np.linalg.norm(expected), np.linalg.norm(host - expected)
    # A gradient that vanishes has no relative error: one of size 1 stands for it.
    scale = size if size > CLEARANCE else 1.0
    if not error <= tolerance * scale:
        fail(f"{what} within a relative {tolerance:.0e}", f"{error / scale:.1e}")


def enter(ops: Backend, host: Host) -> Tensors:
    """Copy named arrays to the backend."""
    return {name: ops.asarray(x) for name, x in host.items()}


def held(ops: Backend, dtype: str) -> str:
    """Name the dtype that stands for one in the backend."""
    return dtype_name(ops.asarray(np.zeros(1, dtype)))


def fail(expected: str, found: str) -> NoReturn:
    """Fail a check."""
    message = f"expected {expected}, found {found}"
    raise AssertionError(message)
