"""Factors and pairs for the tests of the parameterization, and Eq. 8 in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings

EXAMPLES = min(200, settings.default.max_examples)
EPS = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "float64": 2**-52}


def orthonormal(rng: np.random.Generator, n: int, b: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(n, b)))[0]


def draw_factors(
    rng: np.random.Generator, classes: int, n: int, b: int, d: int, c: int, shared: bool = False
) -> list[np.ndarray]:
    blocks = 1 if shared else classes
    return [
        np.stack([orthonormal(rng, n, b) for _ in range(blocks)]),
        rng.normal(size=(blocks, b)),
        rng.normal(size=(classes, b, d)),
        rng.normal(size=(classes, b, c)),
    ]


def by_loops(u: Any, s: Any, v: Any, i: int) -> np.ndarray:
    """Eq. 8 entry by entry, for class block i."""
    u, s, v = u[min(i, len(u) - 1)], s[min(i, len(s) - 1)], v[i]
    out = np.zeros((u.shape[0], v.shape[1]))
    for row in range(u.shape[0]):
        for k in range(u.shape[1]):
            out[row] += u[row, k] * s[k] * v[k]
    return out


def one_hot_by_loops(labels: list[int], classes: int) -> np.ndarray:
    return np.asarray(
        [
            [((label == c) - 1 / classes) / (classes / 10) ** 0.5 for c in range(classes)]
            for label in labels
        ]
    )
