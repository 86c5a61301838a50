"""Budgets: which rows stand for a class, what is chosen, and what cannot be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slimdc
from slimdc import SlimmableDataset
from slimdc.backend import Compute
from slimdc.budgets.budget import Budget
from slimdc.budgets.choice import Candidate, candidates, choose_by_share, choose_within
from slimdc.budgets.criterion import NETWORKS, Criterion
from slimdc.budgets.rows import chosen_rows, representative_rows
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.losses import infinity_order
from slimdc.networks import MLP
from slimdc.parameterization.quantization import Rounder
from slimdc.settings import SLIM
from slimdc.storage import dumps
from slimdc.storage.content import header_bytes

EXAMPLES = min(100, settings.default.max_examples)


def vectors(
    sizes: tuple[int, ...] = (6, 6), d: int = 12, seed: int = 0, rank: int = 3, noise: float = 0.3
) -> SlimmableDataset:
    """Flat vectors of classes near subspaces of a rank."""
    rng = np.random.default_rng(seed)
    x = [
        rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) + noise * rng.normal(size=(n, d))
        for n in sizes
    ]
    y = np.repeat(np.arange(len(sizes)), sizes)
    return SlimmableDataset.from_arrays(np.concatenate(x), y, classes=max(2, len(sizes)))


def criterion(data: SlimmableDataset, seed: int = 0) -> Criterion:
    """That of `slim`, which draws its networks from a generator of its own."""
    compute = Compute.chosen(data.u, "numpy", None, None)
    pool = replace(SLIM["default"].pool, width=8)
    rng = np.random.default_rng(seed)
    return Criterion.of(data, compute, "auto", rng, pool, SLIM["default"].ridge)


def slim(data: SlimmableDataset, **options: Any) -> SlimmableDataset:
    return slimdc.slim(data, **({"steps": 0, "width": 8, "backend": "numpy"} | options))


# Rows


def explained(rows: np.ndarray, kept: list[int]) -> float:
    """Energy of rows in the span of some of them, by least squares."""
    if not kept:
        return 0.0
    basis = rows[kept]
    fit = np.linalg.lstsq(basis.T, rows.T, rcond=None)[0].T @ basis
    return float((fit**2).sum())


@settings(max_examples=EXAMPLES // 2)
@given(st.integers(1, 6), st.integers(0, 10**6), st.integers(2, 8))
def test_each_row_adds_most_to_those_before(n: int, seed: int, d: int) -> None:
    data = vectors((n, 3), d=d, seed=seed)
    x, y = data.arrays()
    orders = representative_rows(data)
    assert [sorted(order.tolist()) for order in orders] == [list(range(n)), [0, 1, 2]]
    first = 0
    for order, count in zip(orders, data.samples, strict=True):
        own = slice(first, first + count)
        first += count
        rows = np.concatenate(
            [x[own] / np.linalg.norm(x[own]), y[own] / np.linalg.norm(y[own])], axis=1
        )
        kept: list[int] = []
        for chosen in order.tolist():
            gains = {i: explained(rows, [*kept, i]) for i in range(count) if i not in kept}
            assert gains[chosen] == pytest.approx(max(gains.values()), rel=1e-6, abs=1e-9)
            kept.append(chosen)


def test_rows_that_add_nothing_come_last_in_their_order() -> None:
    x = np.asarray([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    data = SlimmableDataset.from_arrays(x, np.zeros((5, 1)), members=[0] * 5)
    order = representative_rows(data)[0].tolist()
    assert set(order[:2]) <= {0, 1, 3, 4}
    assert 4 in order[:2]
    assert order[2:] == sorted(order[2:])


@pytest.mark.parametrize("exponent", [-600, -20, 20, 480])
def test_units_do_not_choose_rows(exponent: int) -> None:
    data = vectors()
    u, s, vx, vy = data.host_factors()
    expected = [order.tolist() for order in representative_rows(data)]
    scaled = data.with_factors(u, s, np.ldexp(vx, exponent), vy)
    assert [order.tolist() for order in representative_rows(scaled)] == expected
    kept = chosen_rows(scaled, 2)
    np.testing.assert_allclose(
        np.ldexp(kept.arrays()[0], -exponent), chosen_rows(data, 2).arrays()[0], rtol=1e-12
    )


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_chosen_rows_are_samples_as_they_were(k: int) -> None:
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1, 2], (2, 5, 3)))
    data = SlimmableDataset.from_arrays(rng.normal(size=(10, 7)), labels)
    small = chosen_rows(data, k)
    kept = tuple(min(k, n) for n in data.samples)
    assert small.samples == small.components == kept
    x, y = data.arrays()
    first = np.concatenate([[0], np.cumsum(data.samples)[:-1]])
    orders = representative_rows(data)
    places = np.concatenate([at + o[:k] for at, o in zip(first, orders, strict=True)])
    np.testing.assert_allclose(small.arrays()[0], x[places], atol=1e-12)
    np.testing.assert_allclose(small.arrays()[1], y[places], atol=1e-12)
    assert small.description.order is None


@pytest.mark.parametrize("k", [0, -1, 1.5, True, None])
def test_no_number_of_rows(k: Any) -> None:
    with pytest.raises((InvalidValueError, InvalidTypeError), match=r"^k: found"):
        chosen_rows(vectors(), k)


# The criterion


def multiplied(data: SlimmableDataset, by: float) -> SlimmableDataset:
    """Multiply the labels, and with them the solutions."""
    u, s, vx, vy = data.host_factors()
    return data.with_factors(u, s, vx, vy * by)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_criterion_is_eq_7_of_the_nearest_multiple(k: int) -> None:
    data = vectors()
    small = data.truncate(k)
    measure = criterion(data)
    assert len(measure.members) == NETWORKS == 4
    backend = measure.compute.backend
    found = []
    for member in measure.members:
        assert isinstance(measure.network, MLP)
        (x, y), (x_before, y_before) = small.arrays(), data.arrays()
        x = measure.network.embed(backend, member, x)
        before = measure.network.embed(backend, member, x_before), y_before

        def moved(by: float, x: Any = x, y: Any = y, before: Any = before) -> float:
            return float(infinity_order(x, by * y, *before, measure.ridge, "relative"))

        # A parabola in the multiple: three values give its least.
        powers = np.vander([0.0, 1.0, 2.0], increasing=True)
        _, slope, curve = np.linalg.solve(powers, [moved(m) for m in range(3)])
        nearest = max(0.0, -slope / (2 * curve))  # not the opposite: that predicts other classes
        found.append(moved(nearest))
        assert found[-1] <= min(moved(0.9 * nearest), moved(1.1 * nearest), 1.0)
    assert measure(small) == pytest.approx(np.mean(found), rel=1e-6)
    assert measure(small) == measure(small)  # the set before is embedded once
    assert measure(data) < 1e-20 < measure(small) < 1


@pytest.mark.parametrize("by", [1e-6, 0.3, 1e6])
def test_the_length_of_solutions_does_not_matter(by: float) -> None:
    data = vectors()
    measure = criterion(data)
    small = data.truncate(2)
    assert measure(multiplied(small, by)) == pytest.approx(measure(small), rel=1e-9)


def test_nothing_is_kept_of_the_opposite_or_of_nothing() -> None:
    data = vectors()
    measure = criterion(data)
    assert measure(multiplied(data, -1.0)) == pytest.approx(1.0, abs=1e-12)
    assert measure(multiplied(data.truncate(1), 0.0)) == pytest.approx(1.0, abs=1e-12)


def test_no_more_than_all_is_lost() -> None:
    """Else a share of 0 could not be asked for, and would be printed as -0.0 %."""
    for seed in range(20):
        data = vectors(seed=seed)
        measure = criterion(data)
        for member in measure.members:  # a mean of several hides what rounding adds to one
            alone = replace(measure, members=(member,))
            assert alone(multiplied(data, -1.0)) <= 1.0


def test_the_criterion_knows_no_units() -> None:
    data = vectors()
    u, s, vx, vy = data.host_factors()
    scaled = data.with_factors(u, s, np.ldexp(vx, 40), np.ldexp(vy, -40))
    expected = criterion(data)(data.truncate(2))
    assert criterion(scaled)(scaled.truncate(2)) == pytest.approx(expected, rel=1e-9)


# What is chosen


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:nbytes.*networks learn next to nothing")
@settings(max_examples=max(5, EXAMPLES // 8))
@given(
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.floats(0.05, 2.0),
    st.floats(0.1, 1.0),
)
def test_no_simple_choice_loses_less(
    sizes: tuple[int, int], seed: int, rank: int, noise: float, share: float
) -> None:
    # Of many values each: in a few of them, what is lost jumps with every number that rounds away.
    data = vectors(sizes, d=64, seed=seed, rank=rank, noise=noise)
    lost = criterion(data)
    tried = list(candidates(data, "auto"))
    least = min(candidate.rounder.least + candidate.header_bytes for candidate in tried)
    nbytes = least + int(share * data.numbers)
    choice = choose_within(nbytes, tried, lost)
    small = slim(data, nbytes=nbytes)
    assert len(dumps(small)) <= nbytes
    assert str(small).endswith(choice.reason)
    # What was coded is what was chosen, at a step with which it fits.
    assert small.codes is not None
    assert small.codes.step >= choice.step * (1 - 1e-9)
    rounder = choice.candidate.rounder
    if not choice.thinned:
        decoded = choice.candidate.rounded(rounder, small.codes.step)
    elif rounder.codes_at(choice.step, choice.thinned).nbytes <= choice.nbytes:
        decoded = choice.candidate.rounded(rounder, choice.step, choice.thinned)
    else:  # it took more than was estimated, and a few more numbers are left out
        decoded = small
    assert lost(small) == pytest.approx(lost(decoded), rel=1e-6, abs=1e-9)
    rng = np.random.default_rng(seed)
    for k in range(1, max(data.components) + 1):
        for candidate in candidates(data, "auto", k):
            rounder = candidate.rounder
            room = nbytes - candidate.header_bytes
            if rounder.least <= room and candidate in tried:
                step = rounder.step(room)
                assert choice.lost <= lost(candidate.rounded(rounder, step)) + 1e-12
    # All rows, rounded; truncation; random rows.
    n = min(sizes)
    picked = np.concatenate([rng.choice(sizes[0], n - 1), sizes[0] + rng.choice(sizes[1], n - 1)])
    x, y = (part[picked] for part in data.arrays())
    members = data.members[picked]
    random = chosen_rows(SlimmableDataset.from_arrays(x, y, members=members), n - 1)
    for other, rows in ((chosen_rows(data, 99), True), (data.truncate(1), False), (random, True)):
        rounder = Rounder(other.host_factors(), other.description, rows=rows)
        room = nbytes - header_bytes(other, rows=rows)
        if rounder.least <= room:
            kept = Candidate("rows" if rows else "components", n, other)
            theirs = lost(kept.rounded(rounder, rounder.step(room)))
            # Networks prefer some random rows to those that span most, by chance.
            slack = 0.25 * (1 + theirs) if other is random else 1e-12
            assert choice.lost <= theirs + slack


@pytest.mark.slow
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_share_is_kept_in_the_fewest_bytes(keep: float, seed: int) -> None:
    data = vectors((5, 6), seed=seed, noise=0.1)
    lost = criterion(data)
    small = slim(data, keep=keep)
    assert 1.0 - lost(small) >= keep - 1e-12
    assert f"{100 * (1 - lost(small)):.1f} % kept" in str(small)
    # No octave of any directions or rows keeps it in fewer; within an octave there is less yet.
    octaves = []
    for candidate in candidates(data, "auto"):
        rounder = candidate.rounder
        finest = rounder.step(max(candidate.data.numbers, 2 * rounder.least))
        if 1.0 - lost(candidate.rounded(rounder, finest)) >= keep:
            for octave in range(11):
                step = finest * 2.0**octave
                if 1.0 - lost(candidate.rounded(rounder, step)) >= keep:
                    codes = rounder.codes_at(step)
                    octaves.append(max(rounder.least, codes.nbytes))
    assert small.nbytes <= min(octaves)
    assert small.nbytes < min(octaves) or keep != 0.6


def test_a_share_that_nothing_keeps() -> None:
    data = vectors()
    with pytest.raises(InvalidValueError, match=r"^keep: found 0\.99, expected at most 0\.\d+,"):
        slim(data, k=5, keep=0.99)
    assert slim(data, k=1, start="components", keep=0.0).components == (1, 1)
    with pytest.raises(InvalidValueError, match=r"^keep: found") as error:
        slim(data, keep=1 - 1e-12)
    most = float(str(error.value).split("at most ")[1].split(",")[0])
    assert 1 - criterion(data)(slim(data, keep=most)) >= most


@pytest.mark.filterwarnings("ignore:nbytes.*networks learn next to nothing")
def test_the_least_budget_is_named_and_enough() -> None:
    data = vectors((3, 4))
    for options in ({}, {"k": 2}, {"start": "rows"}, {"k": 2, "start": "components"}):
        with pytest.raises(InvalidValueError, match=r"^nbytes: found 1, expected") as error:
            slim(data, nbytes=1, **options)
        least = int(str(error.value).split("at least ")[1].split(",")[0])
        assert len(dumps(slim(data, nbytes=least, **options))) <= least
        with pytest.raises(InvalidValueError, match=f"at least {least}"):
            slim(data, nbytes=least - 1, **options)
    with pytest.raises(InvalidValueError, match=r"^bits: found 0.001, which is 0 bytes") as error:
        slim(data, k=2, bits=0.001)
    least_bits = float(str(error.value).split("at least ")[1].split(",")[0])
    assert slim(data, k=2, bits=least_bits).codes is not None


def test_a_set_that_fits_stays_as_it_is() -> None:
    """Rounded again, more finely, it would only take more bytes."""
    few = vectors((5, 6)).quantize(6)
    size = len(dumps(few))
    assert slim(few, nbytes=size) is few
    assert slim(few, nbytes=10**6, steps=20, width=8) is few
    assert len(dumps(slim(few, nbytes=size - 1))) < size
    assert slim(few, k=2, nbytes=10**6).components == (2, 2)


def test_kinds_and_numbers_can_be_asked_for() -> None:
    data = vectors((5, 6))
    for k, start, rows in ((2, "rows", True), (3, "components", False)):
        for options in ({"nbytes": 450}, {"bits": 6}):
            small = slim(data, k=k, start=start, **options)
            assert small.codes is not None
            assert small.codes.rows == rows
            assert small.components == (k, k)
            assert small.samples == ((k, k) if rows else (5, 6))
    # Bits alone keep all; they know no bytes to weigh directions against rows in.
    assert slim(data, bits=6).components == data.components
    assert slim(data, bits=6).codes == data.quantize(6).codes
    assert slim(data, bits=6, start="rows").samples == (5, 6)
    assert slim(data, k=2, bits=32).codes is None
    auto = slim(data, k=2, nbytes=450)
    assert "2 rows of each class" in str(auto) or "2 directions of each class" in str(auto)
    assert "in 450 bytes would keep" in str(auto)
    assert str(slim(data, k=2, nbytes=450, start="rows")) == repr(
        slim(data, k=2, nbytes=450, start="rows")
    )
    one = str(slim(data, nbytes=440, start="rows"))
    assert ("1 row of" in one) or ("rows of" in one)
    assert "would keep" not in one


@pytest.mark.parametrize("options", [{"bits": 8}, {"nbytes": 600}, {"keep": 0.1}])
def test_classes_that_hold_fewer_are_told(options: dict[str, Any]) -> None:
    data = vectors((2, 5))
    with pytest.warns(SlimdcWarning, match="k: 1 of 2 classes hold fewer than 4"):
        slim(data, k=4, **options)
    for start in ("components", "rows"):
        with pytest.raises(InvalidValueError, match=r"^k: found 6, expected 1 to 5"):
            slim(data, k=6, start=start, **options)


def test_numbers_that_are_tried() -> None:
    data = vectors((12, 3), d=20)
    found = [(c.kind, c.k) for c in candidates(data, "auto")]
    numbers = (1, 2, 3, 5, 7, 10, 12)
    assert found == [(kind, k) for kind in ("components", "rows") for k in numbers]
    assert [c.k for c in candidates(data, "rows", 4)] == [4]
    assert choose_by_share(0.5, candidates(data, "rows", 12), criterion(data)).candidate.k == 12


# What cannot be asked

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "k: found None"),
    "no bits": ({"bits": 0}, "bits"),
    "negative bits": ({"bits": -1}, "bits"),
    "bits of nan": ({"bits": float("nan")}, "bits"),
    "true bits": ({"bits": True}, "bits"),
    "bits in words": ({"bits": "4"}, "bits"),
    "17 bits": ({"bits": 17}, "bits"),
    "no bytes": ({"nbytes": 0}, "nbytes"),
    "half bytes": ({"nbytes": 1.5}, "nbytes"),
    "true bytes": ({"nbytes": True}, "nbytes"),
    "everything": ({"keep": 1.0}, "keep"),
    "less than nothing": ({"keep": -0.1}, "keep"),
    "a share of nan": ({"keep": float("nan")}, "keep"),
    "no components": ({"k": 0, "bits": 4}, "k"),
    "true components": ({"k": True, "nbytes": 400}, "k"),
    "bits and bytes": ({"bits": 4, "nbytes": 400}, "bits, nbytes: found 2 of them"),
    "all three": ({"bits": 4, "nbytes": 400, "keep": 0.5}, "bits, nbytes, keep: found 3 of them"),
    "rows of floats": ({"k": 2, "start": "rows"}, "start"),
    "rows of 32 bits": ({"k": 2, "bits": 32, "start": "rows"}, "start"),
    "another start": ({"nbytes": 400, "start": "columns"}, "start"),
    "a start of another type": ({"nbytes": 400, "start": 1}, "start"),
    "matched samples": ({"nbytes": 400, "samples": "match"}, "samples"),
    "a method without k": ({"nbytes": 400, "method": "dm"}, "k: found None"),
    "a method with a share": ({"keep": 0.5, "k": 2, "method": "dm"}, "keep"),
    "a method with rows": ({"bits": 8, "k": 2, "method": "dm", "start": "rows"}, "start"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_asked(name: str) -> None:
    options, match = WRONG[name]
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"^{match}"):
        slim(vectors(), **options)


def test_budgets_are_checked_and_plain() -> None:
    with pytest.raises(InvalidValueError, match=r"keep: .* below 1"):
        Budget(keep=1.0)
    budget = Budget(np.int64(2), np.float32(4))
    assert (type(budget.k), type(budget.bits)) == (int, float)
    coded = [Budget(2), Budget(bits=32), Budget(bits=16), Budget(nbytes=9), Budget(keep=0)]
    assert [each.coded for each in coded] == [False, False, True, True, True]


@pytest.mark.parametrize("method", ["random", "truncate", "dm"])
def test_other_methods_take_bits(method: str) -> None:
    data = vectors((5, 6))
    options: dict[str, Any] = {"steps": 3, "width": 8} if method == "dm" else {}
    small = slimdc.slim(data, 2, bits=8, method=method, backend="numpy", **options)
    assert small.codes is not None
    assert 8 * small.nbytes <= 8 * small.numbers
    assert small.samples == ((5, 6) if method == "truncate" else (2, 2))
    assert np.isfinite(small.arrays()[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30, 1e-150, 1e150])
def test_any_units(scale: float) -> None:
    data = vectors((4, 4))
    u, s, vx, vy = data.host_factors()
    small = slim(data.with_factors(u, s, scale * vx, vy), nbytes=500)
    assert len(dumps(small)) <= 500
    assert np.isfinite(small.arrays()[0]).all()
    with np.errstate(all="raise"):
        assert slim(data.with_factors(u, s, scale * vx, vy), nbytes=500).codes == small.codes


def test_bytes_that_hold_the_set_as_it_is_change_nothing() -> None:
    data = slimdc.SlimmableDataset.from_arrays(np.random.default_rng(0).random((6, 5)), [0, 1] * 3)
    whole = len(slimdc.dumps(data))
    assert slimdc.dumps(slimdc.slim(data, nbytes=whole, steps=0)) == slimdc.dumps(data)
    assert len(slimdc.dumps(slimdc.slim(data, nbytes=whole - 1, steps=0))) < whole
