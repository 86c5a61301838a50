"""Truncation against sorting in plain Python, in every namespace."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from conftest import Space
from factor_sets import EXAMPLES, draw_factors, one_hot_by_loops
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdc.errors import SlimdcWarning
from slimdc.parameterization import SlimmableDataset, dataset, held, truncation


def expected_cut(
    u: np.ndarray, s: np.ndarray, v: np.ndarray, k: int
) -> tuple[np.ndarray, list[int]]:
    kept = sorted(range(len(s)), key=lambda i: (-abs(s[i]), i))[:k]
    return sum((np.outer(u[:, i], s[i] * v[i]) for i in kept), np.zeros((len(u), v.shape[1]))), kept


@given(
    seed=st.integers(0, 2**32 - 1),
    shared=st.booleans(),
    ties=st.booleans(),
    k=st.sampled_from([1, 3, 4]),
    classes=st.sampled_from([1, 3]),
)
@settings(max_examples=EXAMPLES)
def test_truncation_keeps_the_largest_components(
    space: Space, seed: int, shared: bool, ties: bool, k: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    host = [f.astype(np.float32) for f in draw_factors(rng, classes, 5, 4, 3, 3, shared)]
    if ties:
        host[1] = np.sign(host[1])
    data = SlimmableDataset.from_factors(*(space.array(f) for f in host))
    small = data.truncate(k)
    small.with_factors(*small.factors)  # passes every check, though truncation skips them
    assert small.components == (k,) * classes
    assert small.samples == data.samples
    x, y = small.arrays()
    for i in range(classes):
        u, s = (f[min(i, len(f) - 1)].astype(np.float64) for f in host[:2])
        for out, v in ((x, host[2]), (y, host[3])):
            want, kept = expected_cut(u, s, v[i].astype(np.float64), k)
            np.testing.assert_allclose(space.host(out)[5 * i : 5 * i + 5], want, atol=1e-5)
        assert space.host(small.s)[min(i, len(host[1]) - 1)].tolist() == [s[j] for j in kept]
    assert small.u.shape[0] == (1 if shared else classes)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("order", ["descending", "mixed", "equal"])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_truncation_copies_only_what_stays_and_where_it_lies(
    space: Space, monkeypatch: pytest.MonkeyPatch, shared: bool, order: str, k: int
) -> None:
    u, s, vx, vy = draw_factors(np.random.default_rng(20), 3, 5, 4, 7, 3, shared)
    s = {
        "descending": -np.sort(-np.abs(s)) * [1, -1, 1, -1],
        "mixed": s,
        "equal": np.sign(s) * [1, 2, 1, 2],
    }[order]
    host = [factor.astype(np.float32) for factor in (u, s, vx, vy)]
    data = SlimmableDataset.from_factors(*(space.array(factor) for factor in host))
    to_host: list[tuple[int, ...]] = []
    for module in (truncation, held, dataset):

        def recorded(x: Any, *arguments: Any, plain: Any = module.to_numpy) -> Any:
            to_host.append(tuple(x.shape))
            return plain(x, *arguments)

        monkeypatch.setattr(module, "to_numpy", recorded)
    small = data.truncate(k)
    assert to_host == [s.shape]
    for i in range(3):
        mine = [min(i, len(factor) - 1) for factor in host]
        weights = host[1][mine[1]]
        kept = sorted(range(4), key=lambda j: (-abs(weights[j]), j))[:k]
        wants = [host[0][mine[0]][:, kept], weights[kept], host[2][i][kept], host[3][i][kept]]
        for part, j, want in zip(small.factors, mine, wants, strict=True):
            assert space.owns(part)
            assert space.dtype(part) == "float32"
            assert (space.host(part)[j] == want).all()
    for part, source in zip(small.factors, data.factors, strict=True):
        if space.name == "numpy":
            assert not np.shares_memory(part, source)
            assert part.flags.c_contiguous
            assert not part.flags.writeable
        elif space.name != "jax":
            part[...] = 9.0
    for mine, want in zip(data.factors, host, strict=True):
        assert (space.host(mine) == want).all()


def test_of_many_equal_components_the_first_stay() -> None:
    s = np.tile([1.0, -2.0, 2.0, -1.0], 16)[None]  # more than sorting by insertion takes
    numbers = np.arange(64.0)[None, :, None]
    small = SlimmableDataset.from_factors(np.eye(64)[None], s, numbers, numbers).truncate(40)
    kept = [*np.flatnonzero(np.abs(s[0]) == 2.0), *np.flatnonzero(np.abs(s[0]) == 1.0)[:8]]
    assert small.vx[0, :, 0].tolist() == kept


def test_shared_u_with_weights_of_its_own_for_each_class_is_split_where_it_must() -> None:
    rng = np.random.default_rng(5)
    u, _, vx, vy = draw_factors(rng, 2, 4, 3, 5, 2, shared=True)
    apart = SlimmableDataset.from_factors(u, np.asarray([[3.0, 2, 1], [1, 2, 3]]), vx, vy)
    assert apart.truncate(1).u.shape == (2, 4, 1)
    assert (apart.truncate(1).u[:, :, 0] == u[0].T[[0, 2]]).all()
    alike = SlimmableDataset.from_factors(u, np.asarray([[3.0, 2, 1], [9, 8, 7]]), vx, vy)
    assert alike.truncate(2).u.shape == (1, 4, 2)


def test_ragged_classes_keep_what_they_hold_and_warn(space: Space) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(9, 8)).astype(np.float32)
    members = np.asarray([0] * 5 + [1] * 3 + [2], dtype=np.int32)
    data = SlimmableDataset.from_arrays(space.array(x), space.array(members))
    assert data.components == data.samples == (5, 3, 1)
    with pytest.warns(SlimdcWarning, match="1 of 3 classes hold fewer than 2"):
        small = data.truncate(2)
    assert small.components == (2, 2, 1)
    back, _ = small.arrays()
    np.testing.assert_allclose(space.host(back)[8], x[8], atol=1e-5)
    x, y = x[:5].astype(np.float64), one_hot_by_loops(members.tolist(), 3)[:5]
    weight = np.linalg.norm(x) / np.linalg.norm(y)
    u, s, v = np.linalg.svd(np.concatenate([x, weight * y], axis=1), full_matrices=False)
    np.testing.assert_allclose(space.host(back)[:5], (u[:, :2] * s[:2] @ v[:2])[:, :8], atol=1e-5)
    with pytest.warns(SlimdcWarning, match="2 of 3 classes"):
        assert data.truncate(5).components == data.components


def test_truncation_does_not_keep_its_parent_alive() -> None:
    data = SlimmableDataset.from_arrays(np.random.default_rng(7).normal(size=(6, 50)), [0, 1] * 3)
    small = data.truncate(1)
    for mine in small.factors:
        base = mine if mine.base is None else mine.base
        assert base.nbytes == mine.nbytes
    parent = weakref.ref(data)
    del data
    gc.collect()
    assert parent() is None
