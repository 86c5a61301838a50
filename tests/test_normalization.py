"""Instance and batch normalisation are those of torch.nn, and steps treat statistics as told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend, learning
from slimdc.backend import Backend, Compute, value_and_grad
from slimdc.errors import InvalidValueError
from slimdc.methods.method import Task
from slimdc.methods.parameter_matching import slimming_plan
from slimdc.networks import (
    MLP,
    ConvNet,
    Network,
    keeps_statistics,
    normalization,
    observed,
    squared_error,
)
from slimdc.networks.normalization import Norm
from slimdc.settings import EvaluationSettings, PoolSettings, SlimSettings
from slimdc.training.algorithm import Algorithm

FACTORS = ("u", "s", "vx", "vy")
NORMALISED: tuple[Norm, ...] = ("instance", "batch")


def network_of(norm: Norm) -> ConvNet:
    return ConvNet((8, 9, 3), 2, width=2, depth=3, norm=norm)


def draw(network: ConvNet, samples: int = 5) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draw parameters that are all far from where they start, and images."""
    rng = np.random.default_rng(0)
    parameters = {
        name: x if x.ndim > 1 else rng.uniform(0.5, 1.5, x.shape)
        for name, x in network.draw(rng).items()
    }
    return parameters, rng.standard_normal((samples, *network.image))


def in_torch(network: ConvNet, parameters: dict[str, np.ndarray]) -> tuple[Any, dict[str, Any]]:
    """The same network of torch.nn's modules, and its tensors by our names."""
    nn = library("torch").nn
    layers, tensors = [], {}
    for i in range(network.depth):
        out = parameters[f"conv{i}.bias"].size
        channels = parameters[f"conv{i}.weight"].shape[2]
        if i:
            kind = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d}[network.norm]
            layer = kind(channels, eps=1e-5, momentum=0.1, affine=True)
            tensors |= {f"norm{i}.scale": layer.weight, f"norm{i}.shift": layer.bias}
            if network.norm == "batch":
                held = {"mean": layer.running_mean, "variance": layer.running_var}
                tensors |= {f"norm{i}.{name}": x for name, x in held.items()}
            layers.append(layer)
        layer = nn.Conv2d(channels, out, 3, padding=1)
        tensors |= {f"conv{i}.weight": layer.weight, f"conv{i}.bias": layer.bias}
        layers += [layer, nn.ReLU(), nn.AvgPool2d(2)]
    for name, x in tensors.items():
        host = parameters[name]
        x.data = library("torch").tensor(host.transpose(3, 2, 0, 1) if host.ndim > 1 else host)
    return nn.Sequential(*layers), tensors


def features_in_torch(module: Any, x: Any) -> Any:
    out = module(x.permute(0, 3, 1, 2))
    return out.permute(0, 2, 3, 1).reshape(x.shape[0], -1)


@pytest.mark.parametrize("norm", NORMALISED)
@pytest.mark.parametrize("own", [False, True])
def test_features_and_gradients_are_those_of_torchs_modules(norm: Norm, own: bool) -> None:
    torch, network = library("torch"), network_of(norm)
    parameters, x = draw(network)
    y = np.random.default_rng(1).standard_normal((5, 2))
    module, tensors = in_torch(network, parameters)
    module.train(own)
    images = torch.tensor(x, requires_grad=True)
    features = features_in_torch(module, images)
    head, bias = (torch.tensor(parameters[f"head.{name}"]) for name in ("weight", "bias"))
    loss = 0.5 * ((features @ head + bias - torch.tensor(y)) ** 2).sum() / 5
    loss.backward()

    ops = backend.get("numpy")

    def score(v: dict[str, Any], y: Any) -> tuple[Any, dict[str, Any]]:
        embedded = network.embed(ops, v, v["x"])
        if own:
            embedded, _ = observed(network, ops, v, v["x"])
        return squared_error(v, embedded, y), {"features": embedded}

    _, extras, gradients = value_and_grad(ops, score)(parameters | {"x": x}, y)
    assert relative(extras["features"], features.detach().numpy()) < 1e-12
    assert relative(gradients["x"], images.grad.numpy()) < 1e-10
    learned = [name for name, tensor in tensors.items() if tensor.grad is not None]
    assert len(learned) == 10
    for name in learned:
        expected = tensors[name].grad.numpy()
        expected = expected.transpose(2, 3, 1, 0) if expected.ndim > 1 else expected
        assert relative(gradients[name], expected) < 1e-10


def test_a_step_keeps_nine_tenths_of_the_running_statistics() -> None:
    """As torch.nn does, but for the variance: ours is the biased one, torch's the unbiased."""
    network = network_of("batch")
    parameters, x = draw(network)
    kept = {name: held.copy() for name, held in parameters.items()}
    _, found = network.observe(backend.get("numpy"), parameters, x)
    assert tuple(found) == network.statistics
    assert all(np.array_equal(parameters[name], held) for name, held in kept.items())

    module, tensors = in_torch(network, parameters)
    module.train()
    features_in_torch(module, library("torch").tensor(x))
    for name, new in found.items():
        held, expected = parameters[name], tensors[name].detach().numpy()
        if name.endswith("variance"):
            pixels = {"norm1.variance": 5 * 4 * 4, "norm2.variance": 5 * 2 * 2}[name]
            unbiased = (expected - 0.9 * held) / 0.1
            expected = 0.9 * held + 0.1 * unbiased * (pixels - 1) / pixels
        assert relative(new, expected) < 1e-12


def test_moments_are_means_and_mean_squares_of_deviations() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 2)) + 7.0
    for axes in ((1, 2), (0, 1, 2)):
        mean, variance = normalization.moments_of(x, axes)
        assert np.allclose(mean, x.mean(axis=axes, keepdims=True), rtol=1e-14)
        assert np.allclose(variance, x.var(axis=axes, keepdims=True), rtol=1e-13)


def test_only_batch_normalisation_keeps_statistics() -> None:
    names = ("norm1.mean", "norm1.variance", "norm2.mean", "norm2.variance")
    assert network_of("batch").statistics == names
    networks: list[tuple[Network, bool]] = [
        (network_of("batch"), True),
        (network_of("instance"), False),
        (network_of("none"), False),
        (ConvNet((8, 8, 1), 2, depth=1, norm="batch"), False),
        (MLP(5, 2), False),
    ]
    for network, keeps in networks:
        assert keeps_statistics(network) == keeps
    plain, normalised = (
        network_of(norm).draw(np.random.default_rng(0)) for norm in ("none", "batch")
    )
    assert all(np.array_equal(x, normalised[name]) for name, x in plain.items())
    assert all(name.startswith("norm") for name in set(normalised) - set(plain))


def images(dtype: str = "float64") -> slimdc.SlimmableDataset:
    rng = np.random.default_rng(0)
    y = np.arange(12) % 3
    x = rng.standard_normal((3, 8, 8, 1))[y] + rng.standard_normal((12, 8, 8, 1))
    return slimdc.SlimmableDataset.from_arrays(x.astype(dtype), y)


def settings_of(norm: Norm, steps: int = 4) -> SlimSettings:
    networks = PoolSettings(size=2, lifetime=20, rate=1e-2, width=4, depth=2, norm=norm)
    return SlimSettings(steps=steps, pool=networks)


def trainer_of(ops: Backend, settings: SlimSettings) -> Algorithm:
    data = images()
    network = ConvNet((8, 8, 1), 3, settings.pool.width, settings.pool.depth, settings.pool.norm)
    compute, rng = Compute(ops, "float64"), np.random.default_rng(0)
    task = Task.slimming(data, 2, network, replace(settings, steps=9), rng, lambda: compute)
    plan = slimming_plan(data.truncate(2), task)
    return Algorithm(plan, [plan.networks(plan.rng)])


def test_a_networks_own_step_alone_moves_its_running_statistics() -> None:
    ops, settings = backend.get("numpy"), settings_of("batch")
    network = ConvNet((8, 8, 1), 3, 4, 2, "batch")
    trainer = trainer_of(ops, settings)
    for _ in range(4):
        before, tensors = trainer.state(), trainer.tensors
        samples = trainer._plan.parameterization.samples(tensors)[0]
        trainer.step()
        after = trainer.state()
        moved = set()
        for name in ("norm1.mean", "norm1.variance"):
            for i in range(2):
                of = f"pool0.{i}.parameters."
                if np.array_equal(before[of + name], after[of + name]):
                    continue
                moved.add(i)
                parameters = {k.removeprefix(of): x for k, x in before.items() if k.startswith(of)}
                _, expected = network.observe(ops, parameters, samples)
                assert relative(after[of + name], expected[name]) < 1e-12
        assert len(moved) == 1


@pytest.mark.parametrize(
    ("norm", "other"), [("instance", "torch"), ("batch", "torch"), ("batch", "jax")]
)
def test_backends_agree_on_the_first_steps(norm: Norm, other: str) -> None:
    library(other)
    dtype, tolerance = ("float32", 1e-4) if other == "jax" else ("float64", 1e-9)
    data, settings = images(dtype), settings_of(norm)
    ours, theirs = (
        slimdc.slim(data, 2, preset=settings, backend=name) for name in ("numpy", other)
    )
    plain = slimdc.slim(data, 2, preset=settings_of("none"))
    for name in FACTORS:
        assert relative(getattr(theirs, name), getattr(ours, name)) < tolerance
    assert relative(ours.vx, plain.vx) > 10 * tolerance


def test_evaluation_normalises_batches_and_classifies_by_running_statistics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = images()
    rng = np.random.default_rng(1)
    x, y = data.arrays()
    x_test = np.repeat(x, 5, axis=0) + 1.5 * rng.standard_normal((60, 8, 8, 1))
    classes = np.repeat(y.argmax(axis=1), 5)
    settings = EvaluationSettings(rate=1e-2, width=4, depth=2, batch=8, norm="batch")

    def accuracies(settings: EvaluationSettings = settings, **options: Any) -> tuple[float, ...]:
        found = slimdc.evaluate(
            data, x_test, classes, steps=60, repeats=2, protocol=settings, **options
        )
        return found.accuracies

    found = accuracies()
    assert 50 < min(found) < 95
    library("torch")
    assert accuracies(backend="torch") == pytest.approx(found, abs=5)
    # One at a time, or all of a class together: running statistics do not see the difference.
    monkeypatch.setattr(learning, "TEST_BATCH", 1)
    assert accuracies() == found


class InterruptionError(Exception):
    pass


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_run_with_batch_normalisation_resumes_to_the_bit(name: str, tmp_path: Path) -> None:
    library(name)

    def slim(**options: Any) -> slimdc.SlimmableDataset:
        settings = settings_of("batch", steps=25)
        return slimdc.slim(images(), 2, preset=settings, backend=name, **options)

    def interrupt(count: int, steps: int, terms: dict[str, float]) -> None:
        if count == 20:
            raise InterruptionError

    counts: list[int] = []
    saved: dict[str, Any] = {"checkpoint": tmp_path / "run", "checkpoint_interval": 10}
    with pytest.raises(InterruptionError):
        slim(progress=interrupt, **saved)
    resumed = slim(progress=lambda count, *_: counts.append(count), **saved)
    assert counts == [20, 25]  # from step 10, the last that was saved
    expected = slim()
    assert all(np.array_equal(getattr(resumed, x), getattr(expected, x)) for x in FACTORS)


def test_a_normalisation_that_is_none_of_ours_is_named() -> None:
    message = "norm: found 'layer', expected one of 'none', 'instance', 'batch'"
    layer: Any = "layer"
    with pytest.raises(InvalidValueError, match=message):
        ConvNet((8, 8, 1), 3, norm=layer)
    with pytest.raises(InvalidValueError, match=message):
        PoolSettings(norm=layer)
    with pytest.raises(InvalidValueError, match=message):
        EvaluationSettings(norm=layer)
