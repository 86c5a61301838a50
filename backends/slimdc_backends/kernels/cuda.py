"""The kernels of ``convolution.cu``, and patches of images (im2col) by them.

Nothing here names an array library: a namespace like NumPy's and what launches a kernel are passed
in, so that the same lines run on CuPy arrays and, in the tests, on NumPy's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

__all__ = ["BUDGET", "THREADS", "Array", "Device", "Launch", "Patches", "source"]

Array: TypeAlias = Any

# Bytes of the patches and of the convolution's output that exist at one time.
BUDGET = 1 << 28
# Threads of a block, at most; whole warps of 32, at least one.
THREADS = 256


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


@dataclass(frozen=True)
class Device:
    """What computes.

    Parameters
    ----------
    xp : namespace
        NumPy, or a library with NumPy's names; no array-API namespace.
    launch : Launch
        Starts the kernels on its arrays.
    """

    xp: Any
    launch: Launch

    def contiguous(self, *arrays: Array) -> list[Array]:
        """Give arrays one dtype that kernels know, and a memory that they can read as it lies."""
        dtype = self.xp.result_type(*arrays, self.xp.float32)  # kernels know no float16
        return [self.xp.ascontiguousarray(a, dtype=dtype) for a in arrays]

    def start(self, name: str, dtype: Any, blocks: int, work: int, *args: Any) -> None:
        """Start a kernel, given how many values each of its blocks is to write."""
        threads = min(THREADS, max(32, -(-work // 32) * 32))
        self.launch(name, dtype, blocks, threads, *args)


@dataclass(frozen=True)
class Patches:
    """The r x r patches of images, a stride apart, with zeros around.

    Parameters
    ----------
    device : Device
        What computes.
    image : tuple of int
        Height, width and channels.
    r, stride, padding : int
        Size of a patch, the way from one to the next, and rows and columns of zeros on each side.
    """

    device: Device
    image: tuple[int, int, int]
    r: int
    stride: int
    padding: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        rows, columns = (
            (side + 2 * self.padding - self.r) // self.stride + 1 for side in self.image[:2]
        )
        return rows, columns

    @property
    def width(self) -> int:
        """Values of a patch."""
        return self.r * self.r * self.image[2]

    def chunks(self, n: int, c_out: int, dtype: Any) -> Iterator[tuple[slice, Array, Array]]:
        """Yield images, and room for their patches and for ``c_out`` values in each one's place."""
        xp, pixels, width = self.device.xp, self.size[0] * self.size[1], self.width
        most = max(1, BUDGET // max(1, pixels * (width + c_out) * dtype.itemsize))
        # Chunks of like size: a last one of a few images would leave a GPU idle.
        count = -(-n // most)
        size = -(-n // max(1, count))
        patches = xp.empty((size * pixels, width), dtype=dtype)
        z = xp.empty((size * pixels, c_out), dtype=dtype)
        for start in range(0, n, max(1, size)):
            part = slice(start, min(start + size, n))
            held = (part.stop - part.start) * pixels
            yield part, patches[:held], z[:held]

    def gather(self, images: Array, patches: Array) -> None:
        """Write the patches of images."""
        rows, columns = self.size
        blocks, work = images.shape[0] * rows, columns * self.width
        self.device.start("im2col", images.dtype, blocks, work, images, patches, *self._shapes())

    def scatter(self, patches: Array, images: Array) -> None:
        """Write images as the sums of their patches."""
        n, height, width, channels = images.shape
        blocks, work = n * height, width * channels
        self.device.start("col2im", images.dtype, blocks, work, patches, images, *self._shapes())

    def _shapes(self) -> tuple[int, ...]:
        return (*self.image, *self.size, self.r, self.stride, self.padding)
