"""The losses of slimmable dataset condensation: Eqs. 1, 5, 6, 7, 11, 12 and 13 of the paper.

All are pure functions on arrays of any array-API namespace. ``x`` are samples or, in training,
their embeddings X^θ of shape (n, f); ``y`` are labels (n, c); ``w`` is a linear head (f, c).
Sums are taken as printed; ``form="relative"`` divides Eqs. 6 and 7 by the squared norm of what is
matched, so that their weights do not depend on width or scale.

All may run inside traces (JAX's ``jit``, the tape of the NumPy backend). So they check what is
static, and raise before anything is computed: `InvalidTypeError` where an argument is no array of
real floating point numbers or has another dtype or framework than the others, `InvalidValueError`
where shapes do not match or a word is unknown. Values are never looked at.

(The file is longer than others for its docstrings: each equation has one function.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias, get_args

from array_api_compat import array_namespace, device

from slimdc._array import widest_float
from slimdc._checks import non_negative, one_of, truth, whole_number
from slimdc._magnitudes import squarable
from slimdc._operands import matching, scalar, shared_namespace
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.typing import Form

__all__ = [
    "Form",
    "Weights",
    "first_order",
    "head_gradient",
    "infinity_order",
    "kernel_regression",
    "orthogonality",
    "performance_matching",
    "ridge_solution",
    "skewness",
    "training_loss",
    "weighted_sum",
]

Array: TypeAlias = Any

_FORMS: tuple[Form, ...] = get_args(Form)
_PARTS = ("first", "infinity", "skew", "ortho")

# Of the trace of a kernel, where that is below 1: far below its diagonal, and the inverse is finite
# in float32; so is that of as many least numbers of a dtype.
_FLOOR = 1e-30
_LEAST = 8


@dataclass(frozen=True)
class Weights:
    """The weights λ of Eq. 13; the defaults are those of the relative form.

    Parameters
    ----------
    first : float
        λ₁, of first-order matching (Eq. 6).
    infinity : float
        λ∞, of infinity-order matching (Eq. 7).
    skew : float
        λ_skew, of skewness (Eq. 11).
    ortho : float
        λ_ortho, of orthogonality (Eq. 12).

    Raises
    ------
    InvalidTypeError
        A weight is no real number; a bool is none.
    InvalidValueError
        A weight is negative or not finite.

    Examples
    --------
    >>> Weights(first=0.01).infinity
    1.0
    """

    first: float = 1.0
    infinity: float = 1.0
    skew: float = 1e-2
    ortho: float = 1e-4

    def __post_init__(self) -> None:
        for name in _PARTS:
            # A NumPy scalar would widen the float32 losses that it is multiplied with.
            object.__setattr__(self, name, non_negative(name, getattr(self, name)))


def training_loss(x: Array, y: Array, w: Array) -> Array:
    """Compute ½‖X w − Y‖_F², the loss of a linear head without bias (Eq. 5).

    Parameters
    ----------
    x, y, w : array
        Samples or features (n, f), labels (n, c) and the head (f, c), of one float dtype.

    Returns
    -------
    array
        A scalar.

    Examples
    --------
    >>> import numpy as np
    >>> float(training_loss(np.eye(2), np.eye(2), np.zeros((2, 2))))
    1.0
    """
    matching({"x": (x, "nf"), "y": (y, "nc"), "w": (w, "fc")})
    return 0.5 * _square(x @ w - y)


def head_gradient(x: Array, y: Array, w: Array) -> Array:
    """Compute Xᵀ(X w − Y) (f, c), the gradient of Eq. 5 in the head.

    Parameters
    ----------
    x, y, w : array
        As for `training_loss`.

    Returns
    -------
    array
        Shape (f, c).

    Examples
    --------
    >>> import numpy as np
    >>> head_gradient(np.eye(2), np.ones((2, 1)), np.zeros((2, 1)))
    array([[-1.],
           [-1.]])
    """
    matching({"x": (x, "nf"), "y": (y, "nc"), "w": (w, "fc")})
    return _head_gradient(x, y, w)


def ridge_solution(x: Array, y: Array, ridge: float) -> Array:
    """Compute X†Y as Xᵀ(K + λ tr(K)/n I)⁻¹ Y with K = XXᵀ: the head that regression ends at.

    The kernel is formed and solved in float64 where the namespace has it, whatever the dtype of
    ``x``: embeddings of few components are nearly collinear, and float32 loses them.

    Parameters
    ----------
    x, y : array
        Features (n, f) and labels (n, c).
    ridge : float or array ()
        λ ≥ 0, relative to the mean of K's diagonal.

    Returns
    -------
    array
        Shape (f, c), in the widest float of the namespace.

    Raises
    ------
    NumericalError
        Without a ridge, K is singular; where the framework cannot tell, as inside traces, the
        result is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> ridge_solution(np.diag([2.0, 4.0]), np.ones((2, 1)), 0.0)
    array([[0.5 ],
           [0.25]])
    """
    matching({"x": (x, "nf"), "y": (y, "nc")})
    return _ridge_solution(x, y, ridge)


def performance_matching(x_t: Array, y_t: Array, x_s: Array, y_s: Array, ridge: float) -> Array:
    """Compute ‖X_t X_s† Y_s − Y_t‖_F², the condensation loss on real data (Eq. 1).

    Parameters
    ----------
    x_t, y_t : array
        Features (m, f) and labels (m, c) of real samples.
    x_s, y_s : array
        Features (n, f) and labels (n, c) of synthetic ones.
    ridge : float or array ()
        As for `ridge_solution`.

    Returns
    -------
    array
        A scalar, in the widest float of the namespace.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.eye(3), np.ones((3, 1))
    >>> float(performance_matching(x, y, x, y, 0.0))
    0.0
    """
    matching({"x_t": (x_t, "mf"), "y_t": (y_t, "mc"), "x_s": (x_s, "nf"), "y_s": (y_s, "nc")})
    wide, by = squarable(_widen(x_s))
    cross = (_widen(x_t) * by) @ wide.mT
    return _square(cross @ _ridge_coefficients(wide @ wide.mT, y_s, ridge) - _widen(y_t))


def kernel_regression(cross: Array, kernel: Array, y: Array, ridge: float) -> Array:
    """Compute K_ts (K_ss + λ tr(K_ss)/n I)⁻¹ Y_s, what ridge regression in a kernel predicts.

    It is X_t X_s† Y_s of Eq. 1 for kernels that no features are at hand for, such as those of
    infinitely wide networks.

    Parameters
    ----------
    cross : array
        K_ts (m, n), between what is predicted and what is known.
    kernel : array
        K_ss (n, n), of what is known.
    y : array
        Labels Y_s (n, c) of what is known.
    ridge : float or array ()
        As for `ridge_solution`.

    Returns
    -------
    array
        Shape (m, c), in the widest float of the namespace.

    Raises
    ------
    NumericalError
        As `ridge_solution`.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_regression(np.ones((1, 2)), np.diag([2.0, 4.0]), np.ones((2, 1)), 0.0)
    array([[0.75]])
    """
    matching({"cross": (cross, "mn"), "kernel": (kernel, "nn"), "y": (y, "nc")})
    return _widen(cross) @ _ridge_coefficients(_widen(kernel), y, ridge)


def first_order(
    x: Array, y: Array, x_before: Array, y_before: Array, w: Array, form: Form = "printed"
) -> Array:
    """Compute the first-order parameter matching loss (Eq. 6).

    It is the squared distance of the heads after one gradient step from ``w`` on either set, at
    unit rate: ‖X'ᵀ(X'w − Y') − Xᵀ(Xw − Y)‖_F².

    Parameters
    ----------
    x, y : array
        The slimmed set, embedded: (n', f) and (n', c).
    x_before, y_before : array
        The set before slimming, embedded by the same network: (n, f) and (n, c).
    w : array
        The head (f, c) from which the step starts.
    form : {"printed", "relative"}
        ``"relative"`` divides by ‖Xᵀ(Xw − Y)‖_F², unless that is 0. The squares are formed in the
        dtype of the features: in float32, norms from 1e-19 to 1e19 have one.

    Returns
    -------
    array
        A scalar.

    Examples
    --------
    >>> import numpy as np
    >>> x, y, w = np.eye(2), np.eye(2), np.zeros((2, 2))
    >>> float(first_order(0 * x, y, x, y, w))
    2.0
    """
    one_of("form", form, _FORMS)
    matching(_pair(x, y, x_before, y_before) | {"w": (w, "fc")})
    return _distance(_head_gradient(x, y, w), _head_gradient(x_before, y_before, w), form)


def infinity_order(
    x: Array, y: Array, x_before: Array, y_before: Array, ridge: float, form: Form = "printed"
) -> Array:
    """Compute the infinity-order parameter matching loss ‖X'†Y' − X†Y‖_F² (Eq. 7).

    The difference is formed entry by entry: expanding it into traces of kernels would lose all
    digits near zero.

    Parameters
    ----------
    x, y : array
        The slimmed set, embedded: (n', f) and (n', c).
    x_before, y_before : array
        The set before slimming, embedded by the same network: (n, f) and (n, c).
    ridge : float or array ()
        As for `ridge_solution`.
    form : {"printed", "relative"}
        ``"relative"`` divides by ‖X†Y‖_F², unless that is 0. The squares are formed in the widest
        float of the namespace: in float64, norms of X†Y from 1e-154 to 1e154 have one.

    Returns
    -------
    array
        A scalar, in the widest float of the namespace.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.eye(2), np.eye(2)
    >>> float(infinity_order(2 * x, y, x, y, 0.0))
    0.5
    """
    one_of("form", form, _FORMS)
    matching(_pair(x, y, x_before, y_before))
    return _distance(_ridge_solution(x, y, ridge), _ridge_solution(x_before, y_before, ridge), form)


def skewness(s: Array) -> Array:
    """Compute 1 − s₁²/Σᵢsᵢ² (Eq. 11), averaged over the rows of ``s``.

    s₁ is taken by position: components are kept in the order of their significance. A maximum
    would split ties, and its gradient would vanish where all values are equal. A row of zeros
    counts as 0.

    Parameters
    ----------
    s : array
        Significances (C, b), or (1, b) where classes share them.

    Returns
    -------
    array
        A scalar in [0, 1]: 1 where s₁ is 0 and others are not.

    Examples
    --------
    >>> import numpy as np
    >>> float(skewness(np.array([[1.0, 1.0]])))
    0.5
    """
    matching({"s": (s, "Cb")})
    xp = array_namespace(s)
    s, _ = squarable(s, axis=1)
    square = s * s
    total = xp.sum(square, axis=1)
    # Where all of a row is 0, nothing stands beside s₁.
    empty = xp.astype(total == 0, total.dtype)
    share = (square[:, 0] + empty) / (total + empty)
    return 1.0 - xp.sum(share) / s.shape[0]


def orthogonality(vx: Array, vy: Array, *, centred: bool = False, rows: int | None = None) -> Array:
    """Compute ‖V_x V_xᵀ − I‖_F² + ‖V_yᵀ V_y − I‖_F² (Eq. 12), on V stacked over classes.

    Parameters
    ----------
    vx, vy : array
        Bases (B, d) and (B, c) of the components of all classes.
    centred : bool
        Labels that sum to zero span c − 1 dimensions, so that the second term cannot fall below
        1. True compares with the projector I − 11ᵀ/c on those dimensions instead of I.
    rows : int, optional
        Takes the first term group by group: of so many consecutive rows of V_x, the last group of
        what is left. All rows together cannot be orthonormal where B > d, and their products take
        B² numbers; see docs/large.md.

    Returns
    -------
    array
        A scalar.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The bases do not fit each other, or `rows` is no int of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(orthogonality(np.eye(3, 5), np.eye(3, 2)))
    0.0
    >>> twice = np.concatenate([np.eye(2), np.eye(2)])
    >>> float(orthogonality(twice, np.eye(4, 2))), float(orthogonality(twice, np.eye(4, 2), rows=2))
    (4.0, 0.0)
    """
    matching({"vx": (vx, "Bd"), "vy": (vy, "Bc")})
    centred = truth("centred", centred)
    rows = None if rows is None else whole_number("rows", rows, at_least=1)
    xp = array_namespace(vx)
    target = xp.eye(vy.shape[1], dtype=vy.dtype, device=device(vy))
    if centred:
        target = target - 1.0 / vy.shape[1]
    return _defect(vx, rows) + _square(vy.mT @ vy - target)


def weighted_sum(parts: Mapping[str, Array], weights: Weights) -> Array:
    """Compute λ₁ L¹ + λ∞ L∞ + λ_skew L_skew + λ_ortho L_ortho (Eq. 13).

    Parameters
    ----------
    parts : dict of str to array
        Scalars ``"first"``, ``"infinity"``, ``"skew"`` and ``"ortho"`` (Eqs. 6, 7, 11, 12).
    weights : Weights
        The λs.

    Returns
    -------
    array
        A scalar.

    Raises
    ------
    InvalidTypeError
        `weights` are no `Weights`, or a part is no scalar.
    InvalidValueError
        A part is missing or unknown.

    Examples
    --------
    >>> parts = {"first": 1.0, "infinity": 2.0, "skew": 3.0, "ortho": 4.0}
    >>> weighted_sum(parts, Weights(first=2.0, infinity=1.0, skew=0.5, ortho=0.25))
    6.5
    """
    if not isinstance(weights, Weights):
        raise InvalidTypeError("weights", type(weights).__name__, "Weights")
    if not isinstance(parts, Mapping):
        raise InvalidTypeError("parts", type(parts).__name__, "a dict")
    if set(parts) != set(_PARTS):
        found, expected = (", ".join(map(repr, names)) for names in (parts, _PARTS))
        raise InvalidValueError("parts", f"keys {found or 'missing'}", f"keys {expected}")
    for name, part in parts.items():
        if getattr(part, "ndim", None) != 0 and not isinstance(part, Real):
            raise InvalidTypeError(f"parts[{name!r}]", f"{part!r}", "a scalar")
    return (
        parts["first"] * weights.first
        + parts["infinity"] * weights.infinity
        + parts["skew"] * weights.skew
        + parts["ortho"] * weights.ortho
    )


def _pair(x: Array, y: Array, x_before: Array, y_before: Array) -> dict[str, tuple[Array, str]]:
    return {
        "x": (x, "nf"),
        "y": (y, "nc"),
        "x_before": (x_before, "mf"),
        "y_before": (y_before, "mc"),
    }


def _head_gradient(x: Array, y: Array, w: Array) -> Array:
    return x.mT @ (x @ w - y)


def _ridge_solution(x: Array, y: Array, ridge: float) -> Array:
    wide, by = squarable(_widen(x))
    return wide.mT @ _ridge_coefficients(wide @ wide.mT, y, ridge) * by


def _ridge_coefficients(kernel: Array, y: Array, ridge: float) -> Array:
    ridge, y = scalar("ridge", ridge, kernel), _widen(y)
    xp = shared_namespace(kernel, y)
    n = kernel.shape[0]
    eye = xp.eye(n, dtype=kernel.dtype, device=device(kernel))
    trace = xp.sum(kernel * eye)
    # Where every ReLU of a network is dead, K and its trace are 0: the floor makes X†Y 0 as well.
    # Beside a small trace it is small, too, or it would be a ridge.
    size = xp.where((trace > 0) & (trace < 1), trace, xp.ones_like(trace))
    floor = size * _FLOOR + _LEAST * float(xp.finfo(kernel.dtype).smallest_normal)
    regular = kernel + (trace * (ridge / n) + floor) * eye
    try:
        return xp.linalg.solve(regular, y)
    except Exception as error:
        # NumPy, CuPy and torch have a class of this name each; JAX gives NaN or infinity.
        if "LinAlgError" not in type(error).__name__:
            raise
        raise NumericalError("ridge", f"{ridge} and a singular kernel", "a larger one") from error


def _widen(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.astype(x, widest_float(xp))


def _distance(after: Array, before: Array, form: Form) -> Array:
    distance = _square(after - before)
    if form == "printed":
        return distance
    size = _square(before)
    # A network whose ReLUs are all dead has nothing to be relative to.
    alive = array_namespace(size).astype(size > 0, size.dtype)
    return distance / (size + (1.0 - alive))


def _square(x: Array) -> Array:
    """Sum of squares; unlike a squared norm, its gradient exists at zero."""
    return array_namespace(x).sum(x * x)


def _defect(v: Array, rows: int | None) -> Array:
    """‖V Vᵀ − I‖_F², summed over groups of so many rows."""
    xp, (count, size) = array_namespace(v), v.shape
    eye = xp.eye(min(rows or count, count), dtype=v.dtype, device=device(v))
    if rows is None or rows >= count:
        return _square(v @ v.mT - eye)
    whole = count // rows * rows
    groups = xp.reshape(v[:whole, :], (-1, rows, size))
    found = _square(groups @ groups.mT - eye)
    return found if whole == count else found + _defect(v[whole:, :], None)
