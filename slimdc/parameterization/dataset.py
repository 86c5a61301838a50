"""The slimmable set of Eq. 8: ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` for each class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from slimdc._array import as_array, dtype_name, guarded, like, to_numpy
from slimdc.backend import one_blas_thread
from slimdc.errors import InvalidValueError
from slimdc.parameterization.decomposition import WIDTHS, take_in
from slimdc.parameterization.layout import channels, sample_shape
from slimdc.parameterization.preprocessing import Preprocessing, checked
from slimdc.parameterization.truncation import kept_components, largest_components
from slimdc.parameterization.validation import Held, check_factors, check_finite


def reconstruct(u: Any, s: Any, vx: Any, vy: Any) -> tuple[Any, Any]:
    """Compute samples and labels of a set from its factors (Eq. 8).

    A pure function of products and broadcasts, for any array namespace, traced or not.

    Parameters
    ----------
    u : array, shape (C or 1, n, b)
        Left factors.
    s : array, shape (C or 1, b)
        Weights of the components.
    vx : array, shape (C, b, d)
        Right factors of the samples.
    vy : array, shape (C, b, c)
        Right factors of the labels.

    Returns
    -------
    x : array, shape (C, n, d)
        Samples, class by class; padding rows are zero.
    y : array, shape (C, n, c)
        Labels.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = reconstruct(np.eye(2)[None], np.ones((1, 2)), np.ones((3, 2, 5)), np.ones((3, 2, 3)))
    >>> x.shape, y.shape
    ((3, 2, 5), (3, 2, 3))
    """
    weighted = u * s[:, None, :]
    return weighted @ vx, weighted @ vy


class SlimmableDataset:
    """A condensed set in the slimmable parameterization (Eq. 8), immutable.

    For each class block, ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` with orthonormal columns
    of U. Classes of unequal size are zero padded to the largest. Build one with `from_arrays` or
    `from_factors`; the constructor is the latter.

    Parameters
    ----------
    u, s, vx, vy : array
        Factors; see `from_factors`.
    shape, layout, preprocessing, labels, samples, components, dtype
        See `from_factors`.

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

    __slots__ = (
        "__weakref__",
        "_components",
        "_dtype",
        "_labels",
        "_layout",
        "_preprocessing",
        "_s",
        "_samples",
        "_shape",
        "_u",
        "_vx",
        "_vy",
    )

    def __init__(
        self,
        u: Any,
        s: Any,
        vx: Any,
        vy: Any,
        *,
        shape: Sequence[int] | None = None,
        layout: str | None = None,
        preprocessing: Preprocessing | None = None,
        labels: Sequence[int] | None = None,
        samples: Sequence[int] | None = None,
        components: Sequence[int] | None = None,
        dtype: str | None = None,
    ) -> None:
        u, s, vx, vy = (
            as_array(a, n) for a, n in zip((u, s, vx, vy), ("u", "s", "vx", "vy"), strict=True)
        )
        held = check_factors(u, s, vx, vy, labels, samples, components)
        d = int(vx.shape[2])
        shape, layout = sample_shape((d,) if shape is None else shape, layout)
        if math.prod(shape) != d:
            raise InvalidValueError(
                "shape", found=str(shape), expected=f"the {d} values of a row of vx"
            )
        preprocessing = checked(preprocessing, channels(shape, layout))
        name = dtype_name(u) if dtype is None else dtype
        if not isinstance(name, str) or name not in WIDTHS:
            raise InvalidValueError("dtype", found=repr(dtype), expected=f"one of {list(WIDTHS)}")
        factors = (like(to_numpy(factor), factor) for factor in (u, s, vx, vy))
        self._hold(factors, held, shape, layout, preprocessing, name)

    @classmethod
    def from_factors(
        cls,
        u: Any,
        s: Any,
        vx: Any,
        vy: Any,
        *,
        shape: Sequence[int] | None = None,
        layout: str | None = None,
        preprocessing: Preprocessing | None = None,
        labels: Sequence[int] | None = None,
        samples: Sequence[int] | None = None,
        components: Sequence[int] | None = None,
        dtype: str | None = None,
    ) -> Self:
        """Build a set from the factors of Eq. 8, copied and kept to the bit.

        Parameters
        ----------
        u : array, shape (C or 1, n, b)
            Left factors, ``UᵀU = I`` on the components held; one block where all classes share it.
        s : array, shape (C or 1, b)
            Weights of the components, of any sign and order.
        vx : array, shape (C, b, d)
            Right factors of the samples.
        vy : array, shape (C, b, c)
            Right factors of the labels.
        shape : sequence of int, optional
            Shape of one sample; by default ``(d,)``. ``(h, w)`` gets a channel axis of 1.
        layout : {"flat", "channels_last", "channels_first"}, optional
            Where the channels are; by default inferred from `shape`.
        preprocessing : Preprocessing, optional
            What brought the samples into their space; by default nothing.
        labels : sequence of int, optional
            Label index of each class block; by default ``0 .. C-1``.
        samples, components : sequence of int, optional
            Rows and components that each class holds; what is beyond must be zero.
        dtype : {"float16", "bfloat16", "float32", "float64"}, optional
            Dtype that `arrays` gives back; by default that of the factors.

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
            another argument does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> u, s = np.eye(2)[None], np.asarray([[2.0, 1.0]])
        >>> vx, vy = np.ones((3, 2, 4)), np.ones((3, 2, 3))
        >>> SlimmableDataset.from_factors(u, s, vx, vy, shape=(2, 2)).shape
        (2, 2, 1)
        """
        return cls(
            u,
            s,
            vx,
            vy,
            shape=shape,
            layout=layout,
            preprocessing=preprocessing,
            labels=labels,
            samples=samples,
            components=components,
            dtype=dtype,
        )

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        classes: int | None = None,
        layout: str | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> Self:
        """Take in any set of samples and labels, by per-class SVD of [X, Y] side by side (Eq. 8).

        The decomposition runs on the host in float64, whatever the framework, and takes as many
        classes at once as BLAS may use threads; its bits do not depend on how many.

        Parameters
        ----------
        x : array_like, shape (n, d), (n, h, w), (n, h, w, channels) or (n, channels, h, w)
            Samples, in the space in which networks see them. float64 is held as it is, narrower
            floats and integers in float32. uint8 samples are taken as raw pixels: they are divided
            by 255 and go through `preprocessing`; other integers are taken as numbers.
        y : array_like, shape (n,) of int or (n, c)
            Classes, which become centred one-hot rows (`centred_one_hot`), or soft rows, which are
            kept as they are and grouped by their largest entry.
        classes : int, optional
            Number of classes; by default the largest label plus one, or c.
        layout : {"flat", "channels_last", "channels_first"}, optional
            Where the channels are. By default inferred: four axes are channels first where axis 1
            is 1 or 3 and axis 3 is not. "flat" takes images as plain vectors.
        preprocessing : Preprocessing, optional
            What brought the samples into their space; by default nothing.

        Returns
        -------
        SlimmableDataset
            The set, with the classes in order, rows in the order in which they came within a class
            and ``min(n_c, d + c)`` components in a class of n_c samples. Singular values descend;
            those that are numerically zero are zero.

        Raises
        ------
        InvalidTypeError
            Samples or labels are not real numbers, or belong to different frameworks.
        InvalidValueError
            There are no samples, values are not finite (or not once in float32), labels do not
            match, a class has no sample, or the layout does not fit.
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
        taken = take_in(x, y, classes, layout, preprocessing)
        factors, reference = taken.factors, as_array(x, "x")
        if not isinstance(reference, np.ndarray):
            with np.errstate(over="ignore"):  # JAX without x64 narrows float64
                factors = tuple(like(factor, reference) for factor in factors)
        # The rest is right by construction: U and the rows of V have length 1 or 0.
        check_finite("s", to_numpy(factors[1]))
        made = cls.__new__(cls)
        made._hold(factors, taken.held, taken.shape, taken.layout, taken.preprocessing, taken.dtype)
        return made

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        for factor in self._factors():  # copies and pickles forget that arrays are read-only
            _sealed(factor)

    def __repr__(self) -> str:
        held = sorted(set(self._components))
        components = str(held[0]) if len(held) == 1 else f"{held[0]}..{held[-1]}"
        return (
            f"{type(self).__name__}(classes={self.classes}, components={components}, "
            f"samples={len(self)}, shape={self._shape}, dtype={self._dtype})"
        )

    def __len__(self) -> int:
        return sum(self._samples)

    @property
    def u(self) -> Any:
        """Left factors, shape (C or 1, n, b): read-only (NumPy), or a copy."""
        return guarded(self._u)

    @property
    def s(self) -> Any:
        """Weights of the components, shape (C or 1, b): read-only (NumPy), or a copy."""
        return guarded(self._s)

    @property
    def vx(self) -> Any:
        """Right factors of the samples, shape (C, b, d): read-only (NumPy), or a copy."""
        return guarded(self._vx)

    @property
    def vy(self) -> Any:
        """Right factors of the labels, shape (C, b, c): read-only (NumPy), or a copy."""
        return guarded(self._vy)

    @property
    def classes(self) -> int:
        """Number C of class blocks."""
        return int(self._vx.shape[0])

    @property
    def labels(self) -> tuple[int, ...]:
        """Label index of each class block."""
        return self._labels

    @property
    def samples(self) -> tuple[int, ...]:
        """Rows that each class holds."""
        return self._samples

    @property
    def components(self) -> tuple[int, ...]:
        """Components that each class holds."""
        return self._components

    @property
    def components_per_class(self) -> int:
        """Components of the largest class."""
        return max(self._components)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(d,)``, or three axes for images."""
        return self._shape

    @property
    def layout(self) -> str:
        """Where the channels are: "flat", "channels_last" or "channels_first"."""
        return self._layout

    @property
    def preprocessing(self) -> Preprocessing:
        """What brought the samples into the space that they live in."""
        return self._preprocessing

    @property
    def dtype(self) -> str:
        """Name of the dtype that `arrays` gives back."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the held factors, padding left out: what the set costs to keep."""
        d, c = int(self._vx.shape[2]), int(self._vy.shape[2])
        numbers_held = sum(k * (d + c) for k in self._components)
        us = zip(self._samples, self._components, strict=True)
        left = [n * k for n, k in us][: int(self._u.shape[0])]
        weights = self._components[: int(self._s.shape[0])]
        itemsize = 8 if dtype_name(self._u) == "float64" else 4
        return itemsize * (numbers_held + sum(left) + sum(weights))

    def arrays(self) -> tuple[Any, Any]:
        """Compute samples and labels as plain arrays (Eq. 8), class by class.

        Returns
        -------
        x : array, shape (len(self), ...)
            Samples, in the namespace, on the device and in the `dtype` of the pair that came in
            (in the factors' where the namespace lacks that dtype).
        y : array, shape (len(self), c)
            Label rows, in the same dtype.

        Examples
        --------
        >>> import numpy as np
        >>> x, y = SlimmableDataset.from_arrays(np.eye(2), [1, 0]).arrays()
        >>> x.round(12).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        factors = (to_numpy(factor).astype(np.float64) for factor in self._factors())
        with one_blas_thread():
            blocks = reconstruct(*factors)
        x, y = (
            np.concatenate([rows[:n] for rows, n in zip(block, self._samples, strict=True)])
            for block in blocks
        )
        return (
            like(x.reshape(len(self), *self._shape), self._u, self._dtype),
            like(y, self._u, self._dtype),
        )

    def truncate(self, k: int) -> Self:
        """Keep the k components of largest ``|s|`` of each class: learning-free slimming.

        Parameters
        ----------
        k : int
            Components to keep per class, at least 1. A class that holds fewer keeps them all, with
            a warning.

        Returns
        -------
        SlimmableDataset
            A copy with the same samples, of fewer components, in descending order of ``|s|``.

        Raises
        ------
        InvalidTypeError
            `k` is not an int (a bool is none).
        InvalidValueError
            `k` is below 1 or above what every class holds.

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
        """
        kept = kept_components(k, self._components)
        # What is cut out of a valid set is valid: no check needs to touch it again.
        factors = largest_components(*self._factors(), max(kept))
        held = Held(self._labels, self._samples, kept)
        made = type(self).__new__(type(self))
        made._hold(factors, held, self._shape, self._layout, self._preprocessing, self._dtype)
        return made

    def with_factors(self, u: Any, s: Any, vx: Any, vy: Any) -> Self:
        """Build a set of other factors, with everything else as here.

        Parameters
        ----------
        u, s, vx, vy : array
            Factors with the samples and components that this set holds, in any framework.

        Returns
        -------
        SlimmableDataset
            The set; it goes through the checks of `from_factors`.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The factors do not form a set; see `from_factors`.

        Examples
        --------
        >>> import numpy as np
        >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
        >>> data.with_factors(data.u, 2 * data.s, data.vx, data.vy).arrays()[0].round(6).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
        """
        return type(self)(
            u,
            s,
            vx,
            vy,
            shape=self._shape,
            layout=self._layout,
            preprocessing=self._preprocessing,
            labels=self._labels,
            samples=self._samples,
            components=self._components,
            dtype=self._dtype,
        )

    def _factors(self) -> tuple[Any, Any, Any, Any]:
        """Give the factors themselves, unguarded: to be read only."""
        return self._u, self._s, self._vx, self._vy

    def _hold(
        self,
        factors: Iterable[Any],
        held: Held,
        shape: tuple[int, ...],
        layout: str,
        preprocessing: Preprocessing,
        dtype: str,
    ) -> None:
        """Take over what is known to be right, and factors that nobody else holds."""
        self._u, self._s, self._vx, self._vy = map(_sealed, factors)
        self._labels, self._samples, self._components = held.labels, held.samples, held.components
        self._shape, self._layout = shape, layout
        self._preprocessing, self._dtype = preprocessing, dtype


def _sealed(factor: Any) -> Any:
    if isinstance(factor, np.ndarray):
        factor.flags.writeable = False
    return factor
