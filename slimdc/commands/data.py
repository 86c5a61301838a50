"""Real data for the command line: what ``--data`` and ``--root`` name, and a whitening's matrix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc import datasets
from slimdc.errors import FileError, InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slimdc.parameterization import SlimmableDataset
    from slimdc.typing import Layout

__all__ = [
    "all_images",
    "in_layout",
    "real_images",
    "train_images",
    "with_matrix",
    "with_matrix_beside",
]


def real_images(
    name: str, root: Path | None, size: int | None = None
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Read training images, where there are some, test images with their classes, and names.

    Raises
    ------
    InvalidValueError, FileError
        The options do not go together, or the data cannot be read or hold no test images.

    Examples
    --------
    >>> real_images("sample", None)[1].shape
    (1000, 28, 28)
    """
    if name == "sample" and root is not None:
        raise InvalidValueError("--root", str(root), "none: the sample is in the package")
    if name == "sample" and size is not None:
        raise InvalidValueError("--size", str(size), "none: the sample has its own")
    if name == "sample":
        return None, *datasets.sample()[1:], ()
    try:
        real = all_images(name, root, size)
    except FileError as error:
        if error.argument != "data":
            raise
        expected = f"'sample', or {error.expected}"
        raise FileError("--data", error.found, expected, error.see) from error
    return real.x_train, real.x_test, real.y_test, real.names


def all_images(name: str, root: Path | None, size: int | None = None) -> datasets.RealDataset:
    """Read training and test images with their classes.

    Raises
    ------
    FileError, InvalidValueError
        The data cannot be read, or hold no test images.
    """
    real = _read(name, root, size)
    if not len(real.x_test):
        raise FileError(
            "--data",
            f"{name} without test images",
            "a folder with train/ and test/, in each a folder for each class",
            "docs/install.md#data",
        )
    return real


def train_images(
    name: str, root: Path | None, size: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Read training images with their classes, and the names of these where they are known.

    Raises
    ------
    FileError, InvalidValueError
        The data cannot be read.
    """
    real = _read(name, root, size)
    return real.x_train, real.y_train, real.names


def _read(name: str, root: Path | None, size: int | None) -> datasets.RealDataset:
    try:
        return datasets.read(name, None if root is None else root.expanduser(), size)
    except RuntimeError as error:  # no such user
        raise FileError("--root", f"{root} ({error})", "a folder") from error


def in_layout(x: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """Bring images, whose channels are last, into the layout of a set.

    Examples
    --------
    >>> import numpy as np
    >>> in_layout(np.zeros((5, 8, 9, 3), np.uint8), "channels_first").shape
    (5, 3, 8, 9)
    """
    return x.transpose(0, 3, 1, 2) if layout == "channels_first" and x.ndim == 4 else x


def with_matrix(
    data: SlimmableDataset, path: Path | str, x_train: NDArray[np.uint8] | None
) -> SlimmableDataset:
    """Find the matrix of a whitening beside the set, or fit it again to the training images.

    Raises
    ------
    InvalidValueError, FileError
        It is neither there, nor was it fitted to these images.

    Examples
    --------
    >>> with_matrix(data, Path("set.safetensors"), x_train)  # doctest: +SKIP
    """
    data = with_matrix_beside(data, path)
    if data.preprocessing.is_complete:
        return data
    if x_train is None:
        raise FileError("SET", f"no {_beside(data, path)} beside it", "its whitening's matrix")
    return data.with_preprocessing(data.preprocessing.fitted(in_layout(x_train, data.layout)))


def with_matrix_beside(data: SlimmableDataset, path: Path | str) -> SlimmableDataset:
    """Find the matrix of a whitening beside the set, if the set lacks one and it is there.

    Raises
    ------
    FileError
        It is there, and damaged or another's.

    Examples
    --------
    >>> with_matrix_beside(data, Path("set.safetensors"))  # doctest: +SKIP
    """
    if data.preprocessing.is_complete or not os.path.isfile(beside := _beside(data, path)):
        return data
    return data.with_preprocessing(data.preprocessing.with_matrix(beside))


def _beside(data: SlimmableDataset, path: Path | str) -> Path:
    return Path(path).parent / data.preprocessing.matrix_name
