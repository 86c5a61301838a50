"""The real images: each client's own, and the server's test images; and what all sides agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import slimdc
from slimdc import Preprocessing, datasets
from slimdc.errors import InvalidValueError

__all__ = ["SPACES", "Images", "Space", "real_images", "space_of", "test_images"]

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]

# Real images of each class in the package that clients hold; the others test.
_HELD = 60


@dataclass(frozen=True)
class Space:
    """What the clients and the server agree on before the first round.

    Parameters
    ----------
    classes : int
        Classes of all clients together: the entries of a label row.
    shape : tuple of int
        Of a sample, channels last.
    preprocessing : Preprocessing
        Brings images into the space that all sets live in. It is agreed on, so that no client has
        to tell the mean and the deviation of its own images.
    samples : int
        Samples that the set of a client may have at most. A few bytes can say many of them, and
        the server makes room for each.
    """

    classes: int
    shape: tuple[int, int, int]
    preprocessing: Preprocessing
    samples: int = 5_000


_FASHION_MNIST = Space(10, (28, 28, 1), Preprocessing((0.2861,), (0.3530,)))
SPACES = {
    "sample": _FASHION_MNIST,
    "fashion-mnist": _FASHION_MNIST,
    "cifar100": Space(
        100,
        (32, 32, 3),
        Preprocessing((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
    ),
}


def space_of(data: str) -> Space:
    """Find what is agreed on about a data set.

    Raises
    ------
    InvalidValueError
        No data set has that name.
    """
    if data not in SPACES:
        raise InvalidValueError("data", repr(data), f"one of {', '.join(SPACES)}")
    return SPACES[data]


def real_images(data: str, partition: int, partitions: int) -> Images:
    """Read a client's own images: those of its share of the classes.

    Parameters
    ----------
    data : {"sample", "fashion-mnist", "cifar100"}
        ``"sample"`` are the images in the package; the others are read by `slimdc.datasets.read`
        where their files are on the machine. Nothing is downloaded.
    partition, partitions : int
        Which part of the classes, of how many.

    Raises
    ------
    InvalidValueError
        There is no such part.
    FileError
        The files are not on the machine.
    """
    if not 0 <= partition < partitions <= space_of(data).classes:
        found = f"{partition} of {partitions}"
        raise InvalidValueError("partition", found, "a part that has classes of its own")
    classes = np.array_split(np.arange(space_of(data).classes), partitions)[partition]
    x, y = _parts(data)[0]
    own = np.isin(y, classes)
    return x[own], y[own]


def test_images(data: str) -> Images:
    """Read the images that the server tests its network on, of all classes."""
    return _parts(data)[1]


def _parts(data: str) -> tuple[Images, Images]:
    if data != "sample":
        x_train, y_train, x_test, y_test = datasets.read(data)
        return (x_train, y_train), (x_test, y_test)
    _, x, y = slimdc.datasets.sample()
    held = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        held[np.flatnonzero(y == label)[:_HELD]] = True
    return (x[held], y[held]), (x[~held], y[~held])
