"""The slimmable set of Eq. 8: ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from slimdc._array import as_array, namespace
from slimdc._checks import one_of
from slimdc.errors import InvalidTypeError
from slimdc.parameterization.decomposition import decompose
from slimdc.parameterization.description import Description, Factors, described
from slimdc.parameterization.held import coded, floats, held, in_library_of
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.quantization import Codes
from slimdc.parameterization.slimmable import Slimmable
from slimdc.parameterization.validation import check_factors, checked_shapes
from slimdc.typing import Array, FactorDtype, FloatDtype, Layout

__all__ = ["SlimmableDataset"]


class SlimmableDataset(Slimmable):
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

    __slots__ = ()

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
