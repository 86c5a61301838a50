"""A convolution on a GPU and its two gradients, each by matrix products of patches."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc_backends.kernels.cuda import Array, Device, Patches

__all__ = ["CudaProducts"]


@dataclass(frozen=True)
class CudaProducts:
    """The three products of a convolution; see `slimdc_backends.tape.Products`.

    Parameters
    ----------
    device : Device
        What computes.
    image : tuple of int
        Height, width and channels of the images.
    r, stride, padding : int
        Size of the filters, the way from one patch to the next, and zeros on each side.
    """

    device: Device
    image: tuple[int, int, int]
    r: int
    stride: int
    padding: int

    def of_both(self, x: Array, weight: Array) -> Array:
        """Convolve images (n, h, w, c_in) with filters (r, r, c_in, c_out)."""
        x, weight = self.device.contiguous(x, weight)
        channels, of_images = weight.shape[3], self._patches
        z = self.device.xp.empty((x.shape[0], *of_images.size, channels), dtype=x.dtype)
        matrix = weight.reshape(-1, channels)
        for part, patches, _ in of_images.chunks(x.shape[0], 0, x.dtype):
            of_images.gather(x[part], patches)
            self.device.xp.matmul(patches, matrix, out=z[part].reshape(-1, channels))
        return z

    def of_filters(self, x: Array, gradient: Array) -> Array:
        """Bring the gradient of z back to the filters."""
        x, gradient = self.device.contiguous(x, gradient)
        channels, of_images = gradient.shape[3], self._patches
        total = None
        for part, patches, _ in of_images.chunks(x.shape[0], 0, x.dtype):
            of_images.gather(x[part], patches)
            product = patches.T @ gradient[part].reshape(-1, channels)
            total = product if total is None else total + product
        if total is None:
            total = self.device.xp.zeros((of_images.width, channels), dtype=x.dtype)
        return total.reshape(self.r, self.r, self.image[2], channels)

    def of_images(self, weight: Array, gradient: Array) -> Array:
        """Bring the gradient of z back to the images."""
        weight, gradient = self.device.contiguous(weight, gradient)
        n, channels, of_images = gradient.shape[0], gradient.shape[3], self._patches
        of_x = self.device.xp.empty((n, *self.image), dtype=gradient.dtype)
        matrix = weight.reshape(-1, channels)
        for part, patches, _ in of_images.chunks(n, 0, gradient.dtype):
            self.device.xp.matmul(gradient[part].reshape(-1, channels), matrix.T, out=patches)
            of_images.scatter(patches, of_x[part])
        return of_x

    @property
    def _patches(self) -> Patches:
        return Patches(self.device, self.image, self.r, self.stride, self.padding)
