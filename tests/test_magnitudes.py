"""Numbers whose squares would overflow or vanish: what is promised of numbers holds for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Space, library
from differences import relative

import slimdc
from slimdc import Preprocessing, backend, losses
from slimdc._magnitudes import squarable, unit
from slimdc.backend import value_and_grad
from slimdc.errors import InvalidValueError, NumericalError
from slimdc.parameterization.preprocessing import ImageNorm
from slimdc.settings import EvaluationSettings
from slimdc.training.optimizers import Adam, Lamb

# Powers of two that leave all digits of numbers near 1, and their squares none.
FAR = {"float16": (-8, 8), "bfloat16": (-90, 100), "float32": (-100, 100), "float64": (-700, 900)}
DIGITS = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-14}
LAYOUTS = ("channels_last", "channels_first")
RIDGE = 1e-3


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def wide(space: Space) -> str:
    return "float64" if "float64" in space.dtypes else "float32"


def test_units_are_powers_of_two_and_one_where_numbers_are_usual(space: Space) -> None:
    for dtype in space.dtypes:
        info = np.finfo(np.float32 if dtype == "bfloat16" else dtype)
        exponents = np.arange(info.minexp, info.maxexp)
        found = space.host(unit(space.array(np.ldexp(1.0, exponents), dtype)))
        assert set(np.frexp(found)[0]) == {0.5}
        squares = (found * np.ldexp(1.0, exponents)) ** 2
        assert squares.max() <= float(info.max)
        assert squares.min() >= float(info.smallest_subnormal)
        usual = np.abs(exponents) <= info.maxexp * 3 // 8
        assert (found[usual] == 1.0).all()
        nothing = space.array(np.zeros(1), dtype)
        assert space.host(unit(nothing)).tolist() == [1.0]


def test_numbers_that_are_summed_share_a_unit(space: Space) -> None:
    dtype = wide(space)
    x = np.array([[1.0, 2.0], [2.0 ** FAR[dtype][0], 1.0], [0.0, 2.0 ** FAR[dtype][1]]])
    scaled, by = (space.host(a) for a in squarable(space.array(x, dtype), axis=1))
    assert by.shape == (3, 1)
    assert by[:2].tolist() == [[1.0], [1.0]] != by[2:].tolist()
    assert np.array_equal(scaled, x * by)


@pytest.mark.parametrize("shape", [(2, 224, 224, 3), (3, 8, 8, 1)])
@pytest.mark.parametrize("far", [0, -1, 1])
def test_images_have_a_norm_of_one_in_every_precision(
    space: Space, shape: tuple[int, ...], far: int
) -> None:
    for dtype in space.dtypes:
        exponent = 0 if far == 0 else FAR[dtype][far > 0]
        x = np.ldexp(np.random.default_rng(0).random(shape), exponent)
        x[0] = np.ldexp(0.5, exponent)
        found = ImageNorm().apply(space.array(x, dtype), "channels_last")
        assert space.dtype(found) == dtype
        rows = space.host(found).astype(np.float64).reshape(len(x), -1)
        norms = np.linalg.norm(rows, axis=1)
        assert norms[0] == 0.0
        np.testing.assert_allclose(norms[1:], 1.0, rtol=DIGITS[dtype])
        assert np.abs(rows.mean(axis=1)).max() < DIGITS[dtype]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("exponent", [-900, -700, -60, 60, 900, 1010])
def test_standardisation_follows_the_units_of_samples(layout: Any, exponent: int) -> None:
    x = np.random.default_rng(0).random((9, 3, 5, 3))
    x *= np.array([1.0, 2.0, 3.0]) if layout == "channels_last" else 1.0
    usual, far = (Preprocessing.standardise(np.ldexp(x, e), layout) for e in (0, exponent))
    assert np.array_equal(np.ldexp(usual.mean, exponent), far.mean)
    assert np.array_equal(np.ldexp(usual.std, exponent), far.std)


def test_channels_have_units_of_their_own() -> None:
    x = np.array([1.0, 1e-200, 1e300, 0.0]) * draw(50, 4, 4, 4)
    rows = Preprocessing.standardise(x).apply(x, "channels_last").reshape(-1, 4)
    np.testing.assert_allclose(rows.std(axis=0), [1.0, 1.0, 1.0, 0.0], rtol=1e-12)


@pytest.mark.parametrize("std", [1e-50, 1e50])
def test_deviations_that_samples_cannot_hold_are_refused(space: Space, std: float) -> None:
    x = space.array(np.zeros((1, 2)), "float32")
    for chain in (Preprocessing(0.0, std), Preprocessing((0.0, 0.0), (1.0, std))):
        for call in (chain.apply, chain.invert):
            with pytest.raises(InvalidValueError, match=r"preprocessing\.std.*float32"):
                call(x, "flat")
    if "float64" in space.dtypes:
        held = Preprocessing(0.0, std).apply(space.array([[std, 0.0]], "float64"), "flat")
        assert space.host(held).tolist() == [[1.0, 0.0]]


def reach(space: Space) -> tuple[int, int]:
    """Powers of two whose inverse the widest dtype holds as well."""
    low, high = FAR[wide(space)]
    return low, min(high, -low)


def test_heads_follow_the_units_of_features(space: Space) -> None:
    dtype, digits = wide(space), 100 * DIGITS[wide(space)]
    y = space.array(draw(4, 2, seed=1), dtype)

    def enter(exponent: int, *shape: int) -> Any:
        return space.array(np.ldexp(draw(*shape), exponent), dtype)

    expected = space.host(losses.ridge_solution(enter(0, 4, 6), y, RIDGE))
    loss = float(space.host(losses.performance_matching(enter(0, 4, 3), y, enter(0, 4, 3), y, 0.1)))
    for e in (*reach(space), -53, -47, -40, 40):
        x, short = enter(e, 4, 6), enter(e, 4, 3)
        found = np.ldexp(space.host(losses.ridge_solution(x, y, RIDGE)), e)
        assert relative(found, expected) < digits
        again = losses.performance_matching(short, y, short, y, 0.1)
        assert float(space.host(again)) == pytest.approx(loss, rel=digits)


@pytest.mark.parametrize("scale", [1e-14, 1e-16, 1e-160, 1e160])
def test_heads_are_right_at_scales_that_are_no_powers_of_two(scale: float) -> None:
    x, y = draw(4, 6), draw(4, 2, seed=1)
    expected = losses.ridge_solution(x, y, RIDGE)
    assert relative(losses.ridge_solution(x * scale, y, RIDGE) * scale, expected) < 1e-12


def test_regression_in_small_kernels_is_that_in_others(space: Space) -> None:
    dtype = wide(space)
    x, y = draw(4, 6), space.array(draw(4, 2, seed=1), dtype)

    def predicted(scale: float) -> np.ndarray:
        kernel = space.array(x @ x.T * scale, dtype)
        return space.host(losses.kernel_regression(kernel, kernel, y, 1e-2))

    for scale in (1e-28, 1e-32):
        assert relative(predicted(scale), predicted(1.0)) < 1000 * DIGITS[dtype]


def gradient(name: str, loss: Any, x: np.ndarray) -> np.ndarray:
    """Differentiate a loss of one array in a backend, in the array's dtype."""
    if name != "numpy":
        library(name)
    ops = backend.get(name)
    with ops.session():
        found = value_and_grad(ops, lambda v: (loss(ops, v["x"]), {}))({"x": ops.asarray(x)})
        return ops.to_numpy(found[2]["x"])


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_gradients_of_heads_follow_the_units_and_exist_at_zero(name: str) -> None:
    x, y = draw(4, 6).astype(np.float32), draw(4, 2, seed=1).astype(np.float32)

    def loss(ops: Any, v: Any) -> Any:
        return losses.infinity_order(v, ops.asarray(y), ops.asarray(0 * x), ops.asarray(y), RIDGE)

    usual = gradient(name, loss, x)
    for e in (-24, -20, 20):  # the square of a head, over features
        assert relative(np.ldexp(gradient(name, loss, np.ldexp(x, e)), 3 * e), usual) < 1e-5
    assert np.isfinite(gradient(name, loss, 0 * x)).all()

    def predicted(ops: Any, v: Any) -> Any:
        y_held = ops.asarray(y)
        return losses.performance_matching(v, 0 * y_held, v, y_held, 0.1)

    usual = gradient(name, predicted, x)
    for e in FAR["float32"]:
        assert relative(np.ldexp(gradient(name, predicted, np.ldexp(x, e)), e), usual) < 1e-4
    assert np.isfinite(gradient(name, predicted, 0 * x)).all()


def test_skewness_does_not_depend_on_units(space: Space) -> None:
    for dtype in set(space.dtypes) - {"float16", "bfloat16"}:
        for e in (*FAR[dtype], 0):
            s = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 3.0], [0.0, 1.0]])
            found = losses.skewness(space.array(np.ldexp(s, e), dtype))
            assert float(space.host(found)) == pytest.approx((0.5 + 0.0 + 0.9 + 1.0) / 4, rel=1e-6)
        mixed = s * np.ldexp(1.0, [[FAR[dtype][0]], [0], [FAR[dtype][1]], [0]])
        again = losses.skewness(space.array(mixed, dtype))
        assert float(space.host(again)) == float(space.host(found))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_gradients_of_skewness_follow_the_units(name: str) -> None:
    s = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 1.0]], np.float32)
    usual = gradient(name, lambda _, v: losses.skewness(v), s)
    for e in FAR["float32"]:
        found = gradient(name, lambda _, v: losses.skewness(v), np.ldexp(s, e))
        assert relative(np.ldexp(found, e), usual) < 1e-6
    mixed = np.concatenate([0 * s[:1], s])
    found = gradient(name, lambda _, v: losses.skewness(v), mixed)
    assert relative(found, np.concatenate([0 * s[:1], usual * np.float32(2 / 3)])) < 1e-6


@pytest.mark.parametrize(
    ("own", "of_gradient"),
    [(1.0, 1e-30), (1e-30, 1.0), (1e19, 1.0), (1e-30, 1e-30), (1e-3, 1e18), (1e37, 1e18)],
)
def test_lamb_moves_tensors_of_any_size_by_a_fraction_of_their_norm(
    space: Space, own: float, of_gradient: float
) -> None:
    w = {"a": space.array(own * draw(3, 4), "float32"), "b": space.array(draw(5), "float32")}
    g = {
        "a": space.array(of_gradient * draw(3, 4, seed=1), "float32"),
        "b": space.array(draw(5, seed=1), "float32"),
    }
    lamb = Lamb()
    changes, _ = lamb.step(w, g, lamb.start(w), lamb.step_size(1, 0.01))
    for name in w:
        moved, whole = (
            np.linalg.norm(space.host(x).astype(float)) for x in (changes[name], w[name])
        )
        assert moved == pytest.approx(0.01 * whole, rel=1e-5)


@pytest.mark.parametrize("optimizer", [Adam(), Lamb()])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_gradients_whose_squares_overflow_do_not_stall(
    space: Space, optimizer: Adam | Lamb
) -> None:
    w = {"a": space.array(draw(3, 4), "float32")}
    g = {"a": space.array(1e25 * draw(3, 4, seed=1), "float32")}
    changes, _ = optimizer.step(w, g, optimizer.start(w), optimizer.step_size(1, 0.01))
    assert np.isnan(space.host(changes["a"])).all()


@pytest.mark.parametrize("optimizer", ["adam", "lamb"])
def test_training_whose_gradients_overflow_is_an_error(optimizer: str) -> None:
    settings = EvaluationSettings(optimizer=optimizer, loss="squared", steps=3, width=2)
    # Losses are finite, and squares of their gradients are not.
    x, y = (1e13 * draw(8, 8, 8)).astype(np.float32), np.arange(8) % 2
    with pytest.raises(NumericalError, match="loss is not finite"):
        slimdc.evaluate((x, y), x, y, protocol=settings, repeats=1, preprocessed=True)
