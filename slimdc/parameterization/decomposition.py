"""Samples and labels of any condensed set, made into the factors of Eq. 8."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray, as_array, dtype_name, namespace, to_numpy
from slimdc._tolerance import numerical_rank
from slimdc.backend import one_blas_thread, parallel_map
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.labels import label_rows
from slimdc.parameterization.layout import shape_of_samples
from slimdc.parameterization.preprocessing import FLOATS, Preprocessing, checked
from slimdc.parameterization.preprocessing.samples import widest
from slimdc.typing import FloatDtype, Layout

__all__ = ["decompose"]

WORTH_THREADS = 2**19  # values of all samples; fewer are done before threads have started

# Weights of the labels that are tried, in powers of two above equal energy.
DOUBLINGS = 6
VALUES_AT_ONCE = 2**16  # of labels at several k: they stay in a cache
# A margin of this fraction of the largest label survives rounding to float32.
MARGIN = 2.0**-20

Floats = NDArray[np.float64]


def decompose(
    x: Any,
    y: Any,
    classes: int | None = None,
    members: Any = None,
    layout: Layout | None = None,
    preprocessing: Preprocessing | None = None,
    dtype: str | None = None,
) -> tuple[Factors, Description]:
    """Factor each class of a pair by the SVD of [X, αY] side by side (Eq. 8).

    The weight α gives samples and labels equal energy, ‖X‖_F = α‖Y‖_F, in each class. So neither
    drowns in the other when components are dropped, whatever the units of both; V_y is divided by
    α again. Where a truncation would still take a row's class away (its largest label entry would
    be another one), α is doubled until none does, up to 64-fold; labels for which no such α exists
    are left at equal energy. For labels that are classes it exists (docs/math.md).

    The decomposition runs on the host in float64 for every framework: JAX without x64 has no
    float64, failures differ between frameworks, and one start for all makes their runs comparable.

    Parameters
    ----------
    x, y, classes, members, layout, preprocessing
        As for `SlimmableDataset.from_arrays`.
    dtype : {"float32", "float64"}, optional
        What the factors are held in; by default float64 where the pair is, otherwise float32.

    Returns
    -------
    factors : Factors
        U, s, V_x and V_y on the host, zero padded to the largest class. They are valid, except
        that s and V_y are infinite where their dtype cannot hold them.
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
    >>> _, known = decompose([[3.0, 0.0], [0.0, 4.0], [5.0, 0.0]], [1, 0, 1])
    >>> known.samples, known.components, known.order
    ((1, 2), (1, 2), (1, 0, 2))
    """
    given, y_array = as_array(x, "x"), as_array(y, "y")
    if hasattr(y, "dtype"):  # plain lists go with any framework
        namespace(given, y_array, argument="x, y")
    flat, shape, where, preprocessing = _samples(given, layout, preprocessing)
    rows, members = label_rows(y_array, flat.shape[0], classes, members)
    given_dtype = _dtype_of_pair(dtype_name(given), dtype_name(y_array))
    # Stable, so that rows stay in the order in which they came within a class.
    order = np.argsort(members, kind="stable")
    labels, samples = np.unique(members, return_counts=True)
    known = Description(
        shape=shape,
        layout=where,
        preprocessing=preprocessing,
        dtype=given_dtype,
        labels=tuple(labels.tolist()),
        samples=tuple(samples.tolist()),
        components=tuple(np.minimum(samples, flat.shape[1] + rows.shape[1]).tolist()),
        order=tuple(order.tolist()),
    )
    groups = dict(zip(known.labels, np.split(order, np.cumsum(samples)[:-1]), strict=True))
    held = dtype or ("float64" if given_dtype == "float64" else "float32")
    return _factors(flat, rows, groups, held), known


def _samples(
    x: Any, layout: Layout | None, preprocessing: Preprocessing | None
) -> tuple[HostArray, tuple[int, ...], Layout, Preprocessing]:
    """Bring samples to flat rows on the host, and complete what is known about them."""
    name = dtype_name(x)
    if "int" not in name and name not in FLOATS:
        raise InvalidTypeError("x", found=f"dtype {name}", expected="real numbers")
    if x.ndim < 2 or x.shape[0] == 0:
        raise InvalidValueError(
            "x",
            found="no samples" if 0 in x.shape[:1] else f"shape {tuple(x.shape)}",
            expected="samples of shape (n, d) or (n, height, width[, channels])",
        )
    shape, layout = shape_of_samples(x, layout)
    preprocessing = checked(preprocessing, shape, layout)
    host = to_numpy(x, "x").reshape(-1, *shape)
    if name == "uint8":
        host = preprocessing.apply(host, layout)
    flat = host.reshape(host.shape[0], -1)
    if not np.isfinite(flat).all():
        raise InvalidValueError("x", found="NaN or infinite samples", expected="finite numbers")
    return flat, shape, layout, preprocessing


def _dtype_of_pair(x: str, y: str) -> FloatDtype:
    samples = x if x in FLOATS else "float32"
    return widest(samples, y if y in FLOATS else samples)


def _factors(
    flat: HostArray, rows: Floats, groups: dict[int, NDArray[np.int64]], dtype: str
) -> Factors:
    """Factors of all classes, each rounded to the dtype as soon as it is known."""
    classes, n = len(groups), max(map(len, groups.values()))
    d, c = flat.shape[1], rows.shape[1]
    b = min(n, d + c)
    shapes = ((classes, n, b), (classes, b), (classes, b, d), (classes, b, c))
    held = Factors(*(np.zeros(shape, dtype) for shape in shapes))

    def fill(place: int, label: int) -> None:
        mine = groups[label]
        # Too large for its dtype is refused as not finite. Set here, for threads forget it.
        with np.errstate(all="ignore"):
            factors = _factor(flat[mine].astype(np.float64), rows[mine], label)
            for whole, factor in zip(held, factors, strict=True):
                whole[place][tuple(map(slice, factor.shape))] = factor

    # Instead of BLAS's threads, of which the last bits would depend on their number: as many
    # classes at once. So cores that a caller keeps from BLAS stay free here too.
    with (
        one_blas_thread() as threads,
        parallel_map(1 if flat.size < WORTH_THREADS else threads) as mapped,
    ):
        for _ in mapped(fill, range(classes), groups):  # raises what a class raised
            pass
    return held


def _factor(x: Floats, y: Floats, label: int) -> Factors:
    """U, s, V_x, V_y of one class in float64, with signs and order fixed."""
    # By powers of two, which change no bit: squares of 1e200 would overflow.
    exponents = [_exponent(part) for part in (x, y)]
    x, y = (np.ldexp(part, -e) for part, e in zip((x, y), exponents, strict=True))
    energies = [float(np.linalg.norm(part)) for part in (x, y)]
    equal = energies[0] / energies[1] if all(energies) else 1.0
    tried = (_weighted(x, y, equal * 2.0**i, label) for i in range(DOUBLINGS + 1))
    first = next(tried)
    keeping = (found for found in chain([first], tried) if _keeps_class(found, y, label))
    u, s, vx, vy = next(keeping, first)
    return Factors(u, np.ldexp(s, exponents[0]), vx, np.ldexp(vy, exponents[1] - exponents[0]))


def _exponent(part: Floats) -> int:
    largest = max(float(part.max()), -float(part.min()))
    return int(np.frexp(largest)[1])


def _keeps_class(factors: Factors, y: Floats, label: int) -> bool:
    """Tell whether rows with their class as largest label entry have it so at every k."""
    if y.shape[1] == 1:
        return True
    least = MARGIN * float(np.abs(y).max())
    own = _margins(y, label) > least
    u = factors.u[own]
    if (y == y[0]).all():  # as labels of a class are: a row keeps some part of the common one
        return bool((np.cumsum(u * factors.u.sum(axis=0), axis=1)[:, :-1] > MARGIN).all())
    labels, truncated = factors.s[:, None] * factors.vy, np.zeros_like(y[own])
    # All components together give the labels themselves; a few at a time, for memory.
    last, few = len(labels) - 1, max(1, VALUES_AT_ONCE // y.size)
    for first in range(0, last, few):
        part = slice(first, min(first + few, last))
        shares = u.T[part, :, None] * labels[part, None, :]
        shares[0] += truncated
        rows = np.cumsum(shares, axis=0)
        if not (_margins(rows, label) > least).all():
            return False
        truncated = rows[-1]
    return True


def _margins(rows: Floats, label: int) -> Floats:
    """By how much the entry of a label is larger than any other, along the last axis."""
    parts = rows[..., :label], rows[..., label + 1 :]
    others = [part.max(axis=-1, initial=-np.inf) for part in parts]
    return np.asarray(rows[..., label] - np.maximum(*others))


def _weighted(x: Floats, y: Floats, weight: float, label: int) -> Factors:
    """Factors by the SVD of [X, αY], with α taken out of V_y again."""
    joint = np.concatenate([x, weight * y], axis=1)
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
    if not held.all():  # any V would do, but training would never leave rows of zeros
        rest = right[~held]
        v[~held] = rest @ np.linalg.qr(joint.T)[0].T if n < width else rest
    order = np.argsort(-s, kind="stable")
    return Factors((u * sign)[:, order], s[order], parts[0][order], parts[1][order] / weight)


def _is_zero(squares: Floats, part: HostArray) -> NDArray[np.bool_]:
    """Rows that are rounding only."""
    size = np.sqrt(squares)
    rounding = numerical_rank(part.shape, float(np.finfo(np.float64).eps))
    return np.asarray(size <= rounding * size.max(), dtype=np.bool_)


def _signs(u: Floats) -> Floats:
    """Signs that make the first of the (nearly) largest entries of each column positive."""
    size = np.abs(u)
    # Nearly: (1, -1)/sqrt(2) must not flip with the last bit of its two entries.
    first = np.argmax(size >= 0.999 * size.max(axis=0), axis=0)
    return np.where(u[first, np.arange(u.shape[1])] < 0.0, -1.0, 1.0)
