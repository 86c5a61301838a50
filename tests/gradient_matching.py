"""The loss of gradient matching (DC) in a small ConvNet, and its gradient in the images.

Run as a script it computes that gradient on a backend: ``gradient_matching.py BACKEND OUT.npy``.
"""

from __future__ import annotations

import functools
import itertools
import operator
import sys
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from slimdc import backend
from slimdc.backend import Array, Backend, Tensors, average_pool, relu, value_and_grad
from slimdc.networks import normalization, predict

CHANNELS = (1, 3, 4)
CLASSES = 3


def parameters() -> dict[str, np.ndarray]:
    """Draw two blocks with instance normalisation, and a head, none of it where it starts."""
    rng = np.random.default_rng(0)
    drawn: dict[str, np.ndarray] = {
        "head.weight": rng.standard_normal((2 * 2 * CHANNELS[-1], CLASSES)) / 4,
        "head.bias": rng.standard_normal(CLASSES),
    }
    for i, (before, after) in enumerate(itertools.pairwise(CHANNELS)):
        drawn[f"conv{i}.weight"] = rng.standard_normal((3, 3, before, after)) / 3
        drawn[f"conv{i}.bias"] = rng.standard_normal(after)
        drawn[f"norm{i}.scale"] = rng.uniform(0.5, 1.5, after)
        drawn[f"norm{i}.shift"] = rng.standard_normal(after)
    return drawn


def images() -> dict[str, np.ndarray]:
    """Draw real images and synthetic ones, and their labels as rows of one entry."""
    rng = np.random.default_rng(1)
    classes = np.eye(CLASSES)
    return {
        "x": rng.standard_normal((3, 8, 8, 1)),
        "y": classes,
        "real x": rng.standard_normal((6, 8, 8, 1)),
        "real y": classes[np.arange(6) % CLASSES],
    }


def rectified(ops: Backend, v: Tensors, x: Array) -> list[Array]:
    """Compute what the blocks rectify, and the features after them as the last."""
    found = []
    for i in range(len(CHANNELS) - 1):
        z = ops.conv(x, v[f"conv{i}.weight"], 1, 1) + v[f"conv{i}.bias"]
        moments = normalization.moments_of(z, (1, 2))
        found.append(normalization.normalised(z, moments, v, f"norm{i}"))
        x = average_pool(relu(found[-1]), 2, 2)
    return [*found, array_namespace(x).reshape(x, (x.shape[0], -1))]


def cross_entropy(ops: Backend, v: Tensors, x: Array, y: Array) -> Array:
    """Average over images the cross-entropy of a softmax."""
    scores = predict(v, rectified(ops, v, x)[-1])
    xp = array_namespace(scores)
    largest = xp.max(scores, axis=1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(scores - largest), axis=1, keepdims=True)) + largest
    return xp.mean(xp.sum((total - scores) * y, axis=1))


def distance(ops: Backend) -> Any:
    """Make the loss: 1 − cosine of the gradients of both sets, added up over parameters."""
    slopes = value_and_grad(ops, lambda v, x, y: (cross_entropy(ops, v, x, y), {}))

    def loss(v: Tensors, networks: Tensors, y: Array, *real: Array) -> tuple[Array, Tensors]:
        of_images, of_real = slopes(networks, v["x"], y)[2], slopes(networks, *real)[2]
        parts = []
        for name, g in of_images.items():
            # A shift of all pixels alike is taken out by the normalisation that follows.
            if not name.startswith("conv") or not name.endswith("bias"):
                h, xp = of_real[name], array_namespace(g)
                sizes = xp.sum(g * g) * xp.sum(h * h)
                parts.append(1.0 - xp.sum(g * h) / xp.sqrt(sizes))
        return functools.reduce(operator.add, parts), {}

    return loss


def entered(ops: Backend) -> list[Any]:
    """Copy the loss's arguments to a backend."""
    drawn = {name: ops.asarray(x) for name, x in images().items()}
    networks = {name: ops.asarray(x) for name, x in parameters().items()}
    return [{"x": drawn.pop("x")}, networks, *drawn.values()]


def gradient(ops: Backend) -> np.ndarray:
    """Differentiate the loss in the synthetic images."""
    with ops.session():
        _, _, found = value_and_grad(ops, distance(ops))(*entered(ops))
        return ops.to_numpy(found["x"])


if __name__ == "__main__":
    np.save(sys.argv[2], gradient(backend.get(sys.argv[1])))
