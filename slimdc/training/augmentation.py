"""Random augmentation of images, differentiable in the images.

Constants are drawn on the host, where one seed means the same draws on every backend, and pure
functions apply them. What is drawn has the same names and shapes at every step, whatever is applied
at it, so that a compiled step is traced once: what is not applied is drawn as an identity.

The transformations and their ranges are those of DSA (Zhao and Bilen, "Dataset Condensation with
Differentiable Siamese Augmentation", ICML 2021, and the code of its authors), "translate", "zoom"
and "hole" those of FRePo's evaluation, CutMix that of IDC (Kim et al., ICML 2022). Colours come
first; then all maps of the plane, composed so that images are interpolated once; cutting out last.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import MOST, non_negative, one_of, shown, whole_number
from slimdc.backend import Array, Compute, Tensors
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.training.sampling import composed, identity_map, neighbours, require_fitting, sampled
from slimdc.training.transformations import MAPS, MASKS, draw_mixing

__all__ = ["DSA", "Augmentation", "Drawn", "Mode", "augmented", "mixed", "placed"]

Drawn: TypeAlias = dict[str, np.ndarray]
Mode: TypeAlias = Literal["one", "all"]

DSA = ("color", "crop", "cutout", "flip", "scale", "rotate")


@dataclass(frozen=True)
class Augmentation:
    """Which random transformations of images are drawn, and how strong they are.

    Parameters
    ----------
    strategy : sequence of str
        Names out of ``"color"`` (brightness, saturation and contrast), ``"flip"`` (left to right),
        ``"scale"`` (height and width each by itself), ``"zoom"`` (both alike,
        off the centre), ``"rotate"``, ``"crop"`` (by whole pixels), ``"translate"`` (by any part of
        a pixel), ``"cutout"`` (a square around any pixel) and ``"hole"`` (a square inside).
    mode : {"one", "all"}
        Whether a draw takes one of them at random, or all.
    always : sequence of str
        Names that every draw takes beside it, as IDC does with colours and flips.
    brightness : float
        Largest change of all values, in the space of the set.
    saturation, contrast : tuple of float
        Range of the factor of what lies beyond the mean of a pixel's channels, and beyond the mean
        of the image.
    flip : float
        Probability of a flip.
    scale, zoom : float
        Largest factor; the smallest is its inverse. DSA's scale is uniform, FRePo's zoom uniform in
        its logarithm.
    rotate : float
        Largest angle, in degrees.
    crop, translate : float
        Largest shift of each axis, as a fraction of its size.
    cutout, hole : float
        Side of the square, as a fraction of the size.
    cutmix : float
        Probability that each image of a batch gets a rectangle of another one, and as much of its
        label row.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a name is unknown or comes twice, or a number cannot be used.

    Examples
    --------
    >>> rng, x = np.random.default_rng(0), np.ones((2, 4, 4, 1))
    >>> drawn = Augmentation(("crop", "flip"), mode="all").draw(rng, (4, 4, 1), 2)
    >>> augmented(x, drawn).shape
    (2, 4, 4, 1)
    """

    strategy: Sequence[str] = DSA
    mode: Mode = "one"
    always: Sequence[str] = ()
    brightness: float = 0.5
    saturation: tuple[float, float] = (0.0, 2.0)
    contrast: tuple[float, float] = (0.5, 1.5)
    flip: float = 0.5
    scale: float = 1.2
    zoom: float = 1.25
    rotate: float = 15.0
    crop: float = 0.125
    translate: float = 0.125
    cutout: float = 0.5
    hole: float = 0.25
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for field in ("strategy", "always"):
            object.__setattr__(self, field, _names(field, getattr(self, field)))
        if len(set(self.strategy) | set(self.always)) < len(self.strategy) + len(self.always):
            raise InvalidValueError(
                "strategy", f"{self.strategy} and always={self.always}", "each name once"
            )
        one_of("mode", self.mode, get_args(Mode))
        for field in ("flip", "crop", "translate", "cutout", "hole", "cutmix"):
            object.__setattr__(self, field, _within(field, getattr(self, field), 0.0, 1.0))
        for field in ("scale", "zoom"):
            object.__setattr__(self, field, _within(field, getattr(self, field), 0.01, 100.0))
        object.__setattr__(self, "rotate", _within("rotate", self.rotate, 0.0, 180.0))
        object.__setattr__(self, "brightness", _within("brightness", self.brightness, 0.0, _FAR))
        for field in ("saturation", "contrast"):
            object.__setattr__(self, field, _range(field, getattr(self, field)))

    def draw(
        self, rng: np.random.Generator, image_shape: tuple[int, int, int], count: int
    ) -> Drawn:
        """Draw what `augmented` and `mixed` apply.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of every draw.
        image_shape : tuple of int
            Height, width and channels.
        count : int
            Images of the batch, each with draws of its own; or 1: the same draws for all images of
            batches of any size, as DSA has them for real and synthetic images. CutMix needs the
            former.

        Returns
        -------
        dict of numpy.ndarray
            ``brightness``, ``saturation``, ``contrast`` (count, 1, 1, 1), ``indices`` and
            ``weights`` as in `neighbours`, ``mask`` (count, h, w, 1), and where there is CutMix
            ``partner`` (count,), ``patch`` (1, h, w, 1) and ``share`` (1, 1).

        Raises
        ------
        InvalidTypeError, InvalidValueError
            If the count is no int of at least 1.
        """
        count = whole_number("count", count, at_least=1, at_most=MOST)
        size, names, ones = image_shape[:2], self._chosen(rng), np.ones((count, 1, 1, 1))
        drawn: Drawn = {"brightness": 0.0 * ones, "saturation": ones, "contrast": ones}
        if "color" in names:
            ranges = {
                "brightness": (-self.brightness, self.brightness),
                "saturation": self.saturation,
                "contrast": self.contrast,
            }
            drawn = {name: rng.uniform(*ranges[name], ones.shape) for name in ranges}
        maps = [
            draw(getattr(self, name), rng, size, count)
            for name, draw in MAPS.items()
            if name in names
        ]
        plane = functools.reduce(composed, maps, identity_map(count))
        drawn["indices"], drawn["weights"] = neighbours(plane, size)
        masks = [
            draw(getattr(self, name), rng, size, count)
            for name, draw in MASKS.items()
            if name in names
        ]
        drawn["mask"] = functools.reduce(np.multiply, masks, np.ones((count, *size, 1)))
        return drawn | (draw_mixing(self.cutmix, rng, size, count) if self.cutmix else {})

    def _chosen(self, rng: np.random.Generator) -> tuple[str, ...]:
        names = tuple(self.strategy)
        if self.mode == "one" and names:
            names = (names[rng.integers(len(names))],)
        return (*self.always, *names)


def augmented(x: Array, drawn: Tensors | Drawn) -> Array:
    """Augment images: a pure function, differentiable in the images.

    Parameters
    ----------
    x : array
        Images (n, h, w, channels).
    drawn : dict of array
        What `Augmentation.draw` gives for n images or for one, on the backend of the images; see
        `placed`.

    Returns
    -------
    array
        Of the shape of ``x``.

    Raises
    ------
    InvalidValueError
        If what is drawn is for another number of images, or for images of another size.

    Examples
    --------
    >>> rng, x = np.random.default_rng(0), np.arange(4.0).reshape(1, 2, 2, 1)
    >>> drawn = Augmentation(()).draw(rng, (2, 2, 1), 1)
    >>> bool((augmented(x, drawn) == x).all())
    True
    """
    xp, places = array_namespace(x), (drawn["indices"], drawn["weights"])
    require_fitting(x, *places)
    x = x + drawn["brightness"]
    # Written so that a factor of 1 leaves every bit.
    for name, axes in (("saturation", (3,)), ("contrast", (1, 2, 3))):
        x = x * drawn[name] + xp.mean(x, axis=axes, keepdims=True) * (1.0 - drawn[name])
    return sampled(x, *places) * drawn["mask"]


def mixed(x: Array, y: Array, drawn: Tensors | Drawn) -> tuple[Array, Array]:
    """Apply CutMix (Yun et al., ICCV 2019): rectangles of other images, and parts of their labels.

    Parameters
    ----------
    x, y : array
        Images (n, h, w, channels) and label rows (n, c).
    drawn : dict of array
        What `Augmentation.draw` gives for n images, on the backend of the images.

    Returns
    -------
    x, y : array
        Of the same shapes; what was given where nothing was drawn for CutMix.

    Raises
    ------
    InvalidValueError
        If what is drawn is for another number of images.

    Examples
    --------
    >>> x, y = np.zeros((2, 2, 2, 1)), np.eye(2)
    >>> x[1] = 1.0
    >>> patch = np.asarray([[1.0, 0.0], [0.0, 0.0]]).reshape(1, 2, 2, 1)
    >>> drawn = {"partner": np.asarray([1, 0]), "patch": patch, "share": np.full((1, 1), 0.75)}
    >>> x, y = mixed(x, y, drawn)
    >>> x[0].ravel().tolist(), y[0].tolist()
    ([1.0, 0.0, 0.0, 0.0], [0.75, 0.25])
    """
    if "partner" not in drawn:
        return x, y
    xp, partner = array_namespace(x), drawn["partner"]
    if partner.shape[0] != x.shape[0]:
        raise InvalidValueError(
            "drawn", f"CutMix of {partner.shape[0]} images", f"that of {x.shape[0]} images"
        )
    patch, share = drawn["patch"], drawn["share"]
    others = xp.take(x, partner, axis=0), xp.take(y, partner, axis=0)
    return x * (1.0 - patch) + others[0] * patch, y * share + others[1] * (1.0 - share)


def placed(drawn: Drawn, compute: Compute) -> Tensors:
    """Copy what was drawn to a backend, numbers in its dtype.

    Examples
    --------
    >>> compute = Compute.chosen(np.zeros(1), "numpy", None, "float32")
    >>> drawn = Augmentation().draw(np.random.default_rng(0), (4, 4, 1), 1)
    >>> placed(drawn, compute)["mask"].dtype
    dtype('float32')
    """
    enter = compute.backend.asarray
    return {
        name: compute.asarray(host) if host.dtype.kind == "f" else enter(host)
        for name, host in drawn.items()
    }


_KNOWN = ("color", *MAPS, *MASKS)
_FAR = 1e6  # beyond any use, and far from where float32 ends


def _names(field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidTypeError(field, shown(value), f"a sequence out of {', '.join(_KNOWN)}")
    for name in value:
        one_of(field, name, _KNOWN)
    return tuple(value)


def _range(field: str, value: object) -> tuple[float, float]:
    expected = "two numbers (low, high) with low <= high"
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise InvalidTypeError(field, shown(value), expected)
    low, high = (_within(field, number, 0.0, _FAR) for number in value)
    if low > high:
        raise InvalidValueError(field, shown(value), expected)
    return low, high


def _within(field: str, value: object, low: float, high: float) -> float:
    number = non_negative(field, value)
    if not low <= number <= high:
        raise InvalidValueError(field, shown(value), f"a number from {low:g} to {high:g}")
    return number
