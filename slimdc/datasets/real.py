"""What the readers of real data give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from slimdc._checks import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RealDataset"]


class _Parts(NamedTuple):
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


class RealDataset(_Parts):
    """Real images and their classes, as the published files hold them: a named tuple of four.

    Attributes
    ----------
    x_train : numpy.ndarray of uint8, shape (n, height, width) or (n, height, width, 3)
        Training images; (60000, 28, 28) in the files of MNIST, (50000, 32, 32, 3) in CIFAR's.
    y_train : numpy.ndarray of int64, shape (n,)
        Class of each training image, from 0.
    x_test : numpy.ndarray of uint8, shape (m, height, width) or (m, height, width, 3)
        Test images; (10000, 28, 28) and (10000, 32, 32, 3) there.
    y_test : numpy.ndarray of int64, shape (m,)
        Class of each test image.
    names : tuple of str
        Names of the classes, where the files give them; no part of the tuple.

    Examples
    --------
    >>> import numpy as np
    >>> images, classes = np.zeros((2, 28, 28), np.uint8), np.array([3, 7])
    >>> x_train, y_train, x_test, y_test = RealDataset(images, classes, images, classes)
    >>> x_train.shape, y_test.tolist()
    ((2, 28, 28), [3, 7])
    >>> RealDataset(images, classes, images, classes, names=["cat", "dog"])
    RealDataset(x_train=(2, 28, 28), x_test=(2, 28, 28), names=('cat', 'dog'))
    """

    # A default on the class: what a named tuple builds by itself passes by __new__.
    names: tuple[str, ...] = ()

    def __new__(
        cls,
        x_train: NDArray[np.uint8],
        y_train: NDArray[np.int64],
        x_test: NDArray[np.uint8],
        y_test: NDArray[np.int64],
        names: tuple[str, ...] | list[str] = (),
    ) -> Self:
        """Build the tuple of four, and keep the names beside it."""
        made = super().__new__(cls, x_train, y_train, x_test, y_test)
        made.names = tuple(names)
        return made

    def __repr__(self) -> str:
        named = f", names={shown(self.names)}" if self.names else ""
        return f"RealDataset(x_train={self.x_train.shape}, x_test={self.x_test.shape}{named})"
