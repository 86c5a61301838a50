"""What belongs to the caller stays as it was, bit for bit, through whole runs and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc.settings import EvaluationSettings

FACTORS = ("u", "s", "vx", "vy")


@dataclass
class Given:
    """Samples and labels as a caller may have them, and the host memory that they lie in."""

    x: Any
    y: Any
    memory: tuple[np.ndarray, ...]


def owned(shape: tuple[int, ...] = (18, 6)) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def labels() -> np.ndarray:
    return np.arange(18, dtype=np.int32) % 3


def strided() -> Given:
    memory, y = owned((54, 14)), np.repeat(labels(), 2)
    return Given(memory[::-3, 1:13:2], y[::2], (memory, y))


def in_columns() -> Given:
    memory, y = owned((6, 18)), labels()
    return Given(memory.T, y, (memory, y))


def read_only() -> Given:
    x, y = owned(), labels()
    x.flags.writeable = y.flags.writeable = False
    return Given(x, y, (x, y))


def of_other_byte_order() -> Given:
    x, y = owned().astype(">f4"), labels().astype(">i4")
    return Given(x, y, (x, y))


def soft_labels() -> Given:
    x, y = owned(), np.random.default_rng(1).uniform(size=(18, 3)).astype(np.float32)
    return Given(x, y, (x, y))


def leaves_of_torch() -> Given:
    torch, x, y = library("torch"), owned(), labels()
    return Given(torch.from_numpy(x).requires_grad_(), torch.from_numpy(y), (x, y))


def strided_in_torch() -> Given:
    torch, x, y = library("torch"), owned((36, 12)), labels()
    return Given(torch.from_numpy(x)[::2, ::2], torch.from_numpy(y), (x, y))


def in_torch_by_dlpack() -> Given:
    torch, x, y = library("torch"), owned(), labels()
    return Given(torch.from_dlpack(x), torch.from_dlpack(y), (x, y))


def in_jax_by_dlpack() -> Given:
    numpy, x, y = library("jax").numpy, owned(), labels()
    return Given(numpy.from_dlpack(x), numpy.from_dlpack(y), (x, y))


KINDS = (
    strided,
    in_columns,
    read_only,
    of_other_byte_order,
    soft_labels,
    leaves_of_torch,
    strided_in_torch,
    in_torch_by_dlpack,
    in_jax_by_dlpack,
)


def host(x: Any) -> np.ndarray:
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


def copied(x: Any) -> Any:
    """Copy an array to memory of its own, in order."""
    if hasattr(x, "detach"):
        return x.detach().clone().contiguous()
    if isinstance(x, np.ndarray):
        return np.array(x, dtype=x.dtype.newbyteorder("="), order="C")
    return x.copy()


def overwrite(x: Any) -> None:
    """Write to a result, where its library lets that be done."""
    if isinstance(x, np.ndarray) and x.flags.writeable:
        x[...] = 7
    elif hasattr(x, "detach"):
        x.detach().fill_(7)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_leave_the_callers_arrays_as_they_were(kind: Callable[[], Given]) -> None:
    given = kind()
    arrays = given.x, given.y
    before = [m.tobytes() for m in given.memory]
    values = [host(a).copy() for a in arrays]
    flags = [m.flags.writeable for m in given.memory]
    leaves = [getattr(a, "requires_grad", None) for a in arrays]

    def check() -> None:
        assert [m.tobytes() for m in given.memory] == before
        assert [m.flags.writeable for m in given.memory] == flags
        for array, value, leaf in zip(arrays, values, leaves, strict=True):
            assert np.array_equal(host(array), value)
            assert getattr(array, "requires_grad", None) == leaf
            assert getattr(array, "grad", None) is None

    few: dict[str, Any] = {"steps": 2, "width": 4}
    small = slimdc.slim(arrays, 2, **few)
    check()
    # JAX compiles every run anew, and condensing and evaluating compute as slimming does.
    if kind is not in_jax_by_dlpack:
        same = slimdc.slim(tuple(map(copied, arrays)), 2, **few)
        assert all(np.array_equal(host(getattr(small, x)), host(getattr(same, x))) for x in FACTORS)
    if kind is not in_jax_by_dlpack and values[1].ndim == 1:
        made = slimdc.condense(*arrays, 2, **few)
        check()
        slimdc.evaluate(
            arrays, *arrays, steps=2, repeats=1, protocol=EvaluationSettings(width=4, batch=7)
        )
        check()
        for result in (*made.arrays(), *(getattr(made, name) for name in FACTORS)):
            overwrite(result)
    for result in (*small.arrays(), *(getattr(small, name) for name in FACTORS)):
        assert type(result) is type(given.x)
        overwrite(result)
    check()


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_runs_leave_a_set_as_it_was(name: str) -> None:
    library(name)
    data = slimdc.SlimmableDataset.from_arrays(owned(), labels())
    before = [getattr(data, x).tobytes() for x in FACTORS]
    few: dict[str, Any] = {"steps": 3, "backend": name}
    slimdc.slim(data, 2, width=4, **few)
    slimdc.evaluate(data, owned(), labels(), repeats=1, width=4, **few)
    assert [getattr(data, x).tobytes() for x in FACTORS] == before
    assert not any(getattr(data, x).flags.writeable for x in FACTORS)
