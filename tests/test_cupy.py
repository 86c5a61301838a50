"""The CuPy backend: on a GPU all that it promises, elsewhere that it says what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest
from conftest import library, required
from differences import relative

import slimdc
from slimdc import backend, cli, testing
from slimdc.backend import Backend, Compute, Tensors, value_and_grad
from slimdc.errors import InvalidValueError, MissingBackendError, NumericalError
from slimdc.methods.method import Task
from slimdc.methods.parameter_matching import slimming_plan
from slimdc.networks import Norm
from slimdc.settings import PoolSettings, SlimSettings
from slimdc.training.algorithm import Algorithm
from slimdc_backends.numpy import NumpyBackend

CHECKS = [name for name in testing.__all__ if name.startswith("check_") and name != "check_backend"]
COMMAND = r"pip install 'slimdc\[cupy-cuda12x\]', or 'slimdc\[cupy-cuda13x\]'"


@pytest.fixture
def cupy() -> Any:
    """CuPy, where it finds a GPU."""
    module = library("cupy")
    if not module.cuda.is_available():
        if "cupy" in required():
            pytest.fail("SLIMDC_REQUIRE names cupy, which finds no GPU")
        pytest.skip("CuPy finds no GPU")
    return module


@pytest.fixture
def ops(cupy: Any) -> Backend:
    return backend.get("cupy")


def a_cupy(monkeypatch: pytest.MonkeyPatch, *, installed: bool, gpu: bool = False) -> None:
    """Let a CuPy seem to be installed, and to find a GPU."""
    find = importlib.util.find_spec
    seen = SimpleNamespace() if installed else None
    monkeypatch.setattr(backend, "names", lambda: ("numpy", "cupy"))
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: seen if name == "cupy" else find(name)
    )
    if installed:
        module = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: gpu), ndarray=Sealed)
        monkeypatch.setitem(sys.modules, "cupy", module)
    else:
        monkeypatch.delitem(sys.modules, "cupy", raising=False)


def small_set() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).standard_normal((8, 6)), np.arange(8) % 2


def test_a_missing_cupy_is_named_with_both_extras(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_cupy(monkeypatch, installed=False)
    with pytest.raises(MissingBackendError, match=f"library is not installed.*{COMMAND}"):
        backend.get("cupy")
    with pytest.raises(MissingBackendError, match=COMMAND):
        slimdc.slim(small_set(), 1, backend="cupy", steps=1)
    assert cli.main(["backends"]) == 0
    assert "not installed: pip install 'slimdc[cupy-cuda12x]'" in capsys.readouterr().out


def test_a_cupy_without_a_gpu_is_not_usable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_cupy(monkeypatch, installed=True)
    assert backend.missing("cupy") == "an NVIDIA GPU and its driver"
    message = "backend: found 'cupy', whose library finds no GPU, expected an NVIDIA GPU"
    with pytest.raises(MissingBackendError, match=message):
        backend.get("cupy")
    with pytest.raises(MissingBackendError, match=message):
        slimdc.slim(small_set(), 1, backend="cupy", steps=1)
    assert cli.main(["backends"]) == 0
    assert "an NVIDIA GPU" in capsys.readouterr().out


def test_a_cupy_with_a_gpu_lacks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a_cupy(monkeypatch, installed=True, gpu=True)
    assert backend.missing("cupy") is None


def test_a_cupy_that_cannot_be_imported_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    a_cupy(monkeypatch, installed=True)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "slimdc_backends.cupy", raising=False)
    assert backend.missing("cupy") is None
    with pytest.raises(ImportError, match="cupy"):
        backend.get("cupy")


def test_the_registry_knows_cupy() -> None:
    assert "cupy" in backend.names()


def test_an_installed_cupy_agrees_about_gpus() -> None:
    if library("cupy").cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(MissingBackendError, match="finds no GPU"):
        backend.get("cupy")
    with pytest.raises(InvalidValueError, match="expected a GPU that CUDA finds here"):
        importlib.import_module("slimdc_backends.cupy").CupyBackend()


class Sealed(np.ndarray[Any, Any]):
    """An array whose values cannot be read: on a GPU, reading one waits for all before it."""

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("a step reads a value")

    __bool__ = __int__ = __float__ = __index__ = __iter__ = _refuse
    item = tolist = _refuse

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if any(getattr(part, "dtype", None) == np.bool_ for part in parts):
            self._refuse()
        return super().__getitem__(key)


class SealedBackend(NumpyBackend):
    """NumPy's, whose arrays can be read by `to_numpy` alone."""

    def asarray(self, host: np.ndarray) -> Any:
        return np.array(host).view(Sealed)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(x.view(np.ndarray))

    def conv_relu_pool(self, x: Any, weight: Any, bias: Any, padding: int) -> Any:
        out = super().conv_relu_pool(x, weight, bias, padding)
        if isinstance(out, np.ndarray):
            return out.view(Sealed)
        out.value = out.value.view(Sealed)
        return out


def trainer_of(ops: Backend, norm: Norm = "none", classes: tuple[int, ...] = (3, 5)) -> Algorithm:
    """Start slimming a small set of images of classes of those sizes."""
    y = np.repeat(np.arange(len(classes)), classes)
    x = np.random.default_rng(0).standard_normal((y.size, 8, 8, 1)).astype(np.float32)
    before = slimdc.SlimmableDataset.from_arrays(x, y)
    after = before.truncate(2)
    pool = PoolSettings(size=2, lifetime=3, width=4, depth=2, norm=norm)
    settings = SlimSettings(steps=9, pool=pool)
    compute, rng = Compute(ops, "float32"), np.random.default_rng(0)
    plan = slimming_plan(after, Task.slimming(before, 2, "auto", settings, rng, lambda: compute))
    return Algorithm(plan, [plan.networks(plan.rng)])


def few_steps(ops: Backend, trainer: Algorithm, count: int = 6) -> list[Tensors]:
    with ops.session():
        return [trainer.step() for _ in range(count)]


@pytest.mark.parametrize(
    ("norm", "classes"),
    [
        ("none", (4, 4)),
        ("none", (3, 5)),
        ("instance", (3, 5)),
        ("batch", (3, 5)),
        ("none", (3, 1000)),
    ],
)
def test_a_step_reads_no_value(
    norm: Norm, classes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = SealedBackend()
    trainer = trainer_of(ops, norm, classes)
    # Their results depend on values in shape, or they are computed by masks.
    for name in ("clip", "nonzero", "unique_all", "unique_values"):
        monkeypatch.setattr(array_api_compat.numpy, name, Sealed._refuse)
    assert isinstance(trainer.tensors["vx"], Sealed)
    terms = few_steps(ops, trainer, 4)
    assert isinstance(terms[0]["infinity"], Sealed)
    assert isinstance(trainer.tensors["vx"], Sealed)
    assert np.isfinite(ops.to_numpy(terms[-1]["infinity"]))


@pytest.mark.parametrize("check", CHECKS)
def test_the_backend_conforms(cupy: Any, check: str) -> None:
    factory = importlib.import_module("slimdc_backends.cupy").CupyBackend
    getattr(testing, check)(factory if check == "check_device" else factory())


def test_the_first_steps_are_those_of_numpy(cupy: Any) -> None:
    data, *_ = slimdc.datasets.sample()
    runs = {}
    for name in ("numpy", "cupy"):
        history: list[dict[str, float]] = []
        options: dict[str, Any] = {"steps": 5, "width": 16, "history": history}
        small = slimdc.slim(data, 2, backend=name, **options)
        runs[name] = history, small
    (found, small), (expected, other) = runs["cupy"], runs["numpy"]
    for step, (one, two) in enumerate(zip(found, expected, strict=True)):
        for term, value in two.items():
            assert np.isclose(one[term], value, rtol=1e-3 * (step + 1), atol=1e-6), (step, term)
    assert relative(np.asarray(small.vx), np.asarray(other.vx)) < 1e-3


def test_results_come_back_as_cupy_arrays(cupy: Any) -> None:
    x, y = small_set()
    small = slimdc.slim((cupy.asarray(x), cupy.asarray(y)), 1, steps=2, width=4)
    for part in (*small.arrays(), small.u, small.vx):
        assert isinstance(part, cupy.ndarray)
        assert part.dtype == np.float64


@pytest.fixture
def seal(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let all by which CuPy's users wait for a GPU fail from a call on until the test is done."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a step waits for the GPU")

    with ExitStack() as stack:

        def now() -> None:
            for name in ("get", "item", "tolist", "__bool__", "__int__", "__float__", "__index__"):
                monkeypatch.setattr(cupy.ndarray, name, refuse)
            for name in ("deviceSynchronize", "streamSynchronize", "eventSynchronize"):
                monkeypatch.setattr(cupy.cuda.runtime, name, refuse)
            with warnings.catch_warnings():
                # It is to go, being unreliable; but it sees more than what is replaced above.
                warnings.simplefilter("ignore")
                stack.enter_context(importlib.import_module("cupyx").allow_synchronize(False))

        yield now


@pytest.mark.parametrize("classes", [(4, 4), (3, 5)])
def test_a_step_does_not_wait_for_the_gpu(
    ops: Backend, seal: Callable[[], None], classes: tuple[int, ...]
) -> None:
    trainer = trainer_of(ops, classes=classes)
    few_steps(ops, trainer)  # kernels are compiled, and handles made
    seal()
    few_steps(ops, trainer, 3)


def test_sessions_restore_device_and_precision(cupy: Any) -> None:
    products = importlib.import_module("cupy._core._routines_linalg")
    kind = importlib.import_module("slimdc_backends.cupy").CupyBackend
    before = products.get_compute_type(np.float32), cupy.cuda.Device().id
    last = cupy.cuda.runtime.getDeviceCount() - 1
    modern = int(cupy.cuda.Device(last).compute_capability) >= 80
    ops = kind(f"cuda:{last}", tf32=modern)
    inside = products.COMPUTE_TYPE_TF32 if modern else products.COMPUTE_TYPE_DEFAULT
    with suppress(KeyError), ops.session():
        assert (products.get_compute_type(np.float32), cupy.cuda.Device().id) == (inside, last)
        with kind().session():
            assert products.get_compute_type(np.float32) == products.COMPUTE_TYPE_DEFAULT
        assert products.get_compute_type(np.float32) == inside
        raise KeyError
    assert (products.get_compute_type(np.float32), cupy.cuda.Device().id) == before


def test_a_singular_matrix_raises_where_cupy_is_told_to_look(cupy: Any, ops: Backend) -> None:
    def solved(v: Tensors) -> Any:
        xp = importlib.import_module("array_api_compat").array_namespace(v["x"])
        return xp.sum(xp.linalg.solve(v["x"], v["x"] + 1.0)), {}

    zeros = {"x": ops.asarray(np.zeros((2, 2), np.float32))}
    with importlib.import_module("cupyx").errstate(linalg="raise"), pytest.raises(NumericalError):
        value_and_grad(ops, solved)(zeros)
