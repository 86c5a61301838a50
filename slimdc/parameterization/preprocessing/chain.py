"""The chain of steps that brings samples into the space of a set.

(The file is longer than others for the docstrings: it is what users hold in their hands.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slimdc._array import as_array, dtype_name
from slimdc._checks import one_of, positive, shown
from slimdc._checks import path as checked_path
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import check_layout
from slimdc.parameterization.preprocessing.image_norm import ImageNorm
from slimdc.parameterization.preprocessing.matrix import Matrix, read_matrix, write_matrix
from slimdc.parameterization.preprocessing.samples import FLOATS, digest, opened, parts, pixels
from slimdc.parameterization.preprocessing.standardisation import Standardisation
from slimdc.parameterization.preprocessing.whitening import RECIPES, Whitening, blocks_of
from slimdc.typing import ArrayT, Layout

__all__ = ["Preprocessing", "Step"]

Step: TypeAlias = ImageNorm | Whitening

_KINDS: dict[str, type[ImageNorm] | type[Whitening]] = {"image-norm": ImageNorm, "zca": Whitening}


@dataclass(frozen=True, repr=False)
class Preprocessing:
    """Standardisation of samples, per channel, and further steps after it.

    The standardisation is ``(x - mean) / std``, with pixels in [0, 1]; by default it does nothing.
    `standardise`, `named` and `zca` make the usual chains.

    Parameters
    ----------
    mean : float or sequence of float
        One number, or one for each channel (each value of a flat sample), in units of [0, 1].
    std : float or sequence of float
        As many numbers, finite and above zero.
    then : sequence of ImageNorm or Whitening
        Further steps, in their order; at most one whitening.

    Raises
    ------
    InvalidTypeError
        Something is not a number, or a step is none.
    InvalidValueError
        A number is not finite, a `std` is not above zero, there are not as many of both, or there
        are several whitenings.

    Examples
    --------
    >>> import numpy as np
    >>> fashion = Preprocessing(0.2861, 0.3530)
    >>> white = np.full((1, 28, 28, 1), 255, dtype=np.uint8)
    >>> x = fashion.apply(white, "channels_last")
    >>> round(float(x.max()), 3), round(float(fashion.invert(x, "channels_last").max()), 3)
    (2.022, 1.0)
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    then: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        first = Standardisation(self.mean, self.std)
        object.__setattr__(self, "mean", first.mean)
        object.__setattr__(self, "std", first.std)
        then = self.then
        if not isinstance(then, tuple | list) or not all(isinstance(s, Step) for s in then):
            raise InvalidTypeError("preprocessing.then", shown(then), "image norms and whitenings")
        if sum(isinstance(step, Whitening) for step in then) > 1:
            raise InvalidValueError("preprocessing.then", "several whitenings", "one at most")
        object.__setattr__(self, "then", tuple(then))

    def __repr__(self) -> str:
        then = f", then={self.then}" if self.then else ""
        return f"{type(self).__name__}(mean={self.mean}, std={self.std}{then})"

    @classmethod
    @np.errstate(all="ignore")  # what overflows is refused as not finite
    def standardise(cls, x: Any, layout: Layout | None = None) -> Self:
        """Standardise by the mean and the deviation of each channel of training samples.

        Parameters
        ----------
        x : array
            Raw training samples: (n, d), (n, h, w), (n, h, w, channels) or (n, channels, h, w).
        layout : {"flat", "channels_last", "channels_first"}, optional
            Where the channels are; inferred as in `SlimmableDataset.from_arrays`. The values of
            flat samples share one mean and one deviation.

        Returns
        -------
        Preprocessing
            The standardisation. A constant channel keeps its scale.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `x` holds no finite samples, or `layout` does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> Preprocessing.standardise(np.asarray([[0.0, 1.0], [1.0, 0.0]]))
        Preprocessing(mean=(0.5,), std=(0.5,))
        """
        host, _, known = opened(x, layout)
        first = Standardisation.fitted(np.asarray(pixels(host, "x")), known)
        return cls(first.mean, first.std)

    @classmethod
    def named(cls, name: str) -> Self:
        """Standardise by the statistics that the literature uses for a data set.

        Parameters
        ----------
        name : str
            ``"cifar10"``, ``"cifar100"``, ``"fashion-mnist"`` or ``"mnist"``: those of the data,
            as FRePo has them. ``"cifar10-vico"``, ``"cifar100-vico"`` (DC, DSA, DM),
            ``"cifar10-mtt"`` and ``"cifar100-mtt"`` (MTT, DATM): those that these repositories
            standardise with. Their deviations of CIFAR-10 are .2023, .1994, .2010, and MTT takes
            the numbers of CIFAR-10 for CIFAR-100 as well.

        Returns
        -------
        Preprocessing
            The standardisation.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `name` is none of these.

        Examples
        --------
        >>> Preprocessing.named("fashion-mnist")
        Preprocessing(mean=(0.2861,), std=(0.353,))
        """
        first = Standardisation.named(name)
        return cls(first.mean, first.std)

    @classmethod
    @np.errstate(all="ignore")
    def zca(
        cls,
        x: Any,
        layout: Layout | None = None,
        *,
        recipe: str = "frepo",
        regularisation: float = 0.1,
        base: Preprocessing | None = None,
    ) -> Self:
        """Whiten by the covariance of training samples (ZCA), as one of the peers does.

        ``W = V diag(λ + r)^(-1/2) Vᵀ`` of the covariance ``V diag(λ) Vᵀ`` of the samples after the
        steps before it, in float64 on the host. For 50,000 images of 32x32x3 this takes a minute
        on two cores, and W has 38 MB: a set's file holds the recipe only (`save_matrix`, `fitted`).

        Parameters
        ----------
        x : array
            Raw training samples: (n, d), (n, h, w), (n, h, w, channels) or (n, channels, h, w).
        layout : {"flat", "channels_last", "channels_first"}, optional
            Where the channels are; inferred as in `SlimmableDataset.from_arrays`.
        recipe : {"frepo", "rfad", "kip", "mtt"}
            "frepo": standardised, the mean of each value taken off, r = regularisation times the
            mean eigenvalue. "rfad": the same by second moments, no mean taken off. "kip": the same
            as "rfad" with `ImageNorm` after the standardisation. "mtt" (kornia; DATM, HaBa): pixels
            in [0, 1] without standardisation, the mean taken off, the covariance over n - 1, r =
            regularisation itself.
        regularisation : float
            0.1 in all of them.
        base : Preprocessing, optional
            Takes the place of what the recipe does before it whitens, such as ``named("cifar10")``
            for the rounded statistics of FRePo.

        Returns
        -------
        Preprocessing
            The chain, with its matrix.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            An argument cannot be used, or the samples are not finite or all alike.
        NumericalError
            The eigenvalues do not converge, or the matrix is beyond single precision.

        Notes
        -----
        FRePo and KIP set the eigenvalues beyond the n-th to 1 where there are fewer samples than
        values; here they are r.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(500, 3)) @ np.diag([1.0, 2.0, 4.0])
        >>> space = Preprocessing.zca(x, regularisation=1e-6)
        >>> bool(np.allclose(np.cov(space.apply(x, "flat").T, bias=True), np.eye(3), atol=1e-5))
        True
        """
        one_of("recipe", recipe, tuple(RECIPES))
        known = RECIPES[recipe]
        host, shape, where = opened(x, layout)
        if base is None:
            start = cls.standardise(host, where) if known.standardised else cls()
            base = replace(start, then=(ImageNorm(),)) if known.image_norm else start
        if not isinstance(base, Preprocessing):
            raise InvalidTypeError("base", type(base).__name__, "a Preprocessing")
        if base.whitening is not None:
            raise InvalidValueError("base", "one that whitens", "one that does not")
        whitening = Whitening.fitted(
            lambda: blocks_of(base.apply(part, where) for part in parts(host)),
            shape,
            where,
            digest(host),
            regularisation=positive("regularisation", regularisation),
            relative=known.relative,
            centred=known.centred,
            unbiased=known.unbiased,
        )
        return cls(base.mean, base.std, (*base.then, whitening))

    @property
    def steps(self) -> tuple[Standardisation | ImageNorm | Whitening, ...]:
        """All steps, the standardisation first."""
        return (Standardisation(self.mean, self.std), *self.then)

    @property
    def whitening(self) -> Whitening | None:
        """The whitening among the steps."""
        return next((step for step in self.then if isinstance(step, Whitening)), None)

    @property
    def is_complete(self) -> bool:
        """Whether all that it needs is at hand: False for a whitening without its matrix."""
        return self.whitening is None or self.whitening.matrix is not None

    @property
    def is_exact(self) -> bool:
        """Whether `invert` undoes `apply`: False with `ImageNorm`, which shows approximately."""
        return not any(isinstance(step, ImageNorm) for step in self.then)

    @property
    def matrix_name(self) -> str:
        """Name of a file for the matrix, ``zca-….safetensors``: the same wherever it is fitted."""
        return f"zca-{self._whitening().identity()[:16]}.safetensors"

    @np.errstate(all="ignore")  # what overflows is infinite, whatever the caller has set
    def apply(self, x_raw: ArrayT, layout: Layout) -> ArrayT:
        """Bring raw samples into the space that the set lives in.

        Parameters
        ----------
        x_raw : array, shape (n, ...)
            Raw samples. uint8 is divided by 255 first, always; other dtypes are taken as they are
            (integers become float32).
        layout : {"flat", "channels_last", "channels_first"}
            Where the channels are. Samples without a channel axis have one channel.

        Returns
        -------
        array, same shape
            Floating point, in the namespace and on the device of `x_raw`.

        Raises
        ------
        InvalidTypeError
            `x_raw` is not an array of real numbers.
        InvalidValueError
            `layout` is unknown, the samples do not match the steps, their dtype does not hold a
            `std`, or a whitening lacks its matrix.

        Examples
        --------
        >>> import numpy as np
        >>> Preprocessing().apply(np.asarray([[0, 255]], dtype=np.uint8), "flat").tolist()
        [[0.0, 1.0]]
        """
        check_layout(layout)
        self._check_layout_of_whitening(layout)
        x: ArrayT = pixels(x_raw, "x_raw")
        for step in self.steps:
            x = step.apply(x, layout, "x_raw")
        return x

    @np.errstate(all="ignore")
    def invert(self, x: ArrayT, layout: Layout) -> ArrayT:
        """Bring samples back to pixels in units of [0, 1]; nothing is clipped.

        Parameters
        ----------
        x : array, shape (n, ...)
            Samples in the space that the set lives in.
        layout : {"flat", "channels_last", "channels_first"}
            Where the channels are.

        Returns
        -------
        array, same shape
            Pixels, in the namespace and on the device of `x`; approximately where not `is_exact`.

        Raises
        ------
        InvalidTypeError
            `x` is not an array of floating-point numbers.
        InvalidValueError
            `layout` is unknown, the samples do not match the steps, or a whitening lacks its
            matrix.

        Examples
        --------
        >>> import numpy as np
        >>> Preprocessing(0.5, 0.25).invert(np.asarray([[2.0, -2.0]]), "flat").tolist()
        [[1.0, 0.0]]
        """
        name = dtype_name(as_array(x, "x"))
        if name not in FLOATS:
            raise InvalidTypeError("x", found=f"dtype {name}", expected="floating-point numbers")
        check_layout(layout)
        self._check_layout_of_whitening(layout)
        x = pixels(x, "x")
        for step in reversed(self.steps):
            x = step.invert(x, layout)
        return x

    @np.errstate(all="ignore")
    def fitted(self, x: Any) -> Self:
        """Fit the matrix again to the training samples that it was fitted to.

        Parameters
        ----------
        x : array
            These samples, in the same order and layout, as uint8 or in units of [0, 1].

        Returns
        -------
        Preprocessing
            Equal to this one, with its matrix.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `x` holds other samples, by their digest, or the matrix is another one than rounding
            can explain; or there is no whitening.

        Notes
        -----
        Samples are compared to the bit, in float32. The matrix is compared by a few numbers with
        a relative tolerance of 1e-6, since another BLAS rounds otherwise.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> kept = Preprocessing.from_dict(Preprocessing.zca(x).to_dict())
        >>> kept.is_complete, kept.fitted(x).is_complete
        (False, True)
        """
        whitening = self._whitening()
        host, shape, _ = opened(x, whitening.layout)
        found = digest(host)
        if shape != whitening.shape or found != whitening.data:
            raise InvalidValueError(
                "x",
                f"{len(host)} samples of shape {shape} and digest {found[:16]}",
                f"those of shape {whitening.shape} and digest {whitening.data[:16]} that the "
                "whitening was fitted to, in their order",
            )
        before = Preprocessing(self.mean, self.std, self.then[: self.then.index(whitening)])

        def blocks() -> Iterator[NDArray[np.float64]]:
            return blocks_of(before.apply(part, whitening.layout) for part in parts(host))

        return self._with(whitening.refitted(blocks))

    def with_matrix(self, source: Preprocessing | str | os.PathLike[str]) -> Self:
        """Give the whitening its matrix.

        Parameters
        ----------
        source : Preprocessing, str or path
            One that holds it, or a file that `save_matrix` wrote; of a folder, the file
            `matrix_name` in it.

        Returns
        -------
        Preprocessing
            Equal to this one, with its matrix.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `source` is none of these, holds another matrix, or there is no whitening.
        FileError
            The file cannot be read, or is damaged.

        Examples
        --------
        >>> import numpy as np
        >>> whole = Preprocessing.zca(np.random.default_rng(0).normal(size=(50, 3)))
        >>> Preprocessing.from_dict(whole.to_dict()).with_matrix(whole).is_complete
        True
        """
        whitening = self._whitening()
        if isinstance(source, Preprocessing):
            return self._with(whitening.holding(source._whitening().held()))
        path = checked_path("source", source)
        file = path / self.matrix_name if os.path.isdir(path) else path
        size = int(np.prod(whitening.shape))
        return self._with(whitening.holding(read_matrix(file, size)))

    def save_matrix(self, path: str | os.PathLike[str]) -> Path:
        """Write the matrix of the whitening beside a set, as safetensors, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file, or a folder, in which it is called `matrix_name`.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `path` is no path, or there is no whitening or no matrix.
        FileError
            The file cannot be written.

        Examples
        --------
        >>> import numpy as np, tempfile
        >>> whole = Preprocessing.zca(np.random.default_rng(0).normal(size=(50, 3)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = whole.save_matrix(folder)
        ...     Preprocessing.from_dict(whole.to_dict()).with_matrix(folder).is_complete
        True
        """
        matrix: Matrix = self._whitening().held()
        target = checked_path("path", path)
        file = target / self.matrix_name if os.path.isdir(target) else target
        write_matrix(matrix, json.dumps(self.to_dict()), file)
        return file

    def to_dict(self) -> dict[str, Any]:
        """Plain form for a file's metadata: all but the matrix of a whitening.

        Returns
        -------
        dict
            ``{"mean": [...], "std": [...]}``, and ``"then"`` where there are further steps.

        Examples
        --------
        >>> Preprocessing(0.5, 0.25).to_dict()
        {'mean': [0.5], 'std': [0.25]}
        """
        plain: dict[str, Any] = {"mean": list(self.mean), "std": list(self.std)}
        return plain | ({"then": [step.to_dict() for step in self.then]} if self.then else {})

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Preprocessing:
        """Undo `to_dict`.

        Parameters
        ----------
        plain : dict
            What `to_dict` gave.

        Returns
        -------
        Preprocessing
            Equal to the one that was written; a whitening is without its matrix.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The dictionary does not hold a mean and a std, or a step is none.

        Examples
        --------
        >>> Preprocessing.from_dict({"mean": [0.5], "std": [0.25]})
        Preprocessing(mean=(0.5,), std=(0.25,))
        """
        if not isinstance(plain, dict) or set(plain) - {"then"} != {"mean", "std"}:
            raise InvalidValueError(
                "preprocessing", found=shown(plain), expected="a dictionary of mean and std"
            )
        then = plain.get("then", [])
        if not isinstance(then, list):
            raise InvalidTypeError("preprocessing.then", shown(then), "a list of steps")
        return cls(plain["mean"], plain["std"], tuple(map(_step, then)))

    def _whitening(self) -> Whitening:
        if self.whitening is None:
            raise InvalidValueError("preprocessing", shown(self), "one with a whitening")
        return self.whitening

    def _with(self, whitening: Whitening) -> Self:
        then = (whitening if isinstance(step, Whitening) else step for step in self.then)
        return replace(self, then=tuple(then))

    def _check_layout_of_whitening(self, layout: Layout) -> None:
        """Refuse another order of values than that of the matrix, which no size would tell."""
        if self.whitening is not None and self.whitening.layout != layout:
            raise InvalidValueError(
                "layout", repr(layout), f"that of the whitening, {self.whitening.layout!r}"
            )


def _step(plain: object) -> Step:
    kind = plain.get("kind") if isinstance(plain, dict) else None
    if not isinstance(plain, dict) or not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidValueError(
            "preprocessing.then", shown(plain), f"steps of kind {' or '.join(_KINDS)}"
        )
    return _KINDS[kind].from_dict(plain)
