"""A step of Algorithm 1: what the paper prints, on no more embeddings than it takes."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc.backend import Array, Compute
from slimdc.errors import NumericalError
from slimdc.losses import Weights
from slimdc.methods.method import Task
from slimdc.methods.parameter_matching import slimming_plan
from slimdc.networks import HEAD, HEAD_BIAS, ConvNet
from slimdc.networks.normalization import Norm
from slimdc.parameterization.labels import centred_one_hot
from slimdc.settings import CondenseSettings, PoolSettings, SlimSettings
from slimdc.training.algorithm import Algorithm
from slimdc_backends.numpy import NumpyBackend
from slimdc_backends.tape import raw

DEPTH = 2


class Spy(NumpyBackend):
    """Notes what is convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        self.seen.append(np.array(raw(x)))
        return super().conv_relu_pool(x, weight, bias, padding)


def images(samples: int = 12, side: int = 8, classes: int = 3) -> slimdc.SlimmableDataset:
    rng = np.random.default_rng(0)
    y = np.arange(samples) % classes
    x = rng.standard_normal((classes, side, side, 1))[y] + rng.standard_normal(
        (samples, side, side, 1)
    )
    return slimdc.SlimmableDataset.from_arrays(x, y)


def settings_of(norm: Norm = "none") -> PoolSettings:
    return PoolSettings(size=2, lifetime=3, rate=1e-2, width=2, depth=DEPTH, norm=norm)


def trainer_of(
    ops: Spy, data: slimdc.SlimmableDataset, network: ConvNet, batch: int = 1000
) -> Algorithm:
    settings = SlimSettings(steps=9, pool=replace(settings_of(), batch=batch))
    compute, rng = Compute(ops, "float64"), np.random.default_rng(0)
    task = Task.slimming(data, 2, network, settings, rng, lambda: compute)
    plan = slimming_plan(data.truncate(2), task)
    return Algorithm(plan, [plan.networks(plan.rng)])


@pytest.mark.parametrize(
    ("norm", "at_most", "embedded"),
    [
        ("none", 1000, [12, 12]),
        ("instance", 1000, [12, 12]),
        ("none", 12, [12, 12]),
        ("none", 11, [12, 12, 11]),
        ("batch", 1000, [12, 12, 12]),
        ("batch", 5, [12, 12, 5]),
    ],
)
def test_a_step_embeds_no_more_than_it_must(norm: Norm, at_most: int, embedded: list[int]) -> None:
    """The set before and the set after: the network's own step takes the latter's features."""
    ops = Spy()
    network = ConvNet((8, 8, 1), 3, 2, DEPTH, norm)
    trainer = trainer_of(ops, images(), network, batch=at_most)
    for _ in range(4):
        ops.seen.clear()
        trainer.step()
        first_blocks = [x for x in ops.seen if x.shape[1:] == (8, 8, 1)]
        assert [x.shape[0] for x in first_blocks] == embedded
        assert len(ops.seen) == DEPTH * len(embedded)


def test_a_network_learns_from_a_thousand_distinct_samples() -> None:
    ops, data = Spy(), images(1003, side=4, classes=1)
    trainer = trainer_of(ops, data, ConvNet((4, 4, 1), 1, 1, 1))
    drawn = []
    for _ in range(2):
        ops.seen.clear()
        x, _ = trainer._plan.parameterization.samples(trainer.tensors)
        trainer.step()
        before, after, own = ops.seen
        assert before.shape[0] == after.shape[0] == 1003
        place = {row.tobytes(): i for i, row in enumerate(x)}
        assert len(place) == 1003
        drawn.append([place[row.tobytes()] for row in own])
        assert len(drawn[-1]) == len(set(drawn[-1])) == 1000
    assert set(drawn[0]) != set(drawn[1])


@pytest.fixture
def plain() -> Any:
    """The oracle, which needs PyTorch."""
    library("torch")
    return importlib.import_module("plain_algorithm")


def compare(
    plain: Any,
    small: slimdc.SlimmableDataset,
    history: list[dict[str, float]],
    factors: dict[str, Any],
    expected: list[dict[str, float]],
) -> None:
    for found, parts in zip(history, expected, strict=True):
        assert found == pytest.approx(parts, rel=1e-9)
    x, y = plain.samples(factors, (8, 8, 1))
    assert relative(small.arrays()[0], x.numpy()) < 1e-9
    assert relative(small.arrays()[1], y.numpy()) < 1e-9


@pytest.mark.parametrize(
    ("norm", "at_most"), [("none", 1000), ("none", 7), ("instance", 1000), ("batch", 7)]
)
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_steps_are_those_of_algorithm_1(norm: Norm, at_most: int, backend: str, plain: Any) -> None:
    data, weights = images(), {"first": 0.7, "infinity": 1.3, "skew": 0.2, "ortho": 0.01}
    settings = SlimSettings(
        steps=5,
        rate=0.02,
        rate_floor=0.2,
        weights=Weights(**weights),
        ridge=0.01,
        pool=replace(settings_of(norm), batch=at_most),
    )
    history: list[dict[str, float]] = []
    small = slimdc.slim(data, 2, seed=3, preset=settings, backend=backend, history=history)

    network = ConvNet((8, 8, 1), 3, 2, DEPTH, norm)
    run = plain.Run(network, np.random.default_rng(3), 5, 0.02, 0.2, 2, 3, 1e-2, at_most)
    start = data.truncate(2)
    factors = {name: np.array(getattr(start, name)) for name in ("u", "s", "vx", "vy")}
    before = tuple(plain.torch.tensor(v) for v in data.arrays())
    objective = plain.matching(0.01, weights)
    trained, expected = plain.train(run, factors, lambda: before, objective)
    compare(plain, small, history, trained, expected)
    assert relative(small.s, np.sort(trained["s"].numpy(), axis=1)[:, ::-1]) < 1e-9


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_condensing_steps_are_those_of_algorithm_1_on_real_data(backend: str, plain: Any) -> None:
    """Samples and labels, that is: the factors are those of their SVD, see test_condensing.py."""
    x, classes = np.random.default_rng(1).standard_normal((30, 8, 8, 1)), np.arange(30) % 3
    settings = CondenseSettings(
        steps=5,
        batch=6,
        rate=0.02,
        rate_floor=0.2,
        skew=0.3,
        ortho=0.02,
        ridge=0.01,
        pool=settings_of("batch"),
    )
    options: dict[str, Any] = {"preset": settings, "seed": 3, "preprocessed": True}
    history: list[dict[str, float]] = []
    made = slimdc.condense(x, classes, 4, backend=backend, history=history, **options)

    start = slimdc.condense(x, classes, 4, steps=0, **options)
    rng = np.random.default_rng(3)
    for c in range(3):  # what the start drew
        rng.choice(np.flatnonzero(classes == c), 4, replace=False)
    rows = centred_one_hot(classes, 3)

    def batch() -> Any:
        drawn = rng.integers(30, size=6)
        return plain.torch.tensor(x[drawn]), plain.torch.tensor(rows[drawn])

    network = ConvNet((8, 8, 1), 3, 2, DEPTH, "batch")
    run = plain.Run(network, rng, 5, 0.02, 0.2, 2, 3, 1e-2)
    factors = {name: np.array(getattr(start, name)) for name in ("u", "s", "vx", "vy")}
    objective = plain.performance(0.01, 0.3, 0.02)
    compare(plain, made, history, *plain.train(run, factors, batch, objective))


class NamedLikeATerm:
    """A caller's network with a parameter that is named like a part of the loss."""

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            "first": rng.standard_normal((6, 4)),
            HEAD: rng.standard_normal((4, 2)),
            HEAD_BIAS: np.zeros(2),
        }

    def embed(self, ops: Any, parameters: Any, x: Any) -> Any:
        return x @ parameters["first"]


def test_parameters_may_be_named_like_parts_of_the_loss() -> None:
    x = np.random.default_rng(0).standard_normal((8, 6))
    history: list[dict[str, float]] = []
    network = NamedLikeATerm()
    slimdc.slim((x, np.arange(8) % 2), 2, steps=2, network=network, history=history)
    assert [sorted(terms) for terms in history] == [["first", "infinity", "ortho", "skew"]] * 2


def test_steps_are_reported_by_tens_wherever_a_run_goes_on() -> None:
    trainer = trainer_of(Spy(), images(), ConvNet((8, 8, 1), 3, 2, DEPTH))
    trainer.total = 25
    trainer.restore(trainer.state(), 7)
    assert [len(terms) for terms in trainer.steps()] == [3, 10, 5]
    assert trainer.count == 25


def test_a_loss_that_is_not_finite_ends_a_run_at_the_next_report() -> None:
    """Factors may stay finite for long: the loss is what says that nothing is learned any more."""
    trainer = trainer_of(Spy(), images(), ConvNet((8, 8, 1), 3, 2, DEPTH))
    trainer.total = 1000
    whole = trainer.step

    def broken() -> dict[str, Any]:
        return whole() | ({"infinity": np.asarray(np.nan)} if trainer.count == 15 else {})

    trainer.step = broken  # type: ignore[method-assign]
    with pytest.raises(NumericalError, match=r"by step 20"):
        list(trainer.steps())
    assert trainer.count == 20


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("rate", [1e25, 1e37])
def test_a_step_that_leaves_all_bounds_is_that_of_training(steps: int, rate: float) -> None:
    x = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    preset = SlimSettings(rate=rate, steps=steps, pool=PoolSettings(width=4))
    # After the last step no loss is computed that could tell.
    told = "tensors that make no set" if steps == 1 else "a loss of"
    with pytest.raises(NumericalError, match=f"training: found {told}"):
        slimdc.slim((x, [0, 1] * 10), 2, preset=preset, progress=False)
