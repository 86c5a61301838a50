"""Proposition 1 and its general forms hold in every namespace, and are as sharp as they can be."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from cases import SHAPES, Case, build, cases, solution
from conftest import Space, library
from hypothesis import given, settings

from slimdc import bounds, regression
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.regression import Components

# Sharpness and monotony are shown on fewer examples than the bounds themselves.
few = settings(max_examples=max(20, settings().max_examples // 5))


@cache
def compiled(space: Space, function: Any) -> Any:
    """Function as its users would run it: compiled where that is JAX, which is slow otherwise."""
    return library("jax").jit(function) if space.name == "jax" else function


def infinity_order(kept: Components, removed: Components) -> dict[str, Any]:
    """Everything of infinity order."""
    return {
        "frobenius": bounds.infinity_order_distance(kept, removed),
        "spectral": bounds.infinity_order_distance(kept, removed, norm="spectral"),
        "bound": bounds.infinity_order_bound(kept, removed),
        "ratio": bounds.kept_ratio(kept, removed),
        "equation 10": bounds.equation_10_distance(removed),
    }


def first_order(
    kept: Components, removed: Components, w: Any, eta: float, second: float
) -> dict[str, Any]:
    """Everything of first order."""
    return {
        "frobenius": bounds.first_order_distance(removed, w, eta=eta),
        "tight": bounds.equation_9(kept, removed, w, eta=eta),
        "printed": bounds.equation_9(kept, removed, w, eta=eta, significance=second),
        "bound": bounds.first_order_bound(kept, removed, w, eta=eta),
        "spectral": bounds.first_order_distance(removed, w, eta=eta, norm="spectral"),
        "spectral bound": bounds.first_order_bound(kept, removed, w, eta=eta, norm="spectral"),
    }


def into(space: Space, part: Components, dtype: str) -> Components:
    return Components(*(space.array(a, dtype) for a in part))


def moved(space: Space, case: Case) -> tuple[Components, Components, Any]:
    """A case in a namespace: kept, removed, w."""
    kept, removed = (into(space, part, case.dtype) for part in case.split())
    return kept, removed, space.array(case.w, case.dtype)


def conditioning(case: Case) -> float:
    return float(np.linalg.cond(case.part(0, None).vx))


def one_step(case: Case, k: int | None) -> np.ndarray:
    """η times the gradient of ½‖Xw − Y‖² on the samples themselves."""
    x, y = case.rows(k)
    scale = float(np.max(case.s))
    x, y = x / scale, y / scale  # the oracle itself must not overflow
    return np.asarray(case.eta * scale * scale * (x.T @ (x @ case.w - y)))


def check_step(case: Case, value: Any, *, norm: str) -> None:
    difference = one_step(case, None) - one_step(case, case.kept)
    exact = np.linalg.norm(difference, ord="fro" if norm == "frobenius" else 2)
    # Rounding of V_x w − V_y, where both may cancel, and of the oracle's own subtraction.
    whole = case.part(0, None)
    size = np.linalg.norm(whole.vx, 2)
    terms = size * np.linalg.norm(case.w) + np.linalg.norm(whole.vy)
    largest = np.max(case.split()[1].s)
    rounding = case.slop * largest**2 + 1e-13 * np.max(case.s) ** 2
    assert abs(float(value) - exact) <= case.eta * size * terms * rounding


@given(draw=cases(orthonormal=True))
def test_equation_9(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    kept, removed, w = moved(space, case)
    found = compiled(space, first_order)(kept, removed, w, case.eta, case.second)
    assert {space.dtype(a) for a in found.values()} == {case.dtype}
    tight = float(found["tight"])
    assert float(found["frobenius"]) <= tight * (1 + case.slop)
    assert tight <= float(found["printed"]) * (1 + case.slop)
    assert abs(tight - float(found["bound"])) <= case.slop * tight
    assert float(found["spectral"]) <= float(found["spectral bound"]) * (1 + case.slop)
    check_step(case, found["frobenius"], norm="frobenius")
    check_step(case, found["spectral"], norm="spectral")


@given(draw=cases(orthonormal=False))
def test_first_order_for_any_basis(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    kept, removed, w = moved(space, case)
    found = compiled(space, first_order)(kept, removed, w, case.eta, case.second)
    assert float(found["frobenius"]) <= float(found["bound"]) * (1 + case.slop)
    assert float(found["spectral"]) <= float(found["spectral bound"]) * (1 + case.slop)
    check_step(case, found["frobenius"], norm="frobenius")
    check_step(case, found["spectral"], norm="spectral")


@given(draw=cases(orthonormal=True))
def test_equation_10(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    kept, removed, _ = moved(space, case)
    found = compiled(space, infinity_order)(kept, removed)
    value = float(found["spectral"])
    assert space.dtype(found["spectral"]) == case.dtype
    assert value <= 1 + case.slop
    assert abs(value - float(found["equation 10"])) <= case.slop
    assert abs(value - np.linalg.norm(case.split()[1].vy, ord=2)) <= case.slop
    general = float(found["bound"])
    assert value <= general * (1 + case.slop)
    assert general <= 1 + case.slop
    x, y = case.rows(None)
    x_kept, y_kept = case.rows(case.kept)
    scale = np.max(case.s)
    exact = np.linalg.pinv(x / scale, rcond=1e-10) @ (y / scale)
    exact -= np.linalg.pinv(x_kept / scale, rcond=1e-10) @ (y_kept / scale)
    assert abs(value - np.linalg.norm(exact, ord=2)) <= case.slop + 1e-11


@given(draw=cases(orthonormal=False))
def test_infinity_order_for_any_basis(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    kept, removed, _ = moved(space, case)
    rounding = case.slop * conditioning(case)
    whole, held = solution(case.part(0, None)), solution(case.part(0, case.kept))
    length = np.linalg.norm(whole)
    values = {k: float(v) for k, v in compiled(space, infinity_order)(kept, removed).items()}
    assert values["spectral"] <= values["bound"] * (1 + rounding)
    lost = np.linalg.svdvals(whole - held)
    assert abs(values["frobenius"] - np.linalg.norm(lost)) <= rounding * length
    assert abs(values["spectral"] - lost[0]) <= rounding * length
    # ‖W‖² = ‖W'‖² + ‖W − W'‖²: the ratio is a share, and what it leaves is the distance.
    ratio = values["ratio"]
    assert 0 <= ratio <= 1
    assert abs(ratio - np.sum(held**2) / np.sum(whole**2)) <= rounding
    assert abs(1 - ratio - (values["frobenius"] / length) ** 2) <= 3 * rounding
    assert bool(regression.full_row_rank(space.array(case.part(0, None).vx, case.dtype)))


@few
@given(draw=cases(orthonormal=False, among=SHAPES[2::3]))
def test_kept_ratio_grows_with_k(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    parts = into(space, case.part(0, None), case.dtype)
    # Three cuts of each shape, so that the shapes stay few.
    size = case.s.size
    ratio = compiled(space, bounds.kept_ratio)
    ratios = [float(ratio(*parts.split(k))) for k in (1, (size + 1) // 2, size)]
    assert ratios == sorted(ratios) or np.all(np.diff(ratios) >= -case.slop * conditioning(case))
    assert ratios[-1] == 1


@few
@given(draw=cases(orthonormal=True, one_removed=True, start="solves kept"))
def test_equality_with_one_component_removed(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    # The removed label row has length 1, and w solves the kept rows: nothing is lost on the way.
    vy = case.vy.copy()
    vy[:, : case.kept], vy[:, case.kept] = 0.0, vy[:, case.kept] / np.linalg.norm(vy[:, case.kept])
    case = Case(case.s, case.vx, vy, 0 * case.w, case.kept, case.eta, case.dtype, case.seed)
    kept, removed, w = moved(space, case)
    first = float(bounds.first_order_distance(removed, w, eta=case.eta))
    infinity = compiled(space, infinity_order)(kept, removed)
    last = float(infinity["spectral"])
    pairs = [
        (first, float(bounds.equation_9(kept, removed, w, eta=case.eta))),
        (first, float(bounds.first_order_bound(kept, removed, w, eta=case.eta))),
        (last, 1.0),
        (last, float(infinity["bound"])),
    ]
    if case.kept == 1:
        printed = bounds.equation_9(kept, removed, w, eta=case.eta, significance=case.second)
        pairs.append((first, float(printed)))
    for value, bound in pairs:
        assert abs(value - bound) <= case.slop * bound
        assert not value <= 0.99 * bound


@few
@given(draw=cases(orthonormal=False, one_removed=True, start="solves kept"))
def test_equality_of_the_general_forms(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    # The removed labels are those that w = W' misses by as much as they are long.
    vy = case.vy.copy()
    vy[:, case.kept] += case.vx[:, case.kept] @ case.w
    case = Case(case.s, case.vx, vy, case.w, case.kept, case.eta, case.dtype, case.seed)
    kept, removed, w = moved(space, case)
    rounding = case.slop * conditioning(case)
    infinity = compiled(space, infinity_order)(kept, removed)
    last, bound = float(infinity["spectral"]), float(infinity["bound"])
    missed = np.linalg.norm(case.vx[0, case.kept] @ case.w - vy[0, case.kept])
    cancelled = 1 + np.linalg.norm(vy[0, case.kept]) / missed
    assert abs(last - bound) <= rounding * bound
    assert not last <= 0.99 * bound
    first = float(bounds.first_order_distance(removed, w, eta=case.eta))
    residual = float(bounds.first_order_bound(kept, removed, w, eta=case.eta))
    # What w leaves of the kept rows is rounding, weighted with s₁ instead of the removed s.
    skew = float(case.s[0, 0] / case.s[0, -1])
    left = rounding * cancelled * skew * np.linalg.norm(case.vy) / missed
    assert first >= residual / np.hypot(1, left) * (1 - case.slop)


def test_equation_10_fails_in_the_frobenius_norm(space: Space) -> None:
    whole = Components(np.ones(4), np.eye(4, 6), np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    kept, removed = (into(space, part, "float32") for part in whole.split(1))
    assert float(bounds.infinity_order_distance(kept, removed)) == pytest.approx(3**0.5)
    assert float(bounds.infinity_order_distance(kept, removed, norm="spectral")) == pytest.approx(1)


def test_equation_9_needs_short_rows(space: Space) -> None:
    whole = Components(np.ones(2), 3 * np.eye(2, 3), np.asarray([[0.0], [1.0]]))
    kept, removed = (into(space, part, "float32") for part in whole.split(1))
    w = space.array(np.zeros((3, 1)), "float32")
    value = float(bounds.first_order_distance(removed, w))
    assert value > 2 * float(bounds.equation_9(kept, removed, w))
    assert value == pytest.approx(float(bounds.first_order_bound(kept, removed, w)))


def test_the_s2_of_several_classes_is_the_largest() -> None:
    case = build(
        3,
        (3, 1, 1, 6, 3),
        "float64",
        orthonormal=True,
        equal=False,
        reach=0.0,
        start="drawn",
        unit_step=False,
    )
    smallest = float(np.min(case.s[:, 1]))
    args = (*case.split(), case.w)
    value = float(bounds.first_order_distance(args[1], case.w))
    printed = float(bounds.equation_9(*args, significance=case.second))
    assert printed == pytest.approx(float(bounds.equation_9(*args)))
    assert value <= printed
    assert smallest < case.second


def test_nothing_removed(space: Space) -> None:
    whole = Components(np.ones(2), np.eye(2, 3), np.ones((2, 2)))
    kept, removed = into(space, whole, "float32").split(2)
    w = space.array(np.ones((3, 2)), "float32")
    for value in (
        bounds.first_order_distance(removed, w),
        bounds.first_order_bound(kept, removed, w),
        bounds.equation_9(kept, removed, w),
        bounds.equation_10_distance(removed),
        bounds.infinity_order_distance(kept, removed),
        bounds.infinity_order_bound(kept, removed),
    ):
        assert space.dtype(value) == "float32"
        assert float(value) == 0
    assert float(bounds.kept_ratio(kept, removed)) == pytest.approx(1)


def test_nothing_to_lose(space: Space) -> None:
    zero = Components(np.zeros(2), np.eye(2, 3), np.ones((2, 1)))
    kept, removed = into(space, zero, "float32").split(1)
    w = space.array(np.ones((3, 1)), "float32")
    assert float(bounds.first_order_distance(removed, w)) == 0
    assert float(bounds.equation_9(kept, removed, w)) == 0
    assert not space.host(regression.linear_solution(into(space, zero, "float32"))).any()
    black = Components(np.ones(2), np.zeros((2, 3)), np.ones((2, 1)))
    for cutoff in (0.0, None):
        found = regression.linear_solution(into(space, black, "float32"), cutoff=cutoff)
        assert not space.host(found).any()
    nothing = Components(np.ones(2), np.eye(2, 3), np.zeros((2, 1)))
    kept, removed = into(space, nothing, "float32").split(1)
    assert float(bounds.infinity_order_distance(kept, removed)) == 0
    assert float(bounds.infinity_order_bound(kept, removed)) == 0
    assert float(bounds.kept_ratio(kept, removed)) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fault", ["more rows than columns", "twice", "a zero row", "a sum"])
def test_rank_deficiency_is_seen(space: Space, dtype: str, fault: str) -> None:
    if dtype not in space.dtypes:
        pytest.skip(f"{space.name} runs without {dtype}")
    rng = np.random.default_rng(0)
    vx = rng.normal(size=(6, 40))
    faulty = {
        "more rows than columns": vx[:, :5],
        "twice": np.concatenate([vx, 3 * vx[:1]]),
        "a zero row": np.concatenate([vx, 0 * vx[:1]]),
        "a sum": np.concatenate([vx, vx.sum(axis=0, keepdims=True)]),
    }[fault]
    assert bool(regression.full_row_rank(space.array(vx, dtype)))
    assert not bool(regression.full_row_rank(space.array(faulty, dtype)))


def test_rows_of_any_length_are_independent(space: Space) -> None:
    vx = np.random.default_rng(0).normal(size=(6, 40)) * 10.0 ** np.arange(-12, 12, 4)[:, None]
    assert bool(regression.full_row_rank(space.array(vx, "float32")))


def test_entries_of_any_size_in_one_row_are_independent() -> None:
    vx = np.asarray([[1e-200, 1e200, 0.0], [1.0, 0.0, 1.0]])
    smallest, _ = regression.row_independence(vx)
    assert float(smallest) == pytest.approx(1)
    vx = np.asarray([[-1e200, 0.0], [0.0, -1e-200]])
    assert float(regression.row_independence(vx)[0]) == pytest.approx(1)


def test_solutions_do_not_depend_on_the_scale_of_s_or_samples() -> None:
    rng = np.random.default_rng(0)
    part = Components(np.asarray([3.0, 2.0, 1.0]), rng.normal(size=(3, 4)), rng.normal(size=(3, 2)))
    part.vx[2] = part.vx[0]  # what is cut off is told from the largest singular value
    expected = regression.linear_solution(part)
    for s in (1e-200, 1.0, 1e200):
        for v in (1e-200, 1e-9, 1e9, 1e200):
            scaled = part._replace(s=-s * part.s, vx=v * part.vx)
            assert np.allclose(v * regression.linear_solution(scaled), expected, rtol=1e-12)


def test_more_components_than_dimensions_are_refused(space: Space) -> None:
    whole = Components(np.ones(4), np.ones((4, 3)), np.ones((4, 2)))
    parts = into(space, whole, "float32").split(2)
    for function in (
        bounds.infinity_order_distance,
        bounds.infinity_order_bound,
        bounds.kept_ratio,
    ):
        with pytest.raises(InvalidValueError, match="4 of them in 3 dimensions"):
            function(*parts)
    assert float(bounds.first_order_distance(parts[1], space.array(np.ones((3, 2)), "float32"))) > 0


def test_a_singular_set_gives_no_error_and_an_infinite_bound(space: Space) -> None:
    whole = Components(np.ones(2), np.asarray([[1.0, 0, 0], [0, 0, 0]]), np.ones((2, 1)))
    parts = into(space, whole, "float32").split(1)
    assert float(bounds.infinity_order_bound(*parts)) == np.inf
    assert np.isfinite(float(bounds.infinity_order_distance(*parts)))


def test_least_norm_solution_of_any_rank(space: Space) -> None:
    rng = np.random.default_rng(0)
    vx, vy = rng.normal(size=(9, 5)), rng.normal(size=(9, 2))
    vx[7:] = vx[:2]
    s = np.exp(rng.uniform(-2, 2, size=9))
    for rows in (3, 9):
        x, y = s[:rows, None] * vx[:rows], s[:rows, None] * vy[:rows]
        part = into(space, Components(s[:rows], vx[:rows], vy[:rows]), "float32")
        expected = np.linalg.pinv(x) @ y
        found = space.host(regression.linear_solution(part))
        assert np.linalg.norm(found - expected) <= 1e-4 * np.linalg.norm(expected)
        w = rng.normal(size=(5, 2)).astype(np.float32)
        gradient = space.host(regression.loss_gradient(part, space.array(w, "float32")))
        assert np.allclose(gradient, x.T @ (x @ w - y), rtol=1e-4, atol=1e-3)


def test_orthonormality_defect(space: Space) -> None:
    vx = np.random.default_rng(0).normal(size=(3, 5))
    tall = vx.T / np.linalg.norm(vx, ord=2)
    for matrix in (vx, vx.T, 0.1 * vx.T, 1.6 * tall):  # 1.6² − 1 lies between 1 and 2
        found = float(regression.orthonormality_defect(space.array(matrix, "float32")))
        product = matrix @ matrix.T - np.eye(len(matrix))
        assert found == pytest.approx(np.linalg.norm(product, ord=2), rel=1e-5)


def test_shapes_and_dtypes_that_do_not_match_are_refused(space: Space) -> None:
    good = into(space, Components(np.ones(2), np.eye(2, 3), np.ones((2, 1))), "float32")
    w = space.array(np.ones((3, 1)), "float32")
    with pytest.raises(InvalidValueError, match=r"vy: found shape \(2, 1\), expected shape \(1, c"):
        bounds.first_order_distance(good._replace(s=good.s[:1], vx=good.vx[:1, :]), w)
    with pytest.raises(InvalidValueError, match="w: found"):
        bounds.first_order_distance(good, space.array(np.ones((2, 1)), "float32"))
    with pytest.raises(InvalidTypeError, match=r"removed\.s: found dtype int32"):
        bounds.equation_10_distance(good._replace(s=space.array(np.ones(2, dtype="int32"))))
    with pytest.raises(InvalidTypeError, match=r"removed\.s: found list, expected an array"):
        bounds.equation_10_distance(good._replace(s=[1.0, 1.0]))
    with pytest.raises(InvalidValueError, match="kept: found no component"):
        bounds.kept_ratio(*good.split(0))
    if "float64" in space.dtypes:
        with pytest.raises(
            InvalidTypeError, match=r"float32, expected that of removed\.s, float64"
        ):
            bounds.equation_10_distance(good._replace(s=space.array(np.ones(2), "float64")))


def test_bounds_compile_under_jax() -> None:
    jax = library("jax")
    whole = Components(np.ones(4), np.eye(4, 6), np.ones((4, 3)))
    kept, removed = (Components(*map(jax.numpy.asarray, part)) for part in whole.split(2))
    w = jax.numpy.ones((6, 3))
    for function, arguments in (
        (bounds.first_order_bound, (kept, removed, w)),
        (bounds.infinity_order_bound, (kept, removed)),
        (bounds.kept_ratio, (kept, removed)),
    ):
        eager, compiled = function(*arguments), jax.jit(function)(*arguments)
        assert float(compiled) == pytest.approx(float(eager), rel=1e-5)
