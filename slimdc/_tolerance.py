"""Every numerical tolerance of slimdc in one place: how much is allowed, of what, and why.

A tolerance is a multiple of eps, the spacing of floating point numbers at 1. Whose eps it is
depends on the question:

- A question about *a set* takes the eps of the dtype in which its factors are held, whatever dtype
  the answer is computed in. Nobody can tell two float32 factors apart more finely than that.
- A question about *a result* takes the eps of the dtype in which slimdc computed it.

The multiple follows from how errors add up. Rounding errors of independent entries add up like the
square root of their number; this is what the entries of factors do. Sums of a computation are
bounded by the number of their terms. Constants in front are small, and each is explained below.
Nothing else in slimdc compares numbers with a tolerance of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "RESOLVED",
    "accepted_orthonormality",
    "numerical_rank",
    "orthonormality",
    "rounding",
    "row_dependence",
    "vanishing",
]

# A result whose rounding errors may exceed this part of it has fewer than three digits: it decides
# nothing.
RESOLVED = 1e-3


def orthonormality(length: int, eps: float) -> float:
    """By how much bases that are orthonormal, or of norm 1, may miss it in a claim about a set.

    Factors that were orthonormal before they were rounded to their dtype miss it by 1 to 3
    eps √length, measured; 10 leaves room for what training and file formats add.

    Parameters
    ----------
    length : int
        Entries of a row or rows of the basis, whichever are more.
    eps : float
        Of the dtype in which the factors are held.

    Returns
    -------
    float
        An absolute tolerance of a spectral norm near 1.

    Examples
    --------
    >>> orthonormality(4, 1e-7)
    2e-06
    """
    return 10.0 * math.sqrt(length) * eps


def accepted_orthonormality(length: int, eps: float) -> float:
    """By how much an entry of UᵀU − I may miss 0 in a set that is taken in.

    Looser than `orthonormality`, since a refusal costs the caller a set: some float32 steps of
    Newton and Schulz must pass, and a wrong column still misses it by thousands of times as much.

    Parameters
    ----------
    length : int
        Rows of U.
    eps : float
        Of the dtype in which U is held.

    Returns
    -------
    float
        An absolute tolerance.

    Examples
    --------
    >>> accepted_orthonormality(4, 1e-7) / orthonormality(4, 1e-7)
    6.4
    """
    return 64.0 * math.sqrt(length) * eps


def numerical_rank(shape: Sequence[int], eps: float) -> float:
    """Part of the largest singular value (or row) up to which another one counts as zero.

    It is the usual choice of NumPy and MATLAB: a matrix that was computed with a few operations
    for each entry has singular values of this size where the exact ones are zero.

    Parameters
    ----------
    shape : sequence of int
        Of the matrix.
    eps : float
        Of the dtype in which the matrix was computed or is held, whichever is coarser.

    Returns
    -------
    float
        A tolerance relative to the largest.

    Examples
    --------
    >>> numerical_rank((3, 10), 1e-7)
    1e-06
    """
    return max(shape) * eps


def row_dependence(shape: Sequence[int], eps: float) -> float:
    """Smallest singular value, of rows of length 1, that rounding can feign.

    Rounding each entry by eps moves a singular value by up to √rows eps. Rows that come out of a
    factorization carry a further √length, as `orthonormality` has it.

    Parameters
    ----------
    shape : sequence of int
        Of the matrix, whose rows have length 1.
    eps : float
        Of the dtype in which the matrix is held.

    Returns
    -------
    float
        An absolute tolerance.

    Examples
    --------
    >>> row_dependence((1, 4), 1e-7)
    2e-07
    """
    return math.sqrt(shape[0] * max(shape)) * eps


def vanishing(count: int, eps: float) -> float:
    """Part of the largest significance up to which another one counts as zero.

    Parameters
    ----------
    count : int
        Number of significances.
    eps : float
        Of the dtype in which they are held.

    Returns
    -------
    float
        A tolerance relative to the largest.

    Examples
    --------
    >>> vanishing(4, 1e-7)
    2e-07
    """
    return math.sqrt(count) * eps


def rounding(*sizes: int, eps: float) -> float:
    """Part of a norm by which rounding in its computation may change it.

    A sum of n terms is rounded by at most n eps of the sum of their sizes. The norms here are sums
    over a few axes one after another; 4 covers their products, factorizations and roots.

    Parameters
    ----------
    *sizes : int
        Lengths of the axes that are summed over.
    eps : float
        Of the dtype of the computation.

    Returns
    -------
    float
        A relative tolerance.

    Examples
    --------
    >>> rounding(3, 7, eps=1e-16)
    4e-15
    """
    return 4.0 * sum(sizes) * eps
