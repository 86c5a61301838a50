"""Sets of few bits against a slow reading of their bytes, and whatever callers do with them."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import plain_decoder
import pytest
from conftest import Space
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdc import Preprocessing, SlimmableDataset
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization import Codes, Rounder
from slimdc.parameterization.quantization.codes import band_of
from slimdc.parameterization.quantization.quantize import are_rows
from slimdc.parameterization.quantization.transform import (
    SampleTransform,
    cosine_matrix,
    label_rotation,
    turned,
)

EXAMPLES = min(200, settings.default.max_examples)
SHAPES = {
    "flat": ((12,), "flat"),
    "grey": ((6, 6, 1), "channels_last"),
    "wide": ((4, 7, 3), "channels_last"),
    "channels first": ((3, 5, 4), "channels_first"),
}


def known(shape: tuple[int, ...], layout: str) -> Description:
    return Description(shape, layout, Preprocessing(), "float64", (0,), (1,), (1,))


def made(
    kind: str = "grey",
    samples: tuple[int, ...] = (4, 4),
    *,
    seed: int = 0,
    dtype: str = "float64",
    smooth: float = 1.0,
) -> SlimmableDataset:
    """A set of images whose energy falls with frequency, in a drawn order of classes."""
    shape, layout = SHAPES[kind]
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(samples)), samples))
    size = int(np.prod(shape))
    falling = 1.0 / (1.0 + smooth * np.arange(size))
    x = (rng.normal(size=(y.size, size)) * falling) @ np.linalg.qr(rng.normal(size=(size,) * 2))[0]
    if layout != "flat":
        x = SampleTransform(known(shape, layout)).inverse(rng.normal(size=(y.size, size)) * falling)
    return SlimmableDataset.from_arrays(
        x.reshape(-1, *shape).astype(dtype), y, layout=layout, classes=max(2, len(samples))
    )


def as_rows(data: SlimmableDataset) -> SlimmableDataset:
    """The same samples, each a component of its own: U = I."""
    x, y = data.arrays()
    parts = np.split(np.arange(len(data)), np.cumsum(data.samples)[:-1])
    n, d, c = max(data.samples), data.description.size, data.label_entries
    u, s = np.zeros((len(parts), n, n)), np.zeros((len(parts), n))
    vx, vy = np.zeros((len(parts), n, d)), np.zeros((len(parts), n, c))
    for i, rows in enumerate(parts):
        held = len(rows)
        u[i, :held, :held], s[i, :held] = np.eye(held), 1.0
        vx[i, :held], vy[i, :held] = x.reshape(-1, d)[rows], y[rows]
    return SlimmableDataset(
        Factors(u, s, vx, vy), replace(data.description, components=data.samples)
    )


def host(array: Any) -> np.ndarray:
    return np.asarray(array, dtype=np.float64)


def distance(a: SlimmableDataset, b: SlimmableDataset) -> float:
    x, y = host(a.arrays()[0]), host(b.arrays()[0])
    return float(np.linalg.norm(x - y) / (np.linalg.norm(y) or 1.0))


# Transforms


@pytest.mark.parametrize("kind", SHAPES)
def test_the_transform_is_a_sum_of_cosines(space: Space, kind: str) -> None:
    shape, layout = SHAPES[kind]
    transform = SampleTransform(known(shape, layout))
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=(2, 3, int(np.prod(shape))))
    expected = [plain_decoder.sample_of(row, shape, layout) for row in coefficients.reshape(6, -1)]
    dtype = space.dtypes[-1]
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    found = transform.inverse(space.array(coefficients, dtype))
    assert space.owns(found)
    assert space.dtype(found) == dtype
    assert space.host(found).shape == coefficients.shape
    np.testing.assert_allclose(space.host(found).reshape(6, -1), expected, atol=tolerance)
    back = transform.forward(space.array(np.reshape(expected, coefficients.shape), dtype))
    np.testing.assert_allclose(space.host(back), coefficients, atol=tolerance)


@pytest.mark.parametrize("n", [1, 2, 5, 28])
def test_cosines_are_orthonormal(n: int) -> None:
    np.testing.assert_allclose(cosine_matrix(n), plain_decoder.cosines(n), atol=1e-13)
    np.testing.assert_allclose(cosine_matrix(n) @ cosine_matrix(n).T, np.eye(n), atol=1e-13)


def test_flat_vectors_stay_as_they_are() -> None:
    rows = np.random.default_rng(0).normal(size=(2, 12))
    transform = SampleTransform(known(*SHAPES["flat"]))
    assert (transform.forward(rows) == rows).all()
    assert (transform.inverse(rows) == rows).all()
    assert not transform.bands.any()


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("rows", [True, False])
def test_bands_are_labels_coefficients_and_octaves(kind: str, rows: bool) -> None:
    data = made(kind, (4, 2))
    shape, layout = SHAPES[kind]
    octaves = plain_decoder.bands(shape, layout)
    expected = [0, 1, *(b + 2 for b in octaves)]
    if not rows:
        expected = [0, 1, 2, 2, 2, 2, *(b + 3 for b in octaves)]
    assert band_of(data.description, 2, rows=rows).tolist() == expected


@pytest.mark.parametrize("entries", [1, 2, 3, 10])
def test_label_rotations(entries: int) -> None:
    for label in range(entries):
        turn = label_rotation(entries, label)
        np.testing.assert_allclose(turn, turn.T, atol=1e-15)
        np.testing.assert_allclose(turn @ turn, np.eye(entries), atol=1e-14)
        row = (np.arange(entries) == label) - 1.0 / entries
        expected = np.zeros(entries)
        expected[0] = np.linalg.norm(row)
        np.testing.assert_allclose(turn @ row, expected, atol=1e-15)
        rows = np.random.default_rng(0).normal(size=(1, 4, entries))
        np.testing.assert_allclose(turned(rows, (label,))[0], rows[0] @ turn, atol=1e-14)
    if entries == 1:
        assert label_rotation(1, 0).tolist() == [[1.0]]


def test_a_thousand_classes_take_no_rotations() -> None:
    """(1,000, 1,000, 1,000) numbers would be 8 GB."""
    rows = turned(np.ones((1000, 1, 1000)), tuple(range(1000)))
    assert rows.shape == (1000, 1, 1000)


@pytest.mark.parametrize("kind", SHAPES)
def test_weights_are_roots_of_frequencies(kind: str) -> None:
    known = made(kind, (2, 2)).description
    expected = plain_decoder.weights(known.shape, known.layout)
    np.testing.assert_allclose(SampleTransform(known).weights, expected, rtol=1e-15)


# Bytes


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("samples", [(4, 4), (1, 3, 5), (1,), (9,) + (1,) * 9])
def test_a_slow_reading_gives_the_same_set(kind: str, rows: bool, samples: tuple[int, ...]) -> None:
    data = made(kind, samples)
    data = as_rows(data) if rows else data
    few = data.quantize(6.5)
    assert few.codes is not None
    assert few.codes.rows == are_rows(data.host_factors(), data.description)
    assert rows <= few.codes.rows
    x, y = plain_decoder.decoded(few.codes, few.description, few.label_entries, 99)
    np.testing.assert_allclose(host(few.arrays()[0]).reshape(x.shape), x, atol=1e-12)
    np.testing.assert_allclose(host(few.arrays()[1]), y, atol=1e-12)
    assert few.nbytes == sum(len(blob) for blob in few.codes.components)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.filterwarnings("ignore::slimdc.errors.SlimdcWarning")
def test_truncation_takes_the_first_components_bytes(rows: bool) -> None:
    data = made("wide", (3, 5, 6))
    data = as_rows(data) if rows else data
    few = data.quantize(4)
    assert few.codes is not None
    for k in range(1, 7):
        small = few.truncate(k)
        assert small.codes is not None
        assert small.codes.components == few.codes.components[:k]
        assert small.nbytes == sum(map(len, few.codes.components[:k]))
        assert small.components == tuple(min(k, n) for n in data.components)
        assert small.samples == (small.components if rows else data.samples)
        x, y = plain_decoder.decoded(few.codes, few.description, 3, k)
        np.testing.assert_allclose(host(small.arrays()[0]).reshape(x.shape), x, atol=1e-12)
        np.testing.assert_allclose(host(small.arrays()[1]), y, atol=1e-12)
    with pytest.raises(InvalidValueError, match="k: found 7"):
        few.truncate(7)


@pytest.mark.filterwarnings("ignore::slimdc.errors.SlimdcWarning")
def test_rows_that_are_left_keep_their_order() -> None:
    data = as_rows(made("grey", (2, 4, 3), seed=5))
    assert data.order.tolist() != sorted(data.order.tolist())
    few = data.quantize(8)
    small = few.truncate(2)
    # By hand: which of the given places are left, in the order in which they were given.
    first = np.concatenate([[0], np.cumsum(data.samples)[:-1]])
    left = [int(at) for i in first for at in data.order[i : i + 2]]
    x_given = host(few.arrays("given")[0])
    expected = x_given[sorted(left)]
    np.testing.assert_allclose(host(small.arrays("given")[0]), expected, atol=1e-12)
    assert sorted(small.order.tolist()) == list(range(6))
    assert small.members.tolist() == [0, 0, 1, 1, 2, 2]
    assert few.truncate(4).description == few.description


@settings(max_examples=EXAMPLES // 4)
@given(
    st.sampled_from(list(SHAPES)),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.floats(1.0, 16.0),
    st.integers(0, 99),
    st.booleans(),
)
def test_bytes_stay_within_the_bits(
    kind: str, samples: list[int], bits: float, seed: int, rows: bool
) -> None:
    data = made(kind, tuple(samples), seed=seed, smooth=0.1 * seed)
    data = as_rows(data) if rows else data
    rounder = Rounder(
        data.host_factors(), data.description, rows=are_rows(data.host_factors(), data.description)
    )
    budget = int(bits * data.numbers / 8)
    if budget < rounder.least:
        with pytest.raises(InvalidValueError, match=rf"bits.*at least .*, {rounder.least} bytes"):
            data.quantize(bits)
        return
    few = data.quantize(bits)
    assert few.nbytes <= budget
    # All is used, unless the step is the finest there is: 2^-10 of the mean, or the one with which
    # the largest number is as large as numbers can be.
    finest = 1.01 * 2.0**-10 * np.sqrt(np.mean(host(data.arrays()[0]) ** 2))
    assert few.codes is not None
    step = few.codes.step
    assert (
        few.nbytes >= 0.95 * budget - 12
        or step <= finest
        or rounder.bytes_at(0.98 * step) == np.inf
    )


@pytest.mark.slow
@settings(max_examples=max(3, EXAMPLES // 8))
@given(
    st.sampled_from(list(SHAPES)),
    st.lists(st.integers(1, 5), min_size=1, max_size=10),
    st.integers(0, 99),
    st.booleans(),
)
def test_the_least_bytes_are_enough_and_named(
    kind: str, samples: list[int], seed: int, rows: bool
) -> None:
    data = made(kind, tuple(samples), seed=seed)
    data = as_rows(data) if rows else data
    rounder = Rounder(data.host_factors(), data.description, rows=rows)
    for extra in (0, 1, 3):
        assert rounder.codes(rounder.least + extra).nbytes <= rounder.least + extra
    with pytest.raises(InvalidValueError, match=f"nbytes: .* at least {rounder.least} "):
        rounder.codes(rounder.least - 1)
    with pytest.raises(InvalidValueError, match="bits") as error:
        data.quantize(1e-9)
    if rows == are_rows(data.host_factors(), data.description):
        least = float(str(error.value).split("at least ")[1].split(",")[0])
        assert data.quantize(least).nbytes <= rounder.least


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_what_is_predicted_is_decoded(kind: str, rows: bool) -> None:
    data = made(kind, (3, 5))
    data = as_rows(data) if rows else data
    rounder = Rounder(data.host_factors(), data.description, rows=rows)
    step = rounder.step(6 * data.numbers / 8)
    codes = rounder.codes_at(step)
    assert codes.nbytes == pytest.approx(
        rounder.bytes_at(step), rel=0.01, abs=2 * max(data.samples)
    )
    back = SlimmableDataset.from_codes(codes, data.description, 2, dtype="float64")
    for predicted, found in zip(rounder.rounded(step), back.factors, strict=True):
        np.testing.assert_array_equal(predicted, found)


@pytest.mark.parametrize("kind", SHAPES)
def test_rounded_rows_are_near_and_coefficients_fit_them(kind: str) -> None:
    data = as_rows(made(kind, (4, 3)))
    few = data.quantize(6)
    assert few.codes is not None
    transform = SampleTransform(data.description)
    difference = transform.forward((host(few.arrays()[0]) - data.arrays()[0]).reshape(7, -1))
    steps = few.codes.step * transform.weights
    assert (np.abs(difference) / steps).max() <= 0.5 * (1 + 1e-9)
    labels = host(few.arrays()[1]) - data.arrays()[1]
    turned_labels = turned(
        np.stack([np.resize(labels[:4], (4, 2)), np.resize(labels[4:], (4, 2))]), (0, 1)
    )
    assert np.abs(turned_labels).max() <= 0.5 * few.codes.label_step * (1 + 1e-9)


def test_coefficients_and_labels_are_fitted_to_rounded_rows() -> None:
    """Each class by NumPy's least squares, from the numbers that are stored."""
    data = made("grey", (6, 5), smooth=0.2)
    rounder = Rounder(data.host_factors(), data.description, rows=False)
    x, y = data.arrays()
    step = 0.3 * float(np.sqrt(np.mean(x**2)))
    codes = rounder.codes_at(step)
    assert codes.step == step
    # An entry of a label is an eighth of the step of an entry of a sample, at equal sizes.
    size = np.sqrt(np.mean(y**2) / np.mean(x**2))
    assert codes.label_step == pytest.approx(step / 8 * size, rel=1e-6)
    numbers = plain_decoder.numbers_of(codes, data.description, 2)
    transform = SampleTransform(data.description)
    for i, at in enumerate((0, 6)):
        n = data.samples[i]
        mine = [np.asarray(rows[i], float) for rows in numbers if i < len(rows)][:n]
        rows = np.stack([row[8:] for row in mine])
        _, s, vx, _ = data.host_factors()
        cosines = transform.forward(s[i, :n, None] * vx[i, :n])
        assert (rows == np.rint(cosines / (step * transform.weights))).all()
        rows = rows * transform.weights
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        target = transform.forward(x[at : at + n].reshape(n, -1))
        wanted = np.linalg.lstsq(unit.T, target.T, rcond=None)[0].T / step
        left = np.stack([row[2 : 2 + n] for row in mine], axis=1)
        assert np.abs(left - wanted).max() < 0.5 + 1e-5
        given = left / np.linalg.norm(rows, axis=1)
        labels = np.linalg.lstsq(given, turned(y[None, at : at + n], (i,))[0], rcond=None)[0]
        found = np.stack([row[:2] for row in mine])
        assert np.abs(found - labels / codes.label_step).max() < 0.5 + 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("rows", [False, True])
def test_more_bits_are_nearer(kind: str, rows: bool) -> None:
    data = made(kind, (5, 6))
    data = as_rows(data) if rows else data
    errors = [distance(data.quantize(bits), data) for bits in (3.5, 5, 7, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05
    labels = [
        float(np.linalg.norm(data.quantize(b).arrays()[1] - data.arrays()[1])) for b in (5, 9)
    ]
    assert labels[1] < labels[0] < 0.3 * np.linalg.norm(data.arrays()[1])


@pytest.mark.parametrize("exponents", [(20, 0), (-20, 0), (0, 20), (-498, 0), (498, -498)])
def test_units_change_no_byte(exponents: tuple[int, int]) -> None:
    data = made("grey", (3, 4))
    u, s, vx, vy = data.host_factors()
    other = data.with_factors(u, s, np.ldexp(vx, exponents[0]), np.ldexp(vy, exponents[1]))
    few, same = data.quantize(4).codes, other.quantize(4).codes
    assert few is not None
    assert same is not None
    assert same.components == few.components
    assert same.step == np.ldexp(few.step, exponents[0])
    assert same.label_step == np.ldexp(few.label_step, exponents[1])


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-150, 1e-6, 1e6, 1e150, 1e200, 1e299])
def test_far_scales_are_kept(scale: float) -> None:
    data = made("grey", (3, 4))
    u, s, vx, vy = data.host_factors()
    few = data.with_factors(u, s, scale * vx, vy).quantize(5)
    found, expected = host(few.arrays()[0]) / scale, data.quantize(5).arrays()[0]
    np.testing.assert_allclose(found, expected, atol=0.2)
    assert np.linalg.norm(found - data.arrays()[0]) < 0.2 * np.linalg.norm(data.arrays()[0])


def test_beyond_all_scales() -> None:
    data = as_rows(made("grey", (3, 4)))
    u, s, vx, vy = data.host_factors()
    tiny = data.with_factors(u, s, np.sign(vx) * 5e-324, vy).quantize(6)
    assert np.abs(tiny.arrays()[0]).max() == 0  # with labels as they were
    np.testing.assert_allclose(tiny.arrays()[1], data.arrays()[1], atol=0.05)
    with pytest.raises(InvalidValueError, match="factors: found values of 1e301"):
        data.with_factors(u, s, vx / np.abs(vx).max() * 1e303, vy).quantize(6)


# Odd sets


def filled(values: Any, kind: str = "grey", samples: tuple[int, ...] = (3, 4)) -> Any:
    shape, layout = SHAPES[kind]
    y = np.repeat(np.arange(len(samples)), samples)
    x = np.broadcast_to(values, (y.size, *shape)).astype(np.float64)
    return SlimmableDataset.from_arrays(x, y, layout=layout)


def test_zeros_take_next_to_nothing_and_come_back() -> None:
    data = filled(0.0)
    few = data.quantize(16)
    assert not few.arrays()[0].any()
    np.testing.assert_allclose(few.arrays()[1], data.arrays()[1], atol=1e-3)


def test_a_class_of_zeros_beside_another() -> None:
    for rows in (False, True):
        data = filled(np.repeat([0.0, 1.0], (3, 4))[:, None, None, None])
        data = as_rows(data) if rows else data
        few = data.quantize(12)
        assert not few.arrays()[0][:3].any()
        np.testing.assert_allclose(few.arrays()[0][3:], 1.0, atol=1e-2)
        np.testing.assert_allclose(few.arrays()[1], data.arrays()[1], atol=2e-2)
        assert np.isfinite(few.s).all()


def test_constant_samples_are_one_number() -> None:
    data = filled(3.0)
    few = data.quantize(16)
    np.testing.assert_allclose(few.arrays()[0], 3.0, atol=0.02)


def test_labels_of_zeros() -> None:
    x = np.random.default_rng(0).normal(size=(6, 5))
    data = SlimmableDataset.from_arrays(x, np.zeros((6, 2)), members=[0, 0, 0, 1, 1, 1])
    few = data.quantize(8)
    assert not few.arrays()[1].any()
    assert distance(few, data) < 0.1


def test_one_sample_and_one_label_entry() -> None:
    data = SlimmableDataset.from_arrays([[1.0, -2.0, 3.0]], [0], classes=1)
    few = data.quantize(16)  # of 14 bytes in all
    np.testing.assert_allclose(few.arrays()[0], [[1.0, -2.0, 3.0]], atol=0.2)
    soft = SlimmableDataset.from_arrays(np.eye(4), np.ones((4, 1)), members=[0] * 4)
    # Any basis of equal singular values is right, and machines differ in theirs: what holds for
    # all of them is that a label is off by less than half a step.
    for bits in (12, 14, 16):
        few = soft.quantize(bits)
        assert few.codes is not None
        np.testing.assert_allclose(few.arrays()[1], 1.0, rtol=0, atol=few.codes.step / 2)
    np.testing.assert_allclose(few.arrays()[1], 1.0, atol=1e-2)


def test_more_samples_than_numbers() -> None:
    data = made("flat", (40, 30))
    few = data.quantize(8)
    assert few.samples == (40, 30)
    assert distance(few, data) < 0.02


def test_outliers_take_the_step_with_them_but_break_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(8, 30))
    x[0, 0] = 1e12
    data = SlimmableDataset.from_arrays(x, np.arange(8) % 2)
    few = data.quantize(6)
    assert np.isfinite(few.arrays()[0]).all()
    assert distance(few, data) < 0.01


def test_shared_factors() -> None:
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.normal(size=(5, 3)))[0][None]
    vx, vy = rng.normal(size=(4, 3, 16)), rng.normal(size=(4, 3, 4))
    data = SlimmableDataset.from_factors(u, np.asarray([[3.0, 2.0, 1.0]]), vx, vy, shape=(4, 4))
    few = data.quantize(10)
    assert 8 * few.nbytes <= 10 * data.numbers
    assert few.u.shape == (4, 5, 3)
    assert distance(few, data) < 0.02
    eye = SlimmableDataset.from_factors(np.eye(3)[None], np.ones((1, 3)), vx, vy, shape=(4, 4))
    rounded = eye.quantize(10)
    assert rounded.codes is not None
    assert rounded.codes.rows
    assert distance(rounded, eye) < 0.02


def test_significances_are_lengths_of_rows_at_equal_weight() -> None:
    """As those of `from_arrays`: labels of a class weigh as its samples do."""
    for rows in (False, True):
        data = made("grey", (4, 5))
        few = (as_rows(data) if rows else data).quantize(8)
        u, s, vx, vy = few.host_factors()
        for i in range(2):
            x, y = s[i, :, None] * vx[i], s[i, :, None] * vy[i]
            weight = np.linalg.norm(x) / np.linalg.norm(y)
            expected = np.linalg.norm(np.concatenate([x, weight * y], axis=1), axis=1)
            np.testing.assert_allclose(s[i], expected, rtol=1e-9)
            held = few.components[i]
            np.testing.assert_allclose(u[i, :, :held].T @ u[i, :, :held], np.eye(held), atol=1e-12)


# Callers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_framework_of_the_caller_comes_back(space: Space, dtype: str) -> None:
    if dtype not in space.dtypes:
        pytest.skip(f"{space.name} has no {dtype}")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5, 5)), np.arange(8) % 2
    data = SlimmableDataset.from_arrays(space.array(x, dtype), y.tolist())
    few = data.quantize(6)
    for part in (*few.factors, *few.arrays(), *few.truncate(2).factors):
        assert space.owns(part)
        assert space.dtype(part) == dtype
    assert few.factor_dtype == dtype
    plain = SlimmableDataset.from_arrays(x.astype(dtype), y).quantize(6)
    assert few.codes == plain.codes
    np.testing.assert_allclose(space.host(few.arrays()[0]), plain.arrays()[0], atol=1e-6)


def test_thirty_two_bits_are_the_set_itself() -> None:
    data = made()
    assert data.quantize(32) is data
    assert data.quantize(np.float32(4)).codes == data.quantize(4).codes


@pytest.mark.parametrize("bits", [0, -1, float("nan"), float("inf"), 16.5, 17, 33, 1e-300])
def test_bits_out_of_range(bits: float) -> None:
    with pytest.raises(InvalidValueError, match=r"^bits: found"):
        made().quantize(bits)


@pytest.mark.parametrize("bits", [True, "4", None, [4], 4j])
def test_bits_of_another_type(bits: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"^bits: found"):
        made().quantize(bits)


def test_codes_go_where_the_set_goes() -> None:
    few = made("grey", (3, 4)).quantize(5)
    for other in (pickle.loads(pickle.dumps(few)), copy.copy(few), copy.deepcopy(few)):
        assert other.codes == few.codes
        assert other.nbytes == few.nbytes
        assert all((a == b).all() for a, b in zip(other.factors, few.factors, strict=True))
        assert not other.u.flags.writeable
    assert few.with_preprocessing(Preprocessing(0.5, 0.25)).codes is few.codes
    floats = few.with_factors(*few.factors)
    assert floats.codes is None
    assert floats.nbytes == 8 * floats.numbers
    assert "nbytes" in repr(few)
    assert "nbytes" not in repr(floats)
    again = SlimmableDataset.from_codes(few.codes, few.description, 2, dtype="float64")
    assert all((a == b).all() for a, b in zip(again.factors, few.factors, strict=True))
    narrow = SlimmableDataset.from_codes(few.codes, few.description, 2)
    assert narrow.factor_dtype == "float32"


def test_why_is_told_until_something_else_is_kept() -> None:
    few = made().quantize(5)
    told = SlimmableDataset.from_codes(replace(few.codes, reason="so"), few.description, 2)
    assert str(told) == f"{told!r}: so"
    assert str(few) == repr(few)
    assert str(told.truncate(1)) == repr(told.truncate(1))
    assert replace(few.codes, reason="so") == few.codes


def test_callers_settings_and_read_only_arrays_do_not_matter() -> None:
    data = made()
    expected = data.quantize(4).codes
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.quantize(4).codes == expected
        u, s, vx, vy = data.host_factors()
        far = data.with_factors(u, s, 1e-250 * vx, vy).quantize(4)
        assert far.codes is not None
        far.truncate(1)
    with pytest.raises(ValueError, match="read-only"):
        data.quantize(4).vx[0, 0, 0] = 1.0


def test_uneven_classes_warn_when_truncated() -> None:
    with pytest.warns(SlimdcWarning, match="k: 1 of 2 classes"):
        made("grey", (2, 4)).quantize(8).truncate(3)


# Forged codes

FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "a step of nan": ({"step": float("nan")}, "step"),
    "a step of inf": ({"step": float("inf")}, "step"),
    "a step of 0": ({"step": 0.0}, "step"),
    "a step below 0": ({"step": -1.0}, "step"),
    "a step in words": ({"step": "1"}, "step"),
    "a step that is true": ({"step": True}, "step"),
    "a label step of nan": ({"label_step": float("nan")}, "label_step"),
    "a label step of 0": ({"label_step": 0}, "label_step"),
    "a huge step": ({"step": 1e308}, "s: found NaN or inf"),
    "a huge label step": ({"label_step": 1e308}, "(s|vy): found NaN or inf"),
    "rows in words": ({"rows": "yes"}, "rows"),
    "rows that are none": ({"rows": True}, "codes: found .* samples of .* rows"),
    "no components": ({"components": ()}, "codes: found 0 components, expected 3"),
    "components that are none": ({"components": None}, "components: found NoneType"),
    "words": ({"components": ("a",) * 3}, "components: found str, expected bytes"),
    "nothing in them": ({"components": (b"",) * 3}, "component 0: found 0 bytes for"),
    "a reason that is none": ({"reason": 3}, "reason"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_codes_are_refused(name: str) -> None:
    few = made("grey", (5, 4)).truncate(3).quantize(5)
    fields, match = FORGED[name]
    assert few.codes is not None
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"^{match}"):
        SlimmableDataset.from_codes(replace(few.codes, **fields), few.description, 2)


def test_codes_of_another_set_are_refused() -> None:
    few = made("grey", (4, 4)).quantize(5)
    codes = few.codes
    assert codes is not None
    for components in (codes.components[:3], (*codes.components, codes.components[0])):
        with pytest.raises(InvalidValueError, match=r"codes: found . components, expected 4"):
            SlimmableDataset.from_codes(replace(codes, components=components), few.description, 2)
    other = made("wide", (4, 4)).description
    with pytest.raises(InvalidValueError, match=r"component|coded"):
        SlimmableDataset.from_codes(codes, other, 2)
    # Of uneven classes no component can stand for another.
    uneven = made("grey", (2, 4)).quantize(8)
    assert uneven.codes is not None
    turned_round = replace(uneven.codes, components=uneven.codes.components[::-1])
    with pytest.raises(InvalidValueError, match="component"):
        SlimmableDataset.from_codes(turned_round, uneven.description, 2)
    for entries in (1, 0, -1, 10**2000):
        with pytest.raises(InvalidValueError, match=r"^label_entries: found"):
            SlimmableDataset.from_codes(codes, few.description, entries)
    for entries in (3, 10**9, 10**30):
        with pytest.raises(InvalidValueError, match=r"component|coded"):
            SlimmableDataset.from_codes(codes, few.description, entries)
    for wrong in (None, 2.0, True, "2"):
        with pytest.raises(InvalidTypeError, match="label_entries"):
            SlimmableDataset.from_codes(codes, few.description, wrong)
    for wrong in (None, few, codes.components):
        with pytest.raises(InvalidTypeError, match="codes"):
            SlimmableDataset.from_codes(wrong, few.description, 2)
        with pytest.raises(InvalidTypeError, match="description"):
            SlimmableDataset.from_codes(codes, wrong, 2)
    with pytest.raises(InvalidTypeError, match="like"):
        SlimmableDataset.from_codes(codes, few.description, 2, like=3)
    with pytest.raises(InvalidValueError, match="dtype"):
        SlimmableDataset.from_codes(codes, few.description, 2, dtype="float16")
    with pytest.raises(InvalidValueError, match="s: found"):
        SlimmableDataset.from_codes(replace(codes, step=1e39), few.description, 2)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 3), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_raises_nothing_else(component: int, place: int, change: int) -> None:
    few = FEW
    blobs = [bytearray(blob) for blob in few.codes.components]
    blobs[component][place % len(blobs[component])] ^= change
    forged = replace(few.codes, components=tuple(map(bytes, blobs)))
    try:
        found = SlimmableDataset.from_codes(forged, few.description, 2)
    except InvalidValueError:
        return
    assert np.isfinite(found.arrays()[0]).all()


FEW: Any = made("grey", (4, 4)).quantize(5)


def test_steps_alone_are_codes() -> None:
    codes = Codes(np.float64(0.5), 1, np.bool_(False), [b"ab", b"c"])  # type: ignore[arg-type]
    assert (codes.step, codes.label_step, codes.rows) == (0.5, 1.0, False)
    assert type(codes.step) is float
    assert codes.components == (b"ab", b"c")
    assert codes.nbytes == 3
