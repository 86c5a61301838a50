"""Convolution on a tape: three products, of which each has the others for its derivatives.

A convolution z of images x with filters w is linear in both, and so is each of its gradients. With
g in the place of z, all three say the same: the sum of g z is a product of x, w and g, and given
two of these, its gradient in the third is one of three products of arrays. The derivatives of a
product are therefore products again, with what flows back in the place of what was computed.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from slimdc_backends.tape.variables import newest

__all__ = ["Products", "convolved"]

Array: TypeAlias = Any


class Products(Protocol):
    """The three products of plain arrays, at one stride, padding and size of image and filter."""

    def of_images(self, weight: Array, gradient: Array, /) -> Array:
        """From filters and z's gradient to the gradient in the images."""
        ...

    def of_filters(self, x: Array, gradient: Array, /) -> Array:
        """From images and z's gradient to the gradient in the filters."""
        ...

    def of_both(self, x: Array, weight: Array, /) -> Array:
        """From images and filters to z, the convolution."""
        ...


def convolved(products: Products, x: Array, weight: Array) -> Array:
    """Convolve plain arrays or variables, and record what it takes to differentiate it.

    Parameters
    ----------
    products : Products
        What computes.
    x : array
        Images (n, h, w, c_in).
    weight : array
        Filters (r, r, c_in, c_out).

    Returns
    -------
    array
        z (n, h', w', c_out).
    """
    return _product(products, 2, (x, weight, None))


def _product(products: Products, missing: int, parts: tuple[Array, Array, Array]) -> Array:
    """Compute what is missing among images, filters and z from the two others."""
    first, second = (i for i in range(3) if i != missing)
    inputs = parts[first], parts[second]
    tape = newest(*inputs)
    if tape is None:
        return (products.of_images, products.of_filters, products.of_both)[missing](*inputs)
    held = tuple(map(tape.lower, parts))

    def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        others = tuple(g if i == missing else x for i, x in enumerate(held))
        return tuple(
            _product(products, place, others) if asked else None
            for place, asked in zip((first, second), wanted, strict=True)
        )

    return tape.record(_product(products, missing, held), inputs, pullback)
