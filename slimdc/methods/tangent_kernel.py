"""The neural tangent kernel of an infinitely wide perceptron, in closed form."""

from __future__ import annotations

import math

from slimdc._array import widest_float
from slimdc._checks import non_negative, positive, whole_number
from slimdc._operands import matching, shared_namespace
from slimdc.backend import Array

__all__ = ["tangent_kernel"]

# Below the length of any sample, and its root and its inverse are finite in float32.
_FLOOR = 1e-30


def tangent_kernel(
    x: Array, other: Array, depth: int, weight_variance: float = 2.0, bias_variance: float = 0.01
) -> Array:
    """Compute the neural tangent kernel of a ReLU perceptron of infinite width.

    Weights are normal with variance σ_w² / fan-in, biases with variance σ_b² (the NTK
    parameterization of Jacot, Gabriel and Hongler, 2018). With K the kernel of the
    outputs of a layer, Θ the tangent kernel up to it, and cos θ = K(x, x') / √(K(x, x) K(x', x')),
    each hidden layer makes of them

    K ← σ_w² √(K(x, x) K(x', x')) (sin θ + (π − θ) cos θ) / 2π + σ_b² and
    Θ ← K + σ_w² Θ (π − θ) / 2π,

    the arc-cosine kernels of degree 1 and 0 of Cho and Saul (2009); both start at
    σ_w² xᵀx' / d + σ_b².

    Samples that point the same way have θ = 0 exactly, and no gradient through it: there Θ has a
    kink, as a distance has, and the derivative of the arc cosine is infinite.

    Parameters
    ----------
    x, other : array
        Samples (m, d) and (n, d) of one float dtype.
    depth : int
        Number of hidden layers, at least 1.
    weight_variance, bias_variance : float
        σ_w² > 0 and σ_b² ≥ 0; the defaults are those of KIP's code (deviations √2 and 0.1).

    Returns
    -------
    array
        Shape (m, n), in the widest float of the namespace.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an array or a number cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> tangent_kernel(np.eye(2), np.eye(2), 1, bias_variance=0.0).round(4)
    array([[2.    , 0.3183],
           [0.3183, 2.    ]])
    """
    matching({"x": (x, "md"), "other": (other, "nd")})
    depth = whole_number("depth", depth, at_least=1)
    weight = positive("weight_variance", weight_variance)
    bias = non_negative("bias_variance", bias_variance)
    xp = shared_namespace(x, other)
    wide = widest_float(xp)
    x, other = xp.astype(x, wide), xp.astype(other, wide)
    scale, edge = weight / x.shape[1], 1.0 - 8.0 * float(xp.finfo(wide).eps)
    kernel = (x @ other.mT) * scale + bias
    own, others = (xp.sum(v * v, axis=1) * scale + bias for v in (x, other))
    tangent = kernel
    for _ in range(depth):
        lengths = xp.sqrt(own + _FLOOR)[:, None] * xp.sqrt(others + _FLOOR)[None, :]
        cosine = kernel / lengths
        inside = (cosine < edge) & (cosine > -edge)
        # Where rows are parallel, neither branch may hold an infinite derivative.
        safe = xp.where(inside, cosine, 0.0)
        opposite = xp.astype(cosine < 0, wide) * math.pi
        angle = xp.where(inside, xp.acos(safe), opposite)
        sine = xp.where(inside, xp.sqrt(1.0 - safe * safe), 0.0)
        slope = (math.pi - angle) * (0.5 * weight / math.pi)
        kernel = lengths * (sine * (0.5 * weight / math.pi) + slope * cosine) + bias
        tangent = kernel + tangent * slope
        own, others = own * (0.5 * weight) + bias, others * (0.5 * weight) + bias
    return tangent
