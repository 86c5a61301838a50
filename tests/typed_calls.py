"""Calls as a type checker sees them: it is run on this file, which nobody executes.

A line marked with an ignore is a mistake that has to be found: mypy refuses an ignore of nothing.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import slimdc
from slimdc import Certificate, Evaluation, Preprocessing, SlimmableDataset
from slimdc.parameterization import reconstruct
from slimdc.typing import FactorDtype, FloatDtype, Layout

Floats = NDArray[np.float64]


def of_sets(data: SlimmableDataset, x: Floats) -> None:
    assert_type(slimdc.slim(data, 2), SlimmableDataset)
    assert_type(data.truncate(1), SlimmableDataset)
    assert_type(data.union(data), SlimmableDataset)
    assert_type(SlimmableDataset.union(data, data), SlimmableDataset)
    assert_type(data.quantize(3).select([0]).append(x, [1]), SlimmableDataset)
    assert_type(SlimmableDataset.from_arrays(x, [0], layout="flat"), SlimmableDataset)
    assert_type(data.layout, Layout)
    assert_type(data.dtype, FloatDtype)
    assert_type(data.factor_dtype, FactorDtype)
    assert_type(data[0], tuple[Any, Any])
    assert_type(len(data), int)
    assert_type(slimdc.certify(data, data), Certificate)
    assert_type(slimdc.evaluate(data, x, [0], protocol="frepo", network="mlp"), Evaluation)


def of_arrays(x: Floats, raw: NDArray[np.float32]) -> None:
    assert_type(Preprocessing().apply(raw, "channels_last"), NDArray[np.float32])
    assert_type(reconstruct(x, x, x, x), tuple[Floats, Floats])
    assert_type(SlimmableDataset.from_factors(x, x, x, x, dtype="float16"), SlimmableDataset)


def of_names_of_others(data: SlimmableDataset) -> None:
    """Backends and methods may be added, so that any name of theirs is accepted."""
    slimdc.slim(data, 2, method="mine", backend="theirs")


def of_mistakes(data: SlimmableDataset, x: Floats) -> None:
    slimdc.slim(data, 2, start="row")  # type: ignore[arg-type]
    slimdc.slim(data, 2, dtype="float16")  # type: ignore[arg-type]
    slimdc.slim(data, 2, preset="papers")  # type: ignore[arg-type]
    slimdc.slim(data, 2, samples="drop")  # type: ignore[arg-type]
    slimdc.evaluate(data, x, [0], protocol="fast")  # type: ignore[arg-type]
    slimdc.evaluate(data, x, [0], network="conv")  # type: ignore[arg-type]
    slimdc.condense(x, [0], 1, layout="NCHW")  # type: ignore[arg-type]
    slimdc.write(data, "set.pt", format="dm")  # type: ignore[arg-type]
    data.arrays("sorted")  # type: ignore[arg-type]
    data["first"]  # type: ignore[index]
    SlimmableDataset.from_factors(None, x, x, x)  # type: ignore[arg-type]
    Preprocessing().invert(x, "channels")  # type: ignore[arg-type]
