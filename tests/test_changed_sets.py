"""Certificates of sets that were rounded: components or samples, uneven classes, any scale."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdc import _tolerance
from slimdc.certificate import Certificate, certify
from slimdc.certificate.compression import as_compression, samples_of
from slimdc.certificate.truncation import OneClass, classes_of
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import Components

EPS = float(np.finfo(np.float64).eps)
Rows = tuple[np.ndarray, np.ndarray]


def as_set(classes: list[tuple[np.ndarray, ...]], dtype: str = "float64") -> SlimmableDataset:
    """A set of classes (u, s, vx, vy) of any sizes, padded with zeros."""
    samples, components = [len(u) for u, *_ in classes], [len(s) for _, s, *_ in classes]
    n, b = max(samples), max(components)
    d, c = classes[0][2].shape[1], classes[0][3].shape[1]
    u, s = np.zeros((len(classes), n, b)), np.zeros((len(classes), b))
    vx, vy = np.zeros((len(classes), b, d)), np.zeros((len(classes), b, c))
    for i, (one_u, one_s, one_x, one_y) in enumerate(classes):
        u[i, : len(one_u), : len(one_s)], s[i, : len(one_s)] = one_u, one_s
        vx[i, : len(one_s)], vy[i, : len(one_s)] = one_x, one_y
    arrays = (a.astype(dtype) for a in (u, s, vx, vy))
    return SlimmableDataset.from_factors(*arrays, samples=samples, components=components)


def in_levels(values: np.ndarray, bits: int, axis: int) -> np.ndarray:
    """Values rounded to evenly spaced levels, a range for each row or column."""
    low, high = (f(values, axis=axis, keepdims=True) for f in (np.min, np.max))
    step = (high - low) / (2**bits - 1)
    return np.asarray(low + np.round((values - low) / np.where(step == 0, 1, step)) * step)


def rounded(u: np.ndarray, s: np.ndarray, vx: np.ndarray, vy: np.ndarray, bits: int) -> Any:
    """A class whose coefficients and rows are rounded, orthonormal again by QR."""
    q, r = np.linalg.qr(in_levels(u * s, bits + 3, 0))
    return q, np.ones(len(s)), r @ in_levels(vx, bits, 1), r @ in_levels(vy, bits, 1)


def samples(data: SlimmableDataset) -> list[Rows]:
    """Samples and labels of each class by Eq. 8."""
    found = []
    for i, (n, b) in enumerate(zip(data.samples, data.components, strict=True)):
        u, s, vx, vy = (np.asarray(a, dtype=np.float64)[i] for a in data.factors)
        found.append((u[:n, :b] * s[:b] @ vx[:b], u[:n, :b] * s[:b] @ vy[:b]))
    return found


def stacked(rows: list[Rows]) -> Rows:
    x, y = zip(*rows, strict=True)
    return np.concatenate(x), np.concatenate(y)


@dataclass(frozen=True)
class Drawn:
    before: SlimmableDataset
    after: SlimmableDataset
    kept: list[Rows]  # as they were before
    w: np.ndarray
    eta: float
    kind: str

    @property
    def report(self) -> Certificate:
        return certify(self.before, self.after, self.w, self.eta)


def draw(seed: int, kind: str, dtype: str, bits: int, condition: float = 1.0) -> Drawn:
    """Uneven classes, V of a condition of about 10 to the given power, units of 10 to the ±6."""
    rng = np.random.default_rng(seed)
    classes, b = int(rng.integers(1, 4)), rng.integers(1, 5, size=3)
    n = b + rng.integers(0, 3, size=3) + [1, 0, 0]  # there is a sample to leave out
    total = int(b[:classes].sum())
    d, c = total + int(rng.integers(0, 6)), classes + int(rng.integers(0, 3))
    turn = np.linalg.qr(rng.normal(size=(total, total)))[0]
    base = np.linalg.qr(rng.normal(size=(d, total)))[0].T
    vx = turn * 10.0 ** np.linspace(0, -condition * rng.uniform(), total) @ base
    vx = vx * 10.0 ** rng.integers(-6, 7)
    vy = rng.normal(size=(total, c)) * 10.0 ** rng.integers(-6, 7)
    ends = np.cumsum(b[:classes])
    whole = [
        (
            np.linalg.qr(rng.normal(size=(n[i], b[i])))[0],
            -np.sort(-np.exp(rng.uniform(-2, 0, size=b[i]))),
            vx[ends[i] - b[i] : ends[i]],
            vy[ends[i] - b[i] : ends[i]],
        )
        for i in range(classes)
    ]
    whole = [tuple(a.astype(dtype).astype(np.float64) for a in one) for one in whole]
    k, kept, after = int(rng.integers(1, 5)), [], []
    for i, (u, s, x, y) in enumerate(whole):
        if kind == "truncation":
            cut = (u[:, :k], s[:k], x[:k], y[:k])
            kept.append((u[:, :k] * s[:k] @ x[:k], u[:, :k] * s[:k] @ y[:k]))
            after.append(rounded(*cut, bits))
        else:
            size = min(k, int(b[i]))
            rows = rng.permutation(n[i])[:size]
            weighted = u[rows] * s
            kept.append((weighted @ x, weighted @ y))
            new = in_levels(kept[-1][0], bits, 1), in_levels(kept[-1][1], bits, 1)
            after.append((np.eye(size), np.ones(size), *new))
    w = np.zeros((d, c))
    if rng.uniform() < 0.5:
        w = rng.normal(size=(d, c)) * np.linalg.norm(vy) / np.linalg.norm(vx)
    return Drawn(as_set(whole, dtype), as_set(after, dtype), kept, w, rng.uniform(0.1, 1), kind)


def smallest(rows: Rows) -> float:
    """σ_min of the samples at length 1."""
    x = rows[0]
    if len(x) > x.shape[1]:
        return 0.0
    return float(np.linalg.svdvals(x / np.linalg.norm(x, axis=1, keepdims=True))[-1])


def gradient(rows: Rows, w: np.ndarray) -> np.ndarray:
    x, y = rows
    return np.asarray(x.T @ (x @ w - y))


more = settings(max_examples=4 * settings().max_examples)
seeds, widths = st.integers(0, 2**32 - 1), st.integers(1, 16)


@more
@given(
    seed=seeds,
    kind=st.sampled_from(["truncation", "rows"]),
    dtype=st.sampled_from(["float32", "float64"]),
    bits=widths,
)
def test_distances_and_parts_are_those_of_the_arrays(
    seed: int, kind: str, dtype: str, bits: int
) -> None:
    drawn = draw(seed, kind, dtype, bits)
    report = drawn.report
    if kind == "rows":  # few bits may leave a sample nearer to another one
        found = as_compression(classes_of(drawn.before), classes_of(drawn.after))
        assert found is not None
        assert found.kind == kind
        right = all(
            np.linalg.norm(part.vx - x) <= 1e-4 * np.linalg.norm(x)
            for part, (x, _) in zip(found.kept, drawn.kept, strict=True)
        )
        assert right or bits < 8
        if not right:
            return
    before, after, kept = (
        stacked(rows) for rows in (samples(drawn.before), samples(drawn.after), drawn.kept)
    )
    assert all(bound.verdict not in ("violated", "undecided") for bound in report.bounds)
    # Distances take U for orthonormal, which float32 holds to 1e-7 only.
    rel = 1e-5 if dtype == "float32" else 1e-9
    first = [drawn.eta * gradient(rows, drawn.w) for rows in (before, after, kept)]
    parts = (first[0] - first[1], first[0] - first[2], first[1] - first[2])
    scale = sum(
        np.linalg.norm(x) * (np.linalg.norm(x) * np.linalg.norm(drawn.w) + np.linalg.norm(y))
        for x, y in (before, after)
    )
    check(report.first_order, parts, rel * drawn.eta * scale)
    if not report.full_rank or smallest(after) < 1e-2 or smallest(kept) < 1e-2:
        return
    ends = [np.linalg.pinv(x) @ y for x, y in (before, after, kept)]
    parts = (ends[0] - ends[1], ends[0] - ends[2], ends[1] - ends[2])
    size = np.linalg.norm(ends[0]) + np.linalg.norm(ends[1])
    check(report.infinity_order, parts, 1e2 * rel * size)
    ratio = np.sum(ends[2] ** 2) / np.sum(ends[0] ** 2)
    assert report.kept_ratio == pytest.approx(ratio, abs=1e2 * rel)


def check(distance: Any, parts: tuple[np.ndarray, ...], allowed: float) -> None:
    """The distance and its parts, unless none is named where nothing was changed."""
    named = (distance, distance.removed, distance.changed)
    assert distance.changed is not None or np.linalg.norm(parts[2]) <= allowed
    for found, part in zip(named, parts, strict=True):
        if found is not None:
            expected = [np.linalg.norm(part), np.linalg.norm(part, 2)]
            assert [found.frobenius, found.spectral] == pytest.approx(expected, rel=0, abs=allowed)


@more
@given(
    seed=seeds,
    kind=st.sampled_from(["truncation", "rows"]),
    dtype=st.sampled_from(["float32", "float64"]),
    bits=widths,
    condition=st.floats(0, 14),
)
def test_no_bound_of_a_rounded_set_is_violated(
    seed: int, kind: str, dtype: str, bits: int, condition: float
) -> None:
    drawn = draw(seed, kind, dtype, bits, condition)
    report = drawn.report
    assert {bound.verdict for bound in report.bounds} <= {
        "holds",
        "vacuous",
        "not applicable",
        "undecided",
    }
    if report.full_rank:
        assert report.bounds
        assert report.holds or "undecided" in {bound.verdict for bound in report.bounds}
    for bound in report.bounds:
        assert (bound.verdict == "undecided") == (bound.reason is not None)
    assert max(map(len, str(report).splitlines())) <= 100
    assert str(report).isascii()


@pytest.mark.parametrize("kind", ["truncation", "rows"])
def test_few_bits_cost_and_many_cost_nothing(kind: str) -> None:
    for seed in range(20):
        fine, coarse = (draw(seed, kind, "float64", bits).report for bits in (30, 3))
        if fine.infinity_order.changed is None or coarse.infinity_order.changed is None:
            continue
        exact = fine.bounds[-1]
        assert fine.kept_ratio == pytest.approx(coarse.kept_ratio)
        assert exact.bound == pytest.approx(
            fine.infinity_order.removed.spectral, rel=1e-2, abs=1e-2 * exact.trivial
        )
        little, much = (r.infinity_order.changed.relative for r in (fine, coarse))
        # Two levels and their ends are all that some rows hold: nothing is changed there.
        assert little <= 0.1 * much or little < 1e-12


def test_bounds_add_the_change_to_what_is_removed() -> None:
    """Orthonormal bases, labels alone rounded: every bound in figures."""
    u, s = np.eye(2), np.asarray([2.0, 1.0])
    vx, vy = np.eye(2, 4), np.asarray([[3.0, 0], [0, 4.0]])
    before = as_set([(u, s, vx, vy)])
    after = as_set([(u[:, :1], s[:1], vx[:1], vy[:1] + np.eye(1, 2))])
    report = certify(before, after)
    assert (report.kind, report.truncation, report.holds) == ("truncation", False, True)
    # One step from zero, η SV_xᵀSV_y: 4 of the removed is missing, 4 · 1 is added elsewhere.
    first = report.first_order
    assert (first.removed.frobenius, first.changed.frobenius) == pytest.approx((4.0, 4.0))
    assert first.frobenius == pytest.approx(32**0.5)
    last = report.infinity_order
    assert (last.removed.spectral, last.changed.spectral) == pytest.approx((4.0, 1.0))
    assert last.frobenius == pytest.approx(17**0.5)
    values = [(bound.equation, bound.bound) for bound in report.bounds]
    length = np.linalg.norm([[6.0, 0], [0, 4.0]])
    assert values == [
        ("Eq. 9, changed, any V_x", pytest.approx(length + 4)),
        ("Eq. 9, changed, exact removal", pytest.approx(8.0)),
        ("Eq. 10, changed, any V", pytest.approx(17**0.5)),
        ("Eq. 10, changed, exact removal", pytest.approx(17**0.5)),
    ]
    assert [bound.verdict for bound in report.bounds] == ["holds", "holds", "vacuous", "vacuous"]
    assert report.bounds[0].trivial == pytest.approx(np.linalg.norm([[12.0, 0], [0, 4.0]]))
    assert report.bounds[3].trivial == pytest.approx(4.0)
    assert report.kept_ratio == pytest.approx(9 / 25)


@pytest.mark.parametrize("kind", ["truncation", "rows"])
def test_a_set_that_was_not_changed_but_in_its_basis(kind: str) -> None:
    for seed in range(20):
        drawn = draw(seed, kind, "float64", 40)
        report = drawn.report
        if report.truncation or not report.full_rank:
            continue
        assert report.kind == kind
        assert report.holds
        assert report.first_order.changed.relative < 1e-6
        if report.infinity_order.changed is not None:
            assert report.infinity_order.changed.relative < 1e-3
            assert "changing" not in report.verdict or report.infinity_order.changed.relative > 5e-4


def test_rows_are_found_in_any_order_and_a_wrong_one_makes_no_bound_wrong() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 20)), rng.normal(size=(6, 2))
    u, s, v = np.linalg.svd(np.concatenate([x, y], axis=1), full_matrices=False)
    before = as_set([(u, s, v[:, :20], v[:, 20:])])
    rows = [4, 0, 3]
    noise = 1e-3 * rng.normal(size=(3, 22))
    after = as_set([(np.eye(3), np.ones(3), x[rows] + noise[:, :20], y[rows] + noise[:, 20:])])
    found = as_compression(classes_of(before), classes_of(after))
    assert found is not None
    assert found.kind == "rows"
    assert np.allclose(found.kept[0].vx, x[rows])
    assert np.allclose(np.sort(found.removed.vy, axis=0), np.sort(y[[1, 2, 5]], axis=0))
    right = certify(before, after)
    assert right.holds
    assert right.verdict.endswith("the bounds hold.")
    # Samples of which none is one of the set's: some are taken for them, and the bounds are large.
    other = as_set([(np.eye(3), np.ones(3), rng.normal(size=(3, 20)), rng.normal(size=(3, 2)))])
    wrong = certify(before, other)
    assert wrong.holds
    assert wrong.bounds[-1].bound > right.bounds[-1].bound
    assert wrong.infinity_order.frobenius <= wrong.bounds[-1].bound * 2**0.5


def test_no_sample_stands_for_two() -> None:
    part = Components(np.ones(3), np.asarray([[1.0, 0], [0, 1], [5, 5]]), np.zeros((3, 1)))
    old = OneClass(0, np.eye(3), part)
    near = Components(np.ones(2), np.asarray([[0.9, 0], [1, 0.01]]), np.zeros((2, 1)))
    found = as_compression([old], [OneClass(0, np.eye(2), near)])
    assert found is not None
    assert found.kept[0].vx.tolist() == [[0, 1], [1, 0]]
    assert samples_of(old).vx.tolist() == part.vx.tolist()


def test_labels_tell_samples_apart_in_any_unit() -> None:
    x = np.asarray([[1.0, 0, 0], [1.0, 0.01, 0], [0, 0, 1]])
    y = np.asarray([[1.0], [-1.0], [0.5]])
    for unit in (1e-160, 1e-6, 1.0, 1e6, 1e160):
        old = OneClass(0, np.eye(3), Components(np.ones(3), x, unit * y))
        near = Components(np.ones(1), x[:1] + 0.006 * np.eye(3)[1:2], 0.9 * unit * y[:1])
        found = as_compression([old], [OneClass(0, np.eye(1), near)])
        assert found is not None
        assert found.kept[0].vy.tolist() == [[unit]]


@pytest.mark.parametrize("fault", ["more components", "more samples", "other classes", "between"])
def test_what_is_no_compression_is_measured(fault: str) -> None:
    one = draw(3, "truncation", "float64", 8).before
    rng = np.random.default_rng(0)
    d, c = one.shape[0], one.label_entries
    n, b = max(one.samples), max(one.components)
    sizes = {
        "more components": (n + 4, n + 4),
        "more samples": (n + 1, 1),
        "other classes": (n, 1),
        "between": (n - 1, max(n - 2, 1)),
    }
    rows, k = sizes[fault]
    blocks = one.classes - (fault == "other classes")
    if fault == "between" and (rows == k or rows < 1):
        rows, k = 2, 1
    new = [
        (np.eye(rows, k), np.ones(k), rng.normal(size=(k, d)), rng.normal(size=(k, c)))
        for _ in range(blocks)
    ]
    report = certify(one, as_set(new))
    assert report.kind == "measured"
    assert report.bounds == ()
    assert "no bound applies" in report.verdict
    assert b <= n


def test_dependent_components_after_leave_the_step_bounded() -> None:
    u, s = np.eye(2), np.asarray([2.0, 1.0])
    before = as_set([(u, s, np.eye(2, 4), np.ones((2, 1)))])
    after = as_set([(u, s, np.ones((2, 4)), np.asarray([[1.0], [0.5]]))])
    report = certify(before, after)
    assert [bound.verdict for bound in report.bounds[2:]] == ["not applicable"] * 2
    assert report.bounds[1].holds
    assert report.kept_ratio is None
    assert report.infinity_order.changed is None
    silent = " ".join(str(report).split()).partition("Saying nothing here: ")[2]
    assert "Eq. 10, changed, any V, and Eq. 10, changed, exact removal (not applic" in silent
    assert "set after is rank-deficient" in str(report)
    assert report.verdict.endswith("no bound of it applies here.")


def test_a_change_to_what_was_not_there_has_no_bound() -> None:
    """Rows that are orthogonal to the kept: no basis of them is near, G is singular."""
    u, s = np.eye(1), np.ones(1)
    before = as_set([(u, s, np.asarray([[1.0, 0, 0]]), np.zeros((1, 1)))])
    after = as_set([(u, s, np.asarray([[0, 1.0, 0]]), np.ones((1, 1)))])
    report = certify(before, after)
    assert [bound.bound for bound in report.bounds[2:]] == [None, None]
    assert not report.bounds[2].conditions[-1].holds
    assert "changed V_x" in report.bounds[2].conditions[-1].name
    assert report.infinity_order.changed.spectral >= 0
    assert "no bound of it applies" in report.verdict


@pytest.mark.parametrize("emptied", [False, True])
def test_components_that_vanished_are_left_out(emptied: bool) -> None:
    rng = np.random.default_rng(0)
    whole = [
        (np.eye(3), np.asarray([3.0, 2.0, 1.0]), rng.normal(size=(3, 9)), rng.normal(size=(3, 2)))
        for _ in range(2)
    ]
    before, k = as_set(whole), (2, 0 if emptied else 1)
    held = [rounded(u[:, :2], s[:2], vx[:2], vy[:2], 5) for u, s, vx, vy in whole]
    zeroed = [(u, s * (np.arange(2) < n), x, y) for (u, s, x, y), n in zip(held, k, strict=True)]
    report = certify(before, as_set(zeroed))
    assert report.components == (6, sum(k))
    assert report.full_rank
    assert report.holds
    assert [b.bound is None for b in report.bounds] == [False] * 4
    rows = [stacked(samples(side)) for side in (before, as_set(zeroed))]
    ends = [np.linalg.pinv(x, rcond=1e-9) @ y for x, y in rows]
    assert report.infinity_order.frobenius == pytest.approx(np.linalg.norm(ends[0] - ends[1]))
    if not emptied:  # it is the set that does not hold them
        plain = [tuple(a[..., :n] if i < 2 else a[:n] for i, a in enumerate(one))
                 for one, n in zip(zeroed, k, strict=True)]  # fmt: skip
        assert certify(before, as_set(plain)) == report
    nothing = certify(before, as_set([(u, 0 * s, x, y) for u, s, x, y in held]))
    assert nothing.components == (6, 4)
    assert nothing.infinity_order.relative == pytest.approx(1)
    assert "no bound of it applies" in nothing.verdict


def test_dependent_samples_have_no_bound() -> None:
    """Three samples of a class of two components: they depend on each other."""
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.normal(size=(5, 2)))[0]
    vx, vy = rng.normal(size=(2, 6)), rng.normal(size=(2, 1))
    before = as_set([(u, np.asarray([2.0, 1.0]), vx, vy)])
    x, y = (u * [2.0, 1.0]) @ vx, (u * [2.0, 1.0]) @ vy
    noise = rng.normal(size=(3, 6))
    after = as_set([(np.eye(3), np.ones(3), x[:3] + 0.1 * noise, y[:3])])
    report = certify(before, after)
    assert report.kind == "rows"
    assert report.bounds[0].holds
    (last,) = report.bounds[1:]
    assert last.verdict == "not applicable"
    assert "of the kept V_x" in next(c for c in last.conditions if not c.holds).name


def test_rank_deficient_sets_get_the_parts_of_the_step() -> None:
    rng = np.random.default_rng(0)
    one = (np.eye(3), np.asarray([3.0, 2, 1]), rng.normal(size=(3, 2)), rng.normal(size=(3, 1)))
    before = as_set([one])
    after = as_set([rounded(*(a[..., :2] if i < 2 else a[:2] for i, a in enumerate(one)), bits=4)])
    report = certify(before, after)
    assert (report.kind, report.truncation, report.full_rank) == ("truncation", False, False)
    assert report.bounds == ()
    assert report.first_order.changed is not None
    assert report.infinity_order.changed is None
    assert "measured distances only" in str(report)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_units_change_nothing(scale: float) -> None:
    rng = np.random.default_rng(0)
    one = (np.eye(4), np.asarray([4.0, 3, 2, 1]), rng.normal(size=(4, 9)), rng.normal(size=(4, 2)))
    cut = (one[0][:, :2], one[1][:2], one[2][:2], one[3][:2])
    for x, y in ((scale, 1.0), (1.0, scale)):
        reports = [
            certify(*(as_set([(u, s, a * vx, b * vy)]) for u, s, vx, vy in (one, rounded(*cut, 4))))
            for a, b in ((1.0, 1.0), (x, y))
        ]
        expected, found = reports
        assert [b.verdict for b in found.bounds] == [b.verdict for b in expected.bounds]
        assert found.kept_ratio == pytest.approx(expected.kept_ratio)
        for name, unit in (("first_order", x * y), ("infinity_order", y / x)):
            there, here = getattr(found, name), getattr(expected, name)
            for part in ("removed", "changed"):
                value = getattr(there, part).frobenius / unit
                assert value == pytest.approx(getattr(here, part).frobenius, rel=1e-9)
        for bound, reference in zip(found.bounds, expected.bounds, strict=True):
            unit = y / x if bound.name == "infinity order" else x * y
            assert bound.bound / unit == pytest.approx(reference.bound, rel=1e-9)


def test_rounding_without_digits_is_undecided() -> None:
    rng = np.random.default_rng(0)
    base = np.linalg.qr(rng.normal(size=(9, 4)))[0].T
    vx = np.linalg.qr(rng.normal(size=(4, 4)))[0] * np.geomspace(1, 1e-13, 4) @ base
    one = (np.eye(4), np.ones(4), vx, rng.normal(size=(4, 2)))
    before, after = as_set([one]), as_set([(one[0], one[1], vx, one[3] + 1e-3)])
    report = certify(before, after)
    assert report.full_rank
    assert {bound.verdict for bound in report.bounds[2:]} == {"undecided"}
    assert "rounding may move W or W'" in report.bounds[-1].reason
    assert report.verdict.endswith("rounding leaves it open whether the bounds hold.")
    assert not report.holds


def test_what_rounding_may_have_added_is_allowed_for_and_no_more() -> None:
    drawn = draw(1, "truncation", "float64", 6)
    report = drawn.report
    last = report.bounds[-1]
    assert 0 < last.allowance < 1e-9 * max(last.trivial, last.value)
    grown = dataclasses.replace(last, value=last.bound * (1 + last.tolerance) + last.allowance / 2)
    assert grown.holds
    assert not dataclasses.replace(grown, value=grown.value + last.allowance).holds
    # After a step it is a part of what cancels in the gradients of both sets.
    data, w = drawn.before, np.linalg.norm(drawn.w)
    sizes = sum(data.components), data.shape[0], data.label_entries
    terms = [
        np.linalg.norm(x) * (np.linalg.norm(x) * w + np.linalg.norm(y))
        for x, y in (stacked(samples(side)) for side in (data, drawn.after))
    ]
    expected = _tolerance.rounding(*sizes, eps=EPS) * drawn.eta * sum(terms)
    assert report.bounds[0].allowance == pytest.approx(expected)
    # At infinity order of both solutions, over the smallest singular value that was found.
    ends = [
        np.linalg.norm(np.linalg.pinv(x) @ y)
        for x, y in (stacked(samples(side)) for side in (data, drawn.after))
    ]
    smallest = min(condition.value for condition in last.conditions)
    expected = _tolerance.rounding(*sizes, eps=EPS) / smallest * sum(ends)
    assert last.allowance == pytest.approx(expected, rel=1e-6)


def test_the_verdict_comes_first_in_plain_words() -> None:
    u, s = np.eye(3), np.asarray([3.0, 2.0, 1.0])
    vx, vy = np.eye(3, 6), np.asarray([[4.0], [0.0], [3.0]])
    before = as_set([(u, s, vx, vy)])
    report = certify(before, before.truncate(2))
    assert report.verdict == (
        "Slimming kept 64.0 % of the linear solution (in squared norm); the bounds hold."
    )
    assert str(report).splitlines()[0] == report.verdict
    changed = as_set([(u[:, :2], s[:2], vx[:2], 1.25 * vy[:2])])
    report = certify(before, changed)
    assert report.verdict.startswith(
        "Slimming kept 64.0 % of the linear solution (in squared norm), and changing what it kept "
        "moved it by 20.0 % of its length; "
    )
    text = str(report)
    assert text.splitlines()[0].startswith("Slimming kept 64.0 %")
    assert text.count("if the same holds") == (
        text.count("Eq. 10, changed") == 2 and "Saying" not in text
    )
    violated = dataclasses.replace(report.bounds[-1], value=1e9)
    report = dataclasses.replace(report, bounds=(violated,))
    assert report.verdict.endswith("a bound is violated, which is a fault of slimdc.")
    far = dataclasses.replace(report.infinity_order, changed=None, frobenius=5e3)
    report = dataclasses.replace(report, infinity_order=far, kept_ratio=None, bounds=())
    told = "The linear solution lies 1e+03 times its length away; no bound applies."
    assert report.verdict == told
