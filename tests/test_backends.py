"""Backends pass the public checks, the checks catch what is wrong, and the registry finds both."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from threadpoolctl import threadpool_info, threadpool_limits

import slimdc
from slimdc import backend, testing
from slimdc.backend import (
    Array,
    Backend,
    BackendFactory,
    Differentiated,
    Groups,
    Scored,
    Tensors,
    value_and_grad,
)
from slimdc.errors import InvalidValueError, MissingBackendError
from slimdc.networks import ConvNet, squared_error
from slimdc_backends import cores
from slimdc_backends.numpy import NumpyBackend

THIRD_PARTY = Path(__file__).parent / "third_party"
CHECKS = [name for name in testing.__all__ if name.startswith("check_") and name != "check_backend"]


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the third party's package importable and its entry point known."""
    monkeypatch.syspath_prepend(str(THIRD_PARTY))


@pytest.fixture(params=["numpy", "torch", "third party"])
def make(request: pytest.FixtureRequest) -> BackendFactory:
    """Each backend's class in turn."""
    factory: BackendFactory
    if request.param == "third party":
        request.getfixturevalue("third_party")
        factory = importlib.import_module("slimdc_thirdparty").ThirdPartyBackend
    elif request.param == "torch":
        library("torch")
        factory = importlib.import_module("slimdc_backends.torch").TorchBackend
    else:
        factory = NumpyBackend
    return factory


@pytest.mark.parametrize("check", CHECKS)
def test_backends_conform(make: BackendFactory, check: str) -> None:
    subject = make if check == "check_device" else make()
    getattr(testing, check)(subject)


def test_check_backend_runs_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for name in CHECKS:
        monkeypatch.setattr(testing, name, lambda _, name=name: ran.append(name))
    testing.check_backend(NumpyBackend)
    assert sorted(ran) == sorted(CHECKS)


def test_the_reference_conforms_where_it_is_not_its_own_judge() -> None:
    testing.check_device(testing.ReferenceBackend)
    for name in ("arrays", "gradients", "compile", "session", "singular_solve"):
        getattr(testing, f"check_{name}")(testing.ReferenceBackend())


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
    @contextmanager
    def session(self) -> Iterator[None]:
        if self._threads is not None:
            raise AssertionError("already in a session")
        with super().session():
            yield


class TakesAnyDevice(NumpyBackend):
    def __init__(self, device: str | None = None) -> None:
        super().__init__()


BROKEN = (
    (KeepsTheCallersMemory, "check_arrays", "shares memory with the caller's"),
    (GivesItsMemoryAway, "check_arrays", "shares memory with the backend's"),
    (WidensDtypes, "check_arrays", "to keep float32, found float64"),
    (ReadsMemoryInItsOrder, "check_arrays", "values to survive"),
    (ForgetsTheBias, "check_conv_relu_pool", "conv_relu_pool of"),
    (PadsTooMuch, "check_conv_relu_pool", "shape"),
    (Correlates, "check_conv_relu_pool", "conv_relu_pool of"),
    (one_percent_off("weight"), "check_conv_relu_pool", "in weight"),
    (one_percent_off("bias"), "check_conv_relu_pool", "in bias"),
    (altered(lambda _, g: g + 0.5), "check_relu_at_zero", "no gradient"),
    (altered(lambda _, g: g.astype(np.float64)), "check_gradients", "a gradient like x, float32"),
    (altered(lambda _, g: g.ravel()), "check_gradients", "a gradient like x"),
    (altered(lambda _, g: g + 1), "check_gradients", "a gradient of zero"),
    (one_percent_off("x"), "check_convnet_gradients", "the ConvNet in x"),
    (one_percent_off("s"), "check_loss_gradients", "skewness"),
    (LeaksErrors, "check_singular_solve", "NumericalError"),
    (CompilesBadly, "check_compile", "of LAMB"),
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


def network_bits(ops: Backend) -> list[bytes]:
    """Compute a network's gradients in a session."""
    network = ConvNet((28, 28, 1), 10, width=8)
    rng = np.random.default_rng(0)
    host = {name: x.astype(np.float32) for name, x in network.draw(rng).items()}
    x, y = rng.standard_normal((37, 28, 28, 1)), rng.standard_normal((37, 10))
    constants = [ops.asarray(a.astype(np.float32)) for a in (x, y)]

    def loss(v: Tensors, x: Array, y: Array) -> tuple[Array, Tensors]:
        return squared_error(v, network.embed(ops, v, x), y), {}

    with ops.session():
        parameters = {name: ops.asarray(x) for name, x in host.items()}
        value, _, gradients = value_and_grad(ops, loss)(parameters, *constants)
        return [ops.to_numpy(x).tobytes() for x in (value, *gradients.values())]


def test_numpy_gives_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(cores, "available", lambda threads=threads: threads)
        with threadpool_limits(threads):
            runs.append(network_bits(NumpyBackend()))
    assert runs[1] == runs[0]
    assert runs[2] == runs[0]


def test_torch_gives_the_same_bits_on_any_number_of_threads() -> None:
    torch = library("torch")
    before, runs = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs.append(network_bits(backend.get("torch")))
    finally:
        torch.set_num_threads(before)
    assert runs[1] == runs[0]


def test_torch_sessions_restore_its_switches() -> None:
    torch = library("torch")
    ops = backend.get("torch")
    before = torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()
    with ops.session():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_grad_enabled()
        with ops.session():
            pass
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_grad_enabled()
    after = torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()
    assert after == before == (False, True)


def small_set() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((8, 6)), np.arange(8) % 2


def test_the_registry_knows_the_built_in_backends() -> None:
    assert backend.names()[:2] == ("numpy", "torch")
    assert "thirdparty" not in backend.names()
    with pytest.raises(MissingBackendError, match=r"backend: found 'thirdparty'.*'numpy'"):
        backend.get("thirdparty")


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_backend_is_listed_and_used() -> None:
    assert backend.names() == ("numpy", "torch", "thirdparty")
    assert backend.missing("thirdparty") is None
    options = {"steps": 5, "width": 8, "seed": 3}
    found = slimdc.slim(small_set(), 1, backend="thirdparty", **options)
    expected = slimdc.slim(small_set(), 1, backend="numpy", **options)
    start = slimdc.slim(small_set(), 1, steps=0)
    for name in ("u", "s", "vx", "vy"):
        one, other = getattr(found, name), getattr(expected, name)
        assert type(one) is np.ndarray
        assert np.allclose(one, other, rtol=1e-7, atol=1e-9)
        assert not np.allclose(one, getattr(start, name), rtol=1e-4)


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_backend_learns_from_images() -> None:
    x = np.random.default_rng(0).standard_normal((8, 4, 4))
    options: dict[str, Any] = {"steps": 2, "network": ConvNet((4, 4, 1), 2, width=2, depth=1)}
    pair = (x, np.arange(8) % 2)
    found = slimdc.slim(pair, 2, backend="thirdparty", **options)
    expected = slimdc.slim(pair, 2, backend="numpy", **options)
    assert np.allclose(found.vx, expected.vx, rtol=1e-7, atol=1e-9)


def test_a_name_that_is_built_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "usurper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: usurper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[slimdc.backends]\nnumpy = usurper:Backend\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    message = "slimdc.backends: found 'usurper:Backend' under the built-in name 'numpy'"
    with pytest.raises(InvalidValueError, match=message):
        backend.names()


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    assert backend.missing("torch") == "pip install 'slimdc[torch]'"
    with pytest.raises(MissingBackendError, match=r"pip install 'slimdc\[torch\]'"):
        backend.get("torch")
    with pytest.raises(MissingBackendError, match=r"pip install 'slimdc\[torch\]'"):
        slimdc.slim(small_set(), 1, backend="torch", steps=1)
    assert "torch" in backend.names()


def test_an_unknown_backend_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(MissingBackendError, match="found 'tensorflow', expected one of 'numpy'"):
        slimdc.slim(small_set(), 1, backend="tensorflow", steps=1)


def test_auto_takes_the_library_of_the_arrays() -> None:
    assert backend.resolve("auto", np.zeros(1)).name == "numpy"
    torch = library("torch")
    assert backend.resolve("auto", torch.zeros(1)).name == "torch"
    assert backend.resolve("numpy", torch.zeros(1)).name == "numpy"


def test_auto_refuses_arrays_that_no_backend_computes_on() -> None:
    strict = library("array_api_strict")
    x, y = small_set()
    with pytest.raises(MissingBackendError, match="arrays of array_api_strict"):
        slimdc.slim((strict.asarray(x), y.tolist()), 1, steps=1)


def test_jax_arrays_need_a_backend_by_name_and_come_back_as_jax_arrays() -> None:
    jax = library("jax")
    x, y = small_set()
    data = slimdc.SlimmableDataset.from_arrays(jax.numpy.asarray(x, dtype="float32"), y.tolist())
    with pytest.raises(MissingBackendError, match="'auto' with arrays of jax"):
        slimdc.slim(data, 1, steps=1)
    small = slimdc.slim(data, 1, steps=1, backend="numpy", width=4)
    for part in (*small.arrays(), small.u, small.vx):
        assert isinstance(part, jax.Array)
        assert part.dtype == np.float32


def test_torch_tensors_come_back_from_numpy_as_torch_tensors() -> None:
    torch = library("torch")
    x, y = small_set()
    for name in ("numpy", "torch"):
        small = slimdc.slim((torch.tensor(x), y.tolist()), 1, steps=1, backend=name, width=4)
        assert isinstance(small.vx, torch.Tensor)
        assert small.vx.dtype == torch.float64


def test_numpy_has_no_other_device() -> None:
    with pytest.raises(InvalidValueError, match=r"device: found 'cuda', expected 'cpu'"):
        backend.get("numpy", "cuda")
