"""The sizes of images inside networks of convolutions that keep sizes and poolings that halve them.

The first convolution pads 28 x 28 images to 32 x 32, as FRePo and DatasetCondensation do, so that
networks made for 32 x 32 images take them.
"""

from __future__ import annotations

__all__ = ["extra_padding", "pooled"]


def extra_padding(image: tuple[int, int, int]) -> int:
    """Rows and columns of zeros that a first convolution adds beyond those that keep the size.

    Examples
    --------
    >>> extra_padding((28, 28, 1)), extra_padding((32, 32, 3))
    (2, 0)
    """
    return 2 if image[:2] == (28, 28) else 0


def pooled(image: tuple[int, int, int], poolings: int) -> tuple[int, int]:
    """Height and width of images after their first convolution and 2 x 2 poolings.

    Examples
    --------
    >>> pooled((28, 28, 1), 3), pooled((33, 8, 3), 3)
    ((4, 4), (4, 1))
    """
    grown = 2 * extra_padding(image)
    return (image[0] + grown) >> poolings, (image[1] + grown) >> poolings
