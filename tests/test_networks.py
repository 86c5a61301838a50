"""Networks are the same on every backend, and their gradients are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import central_differences, relative

from slimdc import backend
from slimdc.backend import Backend, Compute, value_and_grad
from slimdc.errors import InvalidValueError
from slimdc.networks import HEAD, HEAD_BIAS, MLP, ConvNet, Network, build, predict, squared_error
from slimdc.settings import PoolSettings
from slimdc.testing import ReferenceBackend
from slimdc.training.sources import NetworkPool

NETWORKS: dict[str, tuple[Network, tuple[int, ...]]] = {
    "ConvNet": (ConvNet((8, 6, 3), 3, width=2, depth=2), (3, 8, 6, 3)),
    "ConvNet of odd images": (ConvNet((9, 7, 1), 2, width=3, depth=2), (2, 9, 7, 1)),
    "MLP": (MLP(5, 3, width=6, depth=2), (4, 5)),
}


def draw(name: str) -> tuple[Network, dict[str, np.ndarray], np.ndarray]:
    """Draw parameters with biases, samples as one more variable, and labels."""
    network, shape = NETWORKS[name]
    rng = np.random.default_rng(3)
    variables = {
        of: x if x.ndim > 1 else rng.standard_normal(x.shape) for of, x in network.draw(rng).items()
    }
    variables["x"] = rng.standard_normal(shape)
    return network, variables, rng.standard_normal((shape[0], variables[HEAD].shape[1]))


def gradients_on(
    ops: Backend, network: Network, variables: dict[str, np.ndarray], y: np.ndarray
) -> dict[str, np.ndarray]:
    def loss(v: dict[str, Any], y: Any) -> tuple[Any, dict[str, Any]]:
        return squared_error(v, network.embed(ops, v, v["x"]), y), {}

    entered = {of: ops.asarray(x) for of, x in variables.items()}
    value, _, gradients = value_and_grad(ops, loss)(entered, ops.asarray(y))
    return {of: ops.to_numpy(g) for of, g in gradients.items()} | {"loss": ops.to_numpy(value)}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_on_numpy_are_those_of_torch(name: str) -> None:
    library("torch")
    network, variables, y = draw(name)
    expected = gradients_on(backend.get("torch"), network, variables, y)
    for of, found in gradients_on(backend.get("numpy"), network, variables, y).items():
        assert relative(found, expected[of]) < 1e-10


def test_gradients_of_a_whole_convnet_are_those_of_torch() -> None:
    library("torch")
    network = ConvNet((28, 28, 1), 10, width=8)
    rng = np.random.default_rng(0)
    variables = network.draw(rng) | {"x": rng.standard_normal((5, 28, 28, 1))}
    y = rng.standard_normal((5, 10))
    expected = gradients_on(backend.get("torch"), network, variables, y)
    for of, found in gradients_on(backend.get("numpy"), network, variables, y).items():
        assert relative(found, expected[of]) < 1e-10


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_central_differences(name: str) -> None:
    network, variables, y = draw(name)
    reference = ReferenceBackend()

    def value(v: dict[str, np.ndarray]) -> float:
        return float(squared_error(v, network.embed(reference, v, v["x"]), y))

    if isinstance(network, MLP):
        x = variables["x"]
        for i in range(network.depth):
            x = x @ variables[f"dense{i}.weight"] + variables[f"dense{i}.bias"]
            reference.nearest_kink = min(reference.nearest_kink, float(np.abs(x).min()))
            x = np.maximum(x, 0)
    value(variables)
    assert 1e-4 < reference.nearest_kink < 1
    expected = central_differences(value, variables)
    found = gradients_on(backend.get("numpy"), network, variables, y)
    for of, gradient in expected.items():
        assert relative(found[of], gradient) < 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_one_seed_means_one_network(name: str) -> None:
    network, _ = NETWORKS[name]
    first, again, other = (network.draw(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert list(first) == list(again)
    for of, x in first.items():
        assert x.dtype == np.float64
        assert np.array_equal(x, again[of])
        assert x.ndim == 1 or not np.array_equal(x, other[of])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_draw_the_same_bits(dtype: str) -> None:
    library("torch")
    network = ConvNet((8, 8, 1), 3, width=4, depth=2)
    pools = [
        NetworkPool(
            network, Compute(backend.get(name), dtype), np.random.default_rng(5), PoolSettings(3), 9
        )
        for name in ("numpy", "torch")
    ]
    states = [pool.state() for pool in pools]
    assert states[0].keys() == states[1].keys()
    for of, x in states[0].items():
        assert x.dtype == states[1][of].dtype
        assert x.tobytes() == states[1][of].tobytes()
    for _ in range(20):
        first, second = (np.asarray(pool.draw({})[0][HEAD]) for pool in pools)
        assert first.tobytes() == second.tobytes()


def test_parameters_have_the_papers_shapes() -> None:
    shapes = {
        of: x.shape for of, x in ConvNet((28, 28, 1), 10).draw(np.random.default_rng()).items()
    }
    assert shapes == {
        "conv0.weight": (3, 3, 1, 128),
        "conv0.bias": (128,),
        "conv1.weight": (3, 3, 128, 256),
        "conv1.bias": (256,),
        "conv2.weight": (3, 3, 256, 512),
        "conv2.bias": (512,),
        HEAD: (8192, 10),
        HEAD_BIAS: (10,),
    }


@pytest.mark.parametrize(
    ("image", "depth", "features"),
    [
        ((28, 28, 1), 3, 4 * 4 * 16),
        ((32, 32, 3), 3, 4 * 4 * 16),
        ((33, 30, 3), 2, 8 * 7 * 8),
        ((28, 30, 1), 1, 14 * 15 * 4),
        ((64, 64, 3), 4, 4 * 4 * 32),
    ],
)
def test_features_have_the_size_that_the_head_expects(
    image: tuple[int, int, int], depth: int, features: int
) -> None:
    ops, network = backend.get("numpy"), ConvNet(image, 5, width=4, depth=depth)
    parameters = network.draw(np.random.default_rng(0))
    x = np.zeros((2, *image))
    assert network.embed(ops, parameters, x).shape == (2, features)
    assert predict(parameters, network.embed(ops, parameters, x)).shape == (2, 5)


def test_an_mlp_is_matrix_products_and_rectifiers() -> None:
    network, variables, _ = draw("MLP")
    x = variables["x"]
    for i in range(2):
        x = np.maximum(x @ variables[f"dense{i}.weight"] + variables[f"dense{i}.bias"], 0)
    found = network.embed(backend.get("numpy"), variables, variables["x"])
    assert relative(found, x) < 1e-14


@pytest.mark.parametrize("name", ["ConvNet", "ConvNet of odd images"])
def test_a_convnet_is_blocks_one_after_another(name: str) -> None:
    network, variables, _ = draw(name)
    found = network.embed(backend.get("numpy"), variables, variables["x"])
    x, reference = variables["x"], ReferenceBackend()
    for i in range(2):
        x = reference.conv_relu_pool(x, variables[f"conv{i}.weight"], variables[f"conv{i}.bias"], 1)
    assert relative(found, x.reshape(x.shape[0], -1)) < 1e-13


def test_weights_are_lecun_normal() -> None:
    parameters = ConvNet((8, 8, 16), 10, width=128, depth=2).draw(np.random.default_rng(0))
    parameters |= MLP(300, 10, width=400, depth=1).draw(np.random.default_rng(1))
    for of, fan_in in (("conv0.weight", 144), ("conv1.weight", 1152), ("dense0.weight", 300)):
        z = parameters[of] * np.sqrt(fan_in)
        # The deviation of a sample variance is below √(2/n) for a normal cut off at its tails.
        assert z.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / z.size))
        assert abs(z.mean()) < 4 / np.sqrt(z.size)
        # The normal is cut off at 2 deviations, which stretches it by 1 / 0.8796.
        assert 2.0 < np.abs(z).max() <= 2 / 0.879625
    assert not parameters["conv0.bias"].any()


def test_squared_error_is_half_the_sum_over_entries_and_the_mean_over_samples() -> None:
    network, variables, y = draw("MLP")
    ops = backend.get("numpy")
    predicted = network.embed(ops, variables, variables["x"]) @ variables[HEAD]
    total = 0.0
    for one, label in zip(predicted + variables[HEAD_BIAS], y, strict=True):
        total += 0.5 * sum((a - b) ** 2 for a, b in zip(one, label, strict=True))
    found = squared_error(variables, network.embed(ops, variables, variables["x"]), y)
    assert float(found) == pytest.approx(total / 4, rel=1e-12)


@pytest.mark.parametrize("field", ["width", "depth", "outputs"])
def test_numbers_below_one_are_refused(field: str) -> None:
    with pytest.raises(InvalidValueError, match=f"{field}: found 0, expected an int of at least 1"):
        ConvNet((8, 8, 1), **({"outputs": 2} | {field: 0}))
    with pytest.raises(InvalidValueError, match=f"{field}: found 0, expected an int of at least 1"):
        MLP(8, **({"outputs": 2} | {field: 0}))


def test_images_too_small_for_the_depth_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="depth: found 3 poolings of 8 x 7 images"):
        ConvNet((8, 7, 1), 2)


def test_auto_takes_the_depth_that_images_have_room_for() -> None:
    for shape, depth in (
        ((3, 100, 3), 1),
        ((7, 5, 1), 2),
        ((2, 2, 1), 1),
        ((8, 8, 1), 3),
        ((28, 28, 1), 3),
    ):
        assert build("auto", shape, "channels_last", 2) == ConvNet(shape, 2, depth=depth)
        assert build("auto", shape, "channels_last", 2, depth=1) == ConvNet(shape, 2, depth=1)
    three = np.int64(3)
    assert build("auto", (4, 4, 1), "channels_last", 2, depth=three) == ConvNet(
        (4, 4, 1), 2, depth=2
    )  # type: ignore[arg-type]
    assert build("auto", (32, 32, 3), "channels_last", 2, depth=5).depth == 5  # type: ignore[attr-defined]
    with pytest.raises(InvalidValueError, match="depth: found 3 poolings of 7 x 5 images"):
        build("convnet", (7, 5, 1), "channels_last", 2, depth=3)
    with pytest.raises(InvalidValueError, match=r"1 poolings of 1 x 5 images, .*'resnet18'"):
        build("auto", (1, 5, 1), "channels_last", 2)


def test_networks_are_built_by_name() -> None:
    sizes: dict[str, int] = {"width": 4, "depth": 2}
    assert build("auto", (9,), "flat", 3, **sizes) == MLP(9, 3, 4, 2)
    assert build("mlp", (9,), "flat", 3, **sizes) == MLP(9, 3, 4, 2)
    net = ConvNet((8, 6, 1), 3, 4, 2)
    assert build("auto", (8, 6, 1), "channels_last", 3, **sizes) == net
    assert build("convnet", (1, 8, 6), "channels_first", 3, **sizes) == net
    assert build(net, (9,), "flat", 3, **sizes) is net
    for name, shape, layout in (
        ("convnet", (9,), "flat"),
        ("mlp", (8, 6, 1), "channels_last"),
        ("resnet", (9,), "flat"),
    ):
        with pytest.raises(InvalidValueError, match=f"network: found '{name}' for samples"):
            build(name, shape, layout, 3, **sizes)
