"""Holding a backend against the reference: values, extras and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeAlias

import numpy as np

from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.testing.reference import ReferenceBackend

FLOATS = ("float32", "float64")
# Relative errors (Frobenius, per tensor) that a value and a gradient may have.
VALUE = {"float32": 1e-5, "float64": 1e-12}
GRADIENT = {"float32": 2e-3, "float64": 1e-6}
# Central differences need values that are rectified to lie farther from zero than their step.
CLEARANCE = 1e-4

Host: TypeAlias = dict[str, np.ndarray]
# (variables, *constants) -> (a scalar, extras).
Loss: TypeAlias = Callable[..., tuple[Array, Tensors]]
# What to differentiate, made for a backend; its variables; and its constants.
Problem: TypeAlias = tuple[Callable[[Backend], Loss], Host, tuple[np.ndarray, ...]]


def compare(ops: Backend, problem: Problem, title: str) -> None:
    """Hold a value, its extras and its gradients against the reference, in both dtypes."""
    build, variables, constants = problem
    value, extras, gradients = value_and_grad(ReferenceBackend(), build(ReferenceBackend()))(
        variables, *constants
    )
    differentiate = value_and_grad(ops, build(ops))
    for dtype in FLOATS:
        width = held(ops, dtype)
        entered = enter(ops, {name: x.astype(dtype) for name, x in variables.items()})
        others = tuple(ops.asarray(x.astype(dtype)) for x in constants)
        found, found_extras, found_gradients = differentiate(entered, *others)
        close(ops, found, np.asarray(value), 100 * VALUE[width], f"{title} in {dtype}")
        for name, x in extras.items():
            close(ops, found_extras[name], x, VALUE[width], f"{title} in {dtype}, {name}")
        for name, gradient in gradients.items():
            of = f"the gradient of {title} in {name}, {dtype},"
            close(ops, found_gradients[name], gradient, GRADIENT[width], of)


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
