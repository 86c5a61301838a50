"""Values and gradients of the losses against other forms of the same mathematics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_strict
import numpy as np
import pytest
from array_api_compat import array_namespace
from conftest import Space, library
from differences import central_differences, relative

from slimdc import backend, datasets, losses
from slimdc.backend import Compute, value_and_grad
from slimdc.losses import Form, Weights
from slimdc.networks import ConvNet
from slimdc.parameterization import SlimmableDataset, reconstruct
from slimdc.parameterization.factors import FactorParameterization
from slimdc.parameterization.units import Units
from slimdc_backends.tape import Tape, raw

FORMS: tuple[Form, ...] = ("printed", "relative")
RIDGE = 1e-2
NUMPY = array_namespace(np.zeros(1))


def draw(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def ridge_head(x: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """X†Y by the (f, f) normal equations, where slimdc solves (n, n) ones."""
    weight = ridge * np.sum(x**2) / x.shape[0]
    return np.asarray(np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), x.T @ y))


def head_gradient(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Sum the gradient of Eq. 5 sample by sample and entry by entry."""
    total = np.zeros(w.shape)
    for row, label in zip(x, y, strict=True):
        for j in range(w.shape[1]):
            error = sum(row[i] * w[i, j] for i in range(row.size)) - label[j]
            for i in range(row.size):
                total[i, j] += row[i] * error
    return total


def size(x: np.ndarray) -> float:
    return float(sum(v * v for v in x.ravel()))


def host(space: Space, x: Any) -> float:
    return float(space.host(x))


def tolerance(space: Space) -> float:
    return 1e-12 if "float64" in space.dtypes else 2e-5


def enter(space: Space, *arrays: np.ndarray) -> list[Any]:
    dtype = "float64" if "float64" in space.dtypes else "float32"
    return [space.array(x, dtype) for x in arrays]


def test_training_loss_is_eq_5(space: Space) -> None:
    x, y, w = draw((4, 3), (4, 2), (3, 2))
    expected = 0.5 * size(x @ w - y)
    found = losses.training_loss(*enter(space, x, y, w))
    assert host(space, found) == pytest.approx(expected, rel=tolerance(space))


def test_head_gradient_is_the_gradient_of_eq_5(space: Space) -> None:
    x, y, w = draw((4, 3), (4, 2), (3, 2))
    found = space.host(losses.head_gradient(*enter(space, x, y, w)))
    assert relative(found, head_gradient(x, y, w)) < tolerance(space)
    slope = central_differences(lambda v: float(losses.training_loss(x, y, v["w"])), {"w": w})
    assert relative(slope["w"], head_gradient(x, y, w)) < 1e-8


@pytest.mark.parametrize(("n", "f"), [(3, 6), (6, 3), (1, 4)])
def test_ridge_solution_solves_the_normal_equations(space: Space, n: int, f: int) -> None:
    x, y = draw((n, f), (n, 2))
    found = space.host(losses.ridge_solution(*enter(space, x, y), RIDGE))
    assert relative(found, ridge_head(x, y, RIDGE)) < 10 * tolerance(space)


def test_without_ridge_it_is_the_pseudo_inverse(space: Space) -> None:
    x, y = draw((3, 6), (3, 2))
    found = space.host(losses.ridge_solution(*enter(space, x, y), 0.0))
    assert relative(found, np.linalg.pinv(x) @ y) < 10 * tolerance(space)


def test_the_ridge_does_not_depend_on_scale() -> None:
    x, y = draw((3, 6), (3, 2))
    found = losses.ridge_solution(100.0 * x, y, RIDGE)
    assert relative(100.0 * found, losses.ridge_solution(x, y, RIDGE)) < 1e-12


def test_kernels_of_float32_features_are_solved_in_float64() -> None:
    # Two samples that differ by 1e-4: their kernel is singular in float32.
    x = np.array([[1.0, 0.0], [1.0, 2.0**-13]], np.float32)
    y = np.array([[0.0], [1.0]], np.float32)
    assert losses.ridge_solution(x, y, 0.0) == pytest.approx(np.array([[0.0], [2.0**13]]), abs=1e-3)


def test_performance_matching_is_eq_1(space: Space) -> None:
    x_t, y_t, x_s, y_s = draw((5, 6), (5, 2), (3, 6), (3, 2))
    expected = size(x_t @ ridge_head(x_s, y_s, RIDGE) - y_t)
    found = losses.performance_matching(*enter(space, x_t, y_t, x_s, y_s), RIDGE)
    assert host(space, found) == pytest.approx(expected, rel=10 * tolerance(space))
    plain = size(x_t @ np.linalg.pinv(x_s) @ y_s - y_t)
    assert float(losses.performance_matching(x_t, y_t, x_s, y_s, 0.0)) == pytest.approx(plain)


@pytest.mark.parametrize("form", FORMS)
def test_first_order_is_eq_6(space: Space, form: Form) -> None:
    x, y, xb, yb, w = draw((3, 4), (3, 2), (5, 4), (5, 2), (4, 2))
    before = head_gradient(xb, yb, w)
    expected = size(head_gradient(x, y, w) - before)
    expected /= size(before) if form == "relative" else 1.0
    found = losses.first_order(*enter(space, x, y, xb, yb, w), form)
    assert host(space, found) == pytest.approx(expected, rel=10 * tolerance(space))


@pytest.mark.parametrize("form", FORMS)
def test_infinity_order_is_eq_7(space: Space, form: Form) -> None:
    x, y, xb, yb = draw((3, 6), (3, 2), (5, 6), (5, 2))
    before = ridge_head(xb, yb, RIDGE)
    expected = size(ridge_head(x, y, RIDGE) - before)
    expected /= size(before) if form == "relative" else 1.0
    found = losses.infinity_order(*enter(space, x, y, xb, yb), RIDGE, form)
    assert host(space, found) == pytest.approx(expected, rel=20 * tolerance(space))
    plain = size(np.linalg.pinv(x) @ y - np.linalg.pinv(xb) @ yb)
    assert float(losses.infinity_order(x, y, xb, yb, 0.0)) == pytest.approx(plain, rel=1e-9)


def test_a_set_matches_itself() -> None:
    x, y, w = draw((3, 6), (3, 2), (6, 2))
    assert float(losses.first_order(x, y, x, y, w, "relative")) == 0.0
    assert float(losses.infinity_order(x, y, x, y, RIDGE, "relative")) == 0.0


def test_a_small_difference_keeps_its_digits_in_float32() -> None:
    # Kernel traces would leave none: the parts are 1e13 times as large as their difference.
    x, y = (a.astype(np.float32) for a in draw((3, 6), (3, 2)))
    moved = y * np.float32(1 + 2.0**-21)
    exact = size(ridge_head(x.astype(np.float64), (moved - y).astype(np.float64), RIDGE))
    found = losses.infinity_order(x, moved, x, y, RIDGE)
    assert float(found) == pytest.approx(exact, rel=1e-5)


def test_dead_networks_do_no_harm(space: Space) -> None:
    x, y, zero, w = enter(space, *draw((3, 4), (3, 2)), np.zeros((3, 4)), np.zeros((4, 2)))
    assert not space.host(losses.ridge_solution(zero, y, RIDGE)).any()
    for form in FORMS:
        assert host(space, losses.first_order(zero, y, zero, y, w, form)) == 0.0
        assert host(space, losses.infinity_order(zero, y, zero, y, RIDGE, form)) == 0.0
    # What there is nothing to be relative to is taken as it is.
    of = {form: losses.infinity_order(x, y, zero, y, RIDGE, form) for form in FORMS}
    assert host(space, of["relative"]) == host(space, of["printed"]) > 0


SCALES = [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-6), (1.0, 1e6), (1e-6, 1e6), (1e6, 1e-6), (1e6, 1e6)]


def all_losses(space: Space, dtype: str, a: float, b: float) -> dict[str, Any]:
    """Every loss, samples times a and labels times b, heads as they then are: b / a times."""
    x, y, xb, yb, w = draw((3, 6), (3, 2), (5, 6), (5, 2), (6, 2))
    x, y, xb, yb, w = (space.array(v, dtype) for v in (a * x, b * y, a * xb, b * yb, (b / a) * w))
    found = {
        "Eq. 1": losses.performance_matching(xb, yb, x, y, RIDGE),
        "Eq. 5": losses.training_loss(x, y, w),
        "its gradient": losses.head_gradient(x, y, w),
        "X†Y": losses.ridge_solution(x, y, RIDGE),
        "Eq. 11": losses.skewness(space.array(a * np.asarray([[3.0, 2.0, 1.0]]), dtype)),
    }
    for form in FORMS:
        found[f"Eq. 6, {form}"] = losses.first_order(x, y, xb, yb, w, form)
        found[f"Eq. 7, {form}"] = losses.infinity_order(x, y, xb, yb, RIDGE, form)
    return {name: space.host(value) for name, value in found.items()}


@pytest.mark.parametrize(("a", "b"), SCALES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_of_samples_and_labels_do_what_they_should(
    space: Space, dtype: str, a: float, b: float
) -> None:
    if dtype not in space.dtypes:
        pytest.skip(f"{space.name} runs without {dtype}")
    expected, found = all_losses(space, dtype, 1.0, 1.0), all_losses(space, dtype, a, b)
    factors = {
        "Eq. 1": b**2,
        "Eq. 5": b**2,
        "its gradient": a * b,
        "X†Y": b / a,
        "Eq. 11": 1.0,
        "Eq. 6, printed": (a * b) ** 2,
        "Eq. 6, relative": 1.0,
        "Eq. 7, printed": (b / a) ** 2,
        "Eq. 7, relative": 1.0,
    }
    for name, factor in factors.items():
        assert np.allclose(
            found[name] / factor,
            expected[name],
            rtol=1e-4 if dtype == "float32" else 1e-12,
            atol=0.0,
        ), name


@pytest.mark.parametrize(("a", "b"), SCALES)
@pytest.mark.parametrize("form", FORMS)
def test_gradients_follow_the_units(form: Form, a: float, b: float) -> None:
    def gradients(a: float, b: float) -> dict[str, np.ndarray]:
        x, y, xb, yb, w = (
            v.astype(np.float32) for v in draw((3, 6), (3, 2), (5, 6), (5, 2), (6, 2))
        )
        tape = Tape(NUMPY)
        vx, vy = (tape.variable(np.float32(f) * v) for f, v in ((a, x), (b, y)))
        before = np.float32(a) * xb, np.float32(b) * yb
        first = losses.first_order(vx, vy, *before, np.float32(b / a) * w, form)
        last = losses.infinity_order(vx, vy, *before, RIDGE, form)
        return {
            f"{order} {of}": g * scale
            for order, loss in (("first", first), ("last", last))
            for of, g, scale in zip("xy", tape.gradients(loss, [vx, vy]), (a, b), strict=True)
        }

    expected, found = gradients(1.0, 1.0), gradients(a, b)
    for name, gradient in found.items():
        order = 1.0 if form == "relative" else (a * b) ** 2 if "first" in name else (b / a) ** 2
        assert relative(gradient / order, expected[name]) < 1e-3


def test_skewness_of_nothing_is_zero(space: Space) -> None:
    s = np.array([[0.0, 0.0], [1.0, 1.0]])
    assert host(space, losses.skewness(*enter(space, s))) == 0.25
    tape = Tape(NUMPY)
    live = tape.variable(s)
    (gradient,) = tape.gradients(losses.skewness(live), [live])
    assert np.array_equal(gradient, [[0.0, 0.0], [-0.25, 0.25]])


def test_skewness_is_eq_11(space: Space) -> None:
    s = np.array([[3.0, 2.0, 1.0], [1.0, -2.0, 0.0]])
    expected = ((1 - 9 / 14) + (1 - 1 / 5)) / 2
    found = losses.skewness(*enter(space, s))
    assert host(space, found) == pytest.approx(expected, rel=tolerance(space))


def test_skewness_of_equal_values_has_a_gradient() -> None:
    # d(1 − s₁²/Σs²)/ds₁ = −2 s₁ (Σs² − s₁²)/(Σs²)², by position although all are equal.
    tape = Tape(NUMPY)
    s = tape.variable(np.ones((1, 4)))
    (gradient,) = tape.gradients(losses.skewness(s), [s])
    assert np.allclose(gradient, [[-3 / 8, 1 / 8, 1 / 8, 1 / 8]], rtol=1e-12)


def test_orthogonality_is_eq_12(space: Space) -> None:
    vx, vy = draw((3, 5), (3, 2))
    expected = size(vx @ vx.T - np.eye(3)) + size(vy.T @ vy - np.eye(2))
    found = losses.orthogonality(*enter(space, vx, vy))
    assert host(space, found) == pytest.approx(expected, rel=10 * tolerance(space))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 6, 7, 20])
def test_orthogonality_of_groups_is_the_sum_over_them(space: Space, rows: int) -> None:
    vx, vy = draw((7, 5), (7, 2))
    expected = size(vy.T @ vy - np.eye(2))
    for first in range(0, 7, rows):
        group = vx[first : first + rows]
        expected += size(group @ group.T - np.eye(len(group)))
    found = losses.orthogonality(*enter(space, vx, vy), rows=rows)
    assert host(space, found) == pytest.approx(expected, rel=10 * tolerance(space))


def test_groups_of_orthonormal_rows_may_be_more_than_samples_have_values(space: Space) -> None:
    groups = [np.linalg.qr(block)[0] for block in draw((4, 4), (4, 4), (4, 4))]
    vx, vy = np.concatenate(groups), np.eye(12, 2)
    entered = enter(space, vx, vy)
    assert host(space, losses.orthogonality(*entered, rows=4)) < 1e-8
    assert host(space, losses.orthogonality(*entered)) >= 12 - 4  # no twelve rows can be
    assert np.linalg.norm(vx, 2) <= np.sqrt(3) + 1e-12  # what Eq. 9 then has in the place of 1


def test_orthogonality_of_centred_labels_can_vanish(space: Space) -> None:
    # Rows of a basis of the plane of vectors that sum to zero.
    vy = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])
    vx, vy = enter(space, np.eye(2, 4), vy)
    assert host(space, losses.orthogonality(vx, vy, centred=True)) < 1e-10
    assert host(space, losses.orthogonality(vx, vy)) == pytest.approx(1.0, rel=1e-5)


def test_weighted_sum_is_eq_13(space: Space) -> None:
    values = enter(space, *(np.asarray(v) for v in (2.0, 3.0, 5.0, 7.0)))
    parts = dict(zip(("first", "infinity", "skew", "ortho"), values, strict=True))
    found = losses.weighted_sum(parts, Weights(4.0, 10.0, 100.0, 1000.0))
    assert host(space, found) == 8 + 30 + 500 + 7000


def eq_6_gradients(
    x: np.ndarray, y: np.ndarray, xb: np.ndarray, yb: np.ndarray, w: np.ndarray
) -> dict[str, np.ndarray]:
    """Derive ‖D‖², D = Xᵀ(Xw − Y) − target: dD = dXᵀ(Xw − Y) + Xᵀ dX w − Xᵀ dY + (XᵀX − …) dw."""
    d = head_gradient(x, y, w) - head_gradient(xb, yb, w)
    return {
        "x": 2 * ((x @ w - y) @ d.T + x @ d @ w.T),
        "y": -2 * x @ d,
        "w": 2 * (x.T @ x - xb.T @ xb) @ d,
    }


def eq_7_gradients(
    x: np.ndarray, y: np.ndarray, xb: np.ndarray, yb: np.ndarray, ridge: float
) -> dict[str, np.ndarray]:
    """Derive ‖XᵀA − target‖², A = M⁻¹Y, M = XXᵀ + λ‖X‖²/n I, through dA = M⁻¹(dY − dM A)."""
    n = x.shape[0]
    m = x @ x.T + ridge * size(x) / n * np.eye(n)
    a = np.linalg.inv(m) @ y
    d = x.T @ a - ridge_head(xb, yb, ridge)
    b = 2 * np.linalg.inv(m) @ x @ d
    of_ridge = 2 * ridge / n * np.sum(a * b) * x
    return {"x": 2 * a @ d.T - b @ (x.T @ a).T - a @ b.T @ x - of_ridge, "y": b}


def tape_gradients(
    xp: Any, loss: Callable[..., Any], variables: dict[str, np.ndarray], *constants: np.ndarray
) -> dict[str, np.ndarray]:
    """Differentiate on the tape; constants are on it too, since strict arrays refuse others."""
    tape = Tape(xp)
    live = {name: tape.variable(xp.asarray(x)) for name, x in variables.items()}
    result = loss(live, *(tape.variable(xp.asarray(x)) for x in constants))
    gradients = tape.gradients(result, list(live.values()))
    assert np.isfinite(float(raw(result)))
    return {name: np.asarray(g) for name, g in zip(live, gradients, strict=True)}


@pytest.fixture(params=["numpy", "array_api_strict"])
def taped(request: pytest.FixtureRequest) -> Any:
    return NUMPY if request.param == "numpy" else array_api_strict


def test_gradients_of_eq_6_are_those_derived_by_hand(taped: Any) -> None:
    x, y, xb, yb, w = draw((3, 4), (3, 2), (5, 4), (5, 2), (4, 2))
    found = tape_gradients(
        taped,
        lambda v, xb, yb: losses.first_order(v["x"], v["y"], xb, yb, v["w"]),
        {"x": x, "y": y, "w": w},
        xb,
        yb,
    )
    for name, expected in eq_6_gradients(x, y, xb, yb, w).items():
        assert relative(found[name], expected) < 1e-12


@pytest.mark.parametrize(("n", "f"), [(3, 6), (6, 3)])
def test_gradients_of_eq_7_are_those_derived_by_hand(taped: Any, n: int, f: int) -> None:
    x, y, xb, yb = draw((n, f), (n, 2), (5, f), (5, 2))
    found = tape_gradients(
        taped,
        lambda v, xb, yb: losses.infinity_order(v["x"], v["y"], xb, yb, RIDGE),
        {"x": x, "y": y},
        xb,
        yb,
    )
    for name, expected in eq_7_gradients(x, y, xb, yb, RIDGE).items():
        assert relative(found[name], expected) < 1e-11


Loss = Callable[..., Any]


def eq_13(form: Form, v: dict[str, Any], xb: Any, yb: Any, w: Any) -> Any:
    """All of Eq. 13 through Eq. 8, classes side by side."""
    blocks = reconstruct(v["u"], v["s"], v["vx"], v["vy"])
    xp = array_namespace(v["u"])
    x, y, vx, vy = (xp.reshape(b, (-1, b.shape[2])) for b in (*blocks, v["vx"], v["vy"]))
    parts = {
        "first": losses.first_order(x, y, xb, yb, w, form),
        "infinity": losses.infinity_order(x, y, xb, yb, RIDGE, form),
        "skew": losses.skewness(v["s"]),
        "ortho": losses.orthogonality(vx, vy),
    }
    return losses.weighted_sum(parts, Weights(0.5, 2.0, 0.3, 0.1))


# Shapes of x, y, w and of the factors, and the loss as a function of them and the set before.
PAIR = {"x": (3, 6), "y": (3, 2)}
FACTORS = {"u": (2, 3, 2), "s": (2, 2), "vx": (2, 2, 6), "vy": (2, 2, 2)}
LOSSES: dict[str, tuple[dict[str, tuple[int, ...]], Loss]] = {
    "Eq. 1": (
        PAIR,
        lambda v, xb, yb, w: losses.performance_matching(xb, yb, v["x"], v["y"], RIDGE),
    ),
    "Eq. 5": (PAIR, lambda v, xb, yb, w: losses.training_loss(v["x"], v["y"], w)),
    "Eq. 11": ({"s": (2, 4)}, lambda v, xb, yb, w: losses.skewness(v["s"])),
    "Eq. 12": (PAIR, lambda v, xb, yb, w: losses.orthogonality(v["x"], v["y"])),
    "Eq. 12, centred": (
        PAIR,
        lambda v, xb, yb, w: losses.orthogonality(v["x"], v["y"], centred=True),
    ),
    "Eq. 12, in groups": (
        PAIR,
        lambda v, xb, yb, w: losses.orthogonality(v["x"], v["y"], rows=2),
    ),
}
for _form in FORMS:
    LOSSES[f"Eq. 6, {_form}"] = (
        PAIR,
        lambda v, xb, yb, w, f=_form: losses.first_order(v["x"], v["y"], xb, yb, w, f),
    )
    LOSSES[f"Eq. 7, {_form}"] = (
        PAIR,
        lambda v, xb, yb, w, f=_form: losses.infinity_order(v["x"], v["y"], xb, yb, RIDGE, f),
    )
    LOSSES[f"Eq. 13, {_form}"] = (FACTORS, partial(eq_13, _form))


def problem(name: str) -> tuple[Loss, dict[str, np.ndarray], list[np.ndarray]]:
    shapes, loss = LOSSES[name]
    variables = dict(zip(shapes, draw(*shapes.values()), strict=True))
    return loss, variables, draw((5, 6), (5, 2), (6, 2), seed=1)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_central_differences(name: str) -> None:
    loss, variables, constants = problem(name)
    found = tape_gradients(NUMPY, loss, variables, *constants)
    expected = central_differences(lambda v: float(loss(v, *constants)), variables)
    for of, gradient in expected.items():
        assert relative(found[of], gradient) < 1e-6


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_over_strict_arrays_are_the_same(name: str) -> None:
    loss, variables, constants = problem(name)
    found = tape_gradients(array_api_strict, loss, variables, *constants)
    expected = tape_gradients(NUMPY, loss, variables, *constants)
    for of, gradient in expected.items():
        assert relative(found[of], gradient) < 1e-12


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_on_numpy_are_those_of_torch(name: str) -> None:
    library("torch")
    loss, variables, constants = problem(name)
    results = []
    for ops in (backend.get("numpy"), backend.get("torch")):
        differentiate = value_and_grad(ops, lambda v, *c: (loss(v, *c), {}))
        entered = {of: ops.asarray(x) for of, x in variables.items()}
        value, _, gradients = differentiate(entered, *(ops.asarray(x) for x in constants))
        results.append({"value": value} | gradients)
        results[-1] = {of: ops.to_numpy(g) for of, g in results[-1].items()}
    for of, expected in results[1].items():
        assert relative(results[0][of], expected) < 1e-10


def low_rank_set() -> SlimmableDataset:
    """Smooth images with a mean for each class, about as alike as real ones are."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    waves = np.cos(np.pi * np.outer(np.arange(5), (np.arange(28) + 0.5) / 28))
    decay = 1.0 / (1.0 + np.add.outer(np.arange(5), np.arange(5))) ** 2
    coarse = (rng.standard_normal((4, 5, 5))[y] + 0.5 * rng.standard_normal((40, 5, 5))) * decay
    return SlimmableDataset.from_arrays((waves.T @ coarse @ waves).astype(np.float32), y)


@pytest.mark.parametrize("source", ["drawn", "bundled"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_eq_7_has_a_gradient_in_float32(name: str, k: int, source: str) -> None:
    if name != "numpy":
        library(name)
    data = datasets.sample().data if source == "bundled" else low_rank_set()
    small = data.truncate(k)
    height, width, channels = data.shape
    network = ConvNet((height, width, channels), data.vy.shape[2], width=8)
    drawn = network.draw(np.random.default_rng(0))
    gradients = []
    for dtype, ops in (("float32", backend.get(name)), ("float64", backend.get("numpy"))):
        parameters = {of: ops.asarray(x.astype(dtype)) for of, x in drawn.items()}

        def embedded(
            held: SlimmableDataset,
            factors: dict[str, Any],
            parameters: Any = parameters,
            ops: Any = ops,
            dtype: str = dtype,
        ) -> Any:
            whole = FactorParameterization(held, Compute(ops, dtype), Units(0, 0))
            x, y = whole.samples(factors)
            return network.embed(ops, parameters, x), y

        whole, part = (
            {of: ops.asarray(x.astype(dtype)) for of, x in held.host_factors()._asdict().items()}
            for held in (data, small)
        )
        before = embedded(data, whole)

        def loss(
            v: dict[str, Any], before: Any = before, embedded: Any = embedded
        ) -> tuple[Any, dict[str, Any]]:
            return losses.infinity_order(*embedded(small, v), *before, 1e-3, "relative"), {}

        with ops.session():
            _, _, found = value_and_grad(ops, loss)(part)
        gradients.append({of: ops.to_numpy(g) for of, g in found.items()})
    for of, exact in gradients[1].items():
        assert gradients[0][of].dtype == np.float32
        assert relative(gradients[0][of], exact) < 0.01
