"""The parameterization of Eq. 8 against numpy.linalg and plain loops, in every namespace."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from conftest import Space, library, make_space
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError, SlimdcWarning
from slimdc.parameterization import SlimmableDataset, reconstruct
from slimdc.parameterization import dataset as parameterization
from slimdc.parameterization import decomposition as intake
from slimdc.parameterization import truncation as selection
from slimdc.parameterization.labels import centred_one_hot
from slimdc.parameterization.preprocessing import Preprocessing

EXAMPLES = min(200, settings.default.max_examples)
EPS = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "float64": 2**-52}


def orthonormal(rng: np.random.Generator, n: int, b: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(n, b)))[0]


def draw_factors(
    rng: np.random.Generator, classes: int, n: int, b: int, d: int, c: int, shared: bool = False
) -> list[np.ndarray]:
    blocks = 1 if shared else classes
    return [
        np.stack([orthonormal(rng, n, b) for _ in range(blocks)]),
        rng.normal(size=(blocks, b)),
        rng.normal(size=(classes, b, d)),
        rng.normal(size=(classes, b, c)),
    ]


def by_loops(u: Any, s: Any, v: Any, i: int) -> np.ndarray:
    """Eq. 8 entry by entry, for class block i."""
    u, s, v = u[min(i, len(u) - 1)], s[min(i, len(s) - 1)], v[i]
    out = np.zeros((u.shape[0], v.shape[1]))
    for row in range(u.shape[0]):
        for k in range(u.shape[1]):
            out[row] += u[row, k] * s[k] * v[k]
    return out


def one_hot_by_loops(labels: list[int], classes: int) -> np.ndarray:
    return np.asarray(
        [
            [((label == c) - 1 / classes) / (classes / 10) ** 0.5 for c in range(classes)]
            for label in labels
        ]
    )


@pytest.mark.parametrize("shared", [False, True])
def test_reconstruct_is_equation_8(space: Space, shared: bool) -> None:
    host = draw_factors(np.random.default_rng(0), 3, 4, 2, 5, 3, shared)
    host = [f.astype(np.float32) for f in host]
    x, y = reconstruct(*(space.array(f) for f in host))
    assert space.owns(x)
    assert space.owns(y)
    for i in range(3):
        np.testing.assert_allclose(space.host(x)[i], by_loops(*host[:3], i), atol=1e-5)
        np.testing.assert_allclose(space.host(y)[i], by_loops(*host[:2], host[3], i), atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_factors_come_back_to_the_bit(space: Space, shared: bool) -> None:
    for dtype in {"float32", "float64"} & set(space.dtypes):
        host = draw_factors(np.random.default_rng(1), 3, 4, 2, 6, 3, shared)
        host = [f.astype(dtype) for f in host]
        given = [space.array(f) for f in host]
        data = SlimmableDataset.from_factors(*given, shape=(2, 3, 1))
        for mine, public, f in zip(
            data.factors, (data.u, data.s, data.vx, data.vy), host, strict=True
        ):
            assert space.owns(mine)
            assert space.dtype(mine) == dtype
            assert (space.host(mine) == f).all()
            assert (space.host(public) == f).all()
        x, y = data.arrays()
        assert x.shape == (12, 2, 3, 1)
        assert space.dtype(x) == space.dtype(y) == dtype
        expected = np.concatenate([by_loops(*host[:3], i) for i in range(3)])
        np.testing.assert_allclose(
            space.host(x).reshape(12, 6), expected, atol=64 * EPS[dtype] * np.abs(expected).max()
        )


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
        data.with_factors(*data.factors)  # passes every check, though intake skips them
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
    joint = np.concatenate([x, one_hot_by_loops(y.tolist(), 2)], axis=1)
    for i in range(2):
        expected = np.linalg.svd(joint[3 * i : 3 * i + 3], compute_uv=False)
        np.testing.assert_allclose(data.s[i], expected, rtol=1e-12)
        v = np.concatenate([data.vx[i], data.vy[i]], axis=1)
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
    data = SlimmableDataset.from_arrays(x, np.ones((5, 1)))
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
    joint *= scale
    data = SlimmableDataset.from_arrays(joint[:, :d], joint[:, d:])
    u, s, vx, vy = (factor[0] for factor in data.factors)
    v = np.concatenate([vx, vy], axis=1)
    width = min(n, d + 1)
    want = np.linalg.svd(joint, compute_uv=False)
    assert u.shape == (n, width)
    np.testing.assert_allclose(s, want, rtol=0, atol=1e-14 * want[0])
    np.testing.assert_allclose((u * s) @ v, joint, rtol=0, atol=1e-14 * want[0])
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

    monkeypatch.setattr(intake, "WORTH_THREADS", 0)
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
    with pytest.raises(InvalidValueError, match="s: found NaN or infinite values"):
        SlimmableDataset.from_arrays(x, [[1e200, 0.0], [0.0, 1e200]])


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
    for module in (selection, parameterization):

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
        for held, j, want in zip(small.factors, mine, wants, strict=True):
            assert space.owns(held)
            assert space.dtype(held) == "float32"
            assert (space.host(held)[j] == want).all()
    for held, source in zip(small.factors, data.factors, strict=True):
        if space.name == "numpy":
            assert not np.shares_memory(held, source)
            assert held.flags.c_contiguous
            assert not held.flags.writeable
        elif space.name != "jax":
            held[...] = 9.0
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
    joint = np.concatenate([x, one_hot_by_loops(members.tolist(), 3)], axis=1)[:5]
    u, s, v = np.linalg.svd(joint, full_matrices=False)
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


def test_nbytes_counts_what_is_held() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(9, 8)).astype(np.float32)
    data = SlimmableDataset.from_arrays(x, [0] * 5 + [1] * 3 + [2])
    expected = sum(4 * (k * (8 + 3 + 1) + n * k) for n, k in ((5, 5), (3, 3), (1, 1)))
    assert data.nbytes == expected
    shared = SlimmableDataset.from_factors(*draw_factors(rng, 3, 4, 2, 5, 3, shared=True))
    assert shared.nbytes == 8 * (4 * 2 + 2 + 3 * 2 * 5 + 3 * 2 * 3)
    assert shared.nbytes == sum(f.nbytes for f in shared.factors)


@pytest.mark.parametrize(
    ("given_shape", "layout", "shape", "found"),
    [
        ((6,), None, (6,), "flat"),
        ((4, 5), None, (4, 5, 1), "channels_last"),
        ((4, 5), "channels_first", (1, 4, 5), "channels_first"),
        ((4, 5), "flat", (20,), "flat"),
        ((4, 5, 3), None, (4, 5, 3), "channels_last"),
        ((3, 4, 5), None, (3, 4, 5), "channels_first"),
        ((1, 4, 5), None, (1, 4, 5), "channels_first"),
        ((3, 4, 3), None, (3, 4, 3), "channels_last"),
        ((3, 4, 1), None, (3, 4, 1), "channels_last"),
        ((3, 4, 3), "channels_first", (3, 4, 3), "channels_first"),
        ((7, 4, 5), None, (7, 4, 5), "channels_last"),
    ],
)
def test_layouts(
    given_shape: tuple[int, ...], layout: str | None, shape: tuple[int, ...], found: str
) -> None:
    x = np.random.default_rng(9).normal(size=(4, *given_shape))
    data = SlimmableDataset.from_arrays(x, [0, 0, 1, 1], layout=layout)
    assert (data.shape, data.layout) == (shape, found)
    back, _ = data.arrays()
    assert back.shape == (4, *shape)
    np.testing.assert_allclose(back.reshape(x.shape), x, atol=1e-13)


def test_uint8_is_pixels_and_other_integers_are_numbers(space: Space) -> None:
    pixels = np.asarray([[0, 51], [255, 102]], dtype=np.uint8)
    labels = space.array(np.asarray([0, 1], dtype=np.int32))
    habit = Preprocessing(0.5, 0.25)
    data = SlimmableDataset.from_arrays(space.array(pixels), labels, preprocessing=habit)
    back, _ = data.arrays()
    assert space.dtype(back) == "float32"
    np.testing.assert_allclose(space.host(back), [[-2, -1.2], [2, -0.4]], atol=1e-6)
    plain = SlimmableDataset.from_arrays(space.array(pixels), labels)
    np.testing.assert_allclose(space.host(plain.arrays()[0]), [[0, 0.2], [1, 0.4]], atol=1e-6)
    counts = SlimmableDataset.from_arrays(space.array(pixels, "int32"), labels, preprocessing=habit)
    np.testing.assert_allclose(space.host(counts.arrays()[0]), pixels, rtol=1e-6)


def test_preprocessing_applies_and_inverts(space: Space) -> None:
    rng = np.random.default_rng(10)
    habit = Preprocessing([0.1, 0.2, 0.3], [0.5, 1.0, 2.0])
    raw = rng.integers(0, 256, size=(2, 4, 5, 3)).astype(np.uint8)
    for layout, moved in (("channels_last", raw), ("channels_first", np.moveaxis(raw, 3, 1))):
        x = habit.apply(space.array(moved), layout)
        assert space.owns(x)
        assert space.dtype(x) == "float32"
        for channel in range(3):
            mine = space.host(x)[..., channel]
            if layout == "channels_first":
                mine = space.host(x)[:, channel]
            want = (raw[..., channel] / 255 - habit.mean[channel]) / habit.std[channel]
            np.testing.assert_allclose(mine, want, atol=1e-6)
        back = habit.invert(x, layout)
        np.testing.assert_allclose(space.host(back), moved / 255, atol=1e-6)
    assert Preprocessing.from_dict(habit.to_dict()) == habit
    taken = Preprocessing().apply(space.array(np.asarray([[7.0, 9.0]], dtype=np.float32)), "flat")
    assert space.host(taken).tolist() == [[7.0, 9.0]]


def test_centred_one_hot_is_frepos_scale() -> None:
    for classes in (1, 2, 10, 100):
        labels = [0, classes - 1]
        rows = centred_one_hot(np.asarray(labels), classes)
        np.testing.assert_allclose(rows, one_hot_by_loops(labels, classes), rtol=1e-15)
        assert rows.dtype == np.float64


def test_a_set_cannot_be_changed_from_outside(space: Space) -> None:
    host = [f.astype(np.float32) for f in draw_factors(np.random.default_rng(11), 2, 4, 2, 5, 2)]
    given = [space.array(f) for f in host]
    data = SlimmableDataset.from_factors(*given)
    for theirs in (
        *given,
        data.u,
        data.s,
        data.vx,
        data.vy,
        *data.arrays(),
        *data.truncate(1).factors,
    ):
        if isinstance(theirs, np.ndarray) and not theirs.flags.writeable:
            with pytest.raises(ValueError, match="read-only"):
                theirs[...] = 9.0
        elif space.name != "jax":
            theirs[...] = 9.0
    for mine, f in zip(data.factors, host, strict=True):
        assert (space.host(mine) == f).all()
    if space.name == "numpy":
        assert not any(f.flags.writeable for f in (*data.factors, data.u, data.s))
    for name in ("u", "samples", "shape", "anything"):
        with pytest.raises(AttributeError):
            setattr(data, name, 1)


def test_intake_leaves_the_callers_arrays_alone(space: Space) -> None:
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(4, 3)).astype(np.float32), rng.uniform(size=(4, 2)).astype(np.float32)
    y[:, 0] += [2, 2, 0, 0]
    y[:, 1] += [0, 0, 2, 2]
    given_x, given_y = space.array(x), space.array(y)
    data = SlimmableDataset.from_arrays(given_x, given_y)
    data.truncate(1).arrays()
    assert (space.host(given_x) == x).all()
    assert (space.host(given_y) == y).all()
    before = space.host(data.arrays()[0])
    if space.name != "jax":
        given_x[...] = 0.0
    assert (space.host(data.arrays()[0]) == before).all()


def test_torch_leaves_are_detached() -> None:
    torch = library("torch")
    x = torch.randn(4, 3, requires_grad=True)
    data = SlimmableDataset.from_arrays(x, torch.tensor([0, 1, 0, 1]))
    assert not data.u.requires_grad
    assert not data.arrays()[0].requires_grad
    assert x.requires_grad


def test_results_stay_on_the_callers_device() -> None:
    strict = library("array_api_strict")
    device = strict.Device("device1")
    x = strict.asarray(np.eye(4, dtype=np.float32), device=device)
    y = strict.asarray(np.asarray([0, 1, 0, 1]), device=device)
    data = SlimmableDataset.from_arrays(x, y)
    rising = strict.asarray(np.asarray([[1, 2], [2, 1]], dtype=np.float32), device=device)
    mixed = data.with_factors(data.u, rising, data.vx, data.vy)
    sets = (data, data.truncate(1), mixed.truncate(1))
    arrays = (*(f for some in sets for f in some.factors), *data.arrays())
    assert all(array.device == device for array in arrays)


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


def test_with_factors_keeps_everything_else() -> None:
    x = np.random.default_rng(13).normal(size=(5, 2, 3, 1)).astype(np.float16)
    habit = Preprocessing(0.25, 0.5)
    data = SlimmableDataset.from_arrays(x, [0, 1, 0, 1, 0], preprocessing=habit)
    u, s, vx, vy = data.factors
    other = data.with_factors(u, -s, 2 * vx, vy)
    for name in ("shape", "layout", "labels", "samples", "components", "preprocessing", "dtype"):
        assert getattr(other, name) == getattr(data, name)
    np.testing.assert_allclose(other.arrays()[0], -2 * data.arrays()[0], rtol=2e-3)


def test_sets_can_be_copied_and_pickled_by_others() -> None:
    data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    for twin in (copy.deepcopy(data), copy.copy(data), pickle.loads(pickle.dumps(data))):
        assert (twin.arrays()[0] == data.arrays()[0]).all()
        assert repr(twin) == repr(data)


@pytest.mark.parametrize(("n", "d", "classes"), [(400, 300, 2), (120, 1000, 12)])
def test_a_set_gives_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, n: int, d: int, classes: int
) -> None:
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr(intake, "WORTH_THREADS", 0)
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(n, d)), np.arange(n) % classes
    outcomes = []
    for threads in (1, 2, 5):
        with threadpool_limits(limits=threads, user_api="blas"):
            data = SlimmableDataset.from_arrays(x, y)
            outcomes.append((*data.factors, *data.arrays()))
    for one, *others in zip(*outcomes, strict=True):
        assert all((one == other).all() for other in others)


def broken(name: str, values: Any) -> dict[str, Any]:
    u, s, vx, vy = draw_factors(np.random.default_rng(15), 2, 4, 3, 5, 2)
    return {"u": u, "s": s, "vx": vx, "vy": vy, name: values}


def with_entry(name: str, value: float) -> np.ndarray:
    factor = broken("u", None) if name != "u" else broken("s", None)
    out = factor[name].copy()
    out.flat[1] = value
    return out


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("u", np.ones((2, 4, 3)), "orthonormal"),
        ("u", np.ones((2, 4, 2)), r"u: found shape \(2, 4, 2\)"),
        ("u", np.ones((3, 4, 3)), "C = 2 and b = 3"),
        ("u", np.ones((2, 2, 3)), "2 rows for 3 components"),
        ("u", np.ones((4, 3)), r"expected shape \(C or 1, n, b\)"),
        ("s", np.ones((2, 4)), r"s: found shape \(2, 4\)"),
        ("s", np.ones(3), r"s: found shape \(3,\)"),
        ("vx", np.ones((2, 3, 0)), r"vx: found shape \(2, 3, 0\)"),
        ("vx", np.ones((1, 3, 5)), "C = 1"),
        ("vy", np.ones((1, 3, 2)), r"vy: found shape \(1, 3, 2\)"),
        ("u", with_entry("u", np.nan), "u: found NaN or infinite"),
        ("s", with_entry("s", np.inf), "s: found NaN or infinite"),
        ("vx", with_entry("vx", -np.inf), "vx: found NaN or infinite"),
        ("vy", with_entry("vy", np.nan), "vy: found NaN or infinite"),
        ("vy", np.ones((2, 3, 1)), "labels: found"),
    ],
)
def test_factors_of_wrong_values_are_refused(name: str, values: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        SlimmableDataset.from_factors(**broken(name, values))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("u", np.ones((2, 4, 3), dtype=np.int64), "u: found dtype int64"),
        ("vx", np.ones((2, 3, 5), dtype=np.float16), "vx: found dtype float16"),
        ("vx", np.ones((2, 3, 5), dtype=np.float32), "vx: found dtype float32, expected that of u"),
        ("s", np.ones((2, 3), dtype=object), "s: found an array of dtype object"),
        ("s", np.ones((2, 3), dtype=complex), "s: found dtype complex128"),
    ],
)
def test_factors_of_wrong_types_are_refused(name: str, values: Any, message: str) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        SlimmableDataset.from_factors(**broken(name, values))


def test_a_slightly_skewed_u_is_refused_and_rounding_is_not(space: Space) -> None:
    rng = np.random.default_rng(16)
    host = [f.astype(np.float32) for f in draw_factors(rng, 2, 50, 10, 5, 2)]
    SlimmableDataset.from_factors(*(space.array(f) for f in host))
    host[0][1, :, 3] *= 1.001
    with pytest.raises(InvalidValueError, match="orthonormal columns"):
        SlimmableDataset.from_factors(*(space.array(f) for f in host))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"labels": (0, 0)}, "distinct"),
        ({"labels": (0, 2)}, "from 0 to 1"),
        ({"labels": (0,)}, "labels: found"),
        ({"samples": (4, 5)}, "samples: found"),
        ({"samples": (3, 3)}, "a largest entry of 4"),
        ({"samples": (4, 3)}, "values beyond the 3 samples"),
        ({"components": (3, 2)}, "values beyond the 4 samples and 2 components"),
        ({"components": (0, 3)}, "components: found"),
        ({"samples": (4, 2)}, "at most as many components as samples"),
        ({"shape": (2, 3)}, r"shape: found \(2, 3, 1\)"),
        ({"shape": (5, 1), "layout": "flat"}, "layout: found 'flat'"),
        ({"shape": (5,), "layout": "channels_last"}, "layout: found"),
        ({"shape": (1, 1, 1, 5)}, "1 to 3 axes"),
        ({"shape": (0, 5)}, "none of them empty"),
        ({"layout": "nchw"}, "layout: found 'nchw'"),
        ({"dtype": "int8"}, "dtype: found"),
        ({"preprocessing": Preprocessing((0, 0), (1, 1))}, "preprocessing: found 2 channels"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(keywords: dict[str, Any], message: str) -> None:
    factors = draw_factors(np.random.default_rng(17), 2, 4, 3, 5, 2)
    with pytest.raises(InvalidValueError, match=message):
        SlimmableDataset.from_factors(*factors, **keywords)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"labels": (0, True)}, "labels: found"),
        ({"samples": 4}, "samples: found 4, expected a sequence of int"),
        ({"shape": 5}, "shape: found 5"),
        ({"shape": (2.5, 2)}, "shape: found"),
        ({"preprocessing": (0.5, 0.5)}, "preprocessing: found tuple"),
    ],
)
def test_metadata_of_wrong_types_is_refused(keywords: dict[str, Any], message: str) -> None:
    factors = draw_factors(np.random.default_rng(18), 2, 4, 3, 5, 2)
    with pytest.raises(InvalidTypeError, match=message):
        SlimmableDataset.from_factors(*factors, **keywords)


def test_shared_factors_of_unequal_classes_are_refused() -> None:
    u, s, vx, vy = draw_factors(np.random.default_rng(19), 2, 4, 3, 5, 2, shared=True)
    with pytest.raises(InvalidValueError, match="u: found one block for classes of unequal size"):
        SlimmableDataset.from_factors(u, s, vx, vy, samples=(4, 3))
