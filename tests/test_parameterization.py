"""The slimmable set: Eq. 8, what it holds and gives, and that nobody can change it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from conftest import Space, library
from factor_sets import EPS, by_loops, draw_factors, one_hot_by_loops

from slimdc.parameterization import SlimmableDataset, reconstruct
from slimdc.parameterization.labels import centred_one_hot
from slimdc.parameterization.preprocessing import Preprocessing


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
    standard = Preprocessing(0.5, 0.25)
    data = SlimmableDataset.from_arrays(space.array(pixels), labels, preprocessing=standard)
    back, _ = data.arrays()
    assert space.dtype(back) == "float32"
    np.testing.assert_allclose(space.host(back), [[-2, -1.2], [2, -0.4]], atol=1e-6)
    plain = SlimmableDataset.from_arrays(space.array(pixels), labels)
    np.testing.assert_allclose(space.host(plain.arrays()[0]), [[0, 0.2], [1, 0.4]], atol=1e-6)
    counts = SlimmableDataset.from_arrays(
        space.array(pixels, "int32"), labels, preprocessing=standard
    )
    np.testing.assert_allclose(space.host(counts.arrays()[0]), pixels, rtol=1e-6)


def test_preprocessing_applies_and_inverts(space: Space) -> None:
    rng = np.random.default_rng(10)
    standard = Preprocessing([0.1, 0.2, 0.3], [0.5, 1.0, 2.0])
    raw = rng.integers(0, 256, size=(2, 4, 5, 3)).astype(np.uint8)
    for layout, moved in (("channels_last", raw), ("channels_first", np.moveaxis(raw, 3, 1))):
        x = standard.apply(space.array(moved), layout)
        assert space.owns(x)
        assert space.dtype(x) == "float32"
        for channel in range(3):
            mine = space.host(x)[..., channel]
            if layout == "channels_first":
                mine = space.host(x)[:, channel]
            want = (raw[..., channel] / 255 - standard.mean[channel]) / standard.std[channel]
            np.testing.assert_allclose(mine, want, atol=1e-6)
        back = standard.invert(x, layout)
        np.testing.assert_allclose(space.host(back), moved / 255, atol=1e-6)
    assert Preprocessing.from_dict(standard.to_dict()) == standard
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


def test_taking_in_leaves_the_callers_arrays_alone(space: Space) -> None:
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


def test_with_factors_keeps_everything_else() -> None:
    x = np.random.default_rng(13).normal(size=(5, 2, 3, 1)).astype(np.float16)
    standard = Preprocessing(0.25, 0.5)
    data = SlimmableDataset.from_arrays(x, [0, 1, 0, 1, 0], preprocessing=standard)
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
