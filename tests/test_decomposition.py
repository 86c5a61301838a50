"""Pairs made into factors: the SVD, its scales, signs, threads and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Space, library, make_space
from factor_sets import EPS, EXAMPLES, one_hot_by_loops
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slimdc.errors import InvalidValueError, NumericalError
from slimdc.parameterization import SlimmableDataset, decomposition


def side_by_side(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """[X, αY] of one class with both blocks at equal energy, and α."""
    size_x, size_y = np.abs(x).max(), np.abs(y).max()  # squares of 1e200 overflow
    if size_x == 0 or size_y == 0:
        return np.concatenate([x, y], axis=1), 1.0
    weight = float(np.linalg.norm(x / size_x) / np.linalg.norm(y / size_y)) * (1 / size_y) * size_x
    return np.concatenate([x, weight * y], axis=1), weight


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.sampled_from([[1], [6], [3, 3], [1, 5], [2, 1, 6, 3]]),  # few, for JAX compiles each
    d=st.sampled_from([1, 7]),
    scale=st.sampled_from([1e-3, 1.0, 300.0]),
    duplicates=st.booleans(),
    soft=st.booleans(),
)
@example(seed=0, sizes=[1], d=1, scale=1.0, duplicates=False, soft=False)
@example(seed=0, sizes=[1, 5], d=2, scale=1e-3, duplicates=False, soft=False)
@example(seed=0, sizes=[6], d=1, scale=0.0, duplicates=False, soft=False)
@settings(max_examples=EXAMPLES)
def test_pairs_come_back_class_by_class(
    space: Space,
    seed: int,
    sizes: list[int],
    d: int,
    scale: float,
    duplicates: bool,
    soft: bool,
) -> None:
    rng = np.random.default_rng(seed)
    classes = len(sizes)
    members = rng.permutation(np.repeat(np.arange(classes), sizes))
    x = scale * rng.normal(size=(members.size, d))
    if duplicates:
        x[:] = x[0]
    y = one_hot_by_loops(members.tolist(), classes)
    if soft:
        y = 0.1 * rng.uniform(size=y.shape)
        y[np.arange(members.size), members] += 1.0
    for dtype in space.dtypes:
        given_x = space.array(x, dtype)
        given_y = space.array(y, dtype) if soft else space.array(members, "int32")
        data = SlimmableDataset.from_arrays(given_x, given_y, classes=classes)
        data.with_factors(*data.factors)  # passes every check, though from_arrays skips them
        back_x, back_y = data.arrays()
        assert space.owns(back_x)
        assert space.dtype(back_x) == space.dtype(back_y) == dtype
        order = [i for label in range(classes) for i in range(members.size) if members[i] == label]
        want_x = space.host(given_x)[order]
        want_y = space.host(given_y)[order] if soft else y[order]
        # Each of at most b products is rounded once as it is held and the sum once more.
        tolerance = 4 * EPS[dtype] + 16 * EPS["float64" if dtype == "float64" else "float32"]
        for back, want in ((back_x, want_x), (back_y, want_y)):
            assert np.abs(space.host(back) - want).max() <= tolerance * np.abs(want).max()
        assert data.samples == tuple(sizes)
        assert data.components == tuple(min(n, d + classes) for n in sizes)
        assert data.labels == tuple(range(classes))
        for u, n, k in zip(space.host(data.u), data.samples, data.components, strict=True):
            eps = 32 * EPS["float64" if dtype == "float64" else "float32"]
            np.testing.assert_allclose(u[:n, :k].T @ u[:n, :k], np.eye(k), atol=eps)
            assert not u[n:].any()
            assert not u[:, k:].any()


def test_singular_values_are_those_of_samples_and_labels_side_by_side() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 9)), np.repeat([0, 1], 3)
    data = SlimmableDataset.from_arrays(x, y)
    rows = one_hot_by_loops(y.tolist(), 2)
    for i in range(2):
        mine = slice(3 * i, 3 * i + 3)
        joint, weight = side_by_side(x[mine], rows[mine])
        expected = np.linalg.svd(joint, compute_uv=False)
        np.testing.assert_allclose(data.s[i], expected, rtol=1e-12)
        v = np.concatenate([data.vx[i], weight * data.vy[i]], axis=1)
        np.testing.assert_allclose(v @ v.T, np.eye(3), atol=1e-12)


def test_signs_do_not_depend_on_the_library(space: Space) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(12, 20)).astype(np.float32)
    y = (np.arange(12) % 3).astype(np.int32)
    data = SlimmableDataset.from_arrays(space.array(x), space.array(y))
    reference = SlimmableDataset.from_arrays(x, y)
    for mine, theirs in zip(data.factors, reference.factors, strict=True):
        assert (space.host(mine) == theirs).all()
    largest = np.take_along_axis(
        reference.u, np.abs(reference.u).argmax(axis=1, keepdims=True), axis=1
    )
    assert (largest > 0).all()


def test_numerically_zero_singular_values_are_zero() -> None:
    x = np.outer(np.arange(1.0, 6.0), np.arange(1.0, 4.0))
    data = SlimmableDataset.from_arrays(x, np.ones((5, 1)), classes=1)
    assert data.components == (4,)
    assert np.count_nonzero(data.s) == 2  # the line that x lies on, and the constant of y


def test_labels_survive_samples_of_another_scale() -> None:
    rng = np.random.default_rng(4)
    soft = np.abs(rng.normal(size=(4, 2))) + 4.0 * np.eye(2)[[0, 0, 1, 1]]
    for scale in (1e-200, 1e-12, 1e12, 1e200):
        x = scale * rng.normal(size=(4, 3))
        back_x, back_y = SlimmableDataset.from_arrays(x, soft).arrays()
        np.testing.assert_allclose(back_x, x, atol=1e-14 * np.abs(x).max())
        np.testing.assert_allclose(back_y, soft, atol=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1.0, 1e12, 1e200])
@pytest.mark.parametrize("rank", [None, 2, 0])
@pytest.mark.parametrize(("n", "d"), [(6, 3000), (6, 40), (6, 6), (6, 5), (6, 4), (40, 3), (1, 9)])
def test_factors_of_a_pair_are_those_of_lapack(
    n: int, d: int, rank: int | None, scale: float
) -> None:
    rng = np.random.default_rng([n, d])
    joint = rng.normal(size=(n, d + 1))
    if rank is not None:
        joint = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d + 1))
    x, y = scale * joint[:, :d], joint[:, d:]
    data = SlimmableDataset.from_arrays(x, y, classes=1)
    u, s, vx, vy = (factor[0] for factor in data.factors)
    joint, weight = side_by_side(x, y)
    v = np.concatenate([vx, weight * vy], axis=1)
    width = min(n, d + 1)
    want = np.linalg.svd(joint, compute_uv=False)
    assert u.shape == (n, width)
    np.testing.assert_allclose(s, want, rtol=0, atol=1e-14 * want[0])
    np.testing.assert_allclose((u * s) @ v, joint, rtol=0, atol=1e-14 * want[0])
    np.testing.assert_allclose((u * s) @ vy, y, rtol=0, atol=1e-14 * np.abs(y).max() * n)
    np.testing.assert_allclose(u.T @ u, np.eye(width), atol=1e-14)
    assert np.count_nonzero(s) == min(width, width if rank is None else rank)
    # Also where s is zero: training would never leave rows of zeros.
    np.testing.assert_allclose(v @ v.T, np.eye(width), atol=1e-12)
    data.with_factors(*data.factors)


def test_norms_that_float64_cannot_hold_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="s: found NaN or infinite values"):
        SlimmableDataset.from_arrays(np.full((2, 3), 1e308), [0, 0])


def test_what_fails_on_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_limits

    def fail(*arguments: Any, **keywords: Any) -> Any:
        raise np.linalg.LinAlgError("no convergence")

    monkeypatch.setattr(decomposition, "WORTH_THREADS", 0)
    monkeypatch.setattr(np.linalg, "svd", fail)
    with (
        threadpool_limits(2, user_api="blas"),
        pytest.raises(NumericalError, match="no SVD of class 0"),
    ):
        SlimmableDataset.from_arrays(np.eye(6), [0, 1, 2] * 2)


def test_labels_that_jax_cannot_hold_are_refused() -> None:
    library("jax")
    space = make_space("jax")
    x = space.array(np.eye(2, dtype=np.float32))
    with pytest.raises(InvalidValueError, match="vy: found NaN or infinite values"):
        SlimmableDataset.from_arrays(x, [[1e200, 0.0], [0.0, 1e200]])


def test_mixed_widths_go_to_the_wider() -> None:
    soft = np.asarray([[1.0, 0.0], [0.0, 1.0]])
    data = SlimmableDataset.from_arrays(np.eye(2, dtype=np.float32), soft)
    assert data.dtype == "float64"
    half = SlimmableDataset.from_arrays(np.eye(2, dtype=np.float16), soft.astype(np.float32))
    assert half.dtype == "float32"


def test_lists_are_taken_and_go_with_any_framework(space: Space) -> None:
    data = SlimmableDataset.from_arrays(space.array(np.eye(3, dtype=np.float32)), [2, 0, 1])
    assert space.host(data.arrays()[0]).round(5).tolist() == np.eye(3)[[1, 2, 0]].tolist()
    assert SlimmableDataset.from_arrays([[1.0, 2.0]], [0]).samples == (1,)


@pytest.mark.parametrize(("n", "d", "classes"), [(400, 300, 2), (120, 1000, 12)])
def test_a_set_gives_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, n: int, d: int, classes: int
) -> None:
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr(decomposition, "WORTH_THREADS", 0)
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(n, d)), np.arange(n) % classes
    outcomes = []
    for threads in (1, 2, 5):
        with threadpool_limits(limits=threads, user_api="blas"):
            data = SlimmableDataset.from_arrays(x, y)
            outcomes.append((*data.factors, *data.arrays()))
    for one, *others in zip(*outcomes, strict=True):
        assert all((one == other).all() for other in others)
