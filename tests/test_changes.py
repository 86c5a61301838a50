"""What changing the kept components adds: exact, bounded, and as sharp as it can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from cases import SHAPES, Case, cases, orthonormal_rows, solution
from conftest import Space, library
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdc import bounds, changes
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.regression import Components

# JAX compiles as often as there are shapes; tests in NumPy alone draw all.
FEW_SHAPES = SHAPES[1::2]
ORD = {"frobenius": "fro", "spectral": 2}
few = settings(max_examples=max(20, settings().max_examples // 5))


@cache
def compiled(space: Space, function: Any) -> Any:
    """Function as its users would run it: compiled where that is JAX, which is slow otherwise."""
    return library("jax").jit(function) if space.name == "jax" else function


def into(space: Space, part: Components, dtype: str) -> Components:
    return Components(*(space.array(a, dtype) for a in part))


@dataclass(frozen=True)
class Changed:
    """A case whose kept components were changed, and mixed among each other."""

    case: Case
    kept: Components
    after: Components  # in another basis, whose solution is the same
    turned: Components  # in another one, whose gradients are the same

    def moved(self, space: Space) -> tuple[Components, ...]:
        parts = (self.kept, self.after, self.turned)
        return tuple(into(space, part, self.case.dtype) for part in parts)


def change(case: Case, size: float) -> Changed:
    """Change each row by a part of its length, and draw both bases."""
    rng = np.random.default_rng([case.seed, 2])
    kept = case.part(0, case.kept)
    k, d = kept.vx.shape
    noise = rng.normal(size=(k, d)) / np.sqrt(d), rng.normal(size=kept.vy.shape)
    new = [
        v + size * np.linalg.norm(v, axis=1, keepdims=True) * e
        for v, e in zip(kept[1:], noise, strict=True)
    ]
    left, right = orthonormal_rows(rng, k, k), orthonormal_rows(rng, k, k)
    mix = left * np.exp(rng.uniform(-1, 1, size=k)) @ right
    one, two = ([(mix @ v) for v in new], [left @ (kept.s[:, None] * v) for v in new])
    scale = float(kept.s[0])  # what is in V stays in the range of float32
    after, turned = (
        Components(*(np.asarray(a).astype(case.dtype).astype(np.float64) for a in (s, *v)))
        for s, v in ((np.ones(k), one), (np.full(k, scale), [v / scale for v in two]))
    )
    return Changed(case, kept, after, turned)


def drawn_changes(**how: Any) -> Any:
    """Strategy of functions from the dtypes of a namespace to `Changed`."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        case, size = draw(cases(orthonormal=False, **how)), 10.0 ** draw(st.floats(-6, 0))
        return lambda dtypes: change(case(dtypes), size)

    return drawn()


def rows_of_length_1(part: Components, by: Components | None = None) -> Components:
    length = np.linalg.norm((by or part).vx, axis=1, keepdims=True)
    return Components(np.ones_like(part.s), part.vx / length, part.vy / length)


def rounding_of(drawn: Changed) -> float:
    """Part of W or W' by which rounding moves them."""
    case = drawn.case
    worst = min(
        np.linalg.svdvals(rows_of_length_1(part).vx)[-1]
        for part in (case.part(0, None), drawn.kept, drawn.after)
    )
    return float(4 * case.slop / worst)


def infinity_order(kept: Components, after: Components, whole: Any) -> dict[str, Any]:
    moved = changes.nearest_basis(kept, after)
    found: dict[str, Any] = {"moved": moved}
    for norm in ORD:
        removed = changes.compression_distance(kept, whole, norm=norm)
        found[norm] = {
            "removed": removed,
            "changed": changes.infinity_order_change(kept, moved, norm=norm),
            "added": changes.infinity_order_change_bound(kept, moved, norm=norm),
            "bound": changes.infinity_order_change_bound(
                kept, moved, whole, removed=removed, norm=norm
            ),
        }
    return found


@given(draw=drawn_changes(among=FEW_SHAPES))
def test_infinity_order(space: Space, draw: Any) -> None:
    drawn = draw(space.dtypes)
    case, dtype = drawn.case, drawn.case.dtype
    kept, after, _ = drawn.moved(space)
    whole, held, end = (solution(p) for p in (case.part(0, None), drawn.kept, drawn.after))
    rounded = np.float64(np.asarray(whole).astype(dtype))
    found = compiled(space, infinity_order)(kept, after, space.array(rounded, dtype))
    rounding = rounding_of(drawn)
    slop = rounding * (np.linalg.norm(whole) + np.linalg.norm(end))
    # Another basis of the same equations, and nearer than any that one could name.
    moved = Components(*(space.host(a).astype(np.float64) for a in found["moved"]))
    independent = np.linalg.svdvals(rows_of_length_1(moved).vx)[-1] > 1e3 * rounding
    if not independent:
        return
    assert (
        np.linalg.norm(solution(moved) - end)
        <= slop / (np.linalg.svdvals(rows_of_length_1(moved).vx)[-1])
    )
    for norm, order in ORD.items():
        values = {name: float(a) for name, a in found[norm].items()}
        exact = {
            "removed": np.linalg.norm(whole - held, order),
            "changed": np.linalg.norm(end - held, order),
        }
        blurred = slop / np.linalg.svdvals(rows_of_length_1(moved, drawn.kept).vx)[-1]
        for name, value in exact.items():
            assert abs(values[name] - value) <= blurred
        assert values["changed"] <= values["added"] * (1 + case.slop) + blurred
        distance = np.linalg.norm(whole - end, order)
        assert distance <= values["bound"] * (1 + case.slop) + blurred
        # Never above the sum of both parts' bounds by more than what W adds to W' of the kept.
        assert values["bound"] >= values["removed"]


@given(draw=drawn_changes())
def test_bounds_of_exact_numbers(draw: Any) -> None:
    """What was changed little or much, in float64: the parts are what the proof says."""
    drawn = draw(("float64",))
    kept, whole = drawn.kept, solution(drawn.case.part(0, None))
    moved = changes.nearest_basis(kept, drawn.after)
    end, held = solution(moved), solution(kept)
    unit = rows_of_length_1(moved, kept)
    sigma = np.linalg.svdvals(unit.vx)
    if sigma[-1] < 1e-6:
        return
    before = rows_of_length_1(kept)
    e_x, e_y = unit.vx - before.vx, unit.vy - before.vy
    z = np.linalg.lstsq(before.vx.T, held, rcond=None)[0]
    right = np.linalg.svd(unit.vx, full_matrices=False)[2]
    inside = np.linalg.pinv(unit.vx) @ (e_y - e_x @ held)
    outside = e_x.T @ z - right.T @ (right @ (e_x.T @ z))
    slop = 1e-9 * (np.linalg.norm(held) + np.linalg.norm(end)) / sigma[-1]
    assert np.linalg.norm(end - held - (inside + outside)) <= slop
    assert abs(inside.T @ outside).max(initial=0) <= slop * max(np.linalg.norm(inside), 1e-300)
    for norm, order in ORD.items():
        added = np.hypot(
            np.linalg.norm(e_y - e_x @ held, order) / sigma[-1], np.linalg.norm(e_x.T @ z, order)
        )
        assert float(changes.infinity_order_change_bound(kept, moved, norm=norm)) == pytest.approx(
            added, rel=1e-6, abs=slop
        )
        removed = np.linalg.norm(whole - held, order)
        total = np.hypot(
            np.linalg.norm(e_y - e_x @ whole, order) / sigma[-1],
            removed + np.linalg.norm(e_x.T @ z, order),
        )
        found = changes.infinity_order_change_bound(kept, moved, whole, removed=removed, norm=norm)
        assert float(found) == pytest.approx(total, rel=1e-6, abs=slop)
        assert np.linalg.norm(whole - end, order) <= float(found) + slop
        # A priori: σ_min(D V_x') is no less than that of the kept without what they moved by.
        floor = np.linalg.svdvals(before.vx)[-1] - np.linalg.norm(e_x, 2)
        assert sigma[-1] >= floor - 1e-12


def test_a_bound_of_what_is_removed_serves_as_well(space: Space) -> None:
    rng = np.random.default_rng(0)
    part = Components(np.ones(5), rng.normal(size=(5, 9)), rng.normal(size=(5, 2)))
    whole, dtype = solution(part), "float32"
    kept, removed = into(space, part, dtype).split(3)
    new = [a + 0.1 * rng.normal(size=a.shape) for a in (part.vx[:3], part.vy[:3])]
    changed = into(space, Components(np.ones(3), *new), dtype)
    general = bounds.infinity_order_bound(kept, removed)
    found = float(
        changes.infinity_order_change_bound(
            kept, changed, space.array(whole, dtype), removed=general, norm="spectral"
        )
    )
    exact = float(
        changes.infinity_order_change_bound(
            kept,
            changed,
            space.array(whole, dtype),
            removed=changes.compression_distance(kept, space.array(whole, dtype), norm="spectral"),
            norm="spectral",
        )
    )
    assert found > exact > np.linalg.norm(whole - solution(Components(np.ones(3), *new)), 2)


def test_the_nearest_basis_is_the_nearest(space: Space) -> None:
    rng = np.random.default_rng(1)
    kept = Components(np.ones(4), rng.normal(size=(4, 12)), rng.normal(size=(4, 3)))
    after = Components(np.ones(4), *(a + 0.2 * rng.normal(size=a.shape) for a in kept[1:]))
    found = compiled(space, changes.nearest_basis)(
        into(space, kept, "float32"), into(space, after, "float32")
    )
    found = Components(*(space.host(a).astype(np.float64) for a in found))
    away, plain = ((part.vx - kept.vx) for part in (found, after))
    assert (np.linalg.norm(away, axis=1) < np.linalg.norm(plain, axis=1)).all()
    # Normal equations: what is left is orthogonal to all that could be added.
    assert np.abs(away @ after.vx.T).max() < 1e-5
    # One G for samples and labels.
    mix = found.vx @ np.linalg.pinv(after.vx)
    assert np.allclose(mix @ after.vx, found.vx, atol=1e-5)
    assert np.allclose(mix @ after.vy, found.vy, atol=1e-5)
    # In other units of samples and labels it is the same basis.
    scaled = changes.nearest_basis(
        *(Components(p.s, 1e-6 * p.vx, 1e6 * p.vy) for p in (kept, after))
    )
    assert np.allclose(1e6 * scaled.vx, found.vx, atol=1e-5)
    assert np.allclose(1e-6 * scaled.vy, found.vy, atol=1e-5)
    # Where labels alone were changed, samples are what they were.
    labels = changes.nearest_basis(kept, kept._replace(vy=after.vy))
    assert np.allclose(labels.vx, kept.vx, atol=1e-12)
    assert np.allclose(labels.vy, after.vy, atol=1e-12)


def first_order(kept: Components, turned: Components, w: Any, eta: float) -> dict[str, Any]:
    rotated = changes.nearest_rotation(kept, turned)
    found: dict[str, Any] = {"rotated": rotated}
    for norm in ORD:
        found[norm] = {
            "changed": changes.first_order_change(kept, rotated, w, eta=eta, norm=norm),
            "bound": changes.first_order_change_bound(kept, rotated, w, eta=eta, norm=norm),
        }
    return found


def gradient(part: Components, w: np.ndarray) -> np.ndarray:
    x, y = part.s[:, None] * part.vx, part.s[:, None] * part.vy
    return np.asarray(x.T @ (x @ w - y))


@given(draw=drawn_changes(among=FEW_SHAPES))
def test_first_order(space: Space, draw: Any) -> None:
    drawn = draw(space.dtypes)
    case, dtype = drawn.case, drawn.case.dtype
    kept, _, turned = drawn.moved(space)
    found = compiled(space, first_order)(kept, turned, space.array(case.w, dtype), case.eta)
    scale = float(drawn.kept.s.max())
    small = [p._replace(s=p.s / scale) for p in (drawn.kept, drawn.turned)]
    difference = (
        case.eta * scale * (scale * (gradient(small[1], case.w) - gradient(small[0], case.w)))
    )
    sizes = [
        np.linalg.norm(p.s[:, None] * p.vx)
        * (
            np.linalg.norm(p.s[:, None] * p.vx) * np.linalg.norm(case.w)
            + np.linalg.norm(p.s[:, None] * p.vy)
        )
        for p in small
    ]
    slop = 4 * case.slop * case.eta * scale * (scale * sum(sizes))
    for norm, order in ORD.items():
        value, bound = float(found[norm]["changed"]), float(found[norm]["bound"])
        assert abs(value - np.linalg.norm(difference, order)) <= slop
        assert value <= bound * (1 + case.slop)


@given(draw=drawn_changes())
def test_first_order_of_exact_numbers(draw: Any) -> None:
    drawn = draw(("float64",))
    w, kept = drawn.case.w, drawn.kept
    scale = float(kept.s.max())
    kept, after = (p._replace(s=p.s / scale) for p in (kept, drawn.turned))
    rotated = changes.nearest_rotation(kept, after)
    x, y = kept.s[:, None] * kept.vx, kept.s[:, None] * kept.vy
    assert np.allclose(
        rotated.vx.T @ rotated.vx, (after.s[:, None] * after.vx).T @ (after.s[:, None] * after.vx)
    )
    weight = np.linalg.norm(x) / np.linalg.norm(y)
    aim = np.concatenate([x, weight * y], axis=1)
    new = np.concatenate([rotated.vx, weight * rotated.vy], axis=1)
    # Procrustes: what is nearest makes the product symmetric and positive.
    product = new @ aim.T
    assert np.allclose(product, product.T, atol=1e-10 * np.linalg.norm(product))
    assert np.linalg.eigvalsh((product + product.T) / 2)[0] >= -1e-10 * np.linalg.norm(product)
    d, e = rotated.vx - x, (rotated.vx @ w - rotated.vy) - (x @ w - y)
    for norm, order in ORD.items():
        one = np.linalg.norm(d, 2) * np.linalg.norm(x @ w - y, order) + np.linalg.norm(
            rotated.vx, 2
        ) * np.linalg.norm(e, order)
        other = np.linalg.norm(d, 2) * np.linalg.norm(
            rotated.vx @ w - rotated.vy, order
        ) + np.linalg.norm(x, 2) * np.linalg.norm(e, order)
        found = float(changes.first_order_change_bound(kept, rotated, w, eta=0.5, norm=norm))
        assert found == pytest.approx(0.5 * min(one, other), rel=1e-6)
        # The form with ‖X‖ + ‖D‖ in place of ‖X'‖ is none the smaller.
        longer = np.linalg.norm(x, 2) + np.linalg.norm(d, 2)
        loose = np.linalg.norm(d, 2) * np.linalg.norm(x @ w - y, order)
        assert found <= 0.5 * (loose + longer * np.linalg.norm(e, order)) * (1 + 1e-12)


@few
@given(draw=drawn_changes(among=FEW_SHAPES[:3]))
def test_nothing_changed_but_the_basis(space: Space, draw: Any) -> None:
    drawn = draw(space.dtypes)
    still = change(drawn.case, 0.0)
    kept, after, _ = still.moved(space)
    whole = solution(still.case.part(0, None))
    dtype = still.case.dtype
    found = compiled(space, infinity_order)(kept, after, space.array(whole, dtype))
    rounding = (
        rounding_of(still)
        * np.linalg.norm(whole)
        / np.linalg.svdvals(rows_of_length_1(still.kept).vx)[-1]
    )
    for norm in ORD:
        assert float(found[norm]["changed"]) <= rounding
        assert float(found[norm]["added"]) <= rounding
        assert abs(float(found[norm]["bound"]) - float(found[norm]["removed"])) <= rounding


def test_equality_where_labels_alone_change(space: Space) -> None:
    """V_x orthonormal and complete: E_x = 0, and the residual is along one singular vector."""
    vx, vy = orthonormal_rows(np.random.default_rng(0), 3, 3), np.eye(3, 2)
    kept = into(space, Components(np.ones(3), vx, vy), "float32")
    changed = into(space, Components(np.ones(3), vx, vy + 0.25 * np.eye(3, 2)), "float32")
    whole = space.array(vx.T @ vy, "float32")
    for norm, value in (("frobenius", 0.25 * 2**0.5), ("spectral", 0.25)):
        exact = float(changes.infinity_order_change(kept, changed, norm=norm))
        assert exact == pytest.approx(value, rel=1e-5)
        assert float(
            changes.infinity_order_change_bound(kept, changed, norm=norm)
        ) == pytest.approx(value, rel=1e-5)
        assert float(
            changes.infinity_order_change_bound(kept, changed, whole, removed=0.0, norm=norm)
        ) == pytest.approx(value, rel=1e-5)
    w = space.array(np.zeros((3, 2)), "float32")
    step = float(changes.first_order_change(kept, changed, w))
    assert step == pytest.approx(0.25 * 2**0.5, rel=1e-5)
    assert float(changes.first_order_change_bound(kept, changed, w)) == pytest.approx(
        step, rel=1e-5
    )


def test_equality_where_samples_turn_away(space: Space) -> None:
    """One component, lengthened by what is orthogonal to it, its label such that W fits."""
    kept = Components(np.ones(1), np.asarray([[3.0, 0, 0]]), np.asarray([[6.0]]))
    # E_y = E_x W: nothing is left but E_xᵀ Z, of which the new row takes its share.
    for turn in (1e-2, 1.0):
        changed = kept._replace(vx=np.asarray([[3.0, 3 * turn, 0]]))
        parts = [into(space, p, "float32") for p in (kept, changed)]
        exact = float(changes.infinity_order_change(*parts))
        bound = float(changes.infinity_order_change_bound(*parts))
        # W = 2 e_1 turns by the angle α, and its length stays 2 cos α.
        angle = np.arctan(turn)
        assert exact == pytest.approx(2 * np.sin(angle), rel=1e-5)
        assert bound == pytest.approx(2 * np.tan(angle), rel=1e-5)


def test_equality_of_orthonormal_rows_and_labels_of_any_change(space: Space) -> None:
    rng = np.random.default_rng(0)
    vx, whole = orthonormal_rows(rng, 3, 7), rng.normal(size=(7, 2))
    vy, moved = vx @ whole, rng.normal(size=(3, 2))
    parts = [
        into(space, Components(np.ones(3), vx, labels), "float32") for labels in (vy, vy + moved)
    ]
    removed = np.linalg.norm(whole - vx.T @ vy)
    exact = float(changes.infinity_order_change(*parts))
    assert exact == pytest.approx(np.linalg.norm(moved), rel=1e-5)
    assert float(changes.infinity_order_change_bound(*parts)) == pytest.approx(exact, rel=1e-5)
    found = changes.infinity_order_change_bound(
        *parts, space.array(whole, "float32"), removed=float(removed)
    )
    distance = np.linalg.norm(whole - vx.T @ (vy + moved))
    assert float(found) == pytest.approx(distance, rel=1e-5)


def test_equality_of_what_is_removed_and_what_turns(space: Space) -> None:
    """What labels add lies at right angles to what is removed."""
    whole = space.array(np.asarray([[2.0], [4.0]]), "float32")
    kept = Components(np.ones(1), np.asarray([[1.0, 0]]), np.asarray([[2.0]]))
    changed = kept._replace(vy=np.asarray([[5.0]]))
    parts = [into(space, p, "float32") for p in (kept, changed)]
    removed = changes.compression_distance(parts[0], whole)
    assert float(removed) == 4
    assert float(changes.infinity_order_change(*parts)) == 3
    # Both parts are orthogonal: 5, where the triangle inequality says 7.
    found = changes.infinity_order_change_bound(*parts, whole, removed=removed)
    assert float(found) == pytest.approx(5)


def test_one_step_where_one_component_is_lengthened(space: Space) -> None:
    kept = Components(np.ones(1), np.asarray([[1.0, 0]]), np.asarray([[2.0]]))
    changed = kept._replace(vx=np.asarray([[1.5, 0]]))
    parts = [into(space, p, "float32") for p in (kept, changed)]
    w = space.array(np.zeros((2, 1)), "float32")
    # D ᵀR = 0.5 · 2, and e = 0 from zero.
    assert float(changes.first_order_change(*parts, w, eta=0.5)) == pytest.approx(0.5)
    assert float(changes.first_order_change_bound(*parts, w, eta=0.5)) == pytest.approx(0.5)


def test_dependent_rows_give_no_error_and_an_infinite_bound(space: Space) -> None:
    kept = Components(np.ones(2), np.eye(2, 3), np.ones((2, 1)))
    changed = kept._replace(vx=np.asarray([[1.0, 0, 0], [0, 0, 0]]))
    parts = [into(space, p, "float32") for p in (kept, changed)]
    assert float(changes.infinity_order_change_bound(*parts)) == np.inf
    assert np.isfinite(float(changes.infinity_order_change(*parts)))


def test_without_labels_or_samples_there_is_nothing_to_weigh(space: Space) -> None:
    for x, y in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)):
        part = into(space, Components(np.ones(2), x * np.eye(2, 3), y * np.ones((2, 1))), "float32")
        for function in (changes.nearest_rotation, changes.nearest_basis):
            found = function(part, part)
            assert all(np.isfinite(space.host(a)).all() for a in found)
        rotated = changes.nearest_rotation(part, part)
        assert np.allclose(space.host(rotated.vx), space.host(part.vx), atol=1e-6)


def test_values_that_are_not_finite_give_no_inner_error(space: Space) -> None:
    good = Components(np.ones(2), np.eye(2, 3), np.ones((2, 1)))
    bad = good._replace(vx=np.asarray([[np.nan, 0, 0], [0, 1.0, 0]]))
    parts = [into(space, p, "float32") for p in (good, bad)]
    w = space.array(np.ones((3, 1)), "float32")
    for pair in (parts, parts[::-1]):
        assert np.isnan(float(changes.first_order_change(*pair, w)))
        assert np.isnan(float(changes.first_order_change_bound(*pair, w)))
        assert np.isnan(float(changes.infinity_order_change(*pair)))
        assert np.isnan(float(changes.infinity_order_change_bound(*pair)))
        assert np.isnan(space.host(changes.nearest_rotation(*pair).vx)).any()


def test_shapes_and_dtypes_that_do_not_match_are_refused(space: Space) -> None:
    part = into(space, Components(np.ones(2), np.eye(2, 3), np.ones((2, 1))), "float32")
    w = space.array(np.ones((3, 1)), "float32")
    fewer, _ = part.split(1)
    with pytest.raises(InvalidValueError, match=r"changed\.s: found shape \(1,\)"):
        changes.infinity_order_change(part, fewer)
    with pytest.raises(InvalidValueError, match="w: found"):
        changes.first_order_change(part, part, space.array(np.ones((2, 1)), "float32"))
    with pytest.raises(InvalidTypeError, match="after: found tuple, expected Components"):
        changes.nearest_basis(part, tuple(part))  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="solution: found"):
        changes.compression_distance(part, space.array(np.ones((2, 1)), "float32"))
    with pytest.raises(InvalidValueError, match="solution: found"):
        changes.infinity_order_change_bound(part, part, space.array(np.ones((3, 2)), "float32"))
    with pytest.raises(InvalidValueError, match="norm: found"):
        changes.compression_distance(part, w, norm="nuclear")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="removed: found"):
        changes.infinity_order_change_bound(part, part, w, removed=-1.0)
    wide = into(space, Components(np.ones(4), np.ones((4, 3)), np.ones((4, 1))), "float32")
    with pytest.raises(InvalidValueError, match="kept: found 4 components in 3 dimensions"):
        changes.infinity_order_change(wide, wide)
