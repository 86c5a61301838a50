"""The certificate says what holds, what was checked, and where it has nothing to say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Case, cases
from conftest import Space
from hypothesis import given, settings
from hypothesis import strategies as st

import slimdc
from slimdc.certificate import Bound, Certificate, certify
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError, SlimdcWarning
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.preprocessing import Preprocessing

VERDICTS = {"holds", "vacuous", "not applicable"}


def drawn_set(seed: int = 0, *, samples: int = 12, d: int = 30, classes: int = 3) -> Any:
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % classes
    return SlimmableDataset.from_arrays(rng.normal(size=(samples, d)), labels)


def from_case(case: Case, space: Space) -> SlimmableDataset:
    rng = np.random.default_rng([case.seed, 1])
    classes, b = case.s.shape
    u = np.linalg.qr(rng.normal(size=(classes, b + 2, b)))[0]
    factors = (space.array(a, case.dtype) for a in (u, case.s, case.vx, case.vy))
    return SlimmableDataset.from_factors(*factors)


def flat(data: SlimmableDataset) -> tuple[np.ndarray, np.ndarray]:
    """Samples and labels by Eq. 8 in float64, without the library's own reconstruction."""
    u, s, vx, vy = (np.asarray(a, dtype=np.float64) for a in (data.u, data.s, data.vx, data.vy))
    rows = [
        (
            u[min(i, len(u) - 1), :n] * s[min(i, len(s) - 1)] @ vx[i],
            u[min(i, len(u) - 1), :n] * s[min(i, len(s) - 1)] @ vy[i],
        )
        for i, n in enumerate(data.samples)
    ]
    return np.concatenate([x for x, _ in rows]), np.concatenate([y for _, y in rows])


def measured(
    before: SlimmableDataset, after: SlimmableDataset, w: np.ndarray | None = None, eta: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Differences of the parameters after one explicit step, and of the solutions."""
    (x, y), (x_after, y_after) = flat(before), flat(after)
    w = np.zeros((x.shape[1], y.shape[1])) if w is None else w
    steps = [w - eta * a.T @ (a @ w - b) for a, b in ((x, y), (x_after, y_after))]
    ends = [np.linalg.pinv(a, rcond=1e-9) @ b for a, b in ((x, y), (x_after, y_after))]
    return steps[0] - steps[1], ends[0] - ends[1]


def check_distances(
    report: Certificate, first: np.ndarray, last: np.ndarray, rel: float = 1e-8
) -> None:
    for distance, difference in ((report.first_order, first), (report.infinity_order, last)):
        expected = [np.linalg.norm(difference), np.linalg.norm(difference, ord=2)]
        assert [distance.frobenius, distance.spectral] == pytest.approx(expected, rel=rel, abs=1e-9)


@settings(max_examples=max(20, settings().max_examples // 10))
@given(
    draw=st.one_of(cases(orthonormal=True), cases(orthonormal=False)),
    k=st.integers(1, 3),
)
def test_no_truncation_violates_a_bound(space: Space, draw: Any, k: int) -> None:
    case = draw(space.dtypes)
    data = from_case(case, space)
    report = certify(data, data.truncate(min(k, case.s.shape[1])), case.w, case.eta)
    assert report.truncation
    assert report.full_rank
    assert report.holds
    assert len(report.bounds) == 5
    assert {bound.verdict for bound in report.bounds} <= VERDICTS
    for bound in report.bounds:
        if bound.bound is not None:
            assert bound.slack == bound.bound - bound.value
            assert all(condition.holds for condition in bound.conditions)
    assert report.kept_ratio is not None
    assert 0 <= report.kept_ratio <= 1


@settings(max_examples=max(20, settings().max_examples // 10))
@given(draw=cases(orthonormal=True))
def test_bounds_of_the_paper_apply_to_orthonormal_bases(space: Space, draw: Any) -> None:
    case = draw(space.dtypes)
    data = from_case(case, space)
    report = certify(data, data.truncate(case.kept), case.w, case.eta)
    assert all(bound.bound is not None for bound in report.bounds)
    printed, tight, general, ten, last = report.bounds
    slop = 1 + case.slop
    assert printed.value <= tight.bound * slop <= printed.bound * slop**2
    assert general.bound <= tight.bound * slop
    assert last.value <= last.bound * slop <= ten.bound * slop**2
    assert ten.bound == 1


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_distances_are_those_of_the_arrays(k: int) -> None:
    data, rng = drawn_set(), np.random.default_rng(1)
    small, w = data.truncate(k), rng.normal(size=(30, 3))
    report = certify(data, small, w, eta=0.1)
    check_distances(report, *measured(data, small, w, 0.1))
    x, y = flat(data)
    whole = np.linalg.pinv(x) @ y
    x, y = flat(small)
    held = np.linalg.pinv(x, rcond=1e-9) @ y
    assert report.kept_ratio == pytest.approx(np.sum(held**2) / np.sum(whole**2))
    assert report.components == (12, 3 * k)


def test_equal_significances_may_be_cut_anywhere() -> None:
    u = np.eye(3)[None]
    vx, vy = np.eye(3, 5)[None], np.asarray([[[1.0], [2.0], [3.0]]])
    data = SlimmableDataset.from_factors(u, np.ones((1, 3)), vx, vy)
    small = SlimmableDataset.from_factors(
        u[:, :, 2:], np.ones((1, 1)), vx[:, 2:], vy[:, 2:], samples=[3]
    )
    report = certify(data, small)
    assert report.truncation
    assert report.infinity_order.frobenius == pytest.approx(5**0.5)
    assert certify(data, data.truncate(1)).infinity_order.frobenius == pytest.approx(13**0.5)


def test_zeros_of_either_sign_are_one_component() -> None:
    u, s, vx = np.eye(3)[None], np.asarray([[3.0, 2.0, 1.0]]), np.eye(3, 5)[None]
    data = SlimmableDataset.from_factors(u, s, vx, np.ones((1, 3, 1)))
    parts = [np.where(a == 0, -0.0, a) for a in _parts(data.truncate(2))]
    small = SlimmableDataset.from_factors(*parts, samples=[3])
    assert np.signbit(np.asarray(small.vx)).any()
    assert certify(data, small).truncation


def test_signs_and_order_of_significances_do_not_matter() -> None:
    data = drawn_set()
    flipped = data.with_factors(-data.u, -data.s, data.vx, data.vy)
    turned = data.with_factors(
        *(np.flip(a, axis=axis) for a, axis in zip(_parts(data), (2, 1, 1, 1), strict=True))
    )
    expected = certify(data, data.truncate(2))
    for other in (flipped, turned):
        report = certify(other, other.truncate(2))
        assert report.truncation
        assert report.first_order.frobenius == pytest.approx(expected.first_order.frobenius)
        for bound, reference in zip(report.bounds, expected.bounds, strict=True):
            assert bound.verdict == reference.verdict
            assert bound.value == pytest.approx(reference.value)


def _parts(data: SlimmableDataset) -> tuple[np.ndarray, ...]:
    return data.u, data.s, data.vx, data.vy


@pytest.mark.parametrize("change", ["u", "s", "vx", "vy", "least kept", "dtype", "labels", "more"])
def test_what_is_no_truncation_is_said_to_be_none(change: str) -> None:
    data = drawn_set()
    small: Any = data.truncate(2)
    parts = dict(zip(("u", "s", "vx", "vy"), (np.array(a) for a in _parts(small)), strict=True))
    if change == "u":
        parts["u"] = -parts["u"]
    elif change in parts:
        parts[change] = parts[change] * (1 + 1e-15 * 8)
    if change in parts:
        small = small.with_factors(**parts)
    elif change == "least kept":
        whole = _parts(data)
        cut = (whole[0][:, :, 1:3], whole[1][:, 1:3], whole[2][:, 1:3], whole[3][:, 1:3])
        small = SlimmableDataset.from_factors(*cut)
    elif change == "dtype":
        small = SlimmableDataset.from_factors(*(a.astype(np.float32) for a in parts.values()))
    elif change == "labels":
        small = SlimmableDataset.from_factors(*parts.values(), labels=[2, 1, 0])
    else:
        data, small = small, data
    report = certify(data, small)
    assert not report.truncation
    # A certificate takes U for orthonormal, which float32 holds to 1e-7 only.
    check_distances(report, *measured(data, small), rel=1e-6 if change == "dtype" else 1e-8)
    if change in ("labels", "more"):
        assert report.kind == "measured"
        assert report.bounds == ()
        assert report.kept_ratio is None
        assert "neither fewer components nor" in report.notes[0]
        assert "measured distances only" in str(report)
        assert report.verdict.endswith("no bound applies.")
    else:  # but one whose components were changed, as rounding changes them
        assert report.kind == "truncation"
        assert report.holds
        assert "the kept components were changed" in str(report)
        small_change = report.infinity_order.changed.relative < 1e-6
        assert small_change == (change != "least kept")
        assert ("changing what it kept" in report.verdict) == (change == "least kept")


def test_sets_of_different_sizes_are_measured() -> None:
    large, small = drawn_set(), drawn_set(1, samples=5, classes=3)
    report = certify(large, small, eta=0.5)
    assert report.components == (12, 5)
    check_distances(report, *measured(large, small, eta=0.5))


def test_a_set_that_grew_may_be_swapped_with_the_other() -> None:
    data = slimdc.SlimmableDataset.from_arrays(np.eye(12), np.arange(12) % 2)
    small = data.truncate(2)
    grown, shrunk = slimdc.certify(small, data), slimdc.certify(data, small)
    assert grown.notes[0].endswith("; perhaps the two are swapped")
    assert not any("swapped" in note for note in shrunk.notes)
    assert not any("swapped" in note for note in slimdc.certify(data, data).notes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "fault", ["B > d", "twice in one class", "twice in two classes", "a zero s"]
)
def test_rank_deficient_sets_get_exact_distances_only(fault: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 8 if fault == "B > d" else 30))
    y = np.eye(3)[np.arange(12) % 3] - 1 / 3
    if fault == "twice in two classes":  # every class has full rank by itself
        x[1] = x[0]
    if fault == "twice in one class":
        x[3], y[3] = x[0], y[0]
    data = SlimmableDataset.from_arrays(x.astype(dtype), y.astype(dtype))
    if fault == "a zero s":
        s = np.array(data.s)
        s[1, -1] = 0
        data = data.with_factors(data.u, s, data.vx, data.vy)
    small = data.truncate(2)
    report = certify(data, small)
    assert report.truncation
    assert not report.full_rank
    assert report.bounds == ()
    assert report.kept_ratio is None
    assert "rank-deficient" in report.notes[0]
    first, _ = measured(data, small)
    assert report.first_order.frobenius == pytest.approx(np.linalg.norm(first), rel=1e-6)
    cut = 1e-5 if dtype is np.float32 else 1e-10
    ends = [np.linalg.pinv(x, rcond=cut) @ y for x, y in (flat(data), flat(small))]
    assert report.infinity_order.frobenius == pytest.approx(
        np.linalg.norm(ends[0] - ends[1]), rel=1e-4
    )


def test_classes_of_unequal_size_drop_their_padding() -> None:
    rng = np.random.default_rng(0)
    labels = np.asarray([0] * 5 + [1] * 3 + [2])
    data = SlimmableDataset.from_arrays(rng.normal(size=(9, 20)), labels)
    with pytest.warns(SlimdcWarning):
        small = data.truncate(2)
    report = certify(data, small)
    assert report.truncation
    assert report.full_rank
    assert report.components == (9, 5)
    check_distances(report, *measured(data, small))
    assert report.holds


def test_factors_shared_by_the_classes() -> None:
    rng = np.random.default_rng(0)
    u, s = np.linalg.qr(rng.normal(size=(1, 6, 4)))[0], np.asarray([[3.0, 2.0, 1.0, 0.5]])
    data = SlimmableDataset.from_factors(
        u, s, rng.normal(size=(3, 4, 20)), rng.normal(size=(3, 4, 3))
    )
    small = data.truncate(2)
    report = certify(data, small)
    assert report.truncation
    check_distances(report, *measured(data, small))
    printed, tight, general = report.bounds[:3]
    assert general.bound is not None
    assert general.holds
    assert printed.bound is tight.bound is None


def test_nothing_removed() -> None:
    data = drawn_set()
    report = certify(data, data)
    assert report.truncation
    assert report.first_order.frobenius == report.infinity_order.frobenius == 0
    assert report.first_order.relative == 0
    assert report.kept_ratio == 1
    assert report.holds


def test_equation_10_says_nothing_unless_labels_are_as_long_as_it_allows() -> None:
    u, s, vx = np.eye(2)[None], np.asarray([[2.0, 1.0]]), np.eye(2, 5)[None]
    for size, verdict in ((1.0, "holds"), (0.5, "vacuous"), (1.5, "not applicable")):
        data = SlimmableDataset.from_factors(u, s, vx, size * np.eye(2)[None])
        report = certify(data, data.truncate(1))
        assert report.bounds[3].equation == "Eq. 10"
        assert report.bounds[3].verdict == verdict
        assert report.bounds[3].trivial == pytest.approx(size)
        assert report.bounds[4].bound == pytest.approx(size)
        assert report.bounds[4].verdict == "holds"
        closing = str(report).partition("Saying nothing here: ")[2]
        assert ("Eq. 10 (vacuous: " in closing) == (verdict == "vacuous")


def test_a_bound_above_the_step_itself_is_vacuous() -> None:
    u, s, vx = np.eye(2)[None], np.asarray([[2.0, 1.0]]), np.eye(2, 5)[None]
    for labels, bound, step, verdict in (
        ([1.0, 1.0], 5**0.5, 17**0.5, "holds"),  # s̃‖Y‖ against ‖(s₁², s₂²)‖
        ([0.0, 1.0], 1.0, 1.0, "holds"),
    ):
        data = SlimmableDataset.from_factors(u, s, vx, np.asarray(labels)[None, :, None])
        found = certify(data, data.truncate(1)).bounds[1]
        assert (found.bound, found.trivial) == pytest.approx((bound, step))
        assert found.verdict == verdict
    s = np.asarray([[2.0, 1.9, 0.1]])
    u, vx, vy = np.eye(3)[None], np.eye(3, 5)[None], np.asarray([[[0.0], [0.0], [1.0]]])
    data = SlimmableDataset.from_factors(u, s, vx, vy)
    found = certify(data, data.truncate(1)).bounds[1]  # 1.9 · 0.1 against 0.1²
    assert (found.bound, found.trivial) == pytest.approx((0.19, 0.01))
    assert found.verdict == "vacuous"


def test_every_framework_gives_the_same_report(space: Space) -> None:
    host = drawn_set()
    parts = [np.asarray(a, dtype=np.float32) for a in _parts(host)]
    expected = SlimmableDataset.from_factors(*parts)
    data = SlimmableDataset.from_factors(*(space.array(a) for a in parts))
    w = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    reference = certify(expected, expected.truncate(2), w)
    # The two sets need not be of one framework.
    for before, head in ((data, space.array(w)), (expected, w)):
        report = certify(before, data.truncate(2), head)
        assert report.truncation
        assert report.kept_ratio == pytest.approx(reference.kept_ratio)
        for found, bound in zip(report.bounds, reference.bounds, strict=True):
            assert found.verdict == bound.verdict
            assert found.value == pytest.approx(bound.value)
            assert found.bound == pytest.approx(bound.bound)


def test_a_violated_bound_is_called_that() -> None:
    bound = Bound("first order", "Eq. 9", "frobenius", 1.01, 1.0, None, (), 1e-6)
    assert (bound.holds, bound.verdict) == (False, "violated")
    assert dataclasses.replace(bound, value=1 + 1e-7).verdict == "holds"
    data = drawn_set()
    report = dataclasses.replace(certify(data, data.truncate(1)), bounds=(bound,))
    assert not report.holds


def test_the_report_is_frozen_and_prints_as_a_table() -> None:
    data = drawn_set()
    report = certify(data, data.truncate(1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.eta = 2.0  # type: ignore[misc]
    text = str(report)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    for words in ("Frobenius", "kept ratio", "Eq. 9, with s2", "Eq. 10, any V", "fails", "slack"):
        assert words in text


def test_paths_and_pairs_are_taken(tmp_path: Path) -> None:
    data = drawn_set()
    for name, part in (("before", data), ("after", data.truncate(1))):
        slimdc.save(part, tmp_path / name)
    from_files = certify(tmp_path / "before", str(tmp_path / "after"))
    assert from_files == certify(data, data.truncate(1))
    assert certify(data.arrays(), data).infinity_order.relative < 1e-6


def test_bad_arguments_are_refused() -> None:
    data = drawn_set()
    other = SlimmableDataset.from_arrays(np.eye(6, 30), np.arange(6) % 2)
    with pytest.raises(InvalidTypeError, match="after: found ndarray, expected a SlimmableDataset"):
        certify(data, np.ones(3))  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="after: found shape"):
        certify(data, drawn_set(d=20))
    with pytest.raises(InvalidValueError, match="after: found label rows of 2"):
        certify(data, other)
    scaled = SlimmableDataset.from_factors(
        *_parts(data), preprocessing=Preprocessing(mean=(0.5,), std=(0.5,))
    )
    with pytest.raises(InvalidValueError, match="after: found preprocessing"):
        certify(data, scaled)
    for w, words in (
        (np.ones((3, 30)), "shape"),
        (np.full((30, 3), np.nan), "not finite"),
    ):
        with pytest.raises(InvalidValueError, match=f"w: found .*{words}"):
            certify(data, data.truncate(1), w)
    with pytest.raises(InvalidTypeError, match="w: found"):
        certify(data, data.truncate(1), np.ones((30, 3), dtype=complex))
    for eta in (-1.0, np.nan, np.inf):
        with pytest.raises(InvalidValueError, match="eta: found"):
            certify(data, data.truncate(1), eta=eta)
    for kind in ("1", True, None):
        with pytest.raises(InvalidTypeError, match="eta: found"):
            certify(data, data.truncate(1), eta=kind)  # type: ignore[arg-type]


def test_what_leaves_float64_is_an_error() -> None:
    data = drawn_set()
    huge = data.with_factors(data.u, np.asarray(data.s) * 1e160, data.vx, data.vy)
    with pytest.raises(NumericalError, match="distances beyond float64"):
        certify(huge, huge.truncate(1))
