"""Numbers left out of what was rounded before, and what each set keeps in few bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_budgets import criterion, slim
from test_quantization import SHAPES, as_rows, made

import slimdc
from slimdc import SlimmableDataset
from slimdc.budgets.choice import candidates, choose_within
from slimdc.errors import InvalidValueError, SlimdcWarning
from slimdc.parameterization.quantization import Codes, Rounder, factors_of
from slimdc.parameterization.quantization.codes import numbers_of, parts_of
from slimdc.parameterization.quantization.rounding import parts_of_factors, rounded_to
from slimdc.parameterization.quantization.transform import SampleTransform
from slimdc.storage import dumps

EXAMPLES = min(60, settings.default.max_examples)


def of_codes(data: SlimmableDataset, codes: Codes) -> SlimmableDataset:
    return SlimmableDataset.from_codes(codes, data.description, data.label_entries, dtype="float32")


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from(list(SHAPES)),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.floats(0.01, 1.0),
    st.floats(0.04, 0.5),
    st.integers(0, 99),
)
def test_the_smallest_numbers_are_left_out(
    kind: str, samples: list[int], share: float, size: float, seed: int
) -> None:
    data = as_rows(made(kind, tuple(samples), seed=seed, smooth=0.1))
    parts = parts_of_factors(data.host_factors(), rows=True)
    step = size * float(np.abs(parts.x).max())
    whole = rounded_to(step, parts, data.description)[1]
    thinned = rounded_to(step, parts, data.description, share)[1]
    transform = SampleTransform(data.description)
    # Above 31 steps numbers are of one size.
    sizes = np.minimum(np.abs(transform.forward(parts.x) / (step * transform.weights)), 31)
    left_out = (whole.x != 0) & (thinned.x == 0)
    np.testing.assert_array_equal(thinned.x, np.where(left_out, 0, whole.x))
    assert left_out.sum() == round(share * np.count_nonzero(whole.x))
    if left_out.any() and thinned.x.any():
        # To a 16th of the step sizes are told apart.
        assert sizes[left_out].max() <= sizes[thinned.x != 0].min() + 1 / 16 + 1e-9
    np.testing.assert_array_equal(thinned.y, whole.y)


def test_of_equal_numbers_high_frequencies_go_first_and_no_class_before_another() -> None:
    shape, classes = (8, 8, 1), 5
    transform = SampleTransform(made("grey").description)
    data = SlimmableDataset.from_arrays(np.zeros((classes, *shape)), np.arange(classes))
    transform = SampleTransform(data.description)
    x = transform.inverse(np.tile(transform.weights, (classes, 1)))  # each of its numbers is 1
    data = as_rows(SlimmableDataset.from_arrays(x.reshape(-1, *shape), np.arange(classes)))
    parts = parts_of_factors(data.host_factors(), rows=True)
    for share in (0.1, 0.35, 0.8):
        x = rounded_to(1.0, parts, data.description, share)[1].x
        each = (x == 0).sum(axis=(1, 2))
        assert each.max() - each.min() <= 1
        gone = transform.bands[(x == 0).all(axis=(0, 1))]
        left = transform.bands[(x != 0).all(axis=(0, 1))]
        assert gone.min() >= left.max()


def test_of_equal_numbers_the_last_places_of_the_last_rows_go_first() -> None:
    x = np.asarray([[1.0, 1.0, 1.0], [5.0, 1.0, 1.0]])
    data = SlimmableDataset.from_arrays(np.concatenate([x, x]), [0, 0, 1, 1])
    parts = parts_of_factors(as_rows(data).host_factors(), rows=True)
    for count, left in ((2, [[1, 1, 1], [5, 1, 0]]), (4, [[1, 1, 0], [5, 1, 0]])):
        found = rounded_to(1.0, parts, as_rows(data).description, count / 12)[1].x
        np.testing.assert_array_equal(found, [left, left])


@pytest.mark.slow
@settings(max_examples=EXAMPLES // 4)
@given(
    st.sampled_from(list(SHAPES)),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.floats(0.001, 2.0),
    st.integers(0, 200),
    st.booleans(),
)
def test_thinned_codes_take_no_more_bytes(
    kind: str, samples: list[int], size: float, extra: int, rows: bool
) -> None:
    data = made(kind, tuple(samples), seed=extra)
    data = as_rows(data) if rows else data
    rounder = Rounder(data.host_factors(), data.description, rows=rows)
    step = size * float(np.abs(data.arrays()[0]).max())
    nbytes = rounder.least + extra
    codes = rounder.thinned_codes(step, nbytes)
    assert codes.nbytes <= nbytes
    # At a coarser step only where nothing but labels would be left at this one.
    assert codes.step >= step * (1 - 1e-9)
    if codes.step > step * (1 + 1e-9):
        assert rounder.codes_at(step, 0.98).nbytes > nbytes


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.75, 0.6])
def test_what_was_rounded_before_is_thinned_where_a_coarser_step_would_empty_it(
    part: float,
) -> None:
    """Its numbers are whole: at twice their step those of size 1, most of all, are gone."""
    few = slim(slimdc.datasets.sample().data, nbytes=12_000)
    nbytes = int(part * 12_000)
    small, lost = slim(few, nbytes=nbytes), criterion(few)
    assert 0.97 * nbytes <= len(dumps(small)) <= nbytes
    choice = choose_within(nbytes, candidates(few, "auto"), lost)
    assert choice.thinned > 0
    candidate, rounder = choice.candidate, choice.candidate.rounder
    coarser = lost(candidate.rounded(rounder, rounder.step(choice.nbytes)))
    assert lost(small) < 0.9 * coarser
    measured = candidate.rounded(rounder, choice.step, choice.thinned)
    assert lost(measured) == pytest.approx(choice.lost, rel=1e-6)
    assert lost(small) == pytest.approx(choice.lost, abs=0.02)


@pytest.mark.slow
def test_it_is_thinned_to_a_number_of_components_too() -> None:
    few = slim(slimdc.datasets.sample().data, nbytes=12_000)
    small = slim(few, k=max(few.components), nbytes=8_000, start="components")
    assert 0.97 * 8_000 <= len(dumps(small)) <= 8_000
    assert small.components == few.components
    lost = criterion(few)
    rounder = Rounder(few.host_factors(), few.description, rows=False)
    coarser = of_codes(few, rounder.codes(small.nbytes))
    assert lost(small) < 0.9 * lost(coarser)


@pytest.mark.slow
@pytest.mark.parametrize("nbytes", [3_000, 8_000, 16_000])
def test_what_was_not_rounded_before_is_not_thinned(nbytes: int) -> None:
    data = slimdc.datasets.sample().data
    assert choose_within(nbytes, candidates(data, "auto"), criterion(data)).thinned == 0


def test_thinned_numbers_are_what_is_decoded() -> None:
    data = made("wide", (4, 3), smooth=0.1)
    rounder = Rounder(data.host_factors(), data.description, rows=False)
    step = 0.2 * float(np.abs(data.arrays()[0]).max())
    codes = rounder.codes_at(step, 0.4)
    assert codes.nbytes < rounder.codes_at(step).nbytes
    numbers = numbers_of(codes, data.description, 2)
    expected = factors_of(parts_of(numbers, codes, data.description), data.description)
    for found, known in zip(rounder.rounded(step, 0.4), expected, strict=True):
        np.testing.assert_array_equal(found, known)


@pytest.mark.slow
def test_training_codes_what_was_thinned_within_its_bytes() -> None:
    few = slim(slimdc.datasets.sample().data, nbytes=12_000)
    assert len(dumps(slim(few, nbytes=9_000, steps=2))) <= 9_000


@pytest.mark.slow
def test_bytes_that_keep_next_to_nothing_are_warned_of() -> None:
    data = slimdc.datasets.sample().data
    with pytest.warns(
        SlimdcWarning, match=r"nbytes: networks learn next to nothing from 420 bytes: what fits"
    ):
        slim(data, nbytes=420)
    slim(data, nbytes=2_000)


# Labels


@pytest.mark.parametrize("bits", [4, 8, 12])
@pytest.mark.parametrize("scale", [0.0, 1e-13, 1e-11, 1e-6, 1e-4, 1e-3])
def test_a_class_of_small_samples_keeps_its_labels(scale: float, bits: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 8, 8)), np.repeat([0, 1], 10)
    x[10:] *= scale
    data = SlimmableDataset.from_arrays(x, y)
    few = data.quantize(bits)
    np.testing.assert_array_equal(few.arrays()[1].argmax(axis=1), few.members)
    # Its rows are 0 where its samples round to nothing, and labels are as fine as others' are.
    difference = np.abs(few.arrays()[0] - data.arrays()[0])
    assert difference[10:].max() <= difference[:10].max()
    np.testing.assert_allclose(few.arrays()[1][10:], data.arrays()[1][10:], atol=0.25)


@pytest.mark.slow
def test_labels_too_large_for_a_coarser_step_are_coded_with_another() -> None:
    """Few values, many rows: coefficients depend on each other, and labels fitted to them leap."""
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(14, 2))
        few = SlimmableDataset.from_arrays(x, np.repeat([0, 1], 7)).quantize(8)
        assert few.codes is not None
        assert 0.8 * few.numbers <= few.nbytes <= few.numbers
    rounder = Rounder(few.host_factors(), few.description, rows=False)
    with pytest.raises(InvalidValueError, match="step: found one that makes numbers of"):
        rounder.codes_at(1e-12)


# A class alone


@pytest.mark.slow
def test_a_class_alone_is_kept_as_well_as_bytes_allow() -> None:
    """Its centred labels are zero: they say nothing of what is lost."""
    sample = slimdc.datasets.sample().data
    x = sample.arrays()[0][sample.members == 3]
    alone = SlimmableDataset.from_arrays(
        x, np.zeros(len(x), int), preprocessing=sample.preprocessing
    )
    errors = []
    for nbytes in (1_500, 3_000, 6_000):
        small = slim(alone, nbytes=nbytes)
        assert 0.9 * nbytes <= len(dumps(small)) <= nbytes
        errors.append(float(np.linalg.norm(small.arrays()[0] - x) / np.linalg.norm(x)))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05
    assert replace(slim(alone, keep=0.5).codes, reason="").nbytes < 6_000
