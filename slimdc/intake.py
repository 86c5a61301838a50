"""Intake of any condensed set: samples and labels become the factors of Eq. 8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from slimdc._array import HostArray, as_array, dtype_name, namespace, to_numpy
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.labels import label_rows
from slimdc.layout import channels, sample_shape
from slimdc.preprocessing import Preprocessing, checked

WIDTHS = {"float16": 1, "bfloat16": 1, "float32": 2, "float64": 3}


@dataclass(frozen=True)
class Intake:
    """Factors of a pair, on the host in float64, and what is known about its samples.

    Parameters
    ----------
    u, s, vx, vy : numpy.ndarray
        Factors, zero padded to the largest class.
    samples, components : tuple of int
        Rows and components that each class holds.
    shape : tuple of int
        Shape of one sample.
    layout : str
        Where the channels are.
    dtype : str
        Dtype in which the pair came, and in which it is given back.

    Examples
    --------
    >>> take_in([[1.0, 0.0], [0.0, 1.0]], [0, 1]).samples
    (1, 1)
    """

    u: NDArray[np.float64]
    s: NDArray[np.float64]
    vx: NDArray[np.float64]
    vy: NDArray[np.float64]
    samples: tuple[int, ...]
    components: tuple[int, ...]
    shape: tuple[int, ...]
    layout: str
    dtype: str

    @property
    def held_dtype(self) -> str:
        """Dtype of the factors: float64 stays, everything narrower is held in float32."""
        return "float64" if self.dtype == "float64" else "float32"


def take_in(
    x: Any,
    y: Any,
    classes: int | None = None,
    layout: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> Intake:
    """Factor each class of a pair by the SVD of [X, Y] side by side (Eq. 8).

    The decomposition runs on the host in float64 for every framework: JAX without x64 has no
    float64, failures differ between frameworks, and one start for all makes their runs comparable.

    Parameters
    ----------
    x : array_like, shape (n, d), (n, h, w), (n, h, w, channels) or (n, channels, h, w)
        Samples. uint8 samples are pixels: `preprocessing` is applied to them.
    y : array_like, shape (n,) of int or (n, c)
        Labels.
    classes : int, optional
        Number of classes.
    layout : {"flat", "channels_last", "channels_first"}, optional
        Where the channels are; "flat" takes images as plain vectors.
    preprocessing : Preprocessing, optional
        What uint8 samples go through.

    Returns
    -------
    Intake
        Factors and shape.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The pair cannot be used; see `SlimmableDataset.from_arrays`.
    NumericalError
        The SVD does not converge.

    Examples
    --------
    >>> taken = take_in([[3.0, 0.0], [0.0, 4.0], [5.0, 0.0]], [1, 0, 1])
    >>> taken.samples, taken.components
    ((1, 2), (1, 2))
    """
    _check_classes(classes)
    x, y_array = as_array(x, "x"), as_array(y, "y")
    plain_labels = not hasattr(y, "dtype")
    if not plain_labels:
        namespace(x, y_array, argument="x, y")
    name = dtype_name(x)
    if "int" not in name and name not in WIDTHS:
        raise InvalidTypeError("x", found=f"dtype {name}", expected="real numbers")
    if x.ndim < 2 or x.shape[0] == 0:
        raise InvalidValueError(
            "x",
            found="no samples" if 0 in x.shape[:1] else f"shape {tuple(x.shape)}",
            expected="samples of shape (n, d) or (n, height, width[, channels])",
        )
    axes = tuple(int(axis) for axis in x.shape[1:])
    if layout == "flat" and len(axes) > 1:
        axes = (int(np.prod(axes)),)
    shape, layout = sample_shape(axes, layout, argument="x")
    rows, members = label_rows(y_array, int(x.shape[0]), classes)
    host = to_numpy(x, "x").reshape(int(x.shape[0]), *shape)
    if name == "uint8":
        host = checked(preprocessing, channels(shape, layout)).apply(host, layout)
    flat = host.reshape(host.shape[0], -1).astype(np.float64)
    if not np.isfinite(flat).all():
        raise InvalidValueError("x", found="NaN or infinite samples", expected="finite numbers")
    blocks = []
    with threadpool_limits(limits=1, user_api="blas"):  # the same bits on any number of cores
        for label in range(rows.shape[1]):
            mine = members == label
            blocks.append(_factor(flat[mine], rows[mine], label))
    u, s, vx, vy = (_pad_and_stack([block[i] for block in blocks]) for i in range(4))
    return Intake(
        u=u,
        s=s,
        vx=vx,
        vy=vy,
        samples=tuple(block[0].shape[0] for block in blocks),
        components=tuple(block[0].shape[1] for block in blocks),
        shape=shape,
        layout=layout,
        dtype=_common_dtype(name, dtype_name(y_array)),
    )


def _check_classes(classes: object) -> None:
    if classes is None:
        return
    if not isinstance(classes, int | np.integer) or isinstance(classes, bool):
        raise InvalidTypeError("classes", found=repr(classes), expected="an int")
    if classes < 1:
        raise InvalidValueError("classes", found=repr(classes), expected="at least 1")


def _common_dtype(x: str, y: str) -> str:
    floats = [name for name in (x, y) if name in WIDTHS]
    if x not in WIDTHS:
        floats.append("float32")
    widest = max(floats, key=WIDTHS.__getitem__)
    # float16 and bfloat16 contain each other's values in neither direction.
    return "float32" if {"float16", "bfloat16"} <= set(floats) and WIDTHS[widest] == 1 else widest


def _factor(
    x: NDArray[np.float64], y: NDArray[np.float64], label: int
) -> tuple[NDArray[np.float64], ...]:
    """U, s, V_x, V_y of one class, with signs and order fixed."""
    scale = max(float(np.abs(x).max()), float(np.abs(y).max())) or 1.0
    joint = np.concatenate([x, y], axis=1) / scale  # squares of 1e200 would overflow
    try:
        # Tall blocks by QR first, so that the U of the SVD is square and s V loses nothing below.
        q, block = np.linalg.qr(joint) if joint.shape[0] > joint.shape[1] else (None, joint)
        u, _, v = np.linalg.svd(block, full_matrices=False)
    except np.linalg.LinAlgError as error:
        raise NumericalError(
            "x", found=f"no SVD of class {label} ({error})", expected="a set that can be factored"
        ) from error
    # s V = UᵀA holds samples and labels to their own precision, whatever their scales; LAPACK's V
    # would hold both to that of the larger.
    product = u.T @ block
    d = x.shape[1]
    s = np.sqrt(np.sum(product * product, axis=1))
    s[_is_zero(product[:, :d]) & _is_zero(product[:, d:])] = 0.0
    held = s > 0.0
    v[held] = product[held] / s[held, None]
    order = np.argsort(-s, kind="stable")
    u = u if q is None else q @ u
    u, s, v = u[:, order], s[order], v[order]
    sign = _signs(u)
    return u * sign, s * scale, v[:, :d] * sign[:, None], v[:, d:] * sign[:, None]


def _is_zero(product: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows that are rounding only, by the usual tolerance of a numerical rank."""
    size = np.sqrt(np.sum(product * product, axis=1))
    rounding = max(product.shape) * np.finfo(np.float64).eps
    return np.asarray(size <= rounding * size.max(), dtype=np.bool_)


def _signs(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signs that make the first of the (nearly) largest entries of each column positive."""
    size = np.abs(u)
    # Nearly: (1, -1)/sqrt(2) must not flip with the last bit of its two entries.
    first = np.argmax(size >= 0.999 * size.max(axis=0), axis=0)
    return np.where(u[first, np.arange(u.shape[1])] < 0.0, -1.0, 1.0)


def _pad_and_stack(blocks: list[HostArray]) -> HostArray:
    largest = np.max([block.shape for block in blocks], axis=0)
    stacked = np.zeros((len(blocks), *largest))
    for out, block in zip(stacked, blocks, strict=True):
        out[tuple(map(slice, block.shape))] = block
    return stacked
