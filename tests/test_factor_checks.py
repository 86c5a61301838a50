"""Factors and descriptions that do not form a set are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Space
from factor_sets import draw_factors

from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.preprocessing import Preprocessing


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
        ({"labels": (0,)}, "labels, samples, components: found 1 and 2 and 2 numbers"),
        ({"labels": (0,), "samples": (4,), "components": (3,)}, "labels: found .* 2 numbers"),
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


def test_a_description_is_checked_wherever_it_is_made() -> None:
    known = Description((5,), "flat", Preprocessing(), "float64", (0, 1), (4, 4), (3, 3))
    factors = draw_factors(np.random.default_rng(21), 2, 4, 3, 5, 2)
    data = SlimmableDataset(Factors(*factors), known)
    assert data.description == known
    for wrong in ({"a": 1}, None, known.to_metadata()):
        with pytest.raises(InvalidTypeError, match="description: found"):
            SlimmableDataset(Factors(*factors), wrong)  # type: ignore[arg-type]
    for few in (factors, tuple(factors[:3]), None):
        with pytest.raises(InvalidTypeError, match="factors: found"):
            SlimmableDataset(few, known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("labels", "[" * 100_000 + "]" * 100_000),  # RecursionError
        ("labels", "[" * 500 + "]" * 500),
        ("samples", "[1" + "0" * 400 + "]"),  # OverflowError
        ("samples", "1" * 5000),  # more digits than Python reads
        ("samples", "[4.0, 4]"),
        ("components", "[true, 3]"),
        ("labels", '{"0": 1}'),
        ("labels", "[[0], [1]]"),
        ("shape", "[1e400]"),
        ("shape", "[-5]"),
        ("dtype", "[]"),
        ("layout", "null"),
        ("order", "[0, 0, 1, 2, 3, 4, 5, 6]"),
        ("order", "[1, 0]"),
        ("order", "7"),
        ("preprocessing", '{"mean": [1' + "0" * 400 + '], "std": [1]}'),
        ("preprocessing", '{"mean": [NaN], "std": [1]}'),
        ("preprocessing", '{"mean": [0], "std": [Infinity]}'),
        ("preprocessing", '{"mean": ' + "[" * 500 + "]" * 500 + ', "std": [1]}'),
        ("preprocessing", '{"mean": [true], "std": [true]}'),
        ("preprocessing", '{"mean": "0", "std": "1"}'),
        ("preprocessing", "null"),
        ("preprocessing", '"' + "x" * 10_000 + '"'),
    ],
)
def test_metadata_of_any_content_ends_in_an_error_of_ours(field: str, text: str) -> None:
    known = Description((5,), "flat", Preprocessing(), "float64", (0, 1), (4, 4), (3, 3))
    with pytest.raises(SlimdcError) as caught:
        Description.from_metadata(known.to_metadata() | {field: text})
    assert len(str(caught.value)) < 1000


def test_metadata_that_is_no_mapping_of_text_is_refused() -> None:
    for metadata in (None, [], {"shape": 5}, {1: 2}):
        with pytest.raises(SlimdcError):
            Description.from_metadata(metadata)  # type: ignore[arg-type]


def test_entries_of_u_whose_squares_overflow_are_not_orthonormal() -> None:
    u = np.asarray([[[1e200, 1e200], [1e200, -1e200]]])
    with pytest.raises(InvalidValueError, match="orthonormal"):
        SlimmableDataset.from_factors(u, np.ones((1, 2)), np.ones((1, 2, 3)), np.ones((1, 2, 3)))
