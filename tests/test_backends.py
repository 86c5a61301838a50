"""Backends pass the public checks, and the registry finds them."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from threadpoolctl import threadpool_limits

import slimdc
from slimdc import backend, testing
from slimdc.backend import Array, Backend, BackendFactory, Tensors, process, value_and_grad
from slimdc.errors import InvalidValueError, MissingBackendError, SlimdcWarning
from slimdc.networks import ConvNet, squared_error
from slimdc.networks.normalization import NORMS, Norm
from slimdc.settings import CondenseSettings, EvaluationSettings, PoolSettings, SlimSettings
from slimdc_backends.numpy import NumpyBackend

THIRD_PARTY = Path(__file__).parent / "third_party"
CHECKS = [name for name in testing.__all__ if name.startswith("check_") and name != "check_backend"]


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the third party's package importable and its entry point known."""
    monkeypatch.syspath_prepend(str(THIRD_PARTY))


@pytest.fixture(params=["numpy", "torch", "jax", "third party"])
def make(request: pytest.FixtureRequest) -> BackendFactory:
    """Each backend's class in turn."""
    factory: BackendFactory
    if request.param == "third party":
        request.getfixturevalue("third_party")
        factory = importlib.import_module("slimdc_thirdparty").ThirdPartyBackend
    elif request.param == "torch":
        library("torch")
        factory = importlib.import_module("slimdc_backends.torch").TorchBackend
    elif request.param == "jax":
        library("jax")
        factory = importlib.import_module("slimdc_backends.jax").JaxBackend
    else:
        factory = NumpyBackend
    return factory


@pytest.mark.parametrize("check", CHECKS)
def test_backends_conform(make: BackendFactory, check: str) -> None:
    subject = make if check == "check_device" else make()
    getattr(testing, check)(subject)


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
        monkeypatch.setattr(process, "available_cores", lambda threads=threads: threads)
        with threadpool_limits(threads):
            runs.append(network_bits(NumpyBackend()))
    assert runs[1] == runs[0]
    assert runs[2] == runs[0]


def test_torch_gives_the_same_bits_on_the_same_number_of_threads() -> None:
    """On another number it splits sums in other ways, and the last bits may differ."""
    torch = library("torch")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs = [network_bits(backend.get("torch")) for _ in range(2)]
            assert runs[0] == runs[1]
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_torch_sessions_restore_its_switches() -> None:
    torch = library("torch")
    ops = backend.get("torch")
    assert not torch.are_deterministic_algorithms_enabled()
    with ops.session():
        assert torch.are_deterministic_algorithms_enabled()
        with ops.session():
            pass
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def small_set() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((8, 6)), np.arange(8) % 2


def test_the_registry_knows_the_built_in_backends() -> None:
    assert backend.names()[:3] == ("numpy", "torch", "jax")
    assert "thirdparty" not in backend.names()
    with pytest.raises(MissingBackendError, match=r"backend: found 'thirdparty'.*'numpy'"):
        backend.get("thirdparty")


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_backend_is_listed_and_used() -> None:
    assert backend.names()[-1] == "thirdparty"
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


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize(
    "check", ["arrays", "gradients", "groups", "compile", "determinism", "loss_gradients"]
)
def test_a_third_partys_backend_conforms_on_another_device(check: str) -> None:
    getattr(testing, f"check_{check}")(backend.get("thirdparty", "device1"))


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize("norm", NORMS)
def test_shared_code_makes_every_array_on_the_backends_device(norm: Norm) -> None:
    """Arrays of array-api-strict refuse those of another of its devices."""
    rng = np.random.default_rng(0)
    pair = rng.standard_normal((9, 4, 4)), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    networks = PoolSettings(size=1, lifetime=2, batch=5, width=2, depth=2, norm=norm)
    few = SlimSettings(steps=3, centred=True, pool=networks)
    judged = EvaluationSettings(width=2, depth=2, batch=4, norm=norm)
    runs = []
    for device in ("CPU_DEVICE", "device1"):
        ops = backend.get("thirdparty", device)
        options: dict[str, Any] = {"backend": "thirdparty", "device": device}
        with pytest.warns(SlimdcWarning, match="fewer than 5 components"):
            sets = [slimdc.slim(pair, 5, preset=few, samples="match", **options)]
        sets += [
            slimdc.slim(pair, 2, preset=few, backend=ops),
            slimdc.condense(
                *pair, 2, preset=CondenseSettings(steps=3, batch=6, pool=networks), **options
            ),
        ]
        found = slimdc.evaluate(pair, *pair, steps=3, repeats=1, protocol=judged, **options)
        runs.append([x.tobytes() for s in sets for x in (s.u, s.s, s.vx, s.vy)] + [found])
    assert runs[0] == runs[1]


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
    jax = library("jax")
    assert backend.resolve("auto", jax.numpy.zeros(1)).name == "jax"


def test_auto_refuses_arrays_that_no_backend_computes_on() -> None:
    strict = library("array_api_strict")
    x, y = small_set()
    with pytest.raises(MissingBackendError, match="arrays of array_api_strict"):
        slimdc.slim((strict.asarray(x), y.tolist()), 1, steps=1)


@pytest.mark.parametrize("name", ["numpy", "jax"])
def test_jax_arrays_come_back_as_jax_arrays(name: str) -> None:
    jax = library("jax")
    x, y = small_set()
    data = slimdc.SlimmableDataset.from_arrays(jax.numpy.asarray(x, dtype="float32"), y.tolist())
    small = slimdc.slim(data, 1, steps=1, backend=name, width=4)
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
