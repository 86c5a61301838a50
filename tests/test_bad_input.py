"""Bad samples, labels and k: errors of ours that say what was found and what was expected."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from conftest import NAMESPACES, Space, library, make_space

from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.labels import centred_one_hot
from slimdc.parameterization.preprocessing import Preprocessing

X = np.arange(12, dtype=np.float32).reshape(4, 3)
Y = np.asarray([0, 1, 0, 1], dtype=np.int32)


def refused(error: type[SlimdcError], argument: str, x: Any, y: Any, **keywords: Any) -> str:
    """Check that a pair is refused in our words, and that it is left as it was."""
    with pytest.raises(error) as caught:
        SlimmableDataset.from_arrays(x, y, **keywords)
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError if error is InvalidValueError else TypeError)
    message = str(caught.value)
    assert message.startswith(f"{argument}: found ")
    assert ", expected " in message
    return message


def test_samples_that_are_not_finite(space: Space) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        x = X.copy()
        x[2, 1] = bad
        given = space.array(x)
        assert "NaN or infinite samples" in refused(InvalidValueError, "x", given, space.array(Y))
        np.testing.assert_array_equal(space.host(given), x)


def test_soft_labels_that_are_not_finite(space: Space) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        soft = np.eye(2, dtype=np.float32)[Y]
        soft[3, 0] = bad
        assert "NaN or infinite labels" in refused(
            InvalidValueError, "y", space.array(X), space.array(soft)
        )


def test_no_samples(space: Space) -> None:
    x = space.array(np.zeros((0, 3), dtype=np.float32))
    y = space.array(np.zeros(0, dtype=np.int32))
    assert "no samples" in refused(InvalidValueError, "x", x, y)


def test_samples_without_values(space: Space) -> None:
    x = space.array(np.zeros((4, 0), dtype=np.float32))
    refused(InvalidValueError, "x", x, space.array(Y))


@pytest.mark.parametrize("shape", [(4,), (), (4, 2, 2, 2, 2)])
def test_samples_of_wrong_shape(space: Space, shape: tuple[int, ...]) -> None:
    refused(InvalidValueError, "x", space.array(np.zeros(shape, dtype=np.float32)), space.array(Y))


def test_labels_that_do_not_match(space: Space) -> None:
    message = refused(InvalidValueError, "y", space.array(X), space.array(Y[:3]))
    told, _, page = message.partition(" (see ")
    assert told == "y: found 3 labels, expected one for each of 4 samples"
    assert page == "docs/errors.md#samples-and-labels)"
    refused(InvalidValueError, "y", space.array(X), space.array(np.eye(2, dtype=np.float32)))


def test_labels_of_wrong_shape(space: Space) -> None:
    for y in (Y.reshape(4, 1), Y.reshape(4, 1, 1), np.asarray(1, dtype=np.int32)):
        refused(InvalidValueError, "y", space.array(X), space.array(y))
    refused(InvalidValueError, "y", space.array(X), space.array(np.zeros((4, 0), np.float32)))


def test_labels_outside_the_classes(space: Space) -> None:
    minus = space.array(np.asarray([0, -1, 0, 1], dtype=np.int32))
    assert "label -1" in refused(InvalidValueError, "y", space.array(X), minus)
    assert "label 1" in refused(InvalidValueError, "y", space.array(X), space.array(Y), classes=1)
    soft = space.array(np.eye(2, dtype=np.float32)[Y])
    assert "rows of 2 entries" in refused(InvalidValueError, "y", space.array(X), soft, classes=3)


def test_a_class_without_samples(space: Space) -> None:
    gap = space.array(np.asarray([0, 2, 0, 2], dtype=np.int32))
    message = refused(InvalidValueError, "y", space.array(X), gap)
    assert "no sample of class 1" in message
    assert "or classes=3 where some have none" in message


def test_classes_may_be_missing_where_their_number_is_said(space: Space) -> None:
    for members, classes in (([0, 2, 0, 2], 3), ([0, 1, 0, 1], 5)):
        hard = space.array(np.asarray(members, dtype=np.int32))
        data = SlimmableDataset.from_arrays(space.array(X), hard, classes=classes)
        assert data.labels == tuple(sorted(set(members)))
        assert data.label_entries == classes
        soft = space.array(np.eye(classes, dtype=np.float32)[members])
        data = SlimmableDataset.from_arrays(space.array(X), soft)
        assert data.labels == tuple(sorted(set(members)))


def test_a_column_of_labels_is_no_set_of_one_class(space: Space) -> None:
    column = space.array(Y.astype(np.float32).reshape(4, 1))
    message = refused(InvalidValueError, "y", space.array(X), column)
    assert "integers of shape (n,), without a 1, or classes=1" in message
    assert SlimmableDataset.from_arrays(space.array(X), column, classes=1).samples == (4,)
    refused(InvalidValueError, "y", space.array(X), space.array(Y.reshape(4, 1)), classes=1)


def test_members_that_do_not_fit(space: Space) -> None:
    x, soft = space.array(X), space.array(np.eye(2, dtype=np.float32)[Y])
    refused(InvalidValueError, "members", x, space.array(Y), members=[0, 1, 0, 1])
    refused(InvalidValueError, "members", x, soft, members=[0, 1, 0])
    refused(InvalidValueError, "members", x, soft, members=[0, 1, 0, 2])
    refused(InvalidValueError, "members", x, soft, members=[0, 1, 0, -1])
    refused(InvalidTypeError, "members", x, soft, members=[0.0, 1.0, 0.0, 1.0])
    refused(InvalidTypeError, "members", x, soft, members=[False, True, False, True])


def test_an_enormous_label_takes_no_memory() -> None:
    y = np.asarray([0, 1, 2, 10**15])
    assert "no sample of class 3" in refused(InvalidValueError, "y", X, y)
    refused(InvalidValueError, "y", X, np.asarray([0, 1, 2, 2**64 - 1], dtype=np.uint64))


@pytest.mark.parametrize("kind", ["bool", "float32"])
def test_hard_labels_that_are_not_integers(space: Space, kind: str) -> None:
    assert f"labels of dtype {kind}" in refused(
        InvalidTypeError, "y", space.array(X), space.array(Y, kind)
    )


@pytest.mark.parametrize("kind", ["bool", "complex64"])
def test_samples_that_are_not_real_numbers(space: Space, kind: str) -> None:
    assert f"dtype {kind}" in refused(
        InvalidTypeError, "x", space.array(X.astype(kind)), space.array(Y)
    )


def test_soft_labels_that_are_not_real_numbers(space: Space) -> None:
    soft = space.array(np.eye(2, dtype=np.complex64)[Y])
    refused(InvalidTypeError, "y", space.array(X), soft)
    refused(InvalidTypeError, "y", space.array(X), space.array(np.eye(2, dtype=bool)[Y]))


@pytest.mark.parametrize(
    "x",
    [
        X.astype(object),
        X.astype(str),
        [[1.0, 2.0], [3.0]],
        np.ma.masked_less(X, 3.0),
        np.zeros(4, dtype=[("a", "f4")]).reshape(4, 1),
        np.zeros((4, 3), dtype="M8[s]"),
        "pixels",
        None,
        {1, 2},
    ],
    ids=lambda x: type(x).__name__ + str(getattr(x, "dtype", "")),
)
def test_samples_that_are_no_arrays_of_numbers(x: Any) -> None:
    refused(InvalidTypeError, "x", x, Y)


def test_labels_that_are_no_arrays_of_numbers() -> None:
    for y in (Y.astype(object), ["cat", "dog", "cat", "dog"], [[0], [1, 2], [0], [1]], None):
        refused(InvalidTypeError, "y", X, y)


def test_sparse_samples() -> None:
    torch = library("torch")
    refused(InvalidTypeError, "x", torch.eye(4).to_sparse(), torch.tensor(Y))


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMESPACES, 2)))
def test_mixed_frameworks(one: str, other: str) -> None:
    x, y = make_space(one).array(X), make_space(other).array(Y)
    assert "expected arrays of one framework" in refused(InvalidTypeError, "x, y", x, y)


def test_mixed_devices() -> None:
    strict = library("array_api_strict")
    y = strict.asarray(Y, device=strict.Device("device1"))
    assert "device1" in refused(InvalidValueError, "x, y", strict.asarray(X), y)


def test_values_beyond_float32_are_refused_where_they_are_held_in_it() -> None:
    x = np.full((2, 3), 3e38, dtype=np.float32)  # finite, but its norm is not
    with pytest.raises(InvalidValueError, match="s: found NaN or infinite values"):
        SlimmableDataset.from_arrays(x, [0, 0])
    wide = SlimmableDataset.from_arrays(x.astype(np.float64), [0, 0])
    np.testing.assert_allclose(wide.arrays()[0], x)


@pytest.mark.parametrize("k", [0, -1, 3, 10**30])
def test_k_of_wrong_value(space: Space, k: int) -> None:
    data = SlimmableDataset.from_arrays(space.array(X), space.array(Y))
    expected = "an int of at least 1" if k < 1 else "1 to 2, the most that a class holds"
    with pytest.raises(InvalidValueError, match=f"k: found {k}, expected {expected}"):
        data.truncate(k)


@pytest.mark.parametrize("k", [1.0, "1", None, True, np.True_, np.float32(1), [1]])
def test_k_that_is_not_an_int(k: Any) -> None:
    data = SlimmableDataset.from_arrays(X, Y)
    with pytest.raises(InvalidTypeError, match=r"k: found .*, expected an int"):
        data.truncate(k)


def test_k_may_be_an_integer_of_numpy() -> None:
    assert SlimmableDataset.from_arrays(X, Y).truncate(np.int64(1)).components == (1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "error"),
    [
        (0, InvalidValueError),
        (-2, InvalidValueError),
        (2.0, InvalidTypeError),
        (True, InvalidTypeError),
        ("2", InvalidTypeError),
    ],
)
def test_classes_that_are_no_count(classes: Any, error: type[SlimdcError]) -> None:
    refused(error, "classes", X, Y, classes=classes)


@pytest.mark.parametrize("layout", ["nchw", 1, ["flat"], "channels_last"])
def test_layouts_that_do_not_fit(layout: Any) -> None:
    error = InvalidValueError if isinstance(layout, str) else InvalidTypeError
    refused(error, "layout", X, Y, layout=layout)


def test_preprocessing_that_does_not_fit() -> None:
    three = Preprocessing((0, 0, 0), (1, 1, 1))
    images = np.zeros((4, 2, 2, 2), dtype=np.float32)
    refused(InvalidValueError, "preprocessing", images, Y, preprocessing=three)
    pixels = images.astype(np.uint8)
    refused(InvalidValueError, "preprocessing", pixels, Y, preprocessing=three)
    refused(InvalidTypeError, "preprocessing", images, Y, preprocessing="standard")
    refused(InvalidTypeError, "preprocessing", pixels, Y, preprocessing="standard")


@pytest.mark.parametrize(
    ("mean", "std", "error"),
    [
        (0.0, 0.0, InvalidValueError),
        (0.0, -1.0, InvalidValueError),
        (np.nan, 1.0, InvalidValueError),
        (0.0, np.inf, InvalidValueError),
        ((), (), InvalidValueError),
        ((0.0, 0.0), (1.0,), InvalidValueError),
        ("half", 1.0, InvalidTypeError),
        (None, 1.0, InvalidTypeError),
        (True, True, InvalidTypeError),
        ([0.0, True], [1.0, 1.0], InvalidTypeError),
        (np.asarray([True]), 1.0, InvalidTypeError),
        (0.5 + 0j, 1.0, InvalidTypeError),
        (b"1", 1.0, InvalidTypeError),
        ({0.5}, 1.0, InvalidTypeError),
        ([[0.5]], 1.0, InvalidTypeError),
        (10**400, 1.0, InvalidTypeError),
        (0.0, np.longdouble("1e4000"), InvalidValueError),
    ],
)
def test_preprocessing_of_wrong_numbers(mean: Any, std: Any, error: type[SlimdcError]) -> None:
    with pytest.raises(error, match=r"preprocessing\.(mean|std): found"):
        Preprocessing(mean, std)


def test_preprocessing_of_wrong_arrays(space: Space) -> None:
    standard = Preprocessing((0.1, 0.2, 0.3), (1, 1, 1))
    x = space.array(np.zeros((2, 4, 4, 3), dtype=np.float32))
    with pytest.raises(InvalidValueError, match=r"x_raw: found shape .* 3 channels on axis 1"):
        standard.apply(x, "channels_first")
    with pytest.raises(InvalidValueError, match="layout: found"):
        standard.apply(x, "nhwc")
    with pytest.raises(InvalidTypeError, match="x: found dtype uint8"):
        standard.invert(space.array(np.zeros((1, 3), dtype=np.uint8)), "flat")
    with pytest.raises(InvalidTypeError, match="x_raw: found dtype bool"):
        standard.apply(space.array(np.zeros((1, 3), dtype=bool)), "flat")


def test_one_hot_of_wrong_labels() -> None:
    with pytest.raises(InvalidValueError, match="labels: found label 3, expected labels below 3"):
        centred_one_hot(np.asarray([0, 3]), 3)
    with pytest.raises(InvalidTypeError, match="labels: found labels of dtype float64"):
        centred_one_hot(np.asarray([0.0, 1.0]), 3)
