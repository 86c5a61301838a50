"""Convolution, ReLU and average pooling as one block in XLA: at once, or in chunks on CPUs.

XLA's convolutions are as fast as any, but for two of their gradients on CPUs: that of the filters
takes 1.5 to 2 times a product of gathered patches, and that of few channels 2 to 6 times a
scattered one. And XLA asks the system for fresh memory in every call: holding what lies between
convolution and pooling for a whole batch costs a tenth of a step.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["at_once", "convolved", "in_chunks"]

Array: TypeAlias = Any
# What the way back needs of the way forth.
Residuals: TypeAlias = tuple[Array, Array, Array]

# Images at a time: ten of 32 x 32 pixels and 32 channels are 1.3 MB, which stay in the cache.
CHUNK = 10
# Channels up to which the gradient of the images is scattered.
THIN = 4


@functools.partial(jax.jit, static_argnums=3)
def at_once(x: Array, weight: Array, bias: Array, padding: int) -> Array:
    """Compute a block; see `slimdc.backend.HasFastBlock`."""
    return _pooled(jax.nn.relu(convolved(x, weight, 1, padding) + bias))


def convolved(x: Array, weight: Array, stride: int, padding: int) -> Array:
    """Convolve; see `slimdc.backend.Backend.conv`."""
    return lax.conv_general_dilated(
        x,
        weight,
        window_strides=(stride, stride),
        padding=((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )


def _pooled(z: Array) -> Array:
    h, w = z.shape[1] // 2 * 2, z.shape[2] // 2 * 2
    rows = z[:, 0:h:2] + z[:, 1:h:2]
    return (rows[:, :, 0:w:2] + rows[:, :, 1:w:2]) * 0.25


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _chunked(x: Array, weight: Array, bias: Array, padding: int) -> Array:
    return _forward(x, weight, bias, padding)[0]


def _forward(x: Array, weight: Array, bias: Array, padding: int) -> tuple[Array, Residuals]:
    def block(images: Array) -> tuple[Array, Array]:
        z = convolved(images, weight, 1, padding) + bias
        return _pooled(jax.nn.relu(z)), z > 0

    out, passed = (_joined(parts, x) for parts in lax.map(block, _cut(x)))
    return out, (x, weight, passed)


def _backward(padding: int, residuals: Residuals, gradient: Array) -> tuple[Array, Array, Array]:
    x, weight, passed = residuals
    r, _, c_in, c_out = weight.shape

    def scattered(part: tuple[Array, Array]) -> Array:
        products = jnp.einsum("nhwo,ijco->nhwijc", _ungated(*part), weight)
        total = jnp.zeros((), x.dtype)
        for i in range(r):
            for j in range(r):
                total += _placed(products[:, :, :, i, j], x, i - padding, j - padding)
        return total

    def added(
        sums: tuple[Array, Array], part: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], None]:
        images, *gated = part
        g = _ungated(*gated)
        _, h, w, _ = g.shape
        padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        shifted = [padded[:, i : i + h, j : j + w] for i in range(r) for j in range(r)]
        patches = jnp.concatenate(shifted, axis=3).reshape(-1, r * r * c_in)
        rows = g.reshape(-1, c_out)
        return (sums[0] + rows.T @ patches, sums[1] + jnp.sum(rows, axis=0)), None

    gated = _cut(gradient), _cut(passed)
    if c_in <= THIN:
        of_x = _joined(lax.map(scattered, gated), x)
    else:
        turned = weight[::-1, ::-1].transpose(0, 1, 3, 2)
        of_x = convolved(_ungated(gradient, passed), turned, 1, r - 1 - padding)
    zeros = jnp.zeros((c_out, r * r * c_in), x.dtype), jnp.zeros(c_out, x.dtype)
    (of_weight, of_bias), _ = lax.scan(added, zeros, (_cut(x), *gated))
    return of_x, of_weight.T.reshape(weight.shape), of_bias


_chunked.defvjp(_forward, _backward)
in_chunks = jax.jit(_chunked, static_argnums=3)


def _ungated(gradient: Array, passed: Array) -> Array:
    """Bring a gradient back through pooling and ReLU; a last odd row or column gets none."""
    h, w = passed.shape[1:3]
    spread = jnp.repeat(jnp.repeat(gradient * 0.25, 2, axis=1), 2, axis=2)
    spread = jnp.pad(spread, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
    return jnp.where(passed, spread, 0.0)


def _placed(part: Array, x: Array, down: int, right: int) -> Array:
    """Shift images, and cut or fill them to the height and width of ``x``."""
    rows = (down, x.shape[1] - part.shape[1] - down, 0)
    columns = (right, x.shape[2] - part.shape[2] - right, 0)
    return lax.pad(part, jnp.zeros((), part.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))


def _cut(x: Array) -> Array:
    """Cut images into chunks of equal size; zeros fill the last one."""
    n = x.shape[0]
    chunks = -(-n // CHUNK)
    size = -(-n // chunks)
    padded = jnp.pad(x, ((0, chunks * size - n), *((0, 0) for _ in x.shape[1:])))
    return padded.reshape(chunks, size, *x.shape[1:])


def _joined(chunks: Array, x: Array) -> Array:
    """Join chunks to as many images as ``x`` holds."""
    return chunks.reshape(-1, *chunks.shape[2:])[: x.shape[0]]
