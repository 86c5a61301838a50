"""Convolution, ReLU and average pooling as one block on a GPU, forward and backward.

The kernels of ``convolution.cu`` make patches (im2col) and pool; matrix products are the array
library's. Nothing here names that library: a namespace like NumPy's and what launches a kernel are
passed in, so that the same lines run on CuPy arrays and, in the tests, on NumPy's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from slimdc_backends.tape import Var, raw

Array = Any

# Bytes of the patches and of the convolution's output that exist at one time.
BUDGET = 1 << 28
# Threads of a block, at most; whole warps of 32, at least one.
THREADS = 256
# Sums that the bias's gradient is split into: enough to fill any GPU.
SUMS = 1 << 16


class Launch(Protocol):
    """Starts a kernel of `source`, whose ``real`` is a dtype; does nothing for 0 blocks."""

    def __call__(self, name: str, dtype: Any, blocks: int, threads: int, *args: Any) -> None:
        """Start ``blocks`` times ``threads`` threads on contiguous arrays and 32-bit ints."""
        ...


@cache
def source(dtype: str) -> str:
    """Give the kernels' source for ``"float32"`` or ``"float64"``."""
    real = {"float32": "float", "float64": "double"}[dtype]
    kernels = Path(__file__).with_name("convolution.cu").read_text(encoding="utf-8")
    return f"typedef {real} real;\n{kernels}"


def conv_relu_pool(
    xp: Any, launch: Launch, x: Array, weight: Array, bias: Array, padding: int
) -> Array:
    """Convolve, rectify and pool; record it where an input is on a tape.

    Parameters
    ----------
    xp : namespace
        NumPy, or a library with NumPy's names; no array-API namespace.
    launch : Launch
        Starts the kernels on its arrays.
    x, weight, bias, padding
        See `slimdc.backend.Backend`.

    Returns
    -------
    array
        Of shape (n, h' // 2, w' // 2, c_out).
    """
    inputs = (x, weight, bias)
    tapes = [v.tape for v in inputs if isinstance(v, Var)]
    block = Block.of(xp, launch, raw(x), raw(weight), padding)
    out, mask = block.forward(raw(bias))
    if not tapes:
        return out

    def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        return block.backward(g, mask, (wanted[0], wanted[1] or wanted[2]))

    return tapes[0].record(out, inputs, pullback)


@dataclass(frozen=True)
class Block:
    """One block: images (n, h, w, c_in), filters (r, r, c_in, c_out), and the zeros around.

    Parameters
    ----------
    xp, launch
        As for `conv_relu_pool`.
    x, weight : array
        Images and filters, contiguous, of one dtype.
    padding : int
        Rows and columns of zeros on each side.
    """

    xp: Any
    launch: Launch
    x: Array
    weight: Array
    padding: int

    @classmethod
    def of(cls, xp: Any, launch: Launch, x: Array, weight: Array, padding: int) -> Block:
        """Make a block of arrays that may lie in memory in any way."""
        # Kernels read memory as it lies, and know no float16.
        dtype = xp.result_type(x, weight, xp.float32)
        x, weight = (xp.ascontiguousarray(a, dtype=dtype) for a in (x, weight))
        return cls(xp, launch, x, weight, padding)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the convolution's output."""
        grow = 2 * self.padding - self.weight.shape[0] + 1
        return self.x.shape[1] + grow, self.x.shape[2] + grow

    @property
    def matrix(self) -> Array:
        """The filters as a matrix (r * r * c_in, c_out)."""
        return self.weight.reshape(-1, self.weight.shape[3])

    def forward(self, bias: Array) -> tuple[Array, Array]:
        """Compute the output (n, h' // 2, w' // 2, c_out), and which values passed: a mask."""
        (rows, columns), c_out = self.size, self.weight.shape[3]
        shape = (self.x.shape[0], rows // 2, columns // 2, c_out)
        out = self.xp.empty(shape, dtype=self.x.dtype)
        mask = self.xp.empty(shape, dtype=self.xp.uint8)
        bias = self.xp.ascontiguousarray(bias, dtype=self.x.dtype)
        for part, patches, z in self._chunks():
            self._gather(part, patches)
            self.xp.matmul(patches, self.matrix, out=z)
            images = part.stop - part.start
            shapes = (rows, columns, c_out)
            to = (out[part], mask[part])
            self._start("pool", images * (rows // 2), columns // 2 * c_out, z, bias, *to, *shapes)
        return out, mask

    def backward(
        self, gradient: Array, mask: Array, wanted: tuple[bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """Gradients in x, weight and bias; ``wanted`` says which (x, parameters)."""
        (rows, columns), c_out = self.size, self.weight.shape[3]
        gradient = self.xp.ascontiguousarray(gradient, dtype=self.x.dtype)
        of_x = self.xp.empty_like(self.x) if wanted[0] else None
        of_matrix = None
        for part, patches, z in self._chunks():
            start = (part.stop - part.start) * rows
            shapes = (rows, columns, c_out)
            self._start("unpool", start, columns * c_out, gradient[part], mask[part], z, *shapes)
            if wanted[1]:
                # Making patches again costs less than keeping nine images for each.
                self._gather(part, patches)
                product = patches.T @ z
                of_matrix = product if of_matrix is None else of_matrix + product
            if of_x is not None:
                # A product and its transposed im2col move r * r * c_in values a pixel. The other
                # way, im2col of z and turned filters, costs as many operations but moves
                # r * r * c_out, and networks widen: c_in is c_out / 2, or the 1 or 3 of images.
                self.xp.matmul(z, self.matrix.T, out=patches)
                self._scatter(patches, of_x[part])
        if of_matrix is None:
            return of_x, None, None
        return of_x, of_matrix.reshape(self.weight.shape), self._of_bias(gradient, mask)

    def _chunks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield images, and room for their patches and for the convolution's output."""
        (rows, columns), (width, c_out) = self.size, self.matrix.shape
        n, pixels = self.x.shape[0], rows * columns
        most = max(1, BUDGET // (pixels * (width + c_out) * self.x.dtype.itemsize))
        # Chunks of like size: a last one of a few images would leave a GPU idle.
        count = -(-n // most)
        size = -(-n // max(1, count))
        patches = self.xp.empty((size * pixels, width), dtype=self.x.dtype)
        z = self.xp.empty((size * pixels, c_out), dtype=self.x.dtype)
        for start in range(0, n, max(1, size)):
            part = slice(start, min(start + size, n))
            held = (part.stop - part.start) * pixels
            yield part, patches[:held], z[:held]

    def _gather(self, part: slice, patches: Array) -> None:
        images = self.x[part]
        rows, columns = self.size
        self._start(
            "im2col",
            images.shape[0] * rows,
            columns * patches.shape[1],
            images,
            patches,
            *self._shapes(),
        )

    def _scatter(self, patches: Array, images: Array) -> None:
        n, height, width, channels = images.shape
        self._start("col2im", n * height, width * channels, patches, images, *self._shapes())

    def _shapes(self) -> tuple[int, ...]:
        return (*self.x.shape[1:], *self.size, self.weight.shape[0], self.padding)

    def _of_bias(self, gradient: Array, mask: Array) -> Array:
        # From the pooled gradient, a quarter of z's; and a tall array's sum over its first axis
        # keeps few of CuPy's threads busy.
        channels = gradient.shape[3]
        positions = gradient.size // channels
        count = max(1, min(positions, SUMS // channels))
        parts = self.xp.empty((count, channels), dtype=gradient.dtype)
        blocks = -(-parts.size // THREADS)
        shapes = (positions, channels, count)
        self._start("bias_parts", blocks, THREADS, gradient, mask, parts, *shapes)
        return parts.sum(axis=0)

    def _start(self, name: str, blocks: int, work: int, *args: Any) -> None:
        """Start a kernel whose blocks have as much work each as told."""
        threads = min(THREADS, max(32, -(-work // 32) * 32))
        self.launch(name, self.x.dtype, blocks, threads, *args)
