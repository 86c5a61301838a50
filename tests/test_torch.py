"""PyTorch's options: steps traced once and compiled, precision, and switches that are restored."""

from __future__ import annotations

import importlib
import os
import shutil
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend, testing
from slimdc.backend import Backend, value_and_grad
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.losses import infinity_order
from slimdc.networks import ConvNet
from slimdc.settings import PoolSettings, SlimSettings

FACTORS = ("u", "s", "vx", "vy")


@pytest.fixture(autouse=True)
def torch() -> Any:
    return library("torch")


@pytest.fixture
def traced(torch: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note every function that is traced."""
    module = importlib.import_module("slimdc_backends.torch")
    functions, graph = [], module._graph

    def noting(function: Any, *args: Any) -> Any:
        functions.append(function)
        return graph(function, *args)

    monkeypatch.setattr(module, "_graph", noting)
    return functions


@pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="Inductor needs a C++ compiler"
)
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch._prims_common.check` is deprecated:FutureWarning")
def test_compiled_steps_are_the_eager_ones_and_traced_once(traced: list[Any]) -> None:
    """While the rate, the networks, their ages and the samples that they learn from change."""
    rng = np.random.default_rng(0)
    pair = rng.standard_normal((6, 4, 4)), np.arange(6) % 2
    networks = PoolSettings(size=2, lifetime=2, batch=5, width=2, depth=1)
    options: dict[str, Any] = {"preset": SlimSettings(steps=5, pool=networks)}
    histories: list[list[dict[str, float]]] = [[], []]
    eager, compiled = (
        slimdc.slim(
            pair, 2, backend=backend.get("torch", compiled=wanted), history=history, **options
        )
        for wanted, history in zip((False, True), histories, strict=True)
    )
    assert len(traced) == 1
    for found, expected in zip(*histories, strict=True):
        assert found == pytest.approx(expected, rel=1e-9)
    for name in FACTORS:
        assert relative(getattr(compiled, name), getattr(eager, name)) < 1e-9


@pytest.mark.parametrize("check", ["compile", "determinism"])
def test_traced_functions_pass_the_public_checks(
    check: str, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    getattr(testing, f"check_{check}")(backend.get("torch", compiled=True))


def gradient_of_eq7(ops: Backend, dtype: str) -> np.ndarray:
    """The gradient of Eq. 7 between features of a ConvNet, in the images of the slimmed set."""
    network, rng = ConvNet((12, 12, 3), 4, width=16, depth=2), np.random.default_rng(0)
    host: dict[str, np.ndarray] = dict(network.draw(rng))
    host |= {"after": rng.standard_normal((8, 12, 12, 3)), "y": rng.standard_normal((8, 4))}
    before = host["after"] + 0.3 * rng.standard_normal((8, 12, 12, 3))
    v = {name: ops.asarray(x.astype(dtype)) for name, x in host.items()}

    def loss(live: dict[str, Any], x: Any) -> Any:
        y = v["y"]
        after, old = (network.embed(ops, v, images) for images in (live["x"], x))
        return infinity_order(after, y, old, y, 1e-3, "relative"), {}

    with ops.session():
        entered = ops.asarray(before.astype(dtype))
        _, _, gradients = value_and_grad(ops, loss)({"x": v["after"]}, entered)
        return ops.to_numpy(gradients["x"]).astype(np.float64)


def test_bfloat16_is_within_a_few_percent_and_leaves_float64_alone() -> None:
    """Factors of 7 bits of mantissa are off by 0.4 % each, and Eq. 7's gradient by some of that."""
    plain, low = backend.get("torch"), backend.get("torch", precision="bfloat16")
    exact = gradient_of_eq7(plain, "float64")
    assert relative(gradient_of_eq7(plain, "float32"), exact) < 1e-4
    assert 1e-3 < relative(gradient_of_eq7(low, "float32"), exact) < 0.1
    assert np.array_equal(gradient_of_eq7(low, "float64"), exact)


def test_precisions_that_the_device_lacks_are_refused() -> None:
    expected = "expected one of 'float32', 'bfloat16' on cpu"
    for precision in ("tf32", "float16"):
        message = f"precision: found '{precision}', {expected}"
        with pytest.raises(InvalidValueError, match=message):
            backend.get("torch", precision=precision)


def test_options_that_a_backend_lacks_are_refused() -> None:
    known = r"some of \['compiled', 'distributed', 'precision'\]"
    message = rf"options of backend 'torch': found \['foo'\], expected {known}"
    with pytest.raises(InvalidTypeError, match=message):
        backend.get("torch", foo=1)
    with pytest.raises(InvalidTypeError, match=r"found \['compiled'\], expected none"):
        backend.get("numpy", compiled=True)


def test_sessions_restore_what_they_switch_also_after_an_error(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slimdc_backends.torch.TorchBackend._cuda", True)  # as for CUDA
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    held = products.allow_tf32, convolutions.allow_tf32

    def state() -> tuple[Any, ...]:
        return (
            products.allow_tf32,
            convolutions.allow_tf32,
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
        )

    def fail_in_a_session() -> None:
        with backend.get("torch").session():
            assert state()[:2] == (False, False)
            raise KeyError

    try:
        for allowed in ((True, True), (False, True), (True, False)):
            products.allow_tf32, convolutions.allow_tf32 = allowed
            before = state()
            with pytest.raises(KeyError):
                fail_in_a_session()
            assert state() == before
            with backend.get("torch").session():
                pass
            assert state() == before
    finally:
        products.allow_tf32, convolutions.allow_tf32 = held
