"""Where and in what a run computes: backend=, device= and dtype= of all three calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend
from slimdc.errors import InvalidTypeError, InvalidValueError, MissingBackendError
from slimdc.networks import ConvNet
from slimdc.settings import EvaluationSettings
from slimdc_backends.numpy import NumpyBackend
from slimdc_backends.tape import raw

Call = Callable[..., Any]


def pair(dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(18) % 3
    x = rng.standard_normal((3, 6))[y] + rng.standard_normal((18, 6))
    return x.astype(dtype), y


def slim(**options: Any) -> Any:
    return slimdc.slim(pair(), 2, steps=4, width=8, **options)


def condense(**options: Any) -> Any:
    return slimdc.condense(*pair(), 3, steps=4, width=8, **options)


def evaluate(**options: Any) -> Any:
    settings = EvaluationSettings(rate=1e-2, width=8)
    return slimdc.evaluate(pair(), *pair(), steps=4, repeats=2, protocol=settings, **options)


CALLS = (slim, condense, evaluate)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, slimdc.Evaluation):
        return bool(one == other)
    return all(np.array_equal(getattr(one, x), getattr(other, x)) for x in ("u", "s", "vx", "vy"))


class Noting(NumpyBackend):
    """Notes the dtypes that enter, and in which blocks are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: set[str] = set()
        self.computed: set[str] = set()

    def asarray(self, host: np.ndarray) -> Any:
        if host.size:  # an empty array only asks what the library holds
            self.entered.add(host.dtype.name)
        return super().asarray(host)

    def conv_relu_pool(self, x: Any, weight: Any, bias: Any, padding: int) -> Any:
        self.computed |= {raw(v).dtype.name for v in (x, weight, bias)}
        return super().conv_relu_pool(x, weight, bias, padding)


@pytest.mark.parametrize("call", CALLS)
def test_a_backend_itself_is_as_good_as_its_name(call: Call) -> None:
    ops = Noting()
    expected = call()
    assert same(call(backend=ops), expected)
    assert ops.entered
    assert same(call(backend=ops, device="cpu"), expected)
    assert same(call(backend="numpy", device="cpu"), expected)
    assert same(call(device="cpu"), expected)


@pytest.mark.parametrize("call", CALLS)
def test_a_backend_of_torch_itself_computes_and_gives_back_numpy(call: Call) -> None:
    library("torch")
    ops = backend.get("torch")
    found = call(backend=ops)
    assert same(found, call(backend="torch"))
    assert same(found, call(backend="torch", device="cpu"))
    if call is not evaluate:
        assert type(found.vx) is np.ndarray
        assert not same(found, call(backend="numpy"))  # other sums, other last bits


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backend": NumpyBackend(), "device": "cuda"},
            "device: found 'cuda', expected 'cpu', that",
        ),
        ({"backend": "numpy", "device": "cuda"}, "device: found 'cuda', expected 'cpu'"),
        ({"device": "cuda"}, "device: found 'cuda', expected 'cpu'"),
        ({"dtype": "float16"}, "dtype: found 'float16', expected one of 'float32', 'float64'"),
        ({"dtype": "double"}, "dtype: found 'double', expected one of 'float32', 'float64'"),
    ],
)
def test_what_does_not_fit_is_refused(call: Call, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        call(**options)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": 5}, "backend: found 5, expected the name of a backend, or a Backend"),
        ({"backend": NumpyBackend}, "backend: found <class .*NumpyBackend'>, expected the name"),
        ({"device": 0}, "device: found 0, expected a str"),
        ({"dtype": np.float64}, "dtype: found <class 'numpy.float64'>, expected one of 'float32'"),
    ],
)
def test_what_is_of_no_right_type_is_refused(
    call: Call, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        call(**options)


def test_learning_free_slimming_refuses_the_same() -> None:
    with pytest.raises(InvalidValueError, match="device: found 'cuda'"):
        slimdc.slim(pair(), 2, steps=0, device="cuda")
    with pytest.raises(InvalidTypeError, match="backend: found 5"):
        slimdc.slim(pair(), 2, steps=0, backend=5)  # type: ignore[arg-type]
    with pytest.raises(MissingBackendError, match="backend: found 'none'"):
        slimdc.slim(pair(), 2, steps=0, backend="none")


@pytest.mark.parametrize("call", [slim, condense])
def test_float64_runs_on_float32_sets_differ_in_what_float32_rounds(call: Call) -> None:
    narrow, wide = call(), call(dtype="float64")
    assert same(call(dtype="float32"), narrow)
    for name in ("u", "s", "vx", "vy"):
        one, other = getattr(narrow, name), getattr(wide, name)
        assert one.dtype == other.dtype == np.float32
        assert relative(one, other) < 1e-4
    assert not same(narrow, wide)
    assert wide.dtype == "float32"
    assert wide.arrays()[0].dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_computed_in_the_dtype_that_is_named(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 4, 4)), np.arange(8) % 2
    network = ConvNet((4, 4, 1), 2, width=2, depth=1)
    other = {"float32": "float64", "float64": "float32"}[dtype]
    calls: tuple[Call, ...] = (
        lambda **more: slimdc.slim((x.astype(other), y), 1, steps=2, **more),
        lambda **more: slimdc.condense(x.astype(other), y, 2, steps=2, **more),
        lambda **more: slimdc.evaluate((x.astype(other), y), x, y, steps=2, repeats=1, **more),
    )
    for call in calls:
        ops = Noting()
        # One trial sample in float32 tells whether a network takes the samples.
        call(backend=ops, network=Trusted(network), dtype=dtype)
        assert {name for name in ops.entered if name.startswith("float")} <= {dtype, "float32"}
        assert dtype in ops.entered
        assert ops.computed == {dtype}


class Trusted:
    """A network that notes nothing of the trial, which is of one sample."""

    def __init__(self, network: ConvNet) -> None:
        self.network = network

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.network.draw(rng)

    def embed(self, ops: Any, parameters: Any, x: Any) -> Any:
        return self.network.embed(NumpyBackend() if x.shape[0] == 1 else ops, parameters, x)


def test_jax_without_float64_refuses_it() -> None:
    jax = library("jax")
    if jax.config.jax_enable_x64:
        pytest.skip("float64 is switched on in JAX")
    with pytest.raises(InvalidValueError, match="dtype: found 'float64', expected one that jax"):
        slim(backend="jax", dtype="float64")


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_torch_tensors_of_one_dtype_come_back_in_it(dtype: str | None) -> None:
    torch = library("torch")
    x, y = pair()
    small = slimdc.slim((torch.tensor(x), torch.tensor(y)), 2, steps=2, width=4, dtype=dtype)
    assert small.vx.dtype == small.arrays()[0].dtype == torch.float32
    expected = slimdc.slim((x, y), 2, steps=2, width=4, dtype=dtype, backend="torch")
    assert np.array_equal(small.vx.numpy(), expected.vx)
