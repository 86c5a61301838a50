"""Rounding in the training loop: what networks see, what moves, and that runs can be resumed."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import plain_decoder
import pytest
from conftest import Space, library

import slimdc
from slimdc.backend import Compute
from slimdc.budgets.budget import Budget
from slimdc.budgets.criterion import Criterion
from slimdc.budgets.within import choose, rounding_plan
from slimdc.errors import InvalidValueError
from slimdc.methods.method import Task
from slimdc.methods.registry import slimming
from slimdc.parameterization.factors import as_they_are
from slimdc.parameterization.quantization import Rounder
from slimdc.parameterization.quantization.in_training import StraightThrough, Support
from slimdc.parameterization.quantization.transform import SampleTransform
from slimdc.settings import SLIM, chosen
from slimdc.training.algorithm import Algorithm
from slimdc.training.optimizers import Sgd
from slimdc.training.plan import Plan, Schedule
from slimdc.training.strategies import View

FACTORS = ("u", "s", "vx", "vy")


def image_set(sizes: tuple[int, ...] = (5, 4), dtype: str = "float64", scale: float = 1.0) -> Any:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(sizes)), sizes)
    means = rng.standard_normal((len(sizes), 8, 8))
    x = means[y] + 0.5 * rng.standard_normal((y.size, 8, 8))
    return slimdc.SlimmableDataset.from_arrays((scale * x).astype(dtype), y)


def plan_of(data: Any, backend: str, dtype: str, start: Any = "components") -> Plan:
    """The plan of a step of `slim` with 3 components in 3 bits."""
    way = slimming("parameter-matching")
    options = chosen(way.presets, "default", steps=1, width=4)
    place = partial(Compute.chosen, data.u, backend, None, dtype)
    task = Task.slimming(data, 3, "auto", options, np.random.default_rng(0), place)
    choice = choose(Budget(3, bits=3, start=start), task, way)
    assert way.plan is not None
    return rounding_plan(way.plan(choice.candidate.data, task), choice)


def step_of(plan: Plan) -> tuple[dict[str, np.ndarray], Any]:
    """What a step of plain gradient descent moves, negated, and the network it was taken in."""
    rate = 2.0**-10
    plan = replace(plan, schedule=Schedule(1, rate, 1.0, Sgd()))
    source = plan.networks(np.random.default_rng(1))
    read = plan.compute.backend.to_numpy
    with plan.compute.session():
        network = {
            name: read(x).copy()
            for name, x in plan.networks(np.random.default_rng(1)).draw({}).parameters.items()
        }
        algorithm = Algorithm(plan, [source])
        before = {name: read(x).copy() for name, x in algorithm.tensors.items()}
        algorithm.step()
        after = {name: read(x) for name, x in algorithm.tensors.items()}
    # The rate of a step falls by a cosine to its floor, which is all of it here.
    return {name: (before[name] - after[name]) / rate for name in before}, network


def loss_at(plan: Plan, tensors: Any, network: Any) -> float:
    backend = plan.compute.backend
    with plan.compute.session():
        target = plan.objective.target(backend, plan.network, network, plan.objective.batch())
        x, y = plan.parameterization.samples(tensors)
        view = View(backend, plan.network, network, tensors, x, y)
        return float(plan.objective.loss(view, target)[0])


def test_networks_see_what_is_rounded_on_the_host(space: Space) -> None:
    data = image_set()
    transform = SampleTransform(data.description)
    dtype = space.dtypes[-1]
    tensors = {name: space.array(x, dtype) for name, x in data.host_factors()._asdict().items()}
    step = 0.3
    seen = StraightThrough(transform, step)(tensors)
    assert {name for name in FACTORS if seen[name] is not tensors[name]} == {"vx"}
    _, s, vx, _ = data.host_factors()
    for i in range(2):
        for j in range(data.components[i]):
            row = transform.forward(s[i, j] * vx[i, j])
            steps = step * np.asarray(plain_decoder.weights((8, 8, 1), data.layout))
            numbers = [round(v / each) for v, each in zip(row, steps, strict=True)]
            expected = plain_decoder.sample_of(numbers * steps, (8, 8, 1), data.layout)
            found = space.host(seen["vx"])[i, j] * s[i, j]
            np.testing.assert_allclose(found, expected, atol=2e-6 if dtype == "float32" else 1e-12)
    assert not space.host(seen["vx"])[1, 4].any()  # padding


def test_components_without_significance_stay() -> None:
    data = image_set()
    tensors = {"s": np.zeros((2, 5)), "vx": data.host_factors().vx}
    seen = StraightThrough(SampleTransform(data.description), 0.3)(tensors)
    np.testing.assert_array_equal(seen["vx"], tensors["vx"])


def test_the_rows_that_are_seen_are_those_that_are_coded() -> None:
    """At the step of the choice, before anything has moved; units of training do not matter."""
    for scale in (1.0, 1e-4, 1e5):
        data = image_set(scale=scale)
        plan = plan_of(data, "numpy", "float64")
        tensors = plan.parameterization.start()
        seen = plan.seen(tensors)
        rows = seen["s"][..., None] * seen["vx"]
        held: Any = plan.parameterization
        small = data.truncate(3)
        rounder = Rounder(small.host_factors(), small.description, rows=False)
        step = rounder.step(int(3 * small.numbers / 8))
        numbers = plain_decoder.numbers_of(rounder.codes_at(step), small.description, 2)
        transform = SampleTransform(data.description)
        for j, component in enumerate(numbers):
            weights = plain_decoder.weights(data.shape, data.layout)
            stored = np.asarray(component)[:, -64:] * weights * step
            cosines = transform.forward(np.ldexp(rows[:, j], held.units.x))
            np.testing.assert_allclose(cosines, stored, atol=1e-9 * scale)


@pytest.mark.parametrize("start", ["components", "rows"])
def test_gradients_are_those_of_the_rounded_set(start: str) -> None:
    plan = plan_of(image_set(), "numpy", "float64", start)
    held: Any = plan.parameterization
    free = replace(plan, parameterization=replace(held, allowed=as_they_are))
    gradient, network = step_of(free)
    tensors = plan.parameterization.start()
    seen = plan.seen(tensors)
    assert np.abs(seen["vx"] - tensors["vx"]).max() > 0.01
    rng = np.random.default_rng(0)
    for name in ("s", "vx", "vy"):
        way = rng.normal(size=tensors[name].shape)
        if start == "components":
            way[1] *= (np.arange(3) < 3).reshape((3,) + (1,) * (way.ndim - 2))
        eps = 1e-6
        losses = [
            loss_at(plan, seen | {name: seen[name] + sign * eps * way}, network) for sign in (1, -1)
        ]
        expected = (losses[0] - losses[1]) / (2 * eps)
        assert np.sum(gradient[name] * way) == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("start", ["components", "rows"])
@pytest.mark.parametrize(("other", "dtype"), [("torch", "float64"), ("jax", "float32")])
def test_backends_move_alike(other: str, dtype: str, start: str) -> None:
    library(other)
    ours, _ = step_of(plan_of(image_set(), "numpy", "float64", start))
    theirs, _ = step_of(plan_of(image_set(), other, dtype, start))
    for name in FACTORS:
        size = np.abs(ours[name]).max()
        tolerance = 1e-8 if dtype == "float64" else 1e-2
        np.testing.assert_allclose(theirs[name], ours[name], atol=tolerance * size + 1e-12)


def test_only_cosines_that_take_bits_move() -> None:
    plan = plan_of(image_set(), "numpy", "float64")
    moved, _ = step_of(plan)
    tensors = plan.parameterization.start()
    transform = SampleTransform(image_set().description)
    cosines = transform.forward(tensors["s"][..., None] * tensors["vx"])
    rounded: Any = plan.seen
    weights = plain_decoder.weights(image_set().shape, image_set().layout)
    may = np.abs(cosines) >= 0.5 * rounded.step * np.asarray(weights)
    change = np.abs(transform.forward(moved["vx"]))
    assert 0.05 < may.mean() < 0.95
    assert change[~may].max() < 1e-10
    assert (change[may] > 1e-10).mean() > 0.9
    seen = transform.forward(rounded(tensors)["vx"] * tensors["s"][..., None])
    assert not np.abs(seen[~may]).max() > 1e-10


def test_support_keeps_u_only_where_it_is_fixed() -> None:
    data = image_set()
    u, _, vx, _ = data.host_factors()
    transform = SampleTransform(data.description)
    for fixed in (True, False):
        found = Support(transform, np.ones_like(vx), fixed)({"u": u, "vx": vx})
        assert found["u"].any() != fixed
        np.testing.assert_allclose(found["vx"], vx, atol=1e-12)


def test_rows_stay_samples() -> None:
    plan = plan_of(image_set(), "numpy", "float64", "rows")
    moved, _ = step_of(plan)
    assert not moved["u"].any()
    assert moved["s"].any()
    small = slimdc.slim(image_set(), 3, bits=4, start="rows", steps=20, width=4)
    assert small.codes is not None
    assert small.codes.rows
    assert small.samples == small.components == (3, 3)
    free = slimdc.slim(image_set(), 3, bits=4, start="rows", steps=0)
    # The same samples in the same places, moved a little.
    x, before = small.arrays()[0].reshape(6, -1), free.arrays()[0].reshape(6, -1)
    nearest = np.argmin(np.linalg.norm(x[:, None] - before, axis=2), axis=1)
    assert nearest.tolist() == list(range(6))
    assert np.linalg.norm(x - before) > 1e-3
    assert small.order.tolist() == free.order.tolist()


class InterruptionError(Exception):
    pass


def interrupt(count: int, steps: int, terms: Any) -> None:
    if count >= 20:
        raise InterruptionError


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"bits": 3, "k": 2}, {"nbytes": 500}, {"k": 2, "keep": 0.1}])
def test_resumed_runs_end_as_whole_ones(options: dict[str, Any], tmp_path: Any) -> None:
    data = image_set(dtype="float32")
    job = partial(slimdc.slim, data, width=4, steps=30, checkpoint_interval=10)
    whole = job(**options)
    path = tmp_path / "run"
    with pytest.raises(InterruptionError):
        job(**options, checkpoint=path, progress=interrupt)
    for other in (
        {"k": 2},
        {"bits": 4, "k": 2},
        {"bits": 3, "k": 2, "start": "rows"},
        {"nbytes": 501},
        {"keep": 0.2, "k": 2},
    ):
        with pytest.raises(InvalidValueError, match="checkpoint"):
            job(**other, checkpoint=path)
    resumed = job(**options, checkpoint=path)
    assert resumed.codes == whole.codes
    assert str(resumed) == str(whole)
    for name in FACTORS:
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert "trained" in str(whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [
        {"bits": 2, "k": 2},
        {"nbytes": 450},
        {"nbytes": 600},
        {"nbytes": 1_500},
        {"k": 2, "keep": 0.1},
        {"keep": 0.95},
    ],
)
def test_training_stands_where_it_gains_much(options: dict[str, Any], seed: int) -> None:
    data = image_set((9, 7), dtype="float32")
    job = partial(slimdc.slim, data, width=8, seed=seed, **options)
    history: list[dict[str, float]] = []
    free, trained = job(steps=0), job(steps=25, progress=False, history=history)
    # The networks of the choice, drawn here once more.
    place = Compute.chosen(data.u, "numpy", None, None)
    settings = chosen(slimming("parameter-matching").presets, "default", steps=25, width=8)
    rng = np.random.default_rng(0)
    lost = Criterion.of(data, place, "auto", rng, settings.pool, settings.ridge)
    out_of_reach = 1.1 * (1 - lost(free)) > 1
    assert len(history) == (0 if out_of_reach else 25)
    if out_of_reach:
        assert trained.codes == free.codes
        assert f"nothing keeps 1.1 times {100 * (1 - lost(free)):.1f} %" in str(trained)
    elif "not trained" in str(trained):
        assert trained.codes == free.codes
        told = re.findall(r"not trained: ([\d.]+) % in the place of ([\d.]+) %", str(trained))
        ((after, before),) = ([float(x) for x in pair] for pair in told)
        assert before == pytest.approx(100 * (1 - lost(free)), abs=0.05)
        assert after < 1.1 * before + 0.11  # both are rounded
    else:
        assert "trained" in str(trained)
        assert lost(trained) < lost(free)
        assert 1 - lost(trained) >= 1.1 * (1 - lost(free))
        assert f"{100 * (1 - lost(trained)):.1f} %" in str(trained).split("trained")[1]


def test_training_is_told_from_its_start_by_what_it_gains() -> None:
    data = image_set((9, 7), dtype="float32")
    said = {
        "not trained" in str(slimdc.slim(data, nbytes=600, width=8, steps=steps, progress=False))
        for steps in (1, 25)
    }
    assert said == {True, False}


def test_what_other_methods_make_is_not_judged() -> None:
    data = image_set((9, 7), dtype="float32")
    few = slimdc.slim(data, 2, bits=4, method="dm", steps=2, width=4, progress=False)
    assert "trained" not in str(few)


def test_trained_sets_come_back_in_the_callers_arrays(space: Space) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 8, 8)), np.arange(8) % 2
    data = (space.array(x, "float32"), y.tolist())
    backend = "auto" if space.name != "array_api_strict" else "numpy"
    small = slimdc.slim(data, 2, bits=4, steps=5, width=4, backend=backend)
    assert all(space.owns(part) for part in (*small.factors, *small.arrays()))
    assert small.codes is not None
    assert 8 * small.nbytes <= 4 * small.numbers


@pytest.mark.slow
def test_training_pays_at_the_same_bytes() -> None:
    """In networks that neither has seen."""
    data, _, _ = slimdc.datasets.sample()
    compute = Compute.chosen(data.u, "auto", None, None)
    rng = np.random.default_rng(99)
    pool = replace(SLIM["default"].pool, width=8)
    lost = Criterion.of(data, compute, "auto", rng, pool, 1e-3)
    free = slimdc.slim(data, 2, bits=2, steps=0)
    trained = slimdc.slim(data, 2, bits=2, steps=40, width=8)
    assert trained.nbytes <= 2 * free.numbers / 8
    assert lost(trained) < 0.95 * lost(free)
