"""What a set gives: samples and labels, whole or one by one, and pictures of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import numpy as np

from slimdc._array import like, to_numpy
from slimdc._checks import one_of
from slimdc.errors import InvalidTypeError
from slimdc.notebook.sets import set_as_html
from slimdc.parameterization.description import Factors
from slimdc.parameterization.held_set import HeldSet
from slimdc.parameterization.indexing import row_of
from slimdc.parameterization.reconstruction import rows
from slimdc.parameterization.tensors import tensor_dataset
from slimdc.typing import FactorDtype, RowOrder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReadableSet"]


class ReadableSet(HeldSet):
    """A set that can be read; `SlimmableDataset` says how one is made.

    Examples
    --------
    >>> from slimdc import SlimmableDataset
    >>> isinstance(SlimmableDataset.from_arrays(np.eye(2), [0, 1]), ReadableSet)
    True
    """

    __slots__ = ("_rows",)

    def __iter__(self) -> Iterator[Any]:
        """Give samples, then labels, as `arrays` does: ``x, y = data``.

        So iterating gives two arrays, where indexing gives a sample with its label row and `len`
        counts samples. To go through samples: ``for x, y in zip(*data)``, or a loader of PyTorch.
        """
        return iter(self.arrays())

    # Python would make them of indices or of iteration, against what the other means.
    __reversed__ = None
    __contains__ = None

    def __getitem__(self, index: SupportsIndex | slice) -> tuple[Any, Any]:
        """Give one sample with its label row, or some of them: ``x, y = data[0]``.

        With `len` it makes a set what PyTorch's ``DataLoader`` takes as a dataset. The first index
        computes `arrays`, which the set then keeps, so that it takes that much more memory.

        Parameters
        ----------
        index : int or slice
            Which rows of `arrays`; negative ones count from the end.

        Returns
        -------
        x, y : array
            Copies, in the namespace and on the device of `arrays`.

        Raises
        ------
        IndexError
            There are not as many samples.
        InvalidTypeError
            `index` is neither.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays([[7.0], [8.0], [9.0]], [0, 0, 1])
        >>> x, y = data[-1]
        >>> x.round(6).tolist(), data[:2][0].shape
        ([9.0], (2, 1))
        """
        x, y = self._kept_arrays()
        return row_of(x, index), row_of(y, index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        # NumPy would go through the indices and find rows of unequal shapes, or equal ones.
        raise InvalidTypeError("data", type(self).__name__, "one array: a set is two, x, y = data")

    def _repr_html_(self) -> str:
        return set_as_html(self)

    def plot(self) -> Figure:
        """Draw a sample of each class, and the significances of the components.

        `slimdc.pictures` draws more. Of a set on a device only what is drawn goes to the host.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; `slimdc.pictures.save_picture` saves it.

        Raises
        ------
        MissingLibraryError
            Matplotlib is not installed: ``pip install "slimdc[plot]"``.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays([[1.0], [2.0]], [0, 1])
        >>> figure = data.plot()  # doctest: +SKIP
        """
        from slimdc.pictures import overview  # it draws chains too, which are made of sets

        return overview(self)

    def _kept_arrays(self) -> tuple[Any, Any]:
        try:
            return self._rows
        except AttributeError:
            self._rows: tuple[Any, Any] = self.arrays()
            return self._rows

    def host_factors(self, dtype: FactorDtype | None = None) -> Factors:
        """Copy the factors to the host.

        Parameters
        ----------
        dtype : {"float32", "float64"}, optional
            Dtype of the copies; by default that of the factors.

        Returns
        -------
        Factors
            NumPy arrays of the caller's own.

        Examples
        --------
        >>> import numpy as np
        >>> from slimdc import SlimmableDataset
        >>> SlimmableDataset.from_arrays(np.eye(2), [0, 1]).host_factors("float32").s.dtype
        dtype('float32')
        """
        host = (to_numpy(factor) for factor in self._held.factors)
        return Factors(*(x if dtype is None else x.astype(dtype, copy=False) for x in host))

    @np.errstate(all="ignore")
    def arrays(self, order: RowOrder = "class") -> tuple[Any, Any]:
        """Compute samples and labels as plain arrays (Eq. 8); ``x, y = data`` does the same.

        Parameters
        ----------
        order : {"class", "given"}
            ``"class"`` gives them class by class; ``"given"`` in the order of the arrays that the
            set was made of.

        Returns
        -------
        x : array, shape (len(self), ...)
            Samples, in the namespace, on the device and in the `dtype` of the pair that came in
            (in the factors' where the namespace lacks that dtype).
        y : array, shape (len(self), c)
            Label rows, in the same dtype.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `order` is neither.

        Examples
        --------
        >>> import numpy as np
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays([[7.0], [8.0], [9.0]], [1, 0, 1])
        >>> data.arrays()[0].round(12).ravel(), data.members
        (array([8., 7., 9.]), array([0, 1, 1]))
        >>> data.arrays("given")[0].round(12).ravel()
        array([7., 8., 9.])
        """
        one_of("order", order, ("class", "given"))
        x, y = rows(self._held.factors, self.description)
        if order == "given":  # sorting where rows came from gives what belongs at each place
            back = np.argsort(self.order)
            x, y = x[back], y[back]
        return (
            like(x.reshape(len(self), *self.shape), self._held.factors.u, self.dtype),
            like(y, self._held.factors.u, self.dtype),
        )

    def torch_dataset(self, order: RowOrder = "class") -> Any:
        """Make the dataset that PyTorch's loaders take.

        Parameters
        ----------
        order : {"class", "given"}
            As in `arrays`; `members` are the classes of the rows in the order ``"class"``.

        Returns
        -------
        torch.utils.data.TensorDataset
            Pairs of a sample and its label row, as tensors: those of `arrays`, on the device of
            the factors where these are tensors, otherwise on the host.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `order` is neither.
        MissingLibraryError
            PyTorch is not installed.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays([[1.0], [2.0]], [0, 1])
        >>> len(data.torch_dataset())  # doctest: +SKIP
        2
        """
        return tensor_dataset(*self.arrays(order))
