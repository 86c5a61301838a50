"""Training and judging networks, held against a plain one that shares no code with it."""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import learning
from slimdc.backend import Compute, get
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks import ConvNet
from slimdc.networks.normalization import Norm
from slimdc.parameterization.factors import FactorParameterization
from slimdc.parameterization.units import Units
from slimdc.settings import EvaluationSettings
from slimdc.training.network_training import batches_of
from slimdc.training.schedules import Cosine

DEPTH, WIDTH = 2, 3


@pytest.fixture
def plain() -> Any:
    """The oracle, which needs PyTorch."""
    library("torch")
    return importlib.import_module("plain_evaluation")


def images(samples: int, seed: int = 0, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    centres = np.random.default_rng(7).standard_normal((3, side, side, 1))
    return centres[y] + rng.standard_normal((samples, side, side, 1)), y


def settings_of(norm: Norm, batch: int, warm_up: int) -> EvaluationSettings:
    return EvaluationSettings(
        rate=0.02,
        schedule=Cosine(0.05),
        warm_up=warm_up,
        batch=batch,
        width=WIDTH,
        depth=DEPTH,
        norm=norm,
    )


@pytest.mark.parametrize("norm", ["none", "instance", "batch"])
@pytest.mark.parametrize(
    ("batch", "warm_up", "steps"), [(500, 4, 20), (5, 4, 20), (5, 100, 9), (12, 0, 5), (11, 1, 7)]
)
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_training_is_that_of_the_plain_protocol(
    norm: Norm, batch: int, warm_up: int, steps: int, backend: str, plain: Any
) -> None:
    data = slimdc.SlimmableDataset.from_arrays(*images(12))
    settings = settings_of(norm, batch, warm_up)
    network = ConvNet((8, 8, 1), 3, WIDTH, DEPTH, norm)
    protocol = plain.Protocol(steps, 0.02, 0.05, warm_up, batch)
    rng, batches = np.random.default_rng(3), np.random.default_rng([3, 1])
    start = network.draw(rng)
    expected = plain.train(network, start, data.arrays(), protocol, batches)
    options: dict[str, Any] = {"steps": steps, "seed": 3, "protocol": settings, "backend": backend}
    trained = slimdc.train_network(data, **options)
    for name, x in trained.parameters.items():
        assert relative(x, expected[name].numpy()) < 1e-9, name
    # From given parameters: those that a seed draws are where it starts.
    given = slimdc.train_network(data, parameters=start, **options)
    for name, x in given.parameters.items():
        assert np.array_equal(x, trained.parameters[name])


def test_evaluation_trains_one_network_after_another_and_tests_each_at_its_last_step(
    plain: Any,
) -> None:
    data = slimdc.SlimmableDataset.from_arrays(*images(12))
    x_test, y_test = images(200, seed=5)
    settings, steps = settings_of("none", 5, 3), 15
    network = ConvNet((8, 8, 1), 3, WIDTH, DEPTH)
    protocol = plain.Protocol(steps, 0.02, 0.05, 3, 5)
    rng, batches = np.random.default_rng(4), np.random.default_rng([4, 1])
    expected = []
    for _ in range(3):
        start = network.draw(rng)
        # A deck that is half used is not passed on to the next network.
        trained = plain.train(network, start, data.arrays(), protocol, batches)
        expected.append(plain.accuracy(network, trained, x_test, y_test))
    seen: list[tuple[int, int, dict[str, float]]] = []
    found = slimdc.evaluate(
        data,
        x_test,
        y_test,
        repeats=3,
        steps=steps,
        seed=4,
        protocol=settings,
        progress=lambda *report: seen.append(report),
    )
    assert found.accuracies == pytest.approx(expected, abs=1e-9)
    assert found.steps == steps
    # The steps of all networks, each loss that was read, and each network's accuracy at its end.
    assert [(count, total) for count, total, _ in seen] == [(i, 45) for i in range(1, 46)]
    ends = [terms for count, _, terms in seen if count % steps == 0]
    assert ends == [{"accuracy": accuracy} for accuracy in found.accuracies]
    assert all(list(terms) == ["loss"] for count, _, terms in seen if count % steps)
    assert len(set(found.accuracies)) > 1
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.std == pytest.approx(np.std(expected, ddof=1))


def test_every_sample_is_seen_before_any_is_seen_again() -> None:
    made = batches_of(12, 5, np.random.default_rng(0), whole=False)
    seen = np.concatenate([next(made) for _ in range(48)])
    assert seen.size == 48 * 5
    for start in range(0, seen.size, 12):
        assert sorted(seen[start : start + 12]) == list(range(12))
    assert max(Counter(seen.tolist()).values()) == 20
    everything = batches_of(12, 12, np.random.default_rng(0), whole=False)
    assert [next(everything) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(("samples", "batch"), [(12, 5), (12, 6), (7, 3), (5, 4)])
def test_epochs_are_whole(samples: int, batch: int) -> None:
    made = batches_of(samples, batch, np.random.default_rng(0), whole=True)
    of_epoch = -(-samples // batch)
    orders = []
    for _ in range(4):
        parts = [next(made) for _ in range(of_epoch)]
        assert [part.size for part in parts[:-1]] == [batch] * (of_epoch - 1)
        orders.append(np.concatenate(parts).tolist())
        assert sorted(orders[-1]) == list(range(samples))
    assert len(set(map(tuple, orders))) > 1


def test_a_trained_network_classifies_raw_and_preprocessed_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = images(30)
    raw = 0.5 + 0.1 * x
    space = slimdc.Preprocessing(0.5, 0.1)
    data = slimdc.SlimmableDataset.from_arrays(x, y, preprocessing=space)
    trained = slimdc.train_network(data, steps=60, protocol=settings_of("none", 30, 0))
    found = trained.predict(raw)
    assert found.dtype == np.int64
    assert np.mean(found == y) > 0.9
    assert np.array_equal(found, trained.predict(x, preprocessed=True))
    assert not np.array_equal(found, trained.predict(raw, preprocessed=True))
    monkeypatch.setattr(learning, "TEST_BATCH", 7)
    assert np.array_equal(found, trained.predict(raw))


def test_training_goes_on_where_it_ended() -> None:
    data = slimdc.SlimmableDataset.from_arrays(*images(12))
    settings = settings_of("none", 500, 0)
    first = slimdc.train_network(data, steps=5, protocol=settings)
    more = slimdc.train_network(data, steps=5, protocol=settings, parameters=first.parameters)
    error = [
        float(np.mean((trained.scores(data.arrays()[0]) - data.arrays()[1]) ** 2))
        for trained in (first, more)
    ]
    assert error[1] < error[0]
    held = first.parameters
    again = slimdc.train_network(data, steps=5, protocol=settings, parameters=held)
    assert all(np.array_equal(x, again.parameters[name]) for name, x in more.parameters.items())
    assert all(np.array_equal(x, first.parameters[name]) for name, x in held.items())


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ([], InvalidTypeError, "parameters: found list"),
        ({}, InvalidValueError, "parameters: found arrays of shape {}"),
        ({"head.weight": None}, InvalidTypeError, r"parameters\['head.weight'\]: found"),
    ],
)
def test_parameters_of_another_network_are_refused(
    parameters: Any, error: type[Exception], message: str
) -> None:
    data = slimdc.SlimmableDataset.from_arrays(*images(6))
    with pytest.raises(error, match=message):
        slimdc.train_network(data, steps=1, parameters=parameters)


@pytest.mark.parametrize("shared", [False, True])
def test_what_training_ends_with_is_the_set_that_it_trained(shared: bool) -> None:
    """Negative significances, in any order, with padding: samples and labels stay as they are."""
    rng = np.random.default_rng(0)
    data = slimdc.SlimmableDataset.from_arrays(*images(12 if shared else 11))
    if shared:
        u = np.linalg.qr(rng.standard_normal((4, 4)))[0][None]
        data = slimdc.SlimmableDataset.from_factors(
            u,
            data.s[:1],
            data.vx,
            data.vy,
            shape=data.shape,
        )
    compute = Compute(get("numpy"), "float64")
    for units in (Units(0, 0), Units.of(data), Units(-20, 8)):
        held = FactorParameterization(data, compute, units)
        tensors = held.start()
        sign = rng.choice([-1.0, 1.0], tensors["s"].shape)
        tensors["s"] = tensors["s"] * sign * rng.uniform(0.1, 10, sign.shape)
        tensors["vx"] = tensors["vx"] + rng.standard_normal(tensors["vx"].shape) * (
            tensors["vx"] != 0
        )
        made = held.finish(tensors)
        x, y = held.samples(tensors)
        found_x, found_y = made.arrays()
        np.testing.assert_allclose(units.samples(found_x), x, rtol=0, atol=1e-10 * np.abs(x).max())
        np.testing.assert_allclose(units.labels(found_y), y, rtol=0, atol=1e-10 * np.abs(y).max())
        assert (made.s >= 0).all()
        assert (np.diff(made.s, axis=1) <= 0).all()
