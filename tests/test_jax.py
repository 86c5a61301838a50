"""JAX: what is compiled once, what is left of dead code, precision without x64, and devices."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend, testing
from slimdc.backend import Array, Backend, Groups, Tensors
from slimdc.backend.compute import FLOAT32_RIDGE
from slimdc.errors import InvalidValueError, SlimdcWarning
from slimdc.networks import MLP, ConvNet, squared_error
from slimdc.settings import (
    CondenseSettings,
    EvaluationSettings,
    PoolSettings,
    SlimSettings,
)

jax = library("jax")
xla = importlib.import_module("slimdc_backends.kernels.xla")
JaxBackend = importlib.import_module("slimdc_backends.jax").JaxBackend

FACTORS = ("u", "s", "vx", "vy")
FEW = PoolSettings(size=2, lifetime=2, width=4, depth=2)


class Counting:
    """A perceptron that counts how often it is run, or traced."""

    def __init__(self) -> None:
        self.network = MLP(6, 3, width=4)
        self.sizes: list[int] = []

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return dict(self.network.draw(rng))

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        self.sizes.append(x.shape[0])
        return self.network.embed(ops, parameters, x)


def pair(sizes: tuple[int, ...] = (4, 5, 7), dtype: str = "float32") -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), sizes)
    return (rng.standard_normal((3, 6))[y] + rng.standard_normal((y.size, 6))).astype(dtype), y


def images() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((12, 8, 8)).astype(np.float32), np.arange(12) % 3


def slim(data: Any, k: int = 2, **options: Any) -> slimdc.SlimmableDataset:
    return slimdc.slim(data, k, **({"backend": "jax", "steps": 3, "width": 4} | options))


def bits(data: slimdc.SlimmableDataset) -> list[bytes]:
    return [np.asarray(getattr(data, name)).tobytes() for name in FACTORS]


def test_networks_that_are_reborn_and_rates_that_change_recompile_nothing() -> None:
    counts = []
    for steps in (1, 12):
        network = Counting()
        slim(pair(), preset=SlimSettings(pool=FEW), network=network, width=None, steps=steps)
        counts.append(len(network.sizes))
    assert counts[0] == counts[1]


def test_classes_of_unequal_sizes_recompile_nothing() -> None:
    counts = []
    for steps in (1, 8):
        network = Counting()
        with pytest.warns(SlimdcWarning, match="fewer than"):
            slim(pair((2, 5, 7)), 4, network=network, steps=steps)
        counts.append(len(network.sizes))
    assert counts[0] == counts[1]


def test_evaluation_compiles_once_for_all_networks() -> None:
    traced = []
    for repeats in (1, 3):
        network = Counting()
        (x, y), settings = pair(), EvaluationSettings(batch=9)
        slimdc.evaluate(
            (x, y),
            x,
            y,
            backend="jax",
            steps=6,
            repeats=repeats,
            network=network,
            protocol=settings,
            preprocessed=True,
        )
        traced.append(network.sizes.count(9))
    assert traced[0] == traced[1]


def test_a_step_of_floats_and_arrays_is_traced_once() -> None:
    traces = []

    def function(v: Tensors, rate: float) -> Tensors:
        traces.append(rate)
        return {name: x * rate for name, x in v.items()}

    ops = backend.get("jax")
    compiled = ops.compile(function)
    v = {"x": ops.asarray(np.ones(3, np.float32))}
    for count in range(4):
        v = compiled(v, 1.0 / (count + 1))
    assert len(traces) == 1
    assert np.allclose(ops.to_numpy(v["x"]), 1 / 24)


class AtOnce(JaxBackend):  # type: ignore[misc, valid-type]
    """What devices other than CPUs compute."""

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        return xla.at_once(x, weight, bias, padding)


def convolutions(ops: Any) -> int:
    """Count what XLA keeps of a ConvNet's gradients in its images and in its parameters."""
    network = ConvNet((16, 16, 3), 2, width=8)
    rng = np.random.default_rng(0)
    x, y = (ops.asarray(rng.standard_normal(shape)) for shape in ((25, 16, 16, 3), (25, 2)))
    parameters = {name: ops.asarray(value) for name, value in network.draw(rng).items()}

    def function(v: Groups, y: Array) -> tuple[Tensors, Tensors]:
        features = network.embed(ops, v["network"], v["images"]["x"])
        error = squared_error(v["network"], features, y)
        return {"images": jax.numpy.sum(features * features), "network": error}, {}

    variables = {"images": {"x": x}, "network": parameters}
    program = ops.compile(ops.differentiate(function)).lower(variables, y).compile()
    return int(program.as_text().count(" convolution("))


def test_the_forward_pass_is_shared_and_what_is_not_wanted_is_removed() -> None:
    # Three forward; three back to the images; of the parameters, two back and three of filters.
    assert convolutions(AtOnce("cpu")) == 3 + 3 + 2 + 3
    # In chunks, filters' gradients and those of three channels are products.
    assert convolutions(JaxBackend("cpu")) == 3 + 2 + 2


@pytest.mark.parametrize("check", ["conv_relu_pool", "relu_at_zero"])
def test_blocks_at_once_conform(check: str) -> None:
    getattr(testing, f"check_{check}")(AtOnce())


@pytest.mark.parametrize(
    ("n", "h", "w", "c_in", "c_out", "r", "padding"),
    [(23, 9, 6, 7, 3, 3, 1), (10, 5, 5, 6, 4, 3, 3), (11, 6, 7, 5, 2, 5, 1), (1, 4, 4, 8, 8, 3, 0)],
)
def test_chunks_are_what_is_computed_at_once(
    n: int, h: int, w: int, c_in: int, c_out: int, r: int, padding: int
) -> None:
    rng = np.random.default_rng(0)
    shapes = {"x": (n, h, w, c_in), "weight": (r, r, c_in, c_out), "bias": (c_out,)}
    results = []
    for ops in (AtOnce("cpu"), JaxBackend("cpu")):
        v = {name: ops.asarray(rng.standard_normal(shape)) for name, shape in shapes.items()}
        rng = np.random.default_rng(0)

        def function(v: Groups, ops: Any = ops) -> tuple[Tensors, Tensors]:
            out = ops.conv_relu_pool(**v["all"], padding=padding)
            return {"all": jax.numpy.sum(out * out)}, {"out": out}

        _, extras, gradients = ops.differentiate(function)({"all": v})
        results.append({k: ops.to_numpy(g) for k, g in (extras | gradients["all"]).items()})
    for name, expected in results[0].items():
        assert relative(results[1][name], expected) < 1e-5


def test_a_run_repeats_to_the_bit() -> None:
    assert bits(slim(images())) == bits(slim(images()))


def test_results_are_the_callers_own_kind() -> None:
    x, y = pair()
    given = jax.device_put(x, jax.devices("cpu")[0])
    small = slim((given, y.tolist()), backend="auto")
    for part in (*small.arrays(), *(getattr(small, name) for name in FACTORS)):
        assert isinstance(part, jax.Array)
        assert part.dtype == np.float32
        assert part.device == given.device


def test_float64_without_x64_is_computed_in_float32_and_comes_back() -> None:
    if jax.config.jax_enable_x64:
        pytest.skip("x64 is on")
    wide, narrow = slim(pair(dtype="float64")), slim(pair(dtype="float32"))
    assert wide.vx.dtype == np.float64
    assert relative(wide.vx, narrow.vx.astype(np.float64)) < 1e-4


def test_numbers_beyond_float32_are_infinite_there() -> None:
    if jax.config.jax_enable_x64:
        pytest.skip("x64 is on")
    ops = backend.get("jax")
    assert np.isinf(ops.to_numpy(ops.asarray(np.array([1e300])))).all()


@pytest.mark.parametrize("job", ["slim", "condense"])
def test_a_ridge_that_float32_does_not_bear_is_raised(job: str) -> None:
    if jax.config.jax_enable_x64:
        pytest.skip("x64 is on")

    def run(ridge: float) -> list[bytes]:
        if job == "slim":
            return bits(slim(pair(), preset=SlimSettings(ridge=ridge, pool=FEW)))
        settings = CondenseSettings(steps=3, batch=8, ridge=ridge, pool=FEW)
        return bits(slimdc.condense(*pair(), 3, backend="jax", preset=settings))

    message = r"^ridge: found 1e-06, expected at least 0.001 where jax has no float64; 0.001 is"
    with pytest.warns(SlimdcWarning, match=message) as caught:
        raised = run(1e-6)
    assert caught[0].filename == __file__
    assert raised == run(FLOAT32_RIDGE)


def test_real_data_are_condensed_as_by_numpy() -> None:
    settings = CondenseSettings(steps=4, batch=8, pool=FEW)
    found, expected = (
        slimdc.condense(*images(), 3, backend=name, preset=settings) for name in ("jax", "numpy")
    )
    for name in FACTORS:
        assert relative(getattr(found, name), getattr(expected, name)) < 1e-4


def test_evaluation_finds_what_numpy_finds() -> None:
    (x, y), options = images(), {"steps": 20, "repeats": 2, "width": 4, "preprocessed": True}
    x = x + 2.0 * y[:, None, None].astype(np.float32)
    found, expected = (
        slimdc.evaluate((x, y), x, y, backend=name, **options) for name in ("jax", "numpy")
    )
    assert found == expected


def test_resumed_runs_end_as_uninterrupted_ones(tmp_path: Path) -> None:
    class InterruptionError(Exception):
        pass

    def interrupt(count: int, steps: int, terms: dict[str, float]) -> None:
        if count >= 10:
            raise InterruptionError

    held = {"checkpoint": tmp_path / "run", "checkpoint_interval": 10}
    with pytest.raises(InterruptionError):
        slim(pair(), steps=20, progress=interrupt, **held)
    assert bits(slim(pair(), steps=20, **held)) == bits(slim(pair(), steps=20))


def test_devices_go_by_jaxs_own_names() -> None:
    here = jax.devices("cpu")[0]
    for name in ("cpu", "cpu:0", str(here)):
        ops = backend.get("jax", name)
        assert ops.device == "cpu:0"
        assert ops.asarray(np.zeros(1)).device == here
    for name in ("cpu:99", "cpu:first", "tpu9", "cpu:0:0"):
        with pytest.raises(InvalidValueError, match=r"^device: found .* a device that JAX has"):
            backend.get("jax", name)


def test_sessions_hold_full_precision_and_restore_what_was() -> None:
    name = "jax_default_matmul_precision"
    before = getattr(jax.config, name)
    with backend.get("jax").session():
        assert getattr(jax.config, name) == "highest"
    assert getattr(jax.config, name) == before


X64 = """
import numpy as np
import slimdc
from slimdc import backend, testing
from slimdc.settings import SLIM
import jax

second = jax.devices("cpu")[1]
with jax.default_device(second):
    assert backend.get("jax").device == "cpu:1"
ops = backend.get("jax", str(second))
assert backend.Compute(ops, "float64").safe_ridge(SLIM["paper"].ridge) == 1e-6
testing.check_gradients(ops)
rng = np.random.default_rng(0)
x, y = rng.standard_normal((12, 8, 8)), np.arange(12) % 3
options = {"steps": 5, "width": 4}
found = slimdc.slim((jax.device_put(x, second), y.tolist()), 2, **options)
expected = slimdc.slim((x, y), 2, **options)
for name in ("u", "s", "vx", "vy"):
    part = getattr(found, name)
    assert part.device == second and part.dtype == np.float64
    np.testing.assert_allclose(np.asarray(part), getattr(expected, name), rtol=0, atol=1e-9)
"""


def test_with_x64_it_computes_in_float64_on_any_device() -> None:
    root = Path(__file__).parents[1]
    environment = os.environ | {
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": os.pathsep.join([str(root), str(root / "backends")]),
    }
    command = [sys.executable, "-W", "error", "-c", X64]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
