"""Rounding: no theorem is ever called violated, and sets that are well conditioned are decided."""

from __future__ import annotations

import dataclasses
from typing import Any

import exact
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdc import _tolerance
from slimdc.certificate import Bound, Certificate, certify
from slimdc.certificate.proposition import Order
from slimdc.errors import NumericalError
from slimdc.parameterization import SlimmableDataset

EPS = float(np.finfo(np.float64).eps)
# Powers of ten that rows of V are scaled by: squares of their products leave the dtype's range.
REACH = {"float32": 30.0, "float64": 150.0}


def one_class(s: Any, vx: Any, vy: Any, dtype: str = "float64") -> SlimmableDataset:
    """A set of one class, with U the identity."""
    arrays = (np.eye(len(vx)), s, vx, vy)
    return SlimmableDataset.from_factors(*(np.asarray(a, dtype)[None] for a in arrays))


def matrix(rng: np.random.Generator, rows: int, columns: int, condition: float) -> np.ndarray:
    """Rows whose directions are as ill-conditioned as is asked for, about."""
    right = np.linalg.qr(rng.normal(size=(columns, rows)))[0].T
    left = np.linalg.qr(rng.normal(size=(rows, rows)))[0]
    return np.asarray(left * np.geomspace(1.0, 1.0 / condition, rows) @ right)


@dataclasses.dataclass(frozen=True)
class Drawn:
    vx: np.ndarray
    vy: np.ndarray
    s: np.ndarray
    w: np.ndarray | None
    k: int
    eta: float
    dtype: str

    @property
    def data(self) -> SlimmableDataset:
        return one_class(self.s, self.vx, self.vy, self.dtype)

    @property
    def report(self) -> Certificate:
        return certify(self.data, self.data.truncate(self.k), self.w, self.eta)


@st.composite
def drawn(draw: st.DrawFn, condition: float = 1.0, dtype: str | None = None) -> Drawn:
    """Sets whose condition, rows scaled to length 1, is about 1 to the given power of ten."""
    dtype = draw(st.sampled_from(["float32", "float64"])) if dtype is None else dtype
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    b = draw(st.integers(2, 6))
    d, c = b + draw(st.integers(0, 3)), draw(st.integers(1, 3))
    vx = matrix(rng, b, d, 10.0 ** draw(st.floats(0, condition)))
    vy = rng.normal(size=(b, c)) * (rng.uniform(size=(b, 1)) < draw(st.sampled_from([1.0, 0.4])))
    reach = REACH[dtype]
    spread = draw(st.sampled_from(["rows", "extremes", "all", "none"]))
    if spread == "rows":
        vx = vx * 10.0 ** rng.uniform(-reach, reach, size=(b, 1))
    elif spread == "extremes":
        vx = vx * 10.0 ** rng.choice([-reach, 0, reach], size=(b, 1))
    elif spread == "all":
        vx = vx * 10.0 ** rng.uniform(-reach, reach)
    if draw(st.booleans()):
        vy = vy * 10.0 ** rng.uniform(-reach, reach, size=(b, 1))
    s = -np.sort(-(10.0 ** rng.uniform(-1, 0, size=b))) * 10.0 ** draw(st.floats(-reach, reach))
    w = None
    if draw(st.booleans()):
        w = rng.normal(size=(d, c)) * 10.0 ** rng.uniform(-reach, reach)
    # Rounded to the dtype before anything else sees them.
    vx, vy, s = (a.astype(dtype).astype(np.float64) for a in (vx, vy, s))
    eta = draw(st.sampled_from([1.0, 0.1, 1e-200, 1e200]))
    return Drawn(vx, vy, s, w, draw(st.integers(1, b)), eta, dtype)


more = settings(max_examples=4 * settings().max_examples)


@more
@given(case=drawn(condition=17.0))
def test_no_verdict_is_ever_violated(case: Drawn) -> None:
    try:
        report = case.report
    except NumericalError:  # the distance itself leaves the range of float64
        return
    assert all(bound.verdict != "violated" for bound in report.bounds)
    for bound in report.bounds:
        assert (bound.verdict == "undecided") == (bound.reason is not None)
    str(report)


@more
@given(case=drawn(condition=3.0))
def test_well_conditioned_sets_are_decided(case: Drawn) -> None:
    try:
        report = case.report
    except NumericalError:
        return
    assert report.full_rank
    # All of them, not most: rounding explains nothing here but a result below normal numbers.
    assert report.bounds[-1].verdict in {"holds", "vacuous"}
    for bound in report.bounds:
        assert bound.verdict != "undecided" or bound.value < np.finfo(np.float64).tiny
    if all(bound.reason is None for bound in report.bounds):
        assert report.holds


@more
@given(case=drawn(condition=12.0, dtype="float64"))
def test_infinity_order_is_exact_as_far_as_the_verdict_says(case: Drawn) -> None:
    try:
        report = case.report
    except NumericalError:
        return
    if not report.full_rank or case.k == len(case.s):
        return
    bound = report.bounds[-1]
    expected = exact.infinity_order(case.vx, case.vy, case.k)
    assert expected.distance <= expected.bound * (1 + 1e-14)
    smallest = bound.conditions[-1].value
    moved = _tolerance.rounding(*case.vx.shape, case.vy.shape[1], eps=EPS) / smallest
    assert (bound.verdict == "undecided") == (moved > 1e-3)
    if bound.verdict == "undecided":
        return
    assert abs(bound.value - expected.distance) <= moved * expected.solution
    assert abs(bound.bound - expected.bound) <= moved * (expected.bound + expected.solution)
    assert abs(report.kept_ratio - expected.kept_ratio) <= 2 * moved


def test_rows_of_very_different_length_keep_the_bound() -> None:
    rng = np.random.default_rng(62)
    vx = rng.normal(size=(3, 3)) * [[1], [1e-8], [1e8]]
    vy = rng.normal(size=(3, 1)) * [[0], [1], [0]]
    data = one_class([3.0, 2.0, 1.0], vx, vy)
    for k in (1, 2):
        report = certify(data, data.truncate(k))
        expected = exact.infinity_order(vx, vy, k)
        bound = report.bounds[-1]
        assert bound.verdict in {"holds", "vacuous"}
        assert report.holds
        assert bound.value == pytest.approx(expected.distance, rel=1e-13)
        assert bound.bound == pytest.approx(expected.bound, rel=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_what_conditions_may_miss_a_bound_may_miss_as_well(dtype: str, share: float) -> None:
    eps = float(np.finfo(dtype).eps)
    missed = share * _tolerance.orthonormality(5, eps)
    # Rows of length √(1 − δ) are δ from orthonormal, and labels 1 + δ long: W is longer than both.
    vx, vy = np.sqrt(1 - missed) * np.eye(2, 5), (1 + missed) * np.eye(2)
    data = one_class([2.0, 1.0], vx, vy, dtype)
    report = certify(data, data.truncate(1))
    ten = report.bounds[3]
    assert (ten.equation, ten.bound) == ("Eq. 10", 1.0)
    assert ten.verdict == "holds"
    assert report.holds
    # No more than that is allowed for, beside the precision of the factors and of the result.
    excess = (1 + missed) / np.sqrt(1 - missed) - 1
    plain = _tolerance.orthonormality(5, eps) + _tolerance.rounding(2, 5, 2, eps=EPS)
    assert report.bounds[2].tolerance == plain
    assert ten.tolerance == pytest.approx(plain + excess, abs=4 * eps)


def test_labels_of_length_1_up_to_float32_do_not_make_eq_10_vacuous() -> None:
    size = float(np.nextafter(np.float32(1), np.float32(0)))
    data = one_class([2.0, 1.0], np.eye(2, 5), size * np.eye(2), "float32")
    ten = certify(data, data.truncate(1)).bounds[3]
    assert (ten.bound, ten.trivial) == (1.0, size)
    assert ten.verdict == "holds"
    # In float64 that is a difference.
    data = one_class([2.0, 1.0], np.eye(2, 5), size * np.eye(2))
    assert certify(data, data.truncate(1)).bounds[3].verdict == "vacuous"


@pytest.mark.parametrize("share", [0.0, 0.95])
def test_eq_9_may_be_missed_by_what_v_is_too_long(share: float) -> None:
    length = 1 + share * _tolerance.orthonormality(5, EPS)
    data = one_class([2.0, 1.0], length * np.eye(2, 5), [[0.0], [1.0]])
    printed, tight, general, *_ = certify(data, data.truncate(1)).bounds
    for bound in (printed, tight, general):
        assert bound.verdict == "holds"
        assert bound.value == pytest.approx(length)
    assert printed.tolerance - general.tolerance == pytest.approx(length - 1, abs=EPS)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-100, 1e100, 1e160, 1e300])
def test_samples_of_any_scale_give_the_same_certificate(scale: float) -> None:
    rng = np.random.default_rng(0)
    vx, vy = rng.normal(size=(4, 9)), rng.normal(size=(4, 2))
    s = [4.0, 3.0, 2.0, 1.0]
    plain, scaled = one_class(s, vx, vy), one_class(s, scale * vx, vy)
    expected, found = (certify(data, data.truncate(2)) for data in (plain, scaled))
    assert [b.verdict for b in found.bounds[2:]] == [b.verdict for b in expected.bounds[2:]]
    assert found.kept_ratio == pytest.approx(expected.kept_ratio, rel=1e-12)
    for order, factor in (("first_order", scale), ("infinity_order", 1 / scale)):
        distances = getattr(found, order), getattr(expected, order)
        for name in ("frobenius", "spectral", "reference"):
            there, here = (getattr(distance, name) for distance in distances)
            assert there / factor == pytest.approx(here, rel=1e-12)
        assert distances[0].relative == pytest.approx(distances[1].relative, rel=1e-12)
    # A set that is no truncation is measured at any scale, too.
    turned = one_class(s, scale * vx, -vy)
    report = certify(scaled, turned)
    assert not report.truncation
    assert report.first_order.relative == pytest.approx(2.0, rel=1e-12)
    assert report.infinity_order.relative == pytest.approx(2.0, rel=1e-12)


def test_products_that_leave_the_range_do_not_hide_a_distance() -> None:
    # s² and s² (V_x w − V_y) are below float64, and come back by V_x.
    data = one_class([1e-170, 1e-170], 1e150 * np.eye(2, 3), np.eye(2))
    report = certify(data, data.truncate(1), eta=1e180)
    general = report.bounds[2]
    assert general.value == pytest.approx(1e-10)
    assert general.bound == pytest.approx(np.sqrt(2) * 1e-10)
    assert general.verdict == "holds"


def test_labels_and_heads_may_be_of_any_two_scales() -> None:
    for label, head in ((1e-200, 1e200), (1e200, 1e-200), (1e-300, 1.0)):
        data = one_class([1.0, 1.0], np.eye(2, 3), label * np.eye(2))
        report = certify(data, data.truncate(1), np.full((3, 2), head))
        assert report.first_order.frobenius == pytest.approx(
            np.hypot(head, head - label), rel=1e-12
        )
        assert report.infinity_order.frobenius == pytest.approx(label, rel=1e-12)


def test_distances_below_normal_numbers_decide_nothing() -> None:
    data = one_class([1e-160, 1e-160], np.eye(2, 3), np.eye(2))
    report = certify(data, data.truncate(1))
    assert 0 < report.first_order.frobenius < np.finfo(np.float64).tiny
    for bound in report.bounds[:3]:
        assert bound.verdict == "undecided"
        assert "below the normal numbers" in bound.reason
    assert [bound.verdict for bound in report.bounds[3:]] == ["holds", "holds"]
    assert not report.holds


def test_without_digits_a_bound_is_undecided_and_says_why() -> None:
    rng = np.random.default_rng(0)
    data = one_class(np.ones(4), matrix(rng, 4, 6, 1e14), rng.normal(size=(4, 2)))
    report = certify(data, data.truncate(2))
    assert report.full_rank
    assert [bound.verdict for bound in report.bounds[2:]] == [
        "holds",
        "not applicable",
        "undecided",
    ]
    assert "rounding may move W by" in report.bounds[-1].reason
    assert not report.holds
    lines = str(report).splitlines()
    assert any(line.startswith("  since rounding may move W by") for line in lines)
    assert max(map(len, lines)) <= 100
    # The same set in float32 depends on nobody's rounding: its rows are not independent.
    narrow = one_class(np.ones(4), data.vx[0], data.vy[0], "float32")
    assert not certify(narrow, narrow.truncate(2)).full_rank


def test_a_bound_beyond_float64_is_undecided() -> None:
    order = Order("first order", "frobenius", 1.0, None, 1e-12)
    bound = order.compared("Eq. 9, any V_x", float("nan"))
    assert bound.verdict == "undecided"
    assert "range of float64" in bound.reason


def test_an_undecided_bound_holds_nothing() -> None:
    bound = Bound("first order", "Eq. 9", "frobenius", 0.5, 1.0, None, (), 1e-6, "no digits")
    assert (bound.holds, bound.verdict, bound.slack) == (False, "undecided", 0.5)
    missing = dataclasses.replace(bound, bound=None)
    assert (missing.holds, missing.verdict) == (False, "not applicable")
    sure = dataclasses.replace(bound, reason=None)
    data = one_class([2.0, 1.0], np.eye(2, 3), np.eye(2))
    report = certify(data, data.truncate(1))
    for bounds, holds in (
        ((sure, missing), True),
        ((sure, bound), False),
        ((sure, dataclasses.replace(sure, value=2.0)), False),
        ((missing,), True),
        ((), False),
    ):
        assert dataclasses.replace(report, bounds=bounds).holds == holds
