"""The entropy coder against a slow decoder of plain Python integers, and its scales."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_decoder import frequencies, slowly_decoded

from slimdc.errors import InvalidValueError
from slimdc.parameterization.quantization.component import (
    Shape,
    coded,
    decoded,
    expected_bytes,
    most_bytes,
)
from slimdc.parameterization.quantization.entropy import (
    LARGEST,
    MOST_IN_A_BYTE,
    SCALES,
    Lane,
    bits_of_categories,
    categories,
    pack,
    unpack,
)
from slimdc.parameterization.quantization.scales import MIDDLE, Scales, fitted

EXAMPLES = min(200, settings.default.max_examples)


@st.composite
def lanes(draw: st.DrawFn) -> list[Lane]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lengths = draw(st.lists(st.integers(0, 60), min_size=1, max_size=9))
    spread = draw(st.floats(-3, 5))
    made = []
    for n in lengths:
        wild = np.rint(rng.standard_t(1.0, size=n) * 10.0**spread)
        numbers = np.clip(wild, -LARGEST, LARGEST).astype(np.int64)
        made.append(Lane(numbers, rng.integers(0, SCALES, n)))
    return made


@settings(max_examples=EXAMPLES)
@given(lanes())
def test_numbers_come_back_whatever_their_scales(drawn):
    texts = pack(drawn)
    for lane, found in zip(drawn, unpack(texts, [lane.scales for lane in drawn]), strict=True):
        assert found.tolist() == lane.numbers.tolist()
        assert found.dtype == np.int64
    # Lanes do not touch each other.
    assert [pack([lane])[0] for lane in drawn] == texts


@settings(max_examples=EXAMPLES // 4)
@given(lanes())
def test_a_slow_decoder_reads_the_same(drawn):
    for lane, text in zip(drawn, pack(drawn), strict=True):
        assert slowly_decoded(text, lane.scales.tolist()) == lane.numbers.tolist()


def test_the_largest_numbers_come_back_at_every_scale():
    numbers = np.asarray([LARGEST, -LARGEST, 1, -1, 0, 1 << 14, -(1 << 14), (1 << 14) - 1])
    drawn = [Lane(numbers, np.full(8, scale)) for scale in range(SCALES)]
    for found in unpack(pack(drawn), [lane.scales for lane in drawn]):
        assert found.tolist() == numbers.tolist()


def test_frequencies_are_those_of_the_geometric_distribution():
    for scale in range(SCALES):
        counts = frequencies(scale)
        assert sum(counts) == 4096
        assert min(counts) >= 1
        cost = [e - math.log2(count / 4096) for e, count in enumerate(counts)]
        np.testing.assert_allclose(bits_of_categories()[scale], cost, rtol=1e-12)


def test_a_scale_is_the_mean_size():
    for scale in range(28, 68, 4):
        mean = 2.0 ** (scale / 4 - 12)
        theta = mean / (1 + math.sqrt(1 + mean * mean))
        sizes = np.arange(1, 200_000)
        assert np.sum(2 * theta**sizes / (1 + theta)) == pytest.approx(mean, rel=1e-9)


def test_categories_count_bits():
    sizes = np.arange(LARGEST + 1)
    expected = [int(n).bit_length() for n in sizes]
    assert categories(sizes).tolist() == expected
    assert categories(-sizes).tolist() == expected


@pytest.mark.parametrize("scale", [0, 20, 40, 48, 56, 80, 100, 110])
def test_strings_are_as_long_as_shannon_says(scale):
    rng = np.random.default_rng(scale)
    counts = np.asarray(frequencies(scale)) / 4096
    kinds = rng.choice(16, size=6000, p=counts)
    sizes = np.where(kinds > 0, 2.0 ** (kinds - 1) * (1 + rng.uniform(size=kinds.size)), 0)
    numbers = np.floor(sizes).astype(np.int64) * rng.choice([-1, 1], kinds.size)
    (text,) = pack([Lane(numbers, np.full(kinds.size, scale))])
    bits = float(np.sum(kinds - np.log2(counts[kinds])))
    assert bits / 8 <= len(text) <= 1.01 * bits / 8 + 3


@pytest.mark.slow
def test_no_byte_holds_more_than_is_said():
    """A reader makes room for no more numbers than these."""
    (text,) = pack([Lane(np.zeros(400_000, np.int64), np.zeros(400_000, np.int64))])
    assert 400_000 / (len(text) - 2) > 0.97 * MOST_IN_A_BYTE
    assert MOST_IN_A_BYTE * len(text) >= 400_000


@settings(max_examples=EXAMPLES)
@given(lanes(), st.data())
def test_damaged_strings_are_refused_or_read_otherwise(drawn, data):
    texts = pack(drawn)
    which = data.draw(st.integers(0, len(texts) - 1))
    text = bytearray(texts[which])
    kind = data.draw(st.sampled_from(("change", "cut", "more", "swap")))
    if kind == "change":
        text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del text[data.draw(st.integers(0, len(text) - 1)) :]
    elif kind == "more":
        text += data.draw(st.binary(min_size=1, max_size=9))
    damaged = [*texts[:which], bytes(text), *texts[which + 1 :]]
    scales = [lane.scales for lane in drawn]
    if kind == "swap":
        damaged = damaged[1:] + damaged[:1]
    try:
        found = unpack(damaged, scales)
    except InvalidValueError:
        return
    assert [x.size for x in found] == [x.size for x in scales]
    assert max(int(np.abs(x).max(initial=0)) for x in found) <= LARGEST
    # What is read is what would have been written so.
    again = pack([Lane(x, scale) for x, scale in zip(found, scales, strict=True)])
    assert again == damaged
    assert kind in ("change", "swap")  # what is cut or too long does not end where it should


def test_nothing_is_nothing():
    assert pack([]) == []
    assert unpack([], []) == []
    empty = Lane(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert [len(text) for text in pack([empty])] == [3]
    assert unpack(pack([empty]), [empty.scales])[0].size == 0


@st.composite
def components(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, bands = draw(st.integers(1, 20)), draw(st.integers(1, 6))
    band_of = np.concatenate([np.arange(bands), rng.integers(0, bands, draw(st.integers(0, 40)))])
    sizes = 10.0 ** (rng.uniform(-3, 2, (rows, 1)) + rng.uniform(-2, 2, bands)[band_of])
    numbers = np.rint(rng.laplace(size=(rows, band_of.size)) * sizes)
    return np.clip(numbers, -LARGEST, LARGEST).astype(np.int64), band_of


def cost_by_loops(numbers: np.ndarray, band_of: np.ndarray, scales: Scales) -> float:
    total = 0.0
    for row, scale in zip(numbers.tolist(), scales.rows.tolist(), strict=True):
        for number, band in zip(row, band_of.tolist(), strict=True):
            at = min(max(scale + int(scales.bands[band]) - 64, 0), 127)
            category = abs(number).bit_length()
            total += category - math.log2(frequencies(at)[category] / 4096)
    return total


@settings(max_examples=EXAMPLES // 5)
@given(components(), st.integers(0, 2**32))
def test_scales_cost_what_is_said_and_no_more_than_others(drawn, seed):
    numbers, band_of = drawn
    scales, bits = fitted(numbers, band_of)
    assert bits == pytest.approx(cost_by_loops(numbers, band_of, scales), rel=1e-9)
    rng, bands = np.random.default_rng(seed), int(band_of.max()) + 1
    for _ in range(3):
        other = Scales(rng.integers(0, 128, len(numbers)), rng.integers(0, 128, bands))
        assert bits <= cost_by_loops(numbers, band_of, other) + 1e-9
    # No row alone could do better.
    i = int(rng.integers(len(numbers)))
    for scale in range(0, SCALES, 5):
        rows = scales.rows.copy()
        rows[i] = scale
        assert bits <= cost_by_loops(numbers, band_of, Scales(rows, scales.bands)) + 1e-9


@pytest.mark.parametrize("seed", range(30))
def test_scales_of_two_rows_are_nearly_the_best_of_all(seed):
    """Every scale of the second row, with the best bands for it; one round alone is 14 % off."""
    rng = np.random.default_rng(seed)
    band_of = np.repeat(np.arange(3), (2, 20, 100))
    sizes = 10.0 ** (rng.uniform(-2, 2.5, (2, 1)) + rng.uniform(-2, 2, 3)[band_of])
    wild = np.rint(rng.laplace(size=(2, 122)) * sizes)
    numbers = np.clip(wild, -LARGEST, LARGEST).astype(np.int64)
    kinds, bits, scale = categories(numbers), bits_of_categories(), np.arange(SCALES)
    cost = [[bits[:, kinds[r, band_of == b]].sum(axis=1) for b in range(3)] for r in (0, 1)]
    best = min(
        sum(min(cost[0][b] + cost[1][b][np.clip(scale + second - 64, 0, 127)]) for b in range(3))
        for second in range(SCALES)
    )
    assert fitted(numbers, band_of)[1] <= 1.002 * best


def test_scales_find_rows_and_bands():
    """Numbers of a known size for each row and band get scales a quarter octave apart."""
    rng = np.random.default_rng(0)
    band_of = np.repeat([0, 1], 4000)
    sizes = np.asarray([[2.0], [16.0]]) * np.asarray([1.0, 8.0])[band_of]
    numbers = np.rint(rng.laplace(size=(2, 8000)) * sizes).astype(np.int64)
    scales, _ = fitted(numbers, band_of)
    assert scales.rows[1] - scales.rows[0] == pytest.approx(12, abs=1)
    assert scales.bands[1] - scales.bands[0] == pytest.approx(12, abs=1)
    at = scales.of(band_of)
    assert at[0, 0] == pytest.approx(4 * (12 + math.log2(2.0)), abs=1)
    assert MIDDLE == SCALES // 2


def test_a_scale_beyond_the_table_is_the_nearest():
    scales = Scales(np.asarray([127, 0]), np.asarray([127, 0]))
    assert scales.of(np.asarray([0, 1])).tolist() == [[127, 63], [63, 0]]


@settings(max_examples=EXAMPLES // 4)
@given(st.lists(components(), min_size=1, max_size=1))
def test_components_come_back_in_the_bytes_that_were_foreseen(drawn):
    ((numbers, band_of),) = drawn
    several = [numbers, numbers[:1], -numbers[::-1]]
    blobs = coded(several, band_of)
    shapes = [Shape(len(each), band_of) for each in several]
    for found, each in zip(decoded(blobs, shapes), several, strict=True):
        assert found.tolist() == each.tolist()
    for blob, each in zip(blobs, several, strict=True):
        lanes = -(-len(each) // 8)
        assert abs(len(blob) - expected_bytes(each, band_of)) <= 2 * lanes + 0.01 * len(blob)
        assert len(blob) <= most_bytes(each, band_of) <= len(blob) + 2 * lanes + 0.06 * len(blob)
        assert coded([each], band_of) == [blob]


@pytest.mark.parametrize("rows", [1, 8, 9, 40])
@pytest.mark.parametrize("columns", [1, 300])
def test_zeros_take_what_is_foreseen_at_most(rows, columns):
    numbers, band_of = np.zeros((rows, columns), np.int64), np.zeros(columns, np.int64)
    (blob,) = coded([numbers], band_of)
    assert len(blob) <= most_bytes(numbers, band_of) <= len(blob) + 1 + 0.1 * len(blob)


def test_a_component_is_scales_lengths_and_strings():
    """The bytes that files hold, read by hand."""
    rng = np.random.default_rng(0)
    band_of = np.asarray([0, 1, 1, 2, 2, 2])
    numbers = rng.integers(-4, 5, (10, 6))
    (blob,) = coded([numbers], band_of)
    bands, rows = blob[:3], blob[3:13]
    first, second = (int.from_bytes(blob[i : i + 4], "little") for i in (13, 17))
    assert len(blob) == 21 + first + second
    scales = [[min(max(r + bands[b] - 64, 0), 127) for b in band_of] for r in rows]
    texts = blob[21 : 21 + first], blob[21 + first :]
    found = [
        slowly_decoded(text, [scale for row in part for scale in row])
        for text, part in zip(texts, (scales[:8], scales[8:]), strict=True)
    ]
    assert found[0] + found[1] == numbers.reshape(-1).tolist()


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda b: b[:5], "component 0: found 5 bytes, expected at least"),
        (lambda b: b + b"x", "component 0: found .* as its strings say"),
        (lambda b: b[:-1], "component 0: found .* as its strings say"),
        (lambda b: b"\x80" + b[1:], "component 0: found a scale of 128"),
        (lambda b: b[:7] + bytes(3) + b[10:], "coded: found a state that is too small"),
    ],
)
def test_damaged_components_are_refused(damage, match):
    numbers, band_of = np.asarray([[5, 0, -1, 4]]), np.asarray([0, 1, 1, 1])
    (blob,) = coded([numbers], band_of)
    assert len(blob) == 7 + 3 + 1  # scales and a length, a state, and one byte
    with pytest.raises(InvalidValueError, match=match):
        decoded([damage(blob)], [Shape(1, band_of)])
