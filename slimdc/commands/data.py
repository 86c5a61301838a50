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

__all__ = ["all_images", "real_images", "train_images", "with_matrix"]


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
    real = all_images(name, root, size)
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
    kept = data.preprocessing
    beside = Path(path).parent / kept.matrix_name
    if os.path.isfile(beside):
        return data.with_preprocessing(kept.with_matrix(beside))
    if x_train is None:
        raise FileError("SET", f"no {beside} beside it", "the matrix of the set's whitening")
    return data.with_preprocessing(kept.fitted(x_train))
