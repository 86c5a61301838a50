"""The public checks catch backends that are broken, each in its own way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from slimdc import testing
from slimdc.backend import (
    Array,
    Backend,
    Differentiated,
    Groups,
    Scored,
    Tensors,
    value_and_grad,
)
from slimdc_backends.numpy import NumpyBackend
from slimdc_backends.tape import Var, raw

CHECKS = [name for name in testing.__all__ if name.startswith("check_") and name != "check_backend"]


def test_check_backend_runs_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for name in CHECKS:
        monkeypatch.setattr(testing, name, lambda _, name=name: ran.append(name))
    testing.check_backend(NumpyBackend)
    assert sorted(ran) == sorted(CHECKS)


def test_the_reference_conforms_where_it_is_not_its_own_judge() -> None:
    testing.check_device(testing.ReferenceBackend)
    for name in ("arrays", "gradients", "constant_losses", "compile", "session", "singular_solve"):
        getattr(testing, f"check_{name}")(testing.ReferenceBackend())


def test_the_reference_differentiates_what_it_differentiates() -> None:
    ops = testing.ReferenceBackend()

    def cubes(v: Tensors) -> tuple[Array, Tensors]:
        return np.sum(v["x"] ** 3), {}

    def slopes(v: Tensors) -> tuple[Array, Tensors]:
        return np.sum(value_and_grad(ops, cubes)(v)[2]["x"]), {}

    _, _, found = value_and_grad(ops, slopes)({"x": np.array([1.0, 2.0])})
    assert np.allclose(found["x"], [6.0, 12.0], rtol=1e-4)


class KeepsTheCallersMemory(NumpyBackend):
    def asarray(self, host: np.ndarray) -> Array:
        return host


class GivesItsMemoryAway(NumpyBackend):
    def to_numpy(self, x: Array) -> np.ndarray:
        return np.asarray(x)


class WidensDtypes(NumpyBackend):
    def asarray(self, host: np.ndarray) -> Array:
        return np.array(host, dtype=np.float64 if host.dtype.kind == "f" else host.dtype)


class ReadsMemoryInItsOrder(NumpyBackend):
    def asarray(self, host: np.ndarray) -> Array:
        return np.array(host.ravel(order="K").reshape(host.shape))


class ForgetsTheBias(NumpyBackend):
    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        return super().conv_relu_pool(x, weight, 0.0 * bias, padding)


class PadsTooMuch(NumpyBackend):
    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        return super().conv_relu_pool(x, weight, bias, max(padding, 1))


class Correlates(NumpyBackend):
    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        xp = weight.__array_namespace__()
        return super().conv_relu_pool(x, xp.permute_dims(weight, (1, 0, 2, 3)), bias, padding)


class IgnoresTheStride(NumpyBackend):
    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        return super().conv(x, weight, 1, padding)


class StartsAtTheLastPixel(NumpyBackend):
    """Convolves at all places, and keeps those that a stride counted from the end would."""

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        z = super().conv(x, weight, 1, padding)
        first = [(size - 1) % stride for size in z.shape[1:3]]
        return z[:, first[0] :: stride, first[1] :: stride, :]


class TurnsFilters(NumpyBackend):
    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        return super().conv(x, weight[::-1, ::-1, :, :], stride, padding)


class ConvolvesToFirstOrder(NumpyBackend):
    """Its gradients of a convolution are right, and constants of whoever differentiates them."""

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        return recorded_once(super().conv, x, weight, stride, padding)


class PoolsToFirstOrder(NumpyBackend):
    """Its block is what all backends had before tapes nested."""

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        return recorded_once(super().conv_relu_pool, x, weight, bias, padding)


def recorded_once(function: Callable[..., Array], *args: Any) -> Array:
    """Record a function of variables by gradients that are no variables of any tape."""
    live = [x for x in args if isinstance(x, Var)]
    if not live:
        return function(*args)
    tape = max((x.tape for x in live), key=lambda tape: tape.order)
    inputs = [x for x in args if hasattr(x, "shape")]
    rest = args[len(inputs) :]

    def pullback(g: Array, wanted: tuple[bool, ...]) -> list[Array]:
        def score(v: Groups) -> tuple[Tensors, Tensors]:
            out = function(*v["all"].values(), *rest)
            return {"all": out.__array_namespace__().sum(out * raw(g))}, {}

        plain = {"all": {str(i): raw(x) for i, x in enumerate(inputs)}}
        return list(NumpyBackend().differentiate(score)(plain)[2]["all"].values())

    value = function(*(tape.lower(x) for x in args))
    return tape.record(value, inputs, pullback)


class GivesPlainGradients(NumpyBackend):
    """A gradient inside of what is differentiated is a constant there."""

    def differentiate(self, function: Scored) -> Differentiated:
        inner = super().differentiate(function)

        def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
            values, extras, gradients = inner(*args)
            return values, extras, plain(gradients)

        return differentiated


class SeesArgumentsOnly(NumpyBackend):
    """What an inner function takes from an outer one, and not as an argument, is a constant."""

    def differentiate(self, function: Scored) -> Differentiated:
        inner = super().differentiate(function)

        def differentiated(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors, Groups]:
            values, extras, gradients = inner(variables, *constants)
            given = [x for part in variables.values() for x in part.values()] + list(constants)
            if not any(isinstance(x, Var) for x in given):
                gradients = plain(gradients)
            return values, extras, gradients

        return differentiated


class KeepsExtrasPlain(NumpyBackend):
    def differentiate(self, function: Scored) -> Differentiated:
        inner = super().differentiate(function)

        def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
            values, extras, gradients = inner(*args)
            return values, {name: raw(x) for name, x in extras.items()}, gradients

        return differentiated


def plain(gradients: Groups) -> Groups:
    return {group: {k: raw(g) for k, g in part.items()} for group, part in gradients.items()}


class ExpectsVariables(NumpyBackend):
    """It asks every scalar for what only scalars on its tape have."""

    def differentiate(self, function: Scored) -> Differentiated:
        def asking(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors]:
            values, extras = function(variables, *constants)
            for value in values.values():
                value.tape  # noqa: B018 - it raises
            return values, extras

        return super().differentiate(asking)


def altered(change: Callable[[str, np.ndarray], Any]) -> type[NumpyBackend]:
    """Make a backend whose gradients are changed."""

    class Altered(NumpyBackend):
        def differentiate(self, function: Scored) -> Differentiated:
            inner = super().differentiate(function)

            def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
                values, extras, gradients = inner(*args)
                changed = {
                    group: {name: change(name, g) for name, g in part.items()}
                    for group, part in gradients.items()
                }
                return values, extras, changed

            return differentiated

    return Altered


def one_percent_off(changed: str) -> type[NumpyBackend]:
    return altered(lambda name, g: g * 1.01 if name == changed else g)


def scoring(change: Callable[[Tensors], Tensors]) -> type[NumpyBackend]:
    """Make a backend that differentiates other scalars than it returns."""

    class Scoring(NumpyBackend):
        def differentiate(self, function: Scored) -> Differentiated:
            def changed(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors]:
                values, extras = function(variables, *constants)
                return change(values), extras

            inner = super().differentiate(changed)

            def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
                values, extras = function(*args)
                return values, extras, inner(*args)[2]

            return differentiated

    return Scoring


def summed(values: Tensors) -> Tensors:
    return dict.fromkeys(values, sum(values.values()))


def exchanged(values: Tensors) -> Tensors:
    return dict(zip(values, reversed(values.values()), strict=True))


class AltersExtras(NumpyBackend):
    def differentiate(self, function: Scored) -> Differentiated:
        inner = super().differentiate(function)

        def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
            values, extras, gradients = inner(*args)
            return values, {name: 1.01 * x for name, x in extras.items()}, gradients

        return differentiated


class LeaksErrors(NumpyBackend):
    def differentiate(self, function: Scored) -> Differentiated:
        inner = super().differentiate(function)

        def differentiated(*args: Any) -> tuple[Tensors, Tensors, Groups]:
            try:
                return inner(*args)
            except ArithmeticError as error:
                raise np.linalg.LinAlgError from error

        return differentiated


class CompilesBadly(NumpyBackend):
    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: {name: 1.0001 * x for name, x in function(*args).items()}


def compiling(change: Callable[..., Any]) -> type[NumpyBackend]:
    """Make a backend that compiles a changed call: of a function, a dict to remember by, *args."""

    class Compiling(NumpyBackend):
        def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
            return functools.partial(change, function, {})

    return Compiling


def floats_of(tree: Any, convert: Callable[[float], Any]) -> Any:
    """Convert the floats of a tree."""
    if isinstance(tree, dict):
        return {name: floats_of(part, convert) for name, part in tree.items()}
    if isinstance(tree, tuple):
        parts = [floats_of(part, convert) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return convert(tree) if type(tree) is float else tree


def keeps_the_first_floats(function: Any, memory: dict[str, Any], *args: Any) -> Any:
    first: list[float] = memory.setdefault("floats", [])
    floats_of(args, first.append)
    kept = iter(first)
    return function(*floats_of(args, lambda _: next(kept)))


def widens_floats(function: Any, _: dict[str, Any], *args: Any) -> Any:
    return function(*floats_of(args, np.float64))


def keeps_the_first_results(function: Any, memory: dict[str, Any], *args: Any) -> Any:
    if args[0].keys() == {"some", "more", "rate"}:  # the function of trees, not that of LAMB
        return memory.setdefault(str(args[1][1] is None), function(*args))
    return function(*args)


def takes_its_arguments_memory(function: Any, _: dict[str, Any], *args: Any) -> Any:
    results = function(*args)
    if "some" in args[0]:
        args[0]["some"]["x"][...] = 0.0
    return results


class Dithers(NumpyBackend):
    calls = 0

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        Dithers.calls += 1
        return super().conv_relu_pool(x, weight, bias + 1e-6 * Dithers.calls, padding)


class KeepsThreads(NumpyBackend):
    def session(self) -> AbstractContextManager[None]:
        threadpool_limits(1 + threadpool_info()[0]["num_threads"])
        return nullcontext()


class SwallowsErrors(NumpyBackend):
    @contextmanager
    def session(self) -> Iterator[None]:
        with suppress(KeyError):
            yield


class CannotNest(NumpyBackend):
    inside = False

    @contextmanager
    def session(self) -> Iterator[None]:
        if self.inside:
            raise AssertionError("already in a session")
        self.inside = True
        try:
            with super().session():
                yield
        finally:
            self.inside = False


class TakesAnyDevice(NumpyBackend):
    def __init__(self, device: str | None = None) -> None:
        super().__init__()


BROKEN = (
    (KeepsTheCallersMemory, "check_arrays", "shares memory with the caller's"),
    (GivesItsMemoryAway, "check_arrays", "shares memory with the backend's"),
    (WidensDtypes, "check_arrays", "to keep float32, found float64"),
    (ReadsMemoryInItsOrder, "check_arrays", "values to survive"),
    (IgnoresTheStride, "check_conv", "conv to give shape"),
    (StartsAtTheLastPixel, "check_conv", "expected conv of .* in float32"),
    (TurnsFilters, "check_conv", "expected conv of .* in float32"),
    (one_percent_off("weight"), "check_conv", "the gradient of conv of .* in weight"),
    (ConvolvesToFirstOrder, "check_conv", "half the squared gradient of conv"),
    (ConvolvesToFirstOrder, "check_normalisation", "half the squared gradient of a network"),
    (one_percent_off("x"), "check_pooling", "the gradient of average_pool of .* in x"),
    (GivesPlainGradients, "check_pooling", "half the squared gradient of average_pool"),
    (one_percent_off("norm.scale"), "check_normalisation", "normalised in each image in norm.sca"),
    (ExpectsVariables, "check_constant_losses", "zero of a constant loss, found AttributeError"),
    (altered(lambda _, g: g + 1.0), "check_constant_losses", "what is constant in group 'one'"),
    (GivesPlainGradients, "check_nesting", "as_variable, float32"),
    (SeesArgumentsOnly, "check_nesting", "as_neither, float32"),
    (KeepsExtrasPlain, "check_nesting", "by_all_results, float32"),
    (PoolsToFirstOrder, "check_conv_relu_pool", "half the squared gradient of conv_relu_pool"),
    (ForgetsTheBias, "check_conv_relu_pool", "conv_relu_pool of"),
    (PadsTooMuch, "check_conv_relu_pool", "shape"),
    (Correlates, "check_conv_relu_pool", "conv_relu_pool of"),
    (one_percent_off("weight"), "check_conv_relu_pool", "in weight"),
    (one_percent_off("bias"), "check_conv_relu_pool", "in bias"),
    (altered(lambda _, g: g + 0.5), "check_relu_at_zero", "no gradient"),
    (altered(lambda _, g: g.astype(np.float64)), "check_gradients", "a gradient like x, float32"),
    (altered(lambda _, g: g.ravel()), "check_gradients", "a gradient like x"),
    (altered(lambda _, g: g + 1), "check_gradients", "a gradient of zero"),
    (scoring(summed), "check_groups", "group 'first' in its own"),
    (scoring(exchanged), "check_groups", "group 'first' in its own"),
    (one_percent_off("x"), "check_convnet_gradients", "the ConvNet in x"),
    (one_percent_off("norm1.scale"), "check_convnet_gradients", "instance normalisation in norm1"),
    (AltersExtras, "check_groups", "what groups share"),
    (AltersExtras, "check_convnet_gradients", "batch statistics in float32, norm1.mean"),
    (one_percent_off("norm1.variance"), "check_convnet_gradients", "running statistics in norm1"),
    (one_percent_off("s"), "check_loss_gradients", "skewness"),
    (LeaksErrors, "check_singular_solve", "NumericalError"),
    (CompilesBadly, "check_compile", "of LAMB"),
    (compiling(keeps_the_first_floats), "check_compile", "vector of a compiled function, call 1"),
    (compiling(keeps_the_first_results), "check_compile", "vector of a compiled function, call 2"),
    (compiling(widens_floats), "check_compile", "to be float32, found float64"),
    (compiling(takes_its_arguments_memory), "check_compile", "leave its arguments as they are"),
    (Dithers, "check_determinism", "the same bits"),
    (KeepsThreads, "check_session", "threads"),
    (SwallowsErrors, "check_session", "let errors through"),
    (CannotNest, "check_session", "already in a session"),
    (TakesAnyDevice, "check_device", "refused"),
)


@pytest.mark.parametrize(("broken", "check", "message"), BROKEN)
def test_checks_catch_what_is_wrong(broken: type[Backend], check: str, message: str) -> None:
    with threadpool_limits(None), pytest.raises(AssertionError, match=message):
        getattr(testing, check)(broken if check == "check_device" else broken())
