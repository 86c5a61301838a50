"""Holding a backend against the reference: values, extras and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.testing.reference import ReferenceBackend

__all__ = [
    "CLEARANCE",
    "FLOATS",
    "GRADIENT",
    "VALUE",
    "Host",
    "Loss",
    "Problem",
    "clear_of_kinks",
    "close",
    "compare",
    "compare_twice",
    "enter",
    "fail",
    "held",
]

FLOATS = ("float32", "float64")
# Relative errors (Frobenius, per tensor) that a value and a gradient may have.
VALUE = {"float32": 1e-5, "float64": 1e-12}
GRADIENT = {"float32": 2e-3, "float64": 1e-6}
# The same where the reference's value is made of central differences, and its gradient of those.
VALUE_OF_GRADIENTS = {"float32": 1e-4, "float64": 1e-7}
SECOND = {"float32": 5e-3, "float64": 2e-4}
# Central differences need values that are rectified to lie farther from zero than their step.
CLEARANCE = 1e-4

Host: TypeAlias = dict[str, np.ndarray]
# (variables, *constants) -> (a scalar, extras).
Loss: TypeAlias = Callable[..., tuple[Array, Tensors]]
Tolerance: TypeAlias = Mapping[str, float]


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
                _, _, gradients = differentiate(v, *constants)
                parts = [array_namespace(g).sum(g * g) * 0.5 for g in gradients.values()]
                total = parts[0]
                for part in parts[1:]:
                    total = total + part
                return total, {}

            return function

        return Problem(build, self.variables, self.constants)


def compare(ops: Backend, problem: Problem, title: str) -> None:
    """Hold a value, its extras and its gradients against the reference, in both dtypes."""
    _compare(ops, problem, title, {name: 100 * x for name, x in VALUE.items()}, GRADIENT)


def compare_twice(ops: Backend, problem: Problem, title: str) -> None:
    """Hold gradients of gradients against the reference, in both dtypes."""
    title = f"half the squared gradient of {title}"
    _compare(ops, problem.of_gradients, title, VALUE_OF_GRADIENTS, SECOND)


def _compare(
    ops: Backend, problem: Problem, title: str, tolerance: Tolerance, of_gradients: Tolerance
) -> None:
    value, extras, gradients = problem.expected
    differentiate = value_and_grad(ops, problem.build(ops))
    for dtype in FLOATS:
        width = held(ops, dtype)
        entered = enter(ops, {name: x.astype(dtype) for name, x in problem.variables.items()})
        others = tuple(ops.asarray(x.astype(dtype)) for x in problem.constants)
        found, found_extras, found_gradients = differentiate(entered, *others)
        close(ops, found, np.asarray(value), tolerance[width], f"{title} in {dtype}")
        for name, x in extras.items():
            close(ops, found_extras[name], x, VALUE[width], f"{title} in {dtype}, {name}")
        for name, gradient in gradients.items():
            of = f"the gradient of {title} in {name}, {dtype},"
            close(ops, found_gradients[name], gradient, of_gradients[width], of)


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
