"""A set as a sequence: samples by number, its length, its two arrays, and loaders of PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from conftest import Space, library

from slimdc import SlimmableDataset
from slimdc.errors import InvalidTypeError


def drawn(space: Space, samples: int = 7) -> SlimmableDataset:
    rng = np.random.default_rng(samples)
    x = rng.standard_normal((samples, 3, 2, 1)).astype(np.float32)
    return SlimmableDataset.from_arrays(space.array(x), [i % 3 for i in range(samples)])


def test_a_number_gives_a_row_of_the_arrays(space: Space) -> None:
    data = drawn(space)
    x, y = map(space.host, data.arrays())
    for index in (0, 3, 6, -1, -7, np.int64(2)):
        sample, label = data[index]
        assert space.owns(sample)
        assert space.owns(label)
        np.testing.assert_array_equal(space.host(sample), x[int(index)])
        np.testing.assert_array_equal(space.host(label), y[int(index)])


@pytest.mark.parametrize(
    "rows", [slice(2, 5), slice(None, None, -1), slice(-2, None), slice(5, 2), slice(0, 99, 3)]
)
def test_a_slice_gives_rows_of_the_arrays(space: Space, rows: slice) -> None:
    data = drawn(space)
    x, y = map(space.host, data.arrays())
    samples, labels = data[rows]
    np.testing.assert_array_equal(space.host(samples), x[rows])
    np.testing.assert_array_equal(space.host(labels), y[rows])


def test_length_indices_and_unpacking_agree(space: Space) -> None:
    data = drawn(space)
    x, y = data
    assert len(data) == x.shape[0] == y.shape[0] == 7
    for i, (sample, label) in enumerate(zip(space.host(x), space.host(y), strict=True)):
        np.testing.assert_array_equal(space.host(data[i][0]), sample)
        np.testing.assert_array_equal(space.host(data[i][1]), label)
    assert len(list(data)) == 2


@pytest.mark.parametrize("index", [7, -8, 10**30])
def test_beyond_the_end_is_an_index_error(index: int) -> None:
    data = SlimmableDataset.from_arrays(np.eye(7), np.arange(7) % 3)
    with pytest.raises(IndexError, match="-7 to 6"):
        data[index]


@pytest.mark.parametrize("index", [1.0, "0", None, (0, 1), [0, 1], slice("a", None)])
def test_what_is_no_index_is_refused(index: Any) -> None:
    data = SlimmableDataset.from_arrays(np.eye(7), np.arange(7) % 3)
    with pytest.raises(InvalidTypeError, match="index"):
        data[index]


def test_a_write_to_a_sample_reaches_no_other() -> None:
    data = SlimmableDataset.from_arrays(np.eye(7), np.arange(7) % 3)
    x, y = data[0]
    x[...], y[...] = 9.0, 9.0
    assert (data[0][0] != 9.0).all()
    assert (data.arrays()[0] != 9.0).all()


def test_what_would_be_read_two_ways_is_refused() -> None:
    data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(TypeError):
        reversed(data)
    with pytest.raises(TypeError):
        _ = 1 in data  # type: ignore[operator]
    for read in (np.asarray, np.mean):
        with pytest.raises(InvalidTypeError, match="x, y = data"):
            read(data)  # type: ignore[operator]


def test_indices_change_nothing_that_is_copied_or_kept() -> None:
    data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    first = data[0]
    for again in (copy.copy(data), copy.deepcopy(data), pickle.loads(pickle.dumps(data))):
        np.testing.assert_array_equal(again[0][0], first[0])
    np.testing.assert_allclose(data.truncate(1)[0][0], data.truncate(1).arrays()[0][0])


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_a_loader_of_pytorch_gives_every_sample_once(framework: str) -> None:
    torch = library("torch")
    x = np.random.default_rng(0).standard_normal((10, 4, 4)).astype(np.float32)
    given = torch.asarray(x) if framework == "torch" else x
    data = SlimmableDataset.from_arrays(given, [i % 2 for i in range(10)])
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    samples, labels = zip(*loader, strict=True)
    assert [len(batch) for batch in samples] == [4, 4, 2]
    np.testing.assert_array_equal(torch.cat(samples).numpy(), np.asarray(data.arrays()[0]))
    np.testing.assert_array_equal(torch.cat(labels).numpy(), np.asarray(data.arrays()[1]))
    part = torch.utils.data.Subset(data, [9, 0])
    np.testing.assert_array_equal(np.asarray(part[0][0]), np.asarray(data.arrays()[0][9]))
