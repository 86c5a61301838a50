"""The small real set in the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from slimdc.errors import FileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from slimdc.parameterization import SlimmableDataset

__all__ = ["Sample", "sample", "sample_path"]

_SET = "fashion_mnist_10.safetensors"
_TEST = "fashion_mnist_test_1000.safetensors"


class Sample(NamedTuple):
    """The small real set in the package.

    Attributes
    ----------
    data : SlimmableDataset
        Fashion-MNIST condensed by slimdc to 10 components per class.
    x_test : numpy.ndarray of uint8, shape (1000, 28, 28)
        Real test images, 100 of each class.
    y_test : numpy.ndarray of int64, shape (1000,)
        Their classes, 0 to 9.

    Examples
    --------
    >>> Sample._fields
    ('data', 'x_test', 'y_test')
    """

    data: SlimmableDataset
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


def sample() -> Sample:
    """Read the small real set in the package: a condensed Fashion-MNIST and 1,000 test images.

    Returns
    -------
    Sample
        ``(data, x_test, y_test)``: a `SlimmableDataset` of 10 components for each of the 10
        classes, condensed by slimdc, and 100 real ``uint8`` test images of each class with their
        ``int64`` classes. The images are Zalando SE's, under the MIT licence
        (``slimdc/data/NOTICE``).

    Raises
    ------
    FileError
        The installation is damaged: a file of the package is missing or unreadable.

    Examples
    --------
    >>> data, x_test, y_test = sample()
    >>> data.classes, data.components_per_class, x_test.shape
    (10, 10, (1000, 28, 28))
    """
    from slimdc import storage
    from slimdc.storage.tensor_file import read_tensors

    folder = resources.files("slimdc") / "data"
    with resources.as_file(folder / _SET) as path:
        data = storage.load(path, strict=True)
    with resources.as_file(folder / _TEST) as path:
        try:
            test, _ = read_tensors(path)
            return Sample(data, test["images"], test["labels"].astype(np.int64))
        except KeyError as error:
            raise FileError(str(path), f"{error}", "the test images of the package") from error


def sample_path() -> Path:
    """Give the file of the set in the package.

    Examples
    --------
    >>> sample_path().name
    'fashion_mnist_10.safetensors'
    """
    return Path(str(resources.files("slimdc") / "data" / _SET))
