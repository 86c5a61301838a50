"""The slimmable set of Eq. 8: ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` for each class.

The file is longer than others since it is the class that users hold, with a documented method for
each thing that they ask of it; the work is done in the files beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from slimdc._array import as_array, guarded, like, namespace, to_numpy
from slimdc._checks import one_of, positive, shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.notebook.sets import set_as_html
from slimdc.parameterization.decomposition import decompose
from slimdc.parameterization.description import Description, Factors, described
from slimdc.parameterization.held import Held, coded, floats, held, in_library_of
from slimdc.parameterization.indexing import row_of
from slimdc.parameterization.meeting import relabelled, selected
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.quantization import Codes, quantized
from slimdc.parameterization.reconstruction import rows
from slimdc.parameterization.tensors import tensor_dataset
from slimdc.parameterization.truncation import components_after
from slimdc.parameterization.union import united
from slimdc.parameterization.validation import check_factors, checked_shapes
from slimdc.typing import Array, FactorDtype, FloatDtype, Layout, RowOrder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SlimmableDataset"]


class SlimmableDataset:
    """A condensed set in the slimmable parameterization (Eq. 8), immutable.

    For each class block, ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` with orthonormal columns
    of U. Classes of unequal size are zero padded to the largest. Build one with `from_arrays` or
    `from_factors`; the constructor takes what `factors` and `description` give.

    Parameters
    ----------
    factors : Factors
        U, s, V_x and V_y, copied and kept to the bit; see `from_factors`.
    description : Description
        All that is known about the set beside them.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The factors do not form a set, or the description does not fit them.

    Examples
    --------
    >>> import numpy as np
    >>> data = SlimmableDataset.from_arrays(np.eye(6), [0, 0, 0, 1, 1, 1])
    >>> data
    SlimmableDataset(classes=2, components=3, samples=6, shape=(6,), dtype=float64)
    >>> small = data.truncate(1)
    >>> len(small), small.nbytes < data.nbytes
    (6, True)
    """

    __slots__ = ("__weakref__", "_held", "_rows")

    _held: Held

    @np.errstate(all="ignore")  # what is not finite is refused, whatever the caller has set
    def __init__(self, factors: Factors, description: Description) -> None:
        if not isinstance(description, Description):
            raise InvalidTypeError("description", type(description).__name__, "a Description")
        given = checked_shapes(factors)
        found = zip(check_factors(given, description), given, strict=True)
        self._held = held((in_library_of(source, host) for host, source in found), description)

    @classmethod
    def from_factors(
        cls,
        u: Array,
        s: Array,
        vx: Array,
        vy: Array,
        *,
        shape: Sequence[int] | None = None,
        layout: Layout | None = None,
        preprocessing: Preprocessing | None = None,
        labels: Sequence[int] | None = None,
        samples: Sequence[int] | None = None,
        components: Sequence[int] | None = None,
        dtype: FloatDtype | None = None,
    ) -> Self:
        """Build a set from the factors of Eq. 8, copied and kept to the bit.

        Parameters
        ----------
        u, s : array, shapes (C or 1, n, b) and (C or 1, b)
            Left factors, ``UᵀU = I`` on the components held, and the significances of the
            components, of any sign and order; one block where all classes share them.
        vx, vy : array, shapes (C, b, d) and (C, b, c)
            Right factors of the samples and of the labels.
        shape, layout, preprocessing, labels, samples, components, dtype : optional
            What is known beside them, as in `Description`. By default a sample is a flat vector
            without preprocessing, labels are ``0 .. C-1``, nothing is padding, and the dtype is
            that of the factors. A shape ``(h, w)`` gets a channel axis of 1, and says the layout.

        Returns
        -------
        SlimmableDataset
            The set, in the namespace, dtype and device of the factors.

        Raises
        ------
        InvalidTypeError
            A factor is no array of float32 or float64, or frameworks or dtypes are mixed.
        InvalidValueError
            Shapes do not fit, values are not finite, U is not orthonormal, padding is not zero, or
            what is known does not fit.

        Examples
        --------
        >>> u, s = np.eye(2)[None], np.asarray([[2.0, 1.0]])
        >>> vx, vy = np.ones((3, 2, 4)), np.ones((3, 2, 3))
        >>> SlimmableDataset.from_factors(u, s, vx, vy, shape=(2, 2)).shape
        (2, 2, 1)
        """
        factors = checked_shapes(Factors(u, s, vx, vy))
        description = described(
            factors,
            shape=shape,
            layout=layout,
            preprocessing=preprocessing,
            labels=labels,
            samples=samples,
            components=components,
            dtype=dtype,
        )
        return cls(factors, description)

    @classmethod
    @np.errstate(all="ignore")
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        classes: int | None = None,
        members: Any = None,
        layout: Layout | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> Self:
        """Take in any set of samples and labels, by per-class SVD of [X, αY] side by side (Eq. 8).

        The weight α, taken out of V_y again, gives samples and labels of a class equal energy:
        whatever the units of both, truncation loses neither. It is larger where rows would lose
        their class otherwise (docs/math.md). The SVD runs on the host in float64 and takes as many
        classes at once as BLAS may use threads; its bits do not depend on how many.

        Parameters
        ----------
        x : array_like, shape (n, d), (n, h, w), (n, h, w, channels) or (n, channels, h, w)
            Samples, in the space in which networks see them. float64 is held as it is, narrower
            floats and integers in float32. uint8 samples are taken as raw pixels: they are divided
            by 255 and go through `preprocessing`; other integers are taken as numbers.
        y : array_like, shape (n,) of int or (n, c)
            Classes, which become centred one-hot rows (`centred_one_hot`), or soft rows, which are
            kept as they are.
        classes : int, optional
            Number c of classes; by default that of the entries of a soft row, or the largest class
            plus one. Without it, classes must leave no gap.
        members : array_like of int, shape (n,), optional
            Class of each soft row; by default that of its largest entry. The rows of one class
            share a block of factors.
        layout : {"flat", "channels_last", "channels_first"}, optional
            Where the channels are. By default inferred: four axes are channels first where axis 1
            is 1 or 3 and axis 3 is not. "flat" takes images as plain vectors.
        preprocessing : Preprocessing, optional
            What brought the samples into their space; by default nothing.

        Returns
        -------
        SlimmableDataset
            The set, with a block for each class that has samples, in ascending order, rows in the
            order in which they came within a class and ``min(n_c, d + c)`` components in a class
            of n_c samples. The significances s are the singular values of [X, αY], descending;
            those that are numerically zero are zero.

        Raises
        ------
        InvalidTypeError
            Samples or labels are not real numbers, or belong to different frameworks.
        InvalidValueError
            There are no samples, values are not finite (or not once in float32), labels do not
            match, a class is missing, or the layout does not fit.
        NumericalError
            An SVD does not converge.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)
        >>> data = SlimmableDataset.from_arrays(x, np.arange(20) % 4)
        >>> back, soft = data.arrays()
        >>> back.shape, soft.shape, bool(np.allclose(back[:5, ..., 0], x[::4], atol=1e-5))
        ((20, 8, 8, 1), (20, 4), True)
        """
        found, description = decompose(x, y, classes, members, layout, preprocessing)
        return cls._of(floats(found, description, as_array(x, "x")))

    @classmethod
    def from_codes(
        cls,
        codes: Codes,
        description: Description,
        label_entries: int,
        *,
        dtype: FactorDtype = "float32",
        like: Any = None,
    ) -> Self:
        """Build a set of few bits from its codes; its factors are computed from them.

        Parameters
        ----------
        codes : Codes
            The set in bytes, such as `codes` of another one.
        description : Description
            What else is known about it.
        label_entries : int
            Entries c of a label row.
        dtype : {"float32", "float64"}
            What the factors are held in.
        like : array, optional
            An array whose framework and device the factors are wanted in; by default NumPy.

        Returns
        -------
        SlimmableDataset

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The codes are damaged, do not fit the description, or are beyond the dtype.

        Examples
        --------
        >>> x = np.random.default_rng(0).normal(size=(8, 8, 8))
        >>> few = SlimmableDataset.from_arrays(x, np.arange(8) % 2).quantize(4)
        >>> again = SlimmableDataset.from_codes(few.codes, few.description, 2, dtype="float64")
        >>> bool((again.vx == few.vx).all())
        True
        """
        one_of("dtype", dtype, ("float32", "float64"))
        reference = np.zeros(0) if like is None else like
        namespace(reference, argument="like")
        return cls._of(coded(codes, description, label_entries, reference, dtype))

    def with_factors(self, u: Array, s: Array, vx: Array, vy: Array) -> Self:
        """Build a set of other factors, with everything else as here.

        Parameters
        ----------
        u, s, vx, vy : array
            Factors with the samples and components that this set holds, in any framework.

        Returns
        -------
        SlimmableDataset

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The factors do not form a set; see `from_factors`.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
        >>> data.with_factors(data.u, 2 * data.s, data.vx, data.vy).arrays()[0].round(6).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
        """
        return type(self)(Factors(u, s, vx, vy), self.description)

    def with_preprocessing(self, preprocessing: Preprocessing) -> Self:
        """Say anew what brought the samples into their space; the samples stay as they are.

        So a whitening gets its matrix after `load`, which a file does not hold::

            data = data.with_preprocessing(data.preprocessing.fitted(x_train))

        Parameters
        ----------
        preprocessing : Preprocessing
            What brought them there.

        Returns
        -------
        SlimmableDataset

        Raises
        ------
        InvalidTypeError, InvalidValueError
            It is no preprocessing of such samples.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
        >>> data.with_preprocessing(Preprocessing(0.5, 0.25)).preprocessing
        Preprocessing(mean=(0.5,), std=(0.25,))
        """
        if not isinstance(preprocessing, Preprocessing):
            found = type(preprocessing).__name__
            raise InvalidTypeError("preprocessing", found, "a Preprocessing")
        return self._of(self._held.preprocessed_by(preprocessing))

    def named(self, names: Sequence[str] | Mapping[int, str] | None) -> Self:
        """Give the classes names, which a file keeps and people see in the place of numbers.

        Slimming keeps them, `select` and `relabel` take them along, and `union` refuses sets that
        give one class two names, or one name to two classes, such as those of two people who
        numbered their folders each for themselves.

        Parameters
        ----------
        names : sequence of str, mapping of int to str, or None
            ``names[label]`` for each of `labels`, such as the `names` of `slimdc.datasets`; further
            ones are passed over. None takes the names away: they cost bytes, and count in budgets.

        Returns
        -------
        SlimmableDataset
            The same samples.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            It is none of these, a class gets no name or that of another, or a name is longer than
            255 characters or not printable.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 2]).named(["cat", "cow", "dog"])
        >>> data.names, data.select([2]).names
        (('cat', 'cow', 'dog'), ('dog',))
        """
        if names is None:
            return self._of(self._held.named(None))
        if isinstance(names, str) or not isinstance(names, Sequence | Mapping):
            found = type(names).__name__
            raise InvalidTypeError("names", found, "a sequence or a mapping of str, or None")
        known = names if isinstance(names, Mapping) else dict(enumerate(names))
        missing = [label for label in self.labels if label not in known]
        if missing:
            raise InvalidValueError("names", f"none of class {missing[0]}", "one of each class")
        return self._of(self._held.named(tuple(known[label] for label in self.labels)))

    def __getstate__(self) -> tuple[Factors, Description, Codes | None]:
        return self._held.factors, self.description, self.codes

    def __setstate__(self, state: tuple[Factors, Description, Codes | None]) -> None:
        self._held = held(*state)  # copies and pickles forget that arrays are read-only

    def __repr__(self) -> str:
        held = sorted(set(self.components))
        components = str(held[0]) if len(held) == 1 else f"{held[0]}..{held[-1]}"
        return (
            f"{type(self).__name__}(classes={self.classes}, components={components}, "
            f"samples={len(self)}, shape={self.shape}, dtype={self.dtype}"
            + ("" if self.codes is None else f", nbytes={self.nbytes}")
            + ")"
        )

    def __str__(self) -> str:
        reason = self._held.reason
        return f"{self!r}: {reason}" if reason else repr(self)

    def __len__(self) -> int:
        return sum(self.samples)

    @property
    def factors(self) -> Factors:
        """U, s, V_x and V_y: read-only (NumPy), or copies."""
        return Factors(*map(guarded, self._held.factors))

    @property
    def u(self) -> Any:
        """Left factors, shape (C or 1, n, b): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.u)

    @property
    def s(self) -> Any:
        """Significances of the components, shape (C or 1, b): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.s)

    @property
    def vx(self) -> Any:
        """Right factors of the samples, shape (C, b, d): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.vx)

    @property
    def vy(self) -> Any:
        """Right factors of the labels, shape (C, b, c): read-only (NumPy), or a copy."""
        return guarded(self._held.factors.vy)

    @property
    def description(self) -> Description:
        """All that is known about the set beside its factors."""
        return self._held.description

    @property
    def classes(self) -> int:
        """Number C of class blocks."""
        return int(self._held.factors.vx.shape[0])

    @property
    def label_entries(self) -> int:
        """Entries c of a label row."""
        return self._held.entries

    @property
    def labels(self) -> tuple[int, ...]:
        """Label index of each class block: the label entry that its rows should have largest."""
        return self.description.labels

    @property
    def names(self) -> tuple[str, ...] | None:
        """The name of each class block, where `named` or a file gave them one."""
        return self.description.names

    @property
    def members(self) -> NDArray[np.int64]:
        """Class of each row of `arrays`: what `from_arrays` takes beside soft rows."""
        return np.repeat(np.asarray(self.labels, np.int64), self.samples)

    @property
    def order(self) -> NDArray[np.int64]:
        """Where each row of `arrays` stood in the arrays that the set was made of."""
        order = self.description.order
        return np.arange(len(self)) if order is None else np.asarray(order, np.int64)

    @property
    def samples(self) -> tuple[int, ...]:
        """Rows that each class holds."""
        return self.description.samples

    @property
    def components(self) -> tuple[int, ...]:
        """Components that each class holds."""
        return self.description.components

    @property
    def components_per_class(self) -> int:
        """Components of the largest class."""
        return max(self.components)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(d,)``, or three axes for images."""
        return self.description.shape

    @property
    def layout(self) -> Layout:
        """Where the channels are: "flat", "channels_last" or "channels_first"."""
        return self.description.layout

    @property
    def preprocessing(self) -> Preprocessing:
        """What brought the samples into the space that they live in."""
        return self.description.preprocessing

    @property
    def dtype(self) -> FloatDtype:
        """Name of the dtype that `arrays` gives back."""
        return self.description.dtype

    @property
    def factor_dtype(self) -> FactorDtype:
        """Name of the dtype that the factors are held in: "float32" or "float64"."""
        return self._held.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the held codes or factors, padding left out: what the set costs to keep."""
        return self._held.nbytes

    @property
    def numbers(self) -> int:
        """Numbers that the factors consist of, padding left out."""
        return self._held.numbers

    @property
    def codes(self) -> Codes | None:
        """The whole numbers that a quantised set is held in; None for one held in floats."""
        return self._held.codes

    @classmethod
    def _of(cls, whole: Held) -> Self:
        """Build a set of what was made of valid ones: no check needs to touch it again."""
        made = cls.__new__(cls)
        made._held = whole
        return made

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
        >>> data = SlimmableDataset.from_arrays([[1.0], [2.0]], [0, 1])
        >>> len(data.torch_dataset())  # doctest: +SKIP
        2
        """
        return tensor_dataset(*self.arrays(order))

    def truncate(self, k: int | Mapping[int, int]) -> Self:
        """Keep the k components of largest ``|s|`` of each class: learning-free slimming.

        Parameters
        ----------
        k : int or mapping of int to int
            Components to keep per class, at least 1; or of some classes, by their labels, where
            the others keep all. A class that holds fewer keeps them all, with a warning.

        Returns
        -------
        SlimmableDataset
            A copy with the same samples, of fewer components, in descending order of ``|s|``. A
            quantised set keeps its first k components as they are coded; where these are the
            samples themselves (`Codes.rows`), the others are gone.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `k` is no int, below 1, or above what every class holds, or names no class of the set.

        Warns
        -----
        SlimdcWarning
            Some classes hold fewer than `k`.

        Examples
        --------
        >>> import numpy as np
        >>> data = SlimmableDataset.from_arrays(np.diag([1.0, 2.0, 3.0]), [0, 0, 0])
        >>> data.truncate(2).s.round(6).tolist()
        [[3.0, 2.0]]
        >>> SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1]).truncate({1: 1}).components
        (2, 1)
        """
        kept = components_after(k, self.components, self.labels)
        return self._of(self._held.truncated(kept))

    def select(self, classes: Iterable[int]) -> Self:
        """Take some classes of the set, and leave the others out.

        Parameters
        ----------
        classes : iterable of int
            Labels of the classes, in any order; a label that comes twice counts once.

        Returns
        -------
        SlimmableDataset
            The blocks of these classes, to the bit, in ascending order of their labels. Label rows
            keep all their entries, and rows their order among those that stay (`order`). A
            quantised set stays one, at the same steps; its components may take a few bytes more or
            less than their share before.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            There is none, or one is no class of the set.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(5), [0, 2, 1, 2, 0])
        >>> some = data.select([2, 0])
        >>> some.labels, some.label_entries, some.members.tolist()
        ((0, 2), 3, [0, 0, 2, 2])
        """
        return self._of(selected(self._held, classes))

    def relabel(self, to: Sequence[int] | Mapping[int, int], entries: int | None = None) -> Self:
        """Move the entries of label rows, and the labels of the classes with them.

        So sets over different classes get one label space, and a set makes room for classes to
        come. Entries that are new are zero, and no row is centred anew: rows that sum to zero still
        do, but are not the centred one-hot rows of more classes. No change of V_y could make them
        so: it would add a constant to all rows of a class, which is in the span of the columns of
        U diag(s) by chance only. Where the number of all classes is known beforehand,
        ``from_arrays(..., classes=C)`` is the better way.

        Parameters
        ----------
        to : sequence of int, or mapping of int to int
            ``to[j]`` is where entry j goes, all of them different. A mapping holds those that move;
            others stay.
        entries : int, optional
            Entries of a row of the result; by default as few as hold them all.

        Returns
        -------
        SlimmableDataset
            The same samples, blocks in ascending order of their new labels; rows keep their order
            in the arrays that the set was made of. Of a quantised set it is one of floats, which
            are the same to the bit, since codes hold rows that are turned by a rotation of all
            entries; unless nothing moves.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `to` is none of these, is not of one number for each entry, or brings two entries to
            one place; or `entries` are too few for it.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
        >>> moved = data.relabel([3, 2], entries=5)
        >>> moved.labels, moved.label_entries
        ((2, 3), 5)
        >>> data.relabel({1: 4}).labels
        (0, 4)
        """
        return self._of(relabelled(self._held, to, entries))

    def union(*sets: SlimmableDataset) -> SlimmableDataset:
        """Make one set of all samples of several: ``a.union(b)``, or of the class with any number.

        Entry j of a label row means class j in all of them (`relabel` brings them to that); rows
        of fewer entries are padded with zeros. A class that is in several is merged: its rows come
        in the order of the sets, and its components, which add up, side by side with a U that is
        block-diagonal, those of largest ``|s|`` first. So `truncate` keeps the most significant of
        all of them. They are not factored anew: where sets are alike, ``from_arrays`` of
        ``union(...).arrays()`` needs fewer components for as much.

        Parameters
        ----------
        *sets : SlimmableDataset
            One or more, of one shape, layout and preprocessing, in one framework, on one device
            and of one dtype of factors.

        Returns
        -------
        SlimmableDataset
            Blocks in ascending order of labels; factors to the bit, a U or s that classes share
            repeated for each. ``arrays("given")`` are those of the sets one after the other, in
            the widest `dtype` of theirs. It stays in codes where all sets are quantised with the
            same steps and entries and no class is merged, such as parts of one set that
            `select` made; otherwise it is one of floats. Classes have names where each of them
            has one in some set.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            There is no set, or two differ in what they cannot differ in, names of classes among it.

        Examples
        --------
        >>> a = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
        >>> b = SlimmableDataset.from_arrays(np.ones((2, 3)), [1, 2], classes=3)
        >>> both = a.union(b)
        >>> both.labels, both.samples, both.components
        ((0, 1, 2), (1, 3, 1), (1, 3, 1))
        >>> SlimmableDataset.union(a, b, a).samples
        (2, 5, 1)
        """
        # Without self, as few or as many may be given as there are, on the class too.
        whole = united([_checked(f"sets[{i}]", data)._held for i, data in enumerate(sets)])
        return sets[0]._of(whole)

    @np.errstate(all="ignore")
    def append(self, x: Any, y: Any, members: Any = None) -> Self:
        """Add samples: the `union` with the set that `from_arrays` makes of them.

        Parameters
        ----------
        x : array_like, shape (n, ...)
            Samples in the layout of the set and in the space that it lives in; uint8 samples are
            raw pixels and go through its preprocessing.
        y : array_like, shape (n,) of int or (n, c)
            Classes of its label entries, or soft rows.
        members : array_like of int, shape (n,), optional
            Class of each soft row.

        Returns
        -------
        SlimmableDataset
            In the framework, on the device and in the dtypes of this set, its rows first. Of a
            quantised set it is one of floats.

        Raises
        ------
        InvalidTypeError, InvalidValueError, NumericalError
            As in `from_arrays`, or samples are not of the set's shape.

        Examples
        --------
        >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
        >>> data.append([[1.0, 2.0, 3.0]], [0]).samples
        (2, 2)
        """
        given_shape = tuple(as_array(x, "x").shape[1:])
        if np.prod(given_shape) != self.description.size:
            raise InvalidValueError("x", f"samples of shape {given_shape}", f"{self.shape}")
        given = x, y, self.label_entries, members, self.layout, self.preprocessing
        found, known = decompose(*given, dtype=self.factor_dtype)
        if known.shape != self.shape:
            raise InvalidValueError("x", f"samples of shape {known.shape}", f"{self.shape}")
        more = floats(found, replace(known, dtype=self.dtype), self._held.factors.u)
        return self._of(united([self._held, more]))

    @np.errstate(all="ignore")
    def quantize(self, bits: float) -> Self:
        """Round to so few bits: a lossy copy that takes up to 30 times fewer bytes than float32.

        Samples go through a cosine transform (images; flat vectors stay as they are) and are
        rounded to multiples of one step, so fine that everything together takes `bits` for each
        of the `numbers`; whole numbers are entropy coded. Components of little significance so
        get fewer bits than others, and high frequencies few or none. Coefficients and labels are
        fitted to the rounded rows.

        Parameters
        ----------
        bits : float
            Bits for each number of U, s, V_x and V_y, on average: more than 0 and at most 16, or
            32 for the factors as they are.

        Returns
        -------
        SlimmableDataset
            A copy in the namespace, dtype and device of the factors, with `codes`. Its factors
            are of their full precision, but stand for few bits: the samples are those that
            decoding gives, U is orthonormal, and components come in the order of this set.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `bits` is no such number, or too few for scales and labels; the message says how many
            bytes the set takes at least.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.add.outer(np.arange(20.0), np.sin(np.arange(64.0))).reshape(20, 8, 8)
        >>> data = SlimmableDataset.from_arrays(x, np.arange(20) % 2)
        >>> few = data.quantize(4)
        >>> 8 * few.nbytes <= 4 * data.numbers
        True
        >>> bool(np.abs(few.arrays()[0] - data.arrays()[0]).max() < 0.2)
        True
        """
        bits = positive("bits", bits)
        if bits == 32:
            return self
        if bits > 16:
            raise InvalidValueError("bits", shown(bits), "more than 0 and at most 16, or 32")
        codes = quantized(self.host_factors(), self.description, bits, self.numbers)
        entries, dtype = self.label_entries, self.factor_dtype
        return self._of(coded(codes, self.description, entries, self._held.factors.u, dtype))


def _checked(name: str, data: object) -> SlimmableDataset:
    if not isinstance(data, SlimmableDataset):
        raise InvalidTypeError(name, type(data).__name__, "a SlimmableDataset")
    return data
