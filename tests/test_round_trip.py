"""A set given out can be taken in again: the same blocks, rows and order, in part or whole."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Space
from factor_sets import EPS, EXAMPLES, draw_factors
from hypothesis import given, settings
from hypothesis import strategies as st

import slimdc
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization import Description, SlimmableDataset


def unruly(rng: np.random.Generator, n: int, classes: int) -> tuple[Any, Any, Any]:
    """Samples, soft rows and their classes, whose largest entries are often of other classes."""
    members = rng.integers(0, classes, size=n)
    y = rng.normal(size=(n, classes))
    y[np.arange(n), members] += rng.integers(0, 3, size=n)
    return rng.normal(size=(n, 6)), y, members


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 9]),
    classes=st.sampled_from([2, 5]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    k=st.sampled_from([None, 1, 2]),
)
@settings(max_examples=min(20, EXAMPLES))  # JAX compiles for each number of rows in a class
def test_what_a_set_gives_is_taken_in_as_the_same_set(
    space: Space, seed: int, n: int, classes: int, scale: float, k: int | None
) -> None:
    x, y, members = unruly(np.random.default_rng(seed), n, classes)
    for dtype in space.dtypes[-2:]:
        given_x, given_y = space.array(scale * x, dtype), space.array(y, dtype)
        data = SlimmableDataset.from_arrays(given_x, given_y, members=members)
        if k is not None and k <= min(data.components):
            data = data.truncate(k)
        tolerance = 64 * EPS[dtype]
        for order in ("class", "given"):
            out_x, out_y = data.arrays(order)
            classes_of_rows = data.members
            if order == "given":
                classes_of_rows = classes_of_rows[np.argsort(data.order)]
                assert (classes_of_rows == members).all()
            again = SlimmableDataset.from_arrays(out_x, out_y, members=classes_of_rows)
            assert (again.labels, again.samples) == (data.labels, data.samples)
            assert (again.members == data.members).all()
            assert (again.order == (data.order if order == "given" else np.arange(n))).all()
            for mine, theirs in zip(again.arrays(order), (out_x, out_y), strict=True):
                assert space.owns(mine)
                mine, theirs = space.host(mine), space.host(theirs)
                assert np.abs(mine - theirs).max() <= tolerance * np.abs(theirs).max()
        if k is None:
            for mine, theirs in zip(data.arrays("given"), (given_x, given_y), strict=True):
                mine, theirs = space.host(mine), space.host(theirs)
                assert np.abs(mine - theirs).max() <= tolerance * np.abs(theirs).max()


def test_the_bundled_set_keeps_its_blocks() -> None:
    data = slimdc.datasets.sample().data
    x, y = data.arrays()
    assert (y.argmax(axis=1) != data.members).sum() == 3  # learned labels may prefer another class
    again = SlimmableDataset.from_arrays(x, y, members=data.members)
    assert again.samples == data.samples
    np.testing.assert_allclose(again.arrays()[0], x, atol=1e-5)
    np.testing.assert_allclose(again.arrays()[1], y, atol=1e-5)


def test_any_rows_of_a_set_make_a_set() -> None:
    data = slimdc.datasets.sample().data
    x, y = data.arrays()
    rng = np.random.default_rng(0)
    for count in (1, 3, 10, 60):
        rows = rng.choice(len(x), count, replace=False)
        some = SlimmableDataset.from_arrays(x[rows], y[rows], members=data.members[rows])
        assert some.labels == tuple(sorted(set(data.members[rows].tolist())))
        assert some.label_entries == 10
        np.testing.assert_allclose(some.arrays("given")[0], x[rows], atol=1e-5)
        by_largest = SlimmableDataset.from_arrays(x[rows], y[rows])
        assert by_largest.labels == tuple(sorted(set(y[rows].argmax(axis=1).tolist())))


def test_a_set_without_some_classes_goes_through_every_call(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    members = np.asarray([4, 1, 4, 1, 4, 1, 1, 4])
    x = rng.normal(size=(8, 6)) + 3 * members[:, None]
    data = SlimmableDataset.from_arrays(x, members, classes=6)
    assert (data.classes, data.labels, data.label_entries) == (2, (1, 4), 6)
    small = slimdc.slim(data, 2, steps=2, width=4)
    assert (small.labels, small.label_entries) == ((1, 4), 6)
    assert (small.order == data.order).all()
    assert slimdc.certify(data, data.truncate(2)).truncation
    assert len(slimdc.evaluate(small, x, members, repeats=1, steps=2, width=4).accuracies) == 1
    slimdc.save(data, tmp_path / "set.safetensors")
    loaded = slimdc.load(tmp_path / "set.safetensors")
    assert loaded.description == data.description
    np.testing.assert_allclose(loaded.arrays("given")[0], x, atol=1e-12)


def test_the_order_goes_with_the_set() -> None:
    x = np.arange(5.0)[:, None]
    data = SlimmableDataset.from_arrays(x, [1, 0, 1, 0, 0])
    assert data.order.tolist() == [1, 3, 4, 0, 2]
    assert data.members.tolist() == [0, 0, 0, 1, 1]
    assert data.truncate(1).order.tolist() == data.order.tolist()
    copies = [
        data.with_factors(*data.factors),
        SlimmableDataset(data.factors, data.description),
        copy.deepcopy(data),
        *(pickle.loads(pickle.dumps(data, protocol)) for protocol in range(6)),
    ]
    for twin in copies:
        assert twin.order.tolist() == data.order.tolist()
        np.testing.assert_allclose(twin.arrays("given")[0], x, atol=1e-12)
    assert Description.from_metadata(data.description.to_metadata()) == data.description


def test_rows_that_came_class_by_class_have_no_order_to_write() -> None:
    data = SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])
    assert data.description.order is None
    assert data.order.tolist() == [0, 1, 2, 3]
    assert "order" not in data.description.to_metadata()  # as in files of before
    made = SlimmableDataset.from_factors(*draw_factors(np.random.default_rng(2), 2, 4, 3, 5, 2))
    assert made.order.tolist() == list(range(8))
    assert made.members.tolist() == [0] * 4 + [1] * 4


def test_blocks_of_any_labels_come_back_in_the_order_of_their_rows() -> None:
    factors = draw_factors(np.random.default_rng(3), 2, 4, 3, 5, 4)
    data = SlimmableDataset.from_factors(*factors, labels=(3, 1))
    x, y = data.arrays()
    again = SlimmableDataset.from_arrays(x, y, members=data.members)
    assert again.labels == (1, 3)
    for mine, theirs in zip(again.arrays("given"), (x, y), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


@pytest.mark.parametrize("order", ["classes", "", None, 1, True])
def test_orders_that_are_none_are_refused(order: Any) -> None:
    data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
    error = InvalidValueError if isinstance(order, str) else InvalidTypeError
    with pytest.raises(error, match=r"order: found .* one of 'class', 'given'"):
        data.arrays(order)
