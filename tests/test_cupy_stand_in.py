"""The CuPy backend's own lines, on a machine without a GPU: NumPy stands in for CuPy.

Its arrays are NumPy's and its kernels run on the CPU; all else is the backend as it is.
"""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import array_api_compat
import array_api_compat.numpy
import gradient_matching
import numpy as np
import pytest
from array_api_compat import array_namespace
from conftest import library
from cuda_compilers import Cpu
from differences import relative
from test_convolution import CASES, draw

import slimdc
import slimdc_backends
from slimdc import testing
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.errors import InvalidValueError
from slimdc.settings import CondenseSettings
from slimdc_backends.kernels import cuda
from slimdc_backends.numpy import NumpyBackend

CHECKS = [name for name in testing.__all__ if name.startswith("check_") and name != "check_backend"]
COUNT = 2


class Device:
    """One of two GPUs that are not there."""

    current = 0
    compute_capability = "90"

    def __init__(self, place: int | None = None) -> None:
        self.id = Device.current if place is None else place
        self._before: list[int] = []

    def __enter__(self) -> None:
        self._before.append(Device.current)
        Device.current = self.id

    def __exit__(self, *_: object) -> None:
        Device.current = self._before.pop()


def stand_in(launch: Cpu) -> ModuleType:
    """Make a module like CuPy of NumPy's functions."""

    class RawModule:
        def __init__(self, code: str) -> None:
            (self.dtype,) = (x for x in ("float32", "float64") if cuda.source(x) == code)

        def get_function(self, name: str) -> Any:
            def kernel(grid: tuple[int], block: tuple[int], args: tuple[Any, ...]) -> None:
                # CuPy passes an int of Python's as 64 bits: the kernels take 32.
                assert all(isinstance(x, np.ndarray | np.int32) for x in args)
                assert grid[0] > 0
                module.places.add(Device.current)
                plain = (int(x) if isinstance(x, np.int32) else x for x in args)
                launch(name, np.dtype(self.dtype), *grid, *block, *plain)

            return kernel

    held = {"float32": 0}
    module: Any = ModuleType("cupy")
    for name in ("ascontiguousarray", "asarray", "empty", "empty_like", "matmul", "result_type"):
        setattr(module, name, getattr(np, name))
    module.__dict__.update(
        float32=np.float32,
        uint8=np.uint8,
        asnumpy=np.array,
        places=set(),  # the devices that kernels were launched on
        ndarray=type("ndarray", (), {}),
        RawModule=RawModule,
        cuda=SimpleNamespace(
            Device=Device,
            runtime=SimpleNamespace(CUDARuntimeError=OSError, getDeviceCount=lambda: COUNT),
        ),
        _core=SimpleNamespace(
            _routines_linalg=SimpleNamespace(
                COMPUTE_TYPE_DEFAULT=1,
                COMPUTE_TYPE_TF32=7,
                get_compute_type=lambda dtype: held[np.dtype(dtype).name],
                set_compute_type=lambda dtype, kind: held.update({np.dtype(dtype).name: kind}),
            )
        ),
    )
    return module


@pytest.fixture
def made(kernels_on_cpu: Cpu, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the backend's module on the stand-in, apart from the one that users get."""
    cupy: Any = stand_in(kernels_on_cpu)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupy._core", cupy._core)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", array_api_compat.numpy)
    monkeypatch.setattr(array_api_compat, "cupy", array_api_compat.numpy, raising=False)
    (folder,) = slimdc_backends.__path__
    spec = importlib.util.spec_from_file_location("on_stand_in", Path(folder, "cupy.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kernels_on_cpu.launched.clear()
    return module


def test_cupy_has_all_that_stands_in_for_it(kernels_on_cpu: Cpu) -> None:
    cupy, instead = library("cupy"), stand_in(kernels_on_cpu)
    for name in (x for x in vars(instead) if x != "places" and not x.startswith("__")):
        assert hasattr(cupy, name), name
    for name in vars(instead._core._routines_linalg):
        assert hasattr(cupy._core._routines_linalg, name), name
    assert issubclass(cupy.cuda.runtime.CUDARuntimeError, Exception)
    assert str(cupy.cuda.Device(1)) == "<CUDA Device 1>"


@pytest.mark.parametrize("check", CHECKS)
def test_the_backend_conforms(made: Any, kernels_on_cpu: Cpu, check: str) -> None:
    getattr(testing, check)(made.CupyBackend if check == "check_device" else made.CupyBackend())
    # A check that convolves has done so by the kernels.
    known = {"conv", "conv_relu_pool", "relu_at_zero", "convnet_gradients", "normalisation"}
    known |= {"determinism", "session"}
    assert bool(kernels_on_cpu.launched) >= (check.removeprefix("check_") in known)


@pytest.mark.parametrize("wanted", ["x", "weight", "bias"])
def test_one_gradient_alone_is_computed(made: Any, wanted: str) -> None:
    parts = dict(zip(("x", "weight", "bias"), draw(CASES[1]), strict=False))

    def total(ops: Backend) -> Array:
        def function(v: Tensors) -> tuple[Array, Tensors]:
            out = ops.conv_relu_pool(**parts | v, padding=1)
            return array_namespace(out).sum(out * out), {}

        return value_and_grad(ops, function)({wanted: parts[wanted]})[2][wanted]

    assert relative(total(made.CupyBackend()), total(NumpyBackend())) < 1e-13


def test_gradients_of_gradients_are_those_of_numpy(made: Any, kernels_on_cpu: Cpu) -> None:
    expected = gradient_matching.gradient(NumpyBackend())
    kernels_on_cpu.launched.clear()
    found = gradient_matching.gradient(made.CupyBackend())
    assert {"im2col", "col2im"} <= set(kernels_on_cpu.launched)
    assert relative(found, expected) < 1e-12


def test_the_first_steps_are_those_of_numpy(made: Any) -> None:
    x = np.random.default_rng(0).standard_normal((12, 16, 16, 3)).astype(np.float32)
    runs: list[list[dict[str, float]]] = [[], []]
    for ops, history in zip((made.CupyBackend(), NumpyBackend()), runs, strict=True):
        pair = (x, np.arange(12) % 2)
        slimdc.slim(pair, 2, backend=ops, steps=5, width=8, history=history)
    for one, other in zip(*runs, strict=True):
        for term, value in other.items():
            assert np.isclose(one[term], value, rtol=1e-3)


def test_devices_are_known_in_all_ways_of_writing(made: Any) -> None:
    assert made.CupyBackend("cuda").device == made.CupyBackend().device == "cuda:0"
    with Device(1):
        assert made.CupyBackend("cuda").device == made.CupyBackend().device == "cuda:1"
    for device in ("cuda:1", "1", "<CUDA Device 1>"):
        assert made.CupyBackend(device).device == "cuda:1"
    for device in ("cuda:2", "2", "cpu", "cuda:", "cuda:-1", "", "<CUDA Device 2>"):
        with pytest.raises(InvalidValueError, match=r"expected a GPU .* cuda:0 to cuda:1"):
            made.CupyBackend(device)


def test_no_gpu_is_said(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> int:
        raise OSError("the driver is too old")

    for count in (fails, lambda: 0):
        monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", count)
        for device in (None, "cuda", "0"):
            with pytest.raises(
                InvalidValueError, match=r"expected a GPU that CUDA finds here \(see"
            ):
                made.CupyBackend(device)


def test_tf32_is_refused_where_the_gpu_has_none(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not made.CupyBackend().tf32
    assert made.CupyBackend(tf32=True).tf32
    monkeypatch.setattr(Device, "compute_capability", "75")
    with pytest.raises(InvalidValueError, match="tf32: found True, expected False on cuda:0"):
        made.CupyBackend(tf32=True)


def test_sessions_hold_device_and_precision_and_restore_them(made: Any) -> None:
    products = made.products

    def state() -> tuple[int, int]:
        return products.get_compute_type(np.float32), Device.current

    before = state()
    with suppress(KeyError), made.CupyBackend("cuda:1", tf32=True).session():
        assert state() == (products.COMPUTE_TYPE_TF32, 1)
        with made.CupyBackend("cuda:0").session():
            assert state() == (products.COMPUTE_TYPE_DEFAULT, 0)
        assert state() == (products.COMPUTE_TYPE_TF32, 1)
        raise KeyError
    assert state() == before


class Placed(np.ndarray[Any, Any]):
    """An array on the second GPU: CuPy computes with it where that one is the current device."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        assert Device.current == 1
        plain = [x.view(np.ndarray) if isinstance(x, Placed) else x for x in inputs]
        out = getattr(ufunc, method)(*plain, **options)
        return out.view(Placed) if isinstance(out, np.ndarray) else out


@pytest.fixture
def second(made: Any, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Make a backend on the second GPU."""
    monkeypatch.setattr(made.cupy, "asarray", lambda host: np.asarray(host).view(Placed))
    monkeypatch.setattr(made.cupy, "asnumpy", lambda x: np.array(x.view(np.ndarray)))
    ops: Backend = made.CupyBackend("cuda:1")
    with pytest.raises(AssertionError):
        ops.asarray(np.ones(2)) + 1.0
    return ops


def test_all_of_a_run_computes_on_the_device(made: Any, second: Backend) -> None:
    x, y = np.random.default_rng(0).standard_normal((12, 8, 8, 3)), np.arange(12) % 2
    options: dict[str, Any] = {"backend": second, "steps": 2, "width": 2}
    small = slimdc.slim((x, y), 2, **options)
    slimdc.condense(x, y, 2, preset=CondenseSettings(batch=4), **options)
    slimdc.evaluate(small, x, y, repeats=1, **options)
    assert made.cupy.places == {1}
    assert Device.current == 0


def test_a_backend_computes_on_its_device_out_of_sessions(made: Any, second: Backend) -> None:
    def total(v: Tensors) -> tuple[Array, Tensors]:
        return array_namespace(v["x"]).sum(v["x"] * v["x"]), {}

    x, weight, bias, _ = map(second.asarray, draw(CASES[1]))
    second.conv_relu_pool(x, weight, bias, 1)
    value_and_grad(second, total)({"x": x})
    assert made.cupy.places == {1}


def test_an_output_without_pixels_launches_nothing_empty(made: Any) -> None:
    ops, parts = made.CupyBackend(), {"x": np.ones((2, 1, 1, 3)), "bias": np.ones(4)}

    def total(v: Tensors, weight: Array) -> tuple[Array, Tensors]:
        out = ops.conv_relu_pool(v["x"], weight, v["bias"], 0)
        return array_namespace(out).sum(out), {"out": out}

    _, extras, gradients = value_and_grad(ops, total)(parts, np.ones((1, 1, 3, 4)))
    assert extras["out"].shape == (2, 0, 0, 4)
    assert not any(gradients[name].any() for name in parts)
