"""The literature's networks are those of their sources, by torch's modules and by their counts."""

from __future__ import annotations

import functools
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from conftest import library
from differences import relative

import slimdc
from slimdc import backend
from slimdc.backend import Backend, value_and_grad
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks import (
    HEAD,
    MLP,
    NAMES,
    NORMS,
    VGG11,
    AlexNet,
    ConvNet,
    LiteratureConvNet,
    Network,
    ResNet18,
    build,
    keeps_statistics,
    observed,
    squared_error,
)
from slimdc.networks.normalization import Norm
from slimdc.settings import EvaluationSettings, PoolSettings, SlimSettings

THIRD_PARTY = Path(__file__).parent / "third_party"
Image = tuple[int, int, int]
# Small images that every layer sees more than one pixel of, odd ones, and those that are padded.
CASES: tuple[tuple[str, Image, int], ...] = (
    ("convnet-in", (8, 11, 3), 3),
    ("convnet-in", (28, 28, 1), 2),
    ("alexnet", (8, 9, 3), 4),
    ("alexnet", (28, 28, 1), 2),
    ("vgg11", (32, 35, 3), 2),
    ("vgg11", (28, 28, 1), 2),
    ("resnet18", (9, 11, 3), 2),
    ("resnet18", (28, 28, 1), 1),
)
MADE_FOR_IMAGES = ("convnet", "convnet-in", "alexnet", "vgg11", "resnet18")


def network_of(name: str, image: Image, width: int, norm: Norm | None = None) -> Any:
    return build(name, image, "channels_last", 2, width=width, norm=norm)


def draw(network: Any, samples: int = 3) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draw parameters that are all far from where they start, images among them, and labels."""
    rng = np.random.default_rng(0)
    drawn = {
        name: x * 1.5 if x.ndim > 1 else rng.uniform(0.5, 1.5, x.shape)
        for name, x in network.draw(rng).items()
    }
    drawn["x"] = rng.standard_normal((samples, *network.image))
    return drawn, rng.standard_normal((samples, 2))


def computed(
    ops: Backend, network: Any, variables: dict[str, np.ndarray], y: np.ndarray, own: bool = False
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features, gradients and running statistics, in others' steps or the network's own."""

    def score(v: dict[str, Any], y: Any) -> tuple[Any, dict[str, Any]]:
        features, running = network.embed(ops, v, v["x"]), {}
        if own:
            features, running = observed(network, ops, v, v["x"])
        return squared_error(v, features, y), {"features": features} | running

    entered = {of: ops.asarray(x) for of, x in variables.items()}
    _, extras, gradients = ops.compile(value_and_grad(ops, score))(entered, ops.asarray(y))
    host = {of: ops.to_numpy(x) for of, x in extras.items()}
    return host.pop("features"), {of: ops.to_numpy(x) for of, x in gradients.items()}, host


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("name", "image", "width"), CASES)
def test_features_and_gradients_are_those_of_torchs_modules(
    name: str, image: Image, width: int, norm: Norm
) -> None:
    library("torch")
    from torch_networks import features_and_gradients, module_of

    network = network_of(name, image, width, norm)
    variables, y = draw(network)
    module, tensors, _ = module_of(name, image, width, norm)
    assert {of: x.size for of, x in variables.items() if not of.startswith(("head", "x"))} == {
        of: x.numel() for of, x in tensors.items()
    }
    for own in (False, True) if norm == "batch" else (False,):
        module.train(own)
        module.zero_grad()
        expected, slopes = features_and_gradients(module, tensors, variables, y)
        features, gradients, _ = computed(backend.get("numpy"), network, variables, y, own)
        assert relative(features, expected) < 1e-11
        learned = set(variables) - set(getattr(network, "statistics", ()))
        assert set(slopes) == learned
        for of, slope in slopes.items():
            # The mean of an image or of a batch takes away a bias before it, which has no effect.
            by_its_own = norm == "instance" or own
            if by_its_own and of.startswith("conv") and of.endswith("bias"):
                assert np.abs(gradients[of]).max() < 1e-10
            else:
                assert np.linalg.norm(slope) > 0
                assert relative(gradients[of], slope) < 1e-9, of


@pytest.mark.parametrize(("name", "image", "width"), CASES[::2])
def test_a_networks_own_step_observes_what_torch_observes(
    name: str, image: Image, width: int
) -> None:
    """But for the variance: ours is the biased one, torch's the unbiased."""
    library("torch")
    from torch_networks import features_and_gradients, module_of

    network = network_of(name, image, width, "batch")
    variables, y = draw(network)
    module, tensors, normalisations = module_of(name, image, width, "batch")
    counts: dict[str, int] = {}
    for of, layer in normalisations.items():
        layer.register_forward_hook(
            lambda _, given, __, of=of: counts.update({of: given[0].numel() // given[0].shape[1]})
        )
    _, _, found = computed(backend.get("numpy"), network, variables, y, own=True)
    features_and_gradients(module, tensors, variables, y)
    assert tuple(found) == network.statistics
    assert set(found) == {of for of in variables if of.endswith((".mean", ".variance"))}
    for of, layer in normalisations.items():
        assert relative(found[f"{of}.mean"], layer.running_mean.numpy()) < 1e-12
        held = variables[f"{of}.variance"]
        unbiased = (layer.running_var.numpy() - 0.9 * held) / 0.1
        biased = unbiased * (counts[of] - 1) / counts[of]
        assert relative(found[f"{of}.variance"], 0.9 * held + 0.1 * biased) < 1e-11


# What a namespace and its compiler take is in these: all sorts of layers, and strides.
@pytest.mark.parametrize("other", ["torch", "jax", "thirdparty"])
@pytest.mark.parametrize(("name", "image", "width"), [CASES[2], CASES[6]])
def test_backends_agree(
    name: str, image: Image, width: int, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if other == "thirdparty":
        monkeypatch.syspath_prepend(str(THIRD_PARTY))
    else:
        library(other)
    dtype, tolerance = ("float32", 2e-3) if other == "jax" else ("float64", 1e-9)
    # Normalisation on every backend is tested elsewhere, and takes long to be compiled.
    network = network_of(name, image, width, "none")
    variables, y = draw(network)
    entered = {of: x.astype(dtype) for of, x in variables.items()}
    expected, slopes, _ = computed(backend.get("numpy"), network, variables, y)
    features, gradients, _ = computed(backend.get(other), network, entered, y.astype(dtype))
    assert features.dtype == dtype
    assert relative(features, expected) < tolerance
    for of, slope in slopes.items():
        assert relative(gradients[of], slope) < tolerance


@pytest.mark.parametrize(("name", "image", "width"), [CASES[0], CASES[2], CASES[6]])
def test_gradients_of_gradients_are_those_of_torch(name: str, image: Image, width: int) -> None:
    """The step that gradient matching takes: how images change the gradients of a network."""
    library("torch")
    network = network_of(name, image, width)
    variables, y = draw(network, samples=2)
    x = variables.pop("x")

    def slopes_of_images(ops: Backend) -> np.ndarray:
        parameters = {of: ops.asarray(held) for of, held in variables.items()}
        labels = ops.asarray(y)

        def loss(v: dict[str, Any], x: Any) -> tuple[Any, dict[str, Any]]:
            return squared_error(v, network.embed(ops, v, x), labels), {}

        def lengths(v: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            _, _, gradients = value_and_grad(ops, loss)(parameters, v["x"])
            squares = [array_namespace(g).sum(g * g) for g in gradients.values()]
            return functools.reduce(operator.add, squares), {}

        _, _, found = value_and_grad(ops, lengths)({"x": ops.asarray(x)})
        return ops.to_numpy(found["x"])

    expected = slopes_of_images(backend.get("torch"))
    assert np.linalg.norm(expected) > 0
    assert relative(slopes_of_images(backend.get("numpy")), expected) < 1e-9


# Counts for 3 x 32 x 32 images and 10 classes. Each is the sum over layers as the sources list
# them, filters times values under a filter, and biases or a scale and a shift for each filter:
#   convnet-in  github.com/VICO-UoE/DatasetCondensation, networks.py
#   alexnet     the same, and github.com/yongchaoz/FRePo, lib/models/networks.py
#   vgg11       DatasetCondensation; kuangliu/pytorch-cifar's, whose cfg it is
#   resnet18    DatasetCondensation; 11,173,962 is the count that users of pytorch-cifar's
#               ResNet-18, the same network with batch norm, report
COUNTS = {
    ("convnet-in", "instance"): (3 + 128 + 128) * 128 * 9 + 3 * 128 * 3 + 2048 * 10 + 10,
    ("convnet-in", "none"): (3 + 128 + 128) * 128 * 9 + 3 * 128 + 2048 * 10 + 10,
    ("alexnet", "none"): (3 * 128 + 128 * 192) * 25
    + (192 * 256 + 256 * 192 + 192 * 192) * 9
    + (128 + 192 + 256 + 192 + 192)
    + 192 * 4 * 4 * 10
    + 10,
    ("vgg11", "batch"): (3 * 64 + 64 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 3 * 512 * 512) * 9
    + (64 + 128 + 2 * 256 + 4 * 512) * 3
    + 512 * 10
    + 10,
    ("resnet18", "batch"): (3 * 64 + 4 * 64 * 64 + 64 * 128 + 3 * 128 * 128) * 9
    + (128 * 256 + 3 * 256 * 256 + 256 * 512 + 3 * 512 * 512) * 9
    + (64 * 128 + 128 * 256 + 256 * 512)
    + (64 * 5 + 128 * 5 + 256 * 5 + 512 * 5) * 2
    + 512 * 10
    + 10,
}
PUBLISHED = {("resnet18", "batch"): 11_173_962}


@pytest.mark.parametrize(("name", "norm"), COUNTS)
def test_parameters_are_as_many_as_the_source_has(name: str, norm: Norm) -> None:
    network: Any = build(name, (3, 32, 32), "channels_first", 10, norm=norm)
    parameters = network.draw(np.random.default_rng(0))
    learned = set(parameters) - set(network.statistics)
    found = sum(parameters[of].size for of in learned)
    assert found == COUNTS[name, norm]
    assert found == PUBLISHED.get((name, norm), found)


@pytest.mark.parametrize(
    ("name", "features"),
    [("convnet", 8192), ("convnet-in", 2048), ("alexnet", 3072), ("vgg11", 512), ("resnet18", 512)],
)
@pytest.mark.parametrize("image", [(32, 32, 3), (28, 28, 1)])
def test_heads_are_on_as_many_features_as_the_source_has(
    name: str, features: int, image: Image
) -> None:
    wide: Any = build(name, image, "channels_last", 10)
    assert wide.draw(np.random.default_rng(0))[HEAD].shape == (features, 10)
    narrow = network_of(name, image, wide.width // 16)
    drawn = narrow.draw(np.random.default_rng(0))
    embedded = narrow.embed(backend.get("numpy"), drawn, np.zeros((1, *image)))
    assert embedded.shape == (1, features // 16)


@pytest.mark.parametrize("name", MADE_FOR_IMAGES[1:])
def test_parameters_start_as_torchs_layers_do(name: str) -> None:
    torch = library("torch")
    network: Any = build(name, (32, 32, 3), "channels_last", 10, width=32)
    fan_ins = {}
    drawn = network.draw(np.random.default_rng(0))
    for of, x in drawn.items():
        if of.endswith("weight"):
            fan_ins[of.removesuffix(".weight")] = int(np.prod(x.shape[:-1]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for of, x in drawn.items():
            layer, field = of.rsplit(".", 1)
            if field not in ("weight", "bias"):
                assert np.all(x == (1.0 if field in ("scale", "variance") else 0.0))
                continue
            outputs = x.shape[-1]
            theirs = torch.nn.Linear(fan_ins[layer], outputs, dtype=torch.float64)
            if x.ndim == 4:
                shape = (x.shape[2], outputs, x.shape[0])
                theirs = torch.nn.Conv2d(*shape, dtype=torch.float64)
            expected = getattr(theirs, field).detach().numpy()
            bound = 1 / np.sqrt(fan_ins[layer])
            assert np.abs(expected).max() <= bound
            assert bound * (1 - 10 / x.size) < np.abs(x).max() <= bound
            for found in (x / bound, expected / bound):
                # A uniform's variance is 1/3, the deviation of its square √(4/45).
                assert found.mean() == pytest.approx(0, abs=4.5 / np.sqrt(3 * x.size))
                assert np.mean(found**2) == pytest.approx(1 / 3, abs=4.5 * 0.2982 / x.size**0.5)


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_means_one_network(name: str) -> None:
    shape, layout = ((9,), "flat") if name == "mlp" else ((32, 32, 3), "channels_last")
    network = build(name, shape, layout, 2, width=2)
    first, again, other = (network.draw(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert list(first) == list(again)
    for of, x in first.items():
        assert x.dtype == np.float64
        assert np.array_equal(x, again[of])
        assert x.ndim == 1 or not np.array_equal(x, other[of])


def test_networks_are_built_by_name_with_their_sources_sizes_and_norms() -> None:
    image = (32, 32, 3)
    expected: dict[str, Network] = {
        "convnet": ConvNet(image, 10, 128, 3, "none"),
        "convnet-in": LiteratureConvNet(image, 10, 128, 3, "instance"),
        "alexnet": AlexNet(image, 10, 128, "none"),
        "vgg11": VGG11(image, 10, 64, "instance"),
        "resnet18": ResNet18(image, 10, 64, "instance"),
    }
    assert list(NAMES) == [*expected, "mlp"]
    assert build("mlp", (9,), "flat", 10) == MLP(9, 10)
    for name, network in expected.items():
        assert build(name, (3, 32, 32), "channels_first", 10) == network
        asked: Any = build(name, image, "channels_last", 10, width=7, depth=2, norm="batch")
        assert (asked.width, asked.norm, getattr(asked, "depth", 2)) == (7, "batch", 2)
        assert keeps_statistics(asked)


@pytest.mark.parametrize(
    ("name", "shape", "layout", "fitting"),
    [
        ("lenet", (9,), "flat", "'mlp'"),
        ("vgg11", (9,), "flat", "'mlp'"),
        ("mlp", (16, 16, 3), "channels_last", "'convnet', 'convnet-in', 'alexnet', 'resnet18'"),
        ("vgg11", (3, 31, 40), "channels_first", "'convnet', 'convnet-in', 'alexnet', 'resnet18'"),
        ("resnet18", (8, 8, 3), "channels_last", "'convnet', 'convnet-in', 'alexnet'"),
        ("alexnet", (7, 9, 3), "channels_last", "'resnet18'"),
        ("alexnet", (7, 8, 3), "channels_last", "none"),
    ],
)
def test_what_does_not_fit_is_answered_with_what_does(
    name: str, shape: tuple[int, ...], layout: str, fitting: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        build(name, shape, layout, 3, width=4, depth=3)
    assert caught.value.argument == "network"
    assert caught.value.found.startswith(f"{name!r} for samples of shape {shape}")
    known = ", ".join(map(repr, NAMES))
    expected = f"a Network, 'auto', or one that fits: {fitting} (known are {known})"
    assert caught.value.expected == expected


@pytest.mark.parametrize("name", MADE_FOR_IMAGES)
def test_sizes_and_norms_that_cannot_be_used_are_named(name: str) -> None:
    with pytest.raises(InvalidValueError, match="width: found 0, expected an int of at least 1"):
        build(name, (32, 32, 3), "channels_last", 3, width=0)
    with pytest.raises(InvalidTypeError, match=r"width: found 2\.5, expected an int of at least 1"):
        build(name, (32, 32, 3), "channels_last", 3, width=2.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="outputs: found 0, expected an int of at least 1"):
        build(name, (32, 32, 3), "channels_last", 0, width=2)
    layer: Any = "layer"
    with pytest.raises(InvalidValueError, match="norm: found 'layer', expected one of 'none'"):
        build(name, (32, 32, 3), "channels_last", 3, norm=layer)


def test_a_depth_that_images_do_not_allow_is_the_depths_fault() -> None:
    with pytest.raises(InvalidValueError, match="depth: found 4 poolings of 8 x 9 images"):
        build("convnet-in", (8, 9, 3), "channels_last", 3, depth=4)
    with pytest.raises(InvalidValueError, match="depth: found 0, expected an int of at least 1"):
        build("convnet-in", (8, 9, 3), "channels_last", 3, depth=0)


def test_a_resnets_image_of_one_pixel_is_refused_only_where_it_is_normalised_by_itself() -> None:
    for norm in ("none", "batch"):
        assert ResNet18((1, 1, 3), 2, 2, norm).norm == norm
    assert ResNet18((1, 9, 3), 2, 2).norm == "instance"
    with pytest.raises(InvalidValueError, match="image: found 8 x 8, expected more than 8 rows"):
        ResNet18((8, 8, 3), 2, 2)
    with pytest.raises(InvalidValueError, match="image: found 9 x 0, expected more than 0 rows"):
        ResNet18((9, 0, 3), 2, 2, "none")


def test_settings_leave_the_norm_to_the_network_or_say_it() -> None:
    assert PoolSettings().norm is None
    assert EvaluationSettings().norm is None
    rng = np.random.default_rng(0)
    y = np.arange(12) % 3
    x = rng.standard_normal((3, 9, 9, 1))[y] + 0.1 * rng.standard_normal((12, 9, 9, 1))
    for name in ("convnet-in", "alexnet", "resnet18"):
        for norm, own in ((None, "none" if name == "alexnet" else "instance"), ("batch", "batch")):
            settings = EvaluationSettings(width=2, norm=norm)
            trained = slimdc.train_network((x, y), network=name, steps=2, protocol=settings)
            expected = build(name, (9, 9, 1), "channels_last", 3, width=2, norm=own)
            assert trained.network == expected


def test_sets_are_slimmed_in_networks_by_name() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(12) % 3
    x = rng.standard_normal((3, 8, 8, 1))[y] + rng.standard_normal((12, 8, 8, 1))
    data = slimdc.SlimmableDataset.from_arrays(x, y)
    settings = SlimSettings(steps=2, pool=PoolSettings(size=1, width=2, depth=2))
    found = {
        name: slimdc.slim(data, 2, preset=settings, network=name)
        for name in ("auto", "convnet", "convnet-in", "alexnet")
    }
    assert np.array_equal(found["auto"].vx, found["convnet"].vx)
    assert not np.array_equal(found["convnet"].vx, found["convnet-in"].vx)
    assert not np.array_equal(found["convnet"].vx, found["alexnet"].vx)
