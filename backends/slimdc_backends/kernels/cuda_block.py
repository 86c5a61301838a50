"""Convolution, ReLU and average pooling as one block on a GPU, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc_backends.kernels.cuda import THREADS, Array, Device, Patches

__all__ = ["Block"]

# Sums that the bias's gradient is split into: enough to fill any GPU.
SUMS = 1 << 16


@dataclass(frozen=True)
class Block:
    """One block: images (n, h, w, c_in), filters (r, r, c_in, c_out), and the zeros around.

    Parameters
    ----------
    device : Device
        What computes.
    x, weight : array
        Images and filters, contiguous, of one dtype.
    padding : int
        Rows and columns of zeros on each side.
    """

    device: Device
    x: Array
    weight: Array
    padding: int

    @classmethod
    def of(cls, device: Device, x: Array, weight: Array, padding: int) -> Block:
        """Make a block of arrays that may lie in memory in any way."""
        x, weight = device.contiguous(x, weight)
        return cls(device, x, weight, padding)

    @property
    def patches(self) -> Patches:
        """The patches of the images."""
        return Patches(self.device, self.x.shape[1:], self.weight.shape[0], 1, self.padding)

    @property
    def matrix(self) -> Array:
        """The filters as a matrix (r * r * c_in, c_out)."""
        return self.weight.reshape(-1, self.weight.shape[3])

    def forward(self, bias: Array) -> tuple[Array, Array]:
        """Compute the output (n, h' // 2, w' // 2, c_out), and which values passed: a mask."""
        xp, of_images, c_out = self.device.xp, self.patches, self.weight.shape[3]
        rows, columns = of_images.size
        shape = (self.x.shape[0], rows // 2, columns // 2, c_out)
        out = xp.empty(shape, dtype=self.x.dtype)
        mask = xp.empty(shape, dtype=xp.uint8)
        bias = xp.ascontiguousarray(bias, dtype=self.x.dtype)
        for part, patches, z in of_images.chunks(self.x.shape[0], c_out, self.x.dtype):
            of_images.gather(self.x[part], patches)
            xp.matmul(patches, self.matrix, out=z)
            images = part.stop - part.start
            shapes = (rows, columns, c_out)
            to = (out[part], mask[part])
            self._start("pool", images * (rows // 2), columns // 2 * c_out, z, bias, *to, *shapes)
        return out, mask

    def backward(
        self, gradient: Array, mask: Array, wanted: tuple[bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """Gradients in x, weight and bias; ``wanted`` says which (x, parameters)."""
        xp, of_images, c_out = self.device.xp, self.patches, self.weight.shape[3]
        rows, columns = of_images.size
        gradient = xp.ascontiguousarray(gradient, dtype=self.x.dtype)
        of_x = xp.empty_like(self.x) if wanted[0] else None
        of_matrix = None
        for part, patches, z in of_images.chunks(self.x.shape[0], c_out, self.x.dtype):
            start = (part.stop - part.start) * rows
            shapes = (rows, columns, c_out)
            self._start("unpool", start, columns * c_out, gradient[part], mask[part], z, *shapes)
            if wanted[1]:
                # Making patches again costs less than keeping nine images for each.
                of_images.gather(self.x[part], patches)
                product = patches.T @ z
                of_matrix = product if of_matrix is None else of_matrix + product
            if of_x is not None:
                # A product and its transposed im2col move r * r * c_in values a pixel. The other
                # way, im2col of z and turned filters, costs as many operations but moves
                # r * r * c_out, and networks widen: c_in is c_out / 2, or the 1 or 3 of images.
                xp.matmul(z, self.matrix.T, out=patches)
                of_images.scatter(patches, of_x[part])
        if of_matrix is None:
            return of_x, None, None
        return of_x, of_matrix.reshape(self.weight.shape), self._of_bias(gradient, mask)

    def _of_bias(self, gradient: Array, mask: Array) -> Array:
        # From the pooled gradient, a quarter of z's; and a tall array's sum over its first axis
        # keeps few of CuPy's threads busy.
        channels = gradient.shape[3]
        positions = gradient.size // channels
        count = max(1, min(positions, SUMS // channels))
        parts = self.device.xp.empty((count, channels), dtype=gradient.dtype)
        blocks = -(-parts.size // THREADS)
        shapes = (positions, channels, count)
        self._start("bias_parts", blocks, THREADS, gradient, mask, parts, *shapes)
        return parts.sum(axis=0)

    def _start(self, name: str, blocks: int, work: int, *args: Array | int) -> None:
        self.device.start(name, self.x.dtype, blocks, work, *args)
