"""Training in other units: a set is trained alike, whatever its samples and labels count in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative
from hypothesis import given, settings
from hypothesis import strategies as st

import slimdc
from slimdc import SlimmableDataset
from slimdc.parameterization.units import Units
from slimdc.settings import CondenseSettings, PoolSettings, SlimSettings

CLASSES = 2
POOL = PoolSettings(size=2, lifetime=10, width=4, depth=2)
FEW = SlimSettings(steps=20, pool=POOL)


def pair(soft: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = np.arange(16) % CLASSES
    x = rng.standard_normal((CLASSES, 8, 8))[classes] + rng.standard_normal((16, 8, 8))
    rows = np.eye(CLASSES)[classes] - 0.5
    return x, 2.0 * rows + 0.1 * rng.standard_normal(rows.shape) * soft


def in_other_units(data: SlimmableDataset, x: int, y: int, v: np.ndarray) -> SlimmableDataset:
    """Multiply samples and labels by powers of 2, and rows of V, against s, by others."""
    u, s, vx, vy = data.host_factors()
    return data.with_factors(
        u,
        np.ldexp(s, x - v),
        np.ldexp(vx, v[:, :, None]),
        np.ldexp(vy, y - x + v[:, :, None]),
    )


@given(
    x=st.integers(-15, 15),
    y=st.integers(-15, 15),
    spread=st.integers(0, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_units_that_are_powers_of_16_change_no_bit(x: int, y: int, spread: int, seed: int) -> None:
    data = SlimmableDataset.from_arrays(*pair()).truncate(4)
    v = np.random.default_rng(seed).integers(-spread, spread + 1, data.s.shape)
    # Components stay in the order of their significance, as the pair had them.
    v = np.sort(v, axis=1)
    other = in_other_units(data, 4 * x, 4 * y, 4 * v)
    units = Units.of(other)
    assert (units.x - Units.of(data).x, units.y - Units.of(data).y) == (4 * x, 4 * y)
    expected = Units.of(data).enter(data.host_factors(), Units.of(data).lengths(data))
    found = units.enter(other.host_factors(), units.lengths(other))
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b)
    back = units.leave(found, units.lengths(other))
    for a, b in zip(back, other.host_factors(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(("x", "y"), [(-20, 0), (20, 0), (0, -20), (0, 20), (-20, 20), (400, -400)])
def test_a_run_in_other_units_takes_the_same_steps(x: int, y: int) -> None:
    data = SlimmableDataset.from_arrays(*pair())
    histories: list[list[dict[str, float]]] = [[], []]
    ours, theirs = (
        slimdc.slim(some, 2, preset=FEW, history=history)
        for some, history in zip(
            (data, in_other_units(data, x, y, np.zeros_like(data.s, np.int64))),
            histories,
            strict=True,
        )
    )
    assert histories[0] == histories[1]
    assert np.array_equal(np.ldexp(ours.arrays()[0], x), theirs.arrays()[0])
    assert np.array_equal(np.ldexp(ours.arrays()[1], y), theirs.arrays()[1])


def changes(x: np.ndarray, y: np.ndarray, **options: Any) -> list[float]:
    """How far training moves samples and labels, relative to where it starts."""
    data = SlimmableDataset.from_arrays(x, y)
    before = data.truncate(2).arrays()
    after = slimdc.slim(data, 2, preset=FEW, **options).arrays()
    return [relative(np.asarray(a, np.float64), b) for a, b in zip(after, before, strict=True)]


@pytest.mark.slow
@given(x=st.floats(-6, 6), y=st.floats(-6, 6), single=st.booleans())
@settings(max_examples=20)
def test_other_units_do_not_wreck_a_set(x: float, y: float, single: bool) -> None:
    samples, rows = pair()
    dtype = np.float32 if single else np.float64
    plain = changes(samples, rows)
    found = changes((10.0**x * samples).astype(dtype), (10.0**y * rows).astype(dtype))
    for mine, reference in zip(found, plain, strict=True):
        assert 0.5 * reference < mine < 2.0 * reference


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_other_units_do_not_wreck_a_set_elsewhere(backend: str, scale: float) -> None:
    library(backend)
    samples, rows = pair()
    plain = changes(samples.astype(np.float32), rows.astype(np.float32), backend=backend)
    for x, y in ((scale, 1.0), (1.0, scale), (scale, 1 / scale)):
        found = changes(
            (x * samples).astype(np.float32), (y * rows).astype(np.float32), backend=backend
        )
        for mine, reference in zip(found, plain, strict=True):
            assert 0.5 * reference < mine < 2.0 * reference


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_real_data_in_other_units_are_condensed_alike(scale: float) -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(60) % CLASSES
    x = rng.standard_normal((CLASSES, 8, 8))[classes] + rng.standard_normal((60, 8, 8))
    settings = CondenseSettings(steps=10, batch=16, pool=POOL)
    ours, theirs = (
        slimdc.condense(some, classes, 4, preset=settings, preprocessed=True)
        for some in (x, scale * x)
    )
    assert np.array_equal(scale * ours.arrays()[0], theirs.arrays()[0])
    assert np.array_equal(ours.arrays()[1], theirs.arrays()[1])


def test_sets_of_the_usual_size_are_trained_as_they_are() -> None:
    data = slimdc.datasets.sample().data
    units = Units.of(data)
    assert (units.x, units.y) == (0, 0)
    assert not units.lengths(data).any()


def test_nothing_to_measure_is_in_its_own_units() -> None:
    zero = SlimmableDataset.from_factors(
        np.eye(2)[None], np.zeros((1, 2)), np.eye(2, 5)[None], np.zeros((1, 2, 1))
    )
    assert Units.of(zero) == Units(0, 0)
    assert not Units.of(zero).lengths(zero).any()
