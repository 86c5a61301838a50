"""Intake of any condensed set: samples and labels become the factors of Eq. 8."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from slimdc._array import HostArray, as_array, dtype_name, namespace, to_numpy
from slimdc._tolerance import numerical_rank
from slimdc.backend import one_blas_thread
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.parameterization.description import WIDTHS, Description, Factors
from slimdc.parameterization.labels import label_rows
from slimdc.parameterization.layout import channels, sample_shape
from slimdc.parameterization.preprocessing import Preprocessing, checked

WORTH_THREADS = 2**19  # values of all samples; fewer are done before threads have started


def take_in(
    x: Any,
    y: Any,
    classes: int | None = None,
    layout: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> tuple[Factors, Description]:
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
    factors : Factors
        U, s, V_x and V_y on the host, zero padded to the largest class: float64 where the pair is,
        otherwise float32. They are valid, except that s is infinite where that dtype cannot hold
        it.
    description : Description
        What is known about the set.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The pair cannot be used; see `SlimmableDataset.from_arrays`.
    NumericalError
        The SVD does not converge.

    Examples
    --------
    >>> _, known = take_in([[3.0, 0.0], [0.0, 4.0], [5.0, 0.0]], [1, 0, 1])
    >>> known.samples, known.components
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
    habit = checked(preprocessing, channels(shape, layout))
    rows, members = label_rows(y_array, int(x.shape[0]), classes)
    host = to_numpy(x, "x").reshape(int(x.shape[0]), *shape)
    if name == "uint8":
        host = habit.apply(host, layout)
    flat = host.reshape(host.shape[0], -1)
    if not np.isfinite(flat).all():
        raise InvalidValueError("x", found="NaN or infinite samples", expected="finite numbers")
    dtype = _common_dtype(name, dtype_name(y_array))
    samples = np.bincount(members)
    components = np.minimum(samples, flat.shape[1] + rows.shape[1])
    known = Description(
        shape=shape,
        layout=layout,
        preprocessing=habit,
        dtype=dtype,
        labels=tuple(range(samples.size)),
        samples=tuple(samples.tolist()),
        components=tuple(components.tolist()),
    )
    wide = "float64" if dtype == "float64" else "float32"
    return _factors(flat, rows, members, wide), known


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


def _factors(
    flat: HostArray, rows: NDArray[np.float64], members: NDArray[np.int64], dtype: str
) -> Factors:
    """Factors of all classes, each rounded to the dtype as soon as it is known."""
    samples = np.bincount(members)
    classes, n, d, c = samples.size, int(samples.max()), flat.shape[1], rows.shape[1]
    b = min(n, d + c)
    shapes = ((classes, n, b), (classes, b), (classes, b, d), (classes, b, c))
    u, s, vx, vy = (np.zeros(shape, dtype) for shape in shapes)
    # Stable, so that rows stay in the order in which they came within a class.
    groups = np.split(np.argsort(members, kind="stable"), np.cumsum(samples)[:-1])

    def fill(label: int) -> None:
        mine = groups[label]
        with np.errstate(over="ignore"):  # too large for its dtype is refused as not finite
            factors = _factor(flat[mine], rows[mine], label)
            for held, factor in zip((u, s, vx, vy), factors, strict=True):
                held[label][tuple(map(slice, factor.shape))] = factor

    blas = ThreadpoolController().select(user_api="blas")
    # Instead of its own threads, of which the last bits would depend on their number: as many
    # classes at once. So cores that a caller keeps from BLAS stay free here too.
    threads = max((library["num_threads"] for library in blas.info()), default=1)
    with one_blas_thread():
        if threads == 1 or flat.size < WORTH_THREADS:
            for label in range(classes):
                fill(label)
        else:
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(fill, range(classes)):  # raises what a class raised
                    pass
    return Factors(u, s, vx, vy)


def _factor(x: HostArray, y: NDArray[np.float64], label: int) -> Factors:
    """U, s, V_x, V_y of one class in float64, with signs and order fixed."""
    joint = np.concatenate([x, y], axis=1, dtype=np.float64)
    scale = max(float(joint.max()), -float(joint.min())) or 1.0
    joint /= scale  # squares of 1e200 would overflow
    n, width = joint.shape
    try:
        # Tall blocks by QR first, so that the U of the SVD is square and s V loses nothing below.
        q, block = np.linalg.qr(joint) if n > width else (None, joint)
        # A wide block A has the U of its small Rᵀ, where Aᵀ = QR; its long Q and V are not needed.
        square = np.transpose(np.linalg.qr(joint.T, mode="r")) if n < width else block
        u, _, right = np.linalg.svd(square)
    except np.linalg.LinAlgError as error:
        raise NumericalError(
            "x", found=f"no SVD of class {label} ({error})", expected="a set that can be factored"
        ) from error
    # s V = UᵀA holds samples and labels to their own precision, whatever their scales; LAPACK's V
    # would hold both to that of the larger.
    v = u.T @ block
    parts = v[:, : x.shape[1]], v[:, x.shape[1] :]
    squares = [np.vecdot(part, part) for part in parts]
    s = np.sqrt(squares[0] + squares[1])
    zero = [_is_zero(*pair) for pair in zip(squares, parts, strict=True)]
    held = ~(zero[0] & zero[1])
    s[~held] = 0.0
    u = u if q is None else q @ u
    sign = _signs(u)
    v /= (sign * np.where(held, s, 1.0))[:, None]
    if not held.all():  # any V would do, but training starts from rows of length 1
        rest = right[~held]
        v[~held] = rest @ np.linalg.qr(joint.T)[0].T if n < width else rest
    order = np.argsort(-s, kind="stable")
    return Factors((u * sign)[:, order], s[order] * scale, *(part[order] for part in parts))


def _is_zero(squares: NDArray[np.float64], part: HostArray) -> NDArray[np.bool_]:
    """Rows that are rounding only."""
    size = np.sqrt(squares)
    rounding = numerical_rank(part.shape, float(np.finfo(np.float64).eps))
    return np.asarray(size <= rounding * size.max(), dtype=np.bool_)


def _signs(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signs that make the first of the (nearly) largest entries of each column positive."""
    size = np.abs(u)
    # Nearly: (1, -1)/sqrt(2) must not flip with the last bit of its two entries.
    first = np.argmax(size >= 0.999 * size.max(axis=0), axis=0)
    return np.where(u[first, np.arange(u.shape[1])] < 0.0, -1.0, 1.0)
