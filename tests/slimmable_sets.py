"""Sets of every kind that a slimmable file holds, and what it is for two to be the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from factor_sets import draw_factors

from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.storage.tensor_file import write_tensors

ROWS = np.repeat(np.eye(4, dtype=np.float32)[None], 3, axis=0)


def _rng() -> np.random.Generator:
    return np.random.default_rng(11)


def _images(dtype: str = "float32") -> SlimmableDataset:
    x = _rng().standard_normal((12, 6, 5, 3)).cumsum(axis=1).astype(dtype)
    space = Preprocessing((0.1, 1 / 3, 0.7), (0.3, 1e-7, 2.0))
    return SlimmableDataset.from_arrays(x, np.arange(12) % 3, preprocessing=space)


def _uneven() -> SlimmableDataset:
    x = _rng().standard_normal((9, 3, 4, 5))
    return SlimmableDataset.from_arrays(x, [0, 2, 0, 1, 0, 1, 0, 0, 1], layout="channels_first")


def _shared(which: str, order: str) -> SlimmableDataset:
    """Share U, s or both, with components sorted, unsorted alike, or unsorted class by class."""
    u, s, vx, vy = draw_factors(_rng(), 3, 5, 4, 7, 3)
    s = np.asarray([[4.0, 3.0, 2.0, 1.0]] * 3) + np.arange(3)[:, None] / 8
    if order == "alike":
        s = s[:, [2, 0, 3, 1]]
    if order == "apart":
        s = np.stack([s[0, [2, 0, 3, 1]], s[1], s[2, [0, 1, 3, 2]]])
    if order == "late":  # the first two in the same order everywhere
        s = np.stack([s[0, [0, 1, 3, 2]], s[1], s[2]])
    return SlimmableDataset.from_factors(
        u[:1] if "u" in which else u, s[:1] if "s" in which else s, vx, vy, labels=(2, 0, 1)
    )


def _unsorted() -> SlimmableDataset:
    """Have negative, equal and vanishing significances in classes of unequal size."""
    u, s, vx, vy = draw_factors(_rng(), 3, 5, 4, 7, 6)
    s = np.asarray([[1.0, -3.0, 3.0, 0.0], [0.0, 2.0, 0.0, 0.0], [-1.0, -2.0, 5.0, 0.0]])
    for c, held in enumerate((4, 2, 3)):
        for x in (u[c].T, s[c], vx[c], vy[c]):
            x[held:] = 0
    return SlimmableDataset.from_factors(u, s, vx, vy, components=(4, 2, 3))


def _rows(labels: list[int]) -> SlimmableDataset:
    x = _rng().standard_normal((len(labels), 6, 5)).cumsum(axis=1)
    data = SlimmableDataset.from_arrays(x, labels)
    held = [labels.count(c) for c in range(max(labels) + 1)]
    u = np.stack([np.diag(np.arange(max(held)) < k).astype(float) for k in held])
    sv = (data.u * data.s[:, None, :]) @ data.vx, (data.u * data.s[:, None, :]) @ data.vy
    ones = np.ones(data.s.shape) * (np.arange(max(held)) < np.asarray(held)[:, None])
    return SlimmableDataset.from_factors(u, ones, *sv, shape=(6, 5), samples=held, components=held)


def _ordered_rows() -> SlimmableDataset:
    data = _rows([0, 0, 0, 1, 1, 2, 2, 2])
    known = replace(data.description, order=(5, 0, 3, 1, 7, 2, 4, 6))
    return SlimmableDataset(data.factors, known)


KINDS: dict[str, Callable[[], SlimmableDataset]] = {
    "float32": _images,
    "float64": lambda: _images("float64"),
    "float16": lambda: _images("float16"),
    "uneven": _uneven,
    "flat": lambda: SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1]),
    "named": lambda: _uneven().named(["a cat", "'\"\\$x$<b>", "Ünïcode, ﬂat"]),
    "one class": lambda: SlimmableDataset.from_arrays(np.eye(4), [2] * 4, classes=5),
    "unsorted": _unsorted,
    **{
        f"shared {which} {order}": lambda which=which, order=order: _shared(which, order)
        for which in ("u", "s", "us")
        for order in (("sorted", "alike", "apart", "late") if which == "u" else ("sorted", "alike"))
    },
    "coded": lambda: _images().quantize(5),
    "coded in float64": lambda: _images("float64").quantize(3),
    "coded and named": lambda: _images().quantize(5).named(["cat", "cow", "dog"]),
    "coded uneven": lambda: _uneven().quantize(4),
    "coded flat": lambda: SlimmableDataset.from_arrays(
        _rng().standard_normal((20, 30)), np.arange(20) % 10, classes=12
    ).quantize(4),
    "coded rows": lambda: _rows([0, 0, 0, 1, 1, 1]).quantize(4),
    "coded uneven rows in an order": lambda: _ordered_rows().quantize(4),
}
CODED = [name for name in KINDS if "coded" in name]


def bits(data: SlimmableDataset) -> tuple[Any, ...]:
    """All that a set is."""
    factors = ((x.dtype, x.shape, x.tobytes()) for x in map(np.asarray, data.factors))
    return (data.description, data.codes, data.label_entries, *factors)


def save_version_2(data: SlimmableDataset, path: Path) -> None:
    """Write a set as slimdc did before its files were slimmable."""
    metadata = {"format": "slimdc", "version": "2", **data.description.to_metadata()}
    write_tensors(path, data.host_factors()._asdict(), metadata)
