"""The slimmable set of Eq. 8: ``X = U diag(s) V_x`` and ``Y = U diag(s) V_y`` for each class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np

from slimdc._array import as_array, dtype_name, guarded, like, to_numpy
from slimdc.backend import one_blas_thread
from slimdc.errors import InvalidValueError
from slimdc.parameterization.decomposition import take_in
from slimdc.parameterization.description import NAMES, WIDTHS, Description, Factors
from slimdc.parameterization.layout import channels, sample_shape
from slimdc.parameterization.preprocessing import Preprocessing, checked
from slimdc.parameterization.truncation import kept_components, largest_components
from slimdc.parameterization.validation import check_factors, check_finite


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

    __slots__ = ("__weakref__", "_description", "_factors")

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
        u, s, vx, vy = (as_array(a, n) for a, n in zip((u, s, vx, vy), NAMES, strict=True))
        counts = check_factors(u, s, vx, vy, labels, samples, components)
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
        self._hold(
            map(_copied, (u, s, vx, vy)),
            Description(
                shape=shape,
                layout=layout,
                preprocessing=preprocessing,
                dtype=name,
                labels=counts.labels,
                samples=counts.samples,
                components=counts.components,
            ),
        )

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
        found, description = take_in(x, y, classes, layout, preprocessing)
        factors, reference = tuple(found), as_array(x, "x")
        if not isinstance(reference, np.ndarray):
            with np.errstate(over="ignore"):  # JAX without x64 narrows float64
                factors = tuple(like(factor, reference) for factor in factors)
        # The rest is right by construction: U and the rows of V have length 1 or 0.
        check_finite("s", to_numpy(factors[1]))
        made = cls.__new__(cls)
        made._hold(factors, description)
        return made

    def __getstate__(self) -> tuple[Factors, Description]:
        return self._factors, self._description

    def __setstate__(self, state: tuple[Factors, Description]) -> None:
        self._hold(*state)  # copies and pickles forget that arrays are read-only

    def __repr__(self) -> str:
        held = sorted(set(self.components))
        components = str(held[0]) if len(held) == 1 else f"{held[0]}..{held[-1]}"
        return (
            f"{type(self).__name__}(classes={self.classes}, components={components}, "
            f"samples={len(self)}, shape={self.shape}, dtype={self.dtype})"
        )

    def __len__(self) -> int:
        return sum(self.samples)

    @property
    def factors(self) -> Factors:
        """U, s, V_x and V_y: read-only (NumPy), or copies."""
        return Factors(*map(guarded, self._factors))

    @property
    def u(self) -> Any:
        """Left factors, shape (C or 1, n, b): read-only (NumPy), or a copy."""
        return guarded(self._factors.u)

    @property
    def s(self) -> Any:
        """Significances of the components, shape (C or 1, b): read-only (NumPy), or a copy."""
        return guarded(self._factors.s)

    @property
    def vx(self) -> Any:
        """Right factors of the samples, shape (C, b, d): read-only (NumPy), or a copy."""
        return guarded(self._factors.vx)

    @property
    def vy(self) -> Any:
        """Right factors of the labels, shape (C, b, c): read-only (NumPy), or a copy."""
        return guarded(self._factors.vy)

    def host_factors(self, dtype: str | None = None) -> Factors:
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
        host = (to_numpy(factor) for factor in self._factors)
        return Factors(*(x if dtype is None else x.astype(dtype, copy=False) for x in host))

    @property
    def description(self) -> Description:
        """All that is known about the set beside its factors."""
        return self._description

    @property
    def classes(self) -> int:
        """Number C of class blocks."""
        return int(self._factors.vx.shape[0])

    @property
    def label_entries(self) -> int:
        """Entries c of a label row."""
        return int(self._factors.vy.shape[2])

    @property
    def labels(self) -> tuple[int, ...]:
        """Label index of each class block."""
        return self._description.labels

    @property
    def samples(self) -> tuple[int, ...]:
        """Rows that each class holds."""
        return self._description.samples

    @property
    def components(self) -> tuple[int, ...]:
        """Components that each class holds."""
        return self._description.components

    @property
    def components_per_class(self) -> int:
        """Components of the largest class."""
        return max(self.components)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(d,)``, or three axes for images."""
        return self._description.shape

    @property
    def layout(self) -> str:
        """Where the channels are: "flat", "channels_last" or "channels_first"."""
        return self._description.layout

    @property
    def preprocessing(self) -> Preprocessing:
        """What brought the samples into the space that they live in."""
        return self._description.preprocessing

    @property
    def dtype(self) -> str:
        """Name of the dtype that `arrays` gives back."""
        return self._description.dtype

    @property
    def factor_dtype(self) -> str:
        """Name of the dtype that the factors are held in: "float32" or "float64"."""
        return dtype_name(self._factors.u)

    @property
    def nbytes(self) -> int:
        """Bytes of the held factors, padding left out: what the set costs to keep."""
        u, s, vx, vy = self._factors
        numbers_held = sum(k * (int(vx.shape[2]) + int(vy.shape[2])) for k in self.components)
        us = zip(self.samples, self.components, strict=True)
        left = [n * k for n, k in us][: int(u.shape[0])]
        weights = self.components[: int(s.shape[0])]
        itemsize = 8 if self.factor_dtype == "float64" else 4
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
        factors = (to_numpy(factor).astype(np.float64) for factor in self._factors)
        with one_blas_thread():
            blocks = reconstruct(*factors)
        x, y = (
            np.concatenate([rows[:n] for rows, n in zip(block, self.samples, strict=True)])
            for block in blocks
        )
        return (
            like(x.reshape(len(self), *self.shape), self._factors.u, self.dtype),
            like(y, self._factors.u, self.dtype),
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
        kept = kept_components(k, self.components)
        # What is cut out of a valid set is valid: no check needs to touch it again.
        factors = largest_components(*self._factors, max(kept))
        made = type(self).__new__(type(self))
        made._hold(factors, replace(self._description, components=kept))
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
        return self.from_description(Factors(u, s, vx, vy), self._description)

    @classmethod
    def from_description(cls, factors: Factors, description: Description) -> Self:
        """Build a set of factors and all else that is known about it.

        Parameters
        ----------
        factors : Factors
            As for `from_factors`.
        description : Description
            What `description` gave.

        Returns
        -------
        SlimmableDataset
            The set; it goes through the checks of `from_factors`.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The factors do not form a set, or the description does not fit them.

        Examples
        --------
        >>> import numpy as np
        >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
        >>> SlimmableDataset.from_description(data.factors, data.description)
        SlimmableDataset(classes=2, components=1, samples=2, shape=(2,), dtype=float64)
        """
        known = {field.name: getattr(description, field.name) for field in fields(description)}
        return cls(*factors, **known)

    def _hold(self, factors: Iterable[Any], description: Description) -> None:
        """Take over what is known to be right, and factors that nobody else holds."""
        self._factors = Factors(*map(_sealed, factors))
        self._description = description


def _copied(factor: Any) -> Any:
    host = to_numpy(factor)
    # Of a NumPy array that is the copy already: a second one would double what loading needs.
    native = isinstance(factor, np.ndarray) and factor.dtype.isnative
    return host if native else like(host, factor)


def _sealed(factor: Any) -> Any:
    if isinstance(factor, np.ndarray):
        factor.flags.writeable = False
    return factor
