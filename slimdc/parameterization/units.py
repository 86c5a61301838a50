"""The units in which a set is trained, so that nobody's own units can wreck it.

Losses and optimisers weigh samples against labels, and one component against another. A set whose
samples are a millionth of its labels, or whose V is a million times too long and its s as many
times too short, is the same set in other units, but would be trained quite otherwise. Training
therefore divides by powers of 16, which round nothing, and multiplies again at its end. A set whose
samples and labels are of the size that standardised ones have, within a factor of 4, and the rows
of whose V have lengths near 1, is in the units of training as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.description import Factors

__all__ = ["STEP", "Exponents", "Host", "Units"]

Host = npt.NDArray[np.floating]
Exponents = npt.NDArray[np.int64]

# Exponents of 2 are multiples of this.
STEP = 4


@dataclass(frozen=True)
class Units:
    """Exponents of 2 by which a set is divided for training.

    Parameters
    ----------
    x, y : int
        Of samples and of labels.
    balance : float
        Logarithm to base 2 of how much larger samples are than labels, not rounded: rows of V are
        measured with both at equal weight.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.diag([1e-6, 2e-6, 3e-6, 4e-6]), [0, 1, 0, 1])
    >>> Units.of(data).x, Units.of(data).y
    (-20, 0)
    """

    x: int
    y: int
    balance: float = 0.0

    @classmethod
    def of(cls, data: SlimmableDataset) -> Units:
        """Measure samples and label rows of a set, whose U is orthonormal."""
        _, s, vx, vy = data.host_factors("float64")
        n, d, c = len(data), data.description.size, data.label_entries
        # Standardised samples have entries of size 1, centred one-hot rows this length.
        length = math.sqrt(10.0 * (1.0 - 1.0 / c) / c) if c > 1 else 1.0
        sizes = (
            _norm(s[:, :, None] * vx) / math.sqrt(n * d),
            _norm(s[:, :, None] * vy) / math.sqrt(n) / length,
        )
        x, y = (math.log2(size) if 0.0 < size < math.inf else 0.0 for size in sizes)
        return cls(_rounded(x), _rounded(y), x - y)

    def samples(self, x: Host) -> Host:
        """Bring samples into the units."""
        return x if self.x == 0 else np.ldexp(x, -self.x)

    def labels(self, y: Host) -> Host:
        """Bring label rows into the units."""
        return y if self.y == 0 else np.ldexp(y, -self.y)

    def lengths(self, data: SlimmableDataset) -> Exponents:
        """Exponents of the lengths of the rows [V_x, V_y] of a set, of the shape of its s."""
        _, s, vx, vy = data.host_factors("float64")
        # Samples weigh in a row as labels do: d entries of size 1 beside a row of length 1.
        whole = round(self.balance)
        weight = 2.0 ** (self.balance - whole) * math.sqrt(data.description.size)
        labels = np.ldexp(vy, whole) * weight
        rows = np.concatenate([vx, labels], axis=2)
        size = np.max(np.abs(rows), axis=2, keepdims=True)
        safe = np.where(size > 0, size, 1.0)
        lengths = np.sqrt(np.sum((rows / safe) ** 2, axis=2)) * size[:, :, 0]
        if s.shape[0] == 1:
            lengths = np.max(lengths, axis=0, keepdims=True)
        held = (lengths > 0) & np.isfinite(lengths)
        logarithms = np.log2(np.where(held, lengths, 1.0))
        return np.array(STEP * np.round(logarithms / STEP), np.int64)

    def enter(self, factors: Factors, lengths: Exponents) -> Factors:
        """Bring factors on the host into the units, rows of V to lengths near 1."""
        return self._scaled(factors, lengths - self.x, -lengths, self.x - self.y - lengths)

    def leave(self, factors: Factors, lengths: Exponents) -> Factors:
        """Undo `enter`."""
        return self._scaled(factors, self.x - lengths, lengths, self.y - self.x + lengths)

    def _scaled(self, factors: Factors, s: Exponents, vx: Exponents, vy: Exponents) -> Factors:
        wide = Factors(*(np.asarray(factor, np.float64) for factor in factors))
        with np.errstate(over="ignore", under="ignore"):
            return Factors(
                wide.u,
                np.ldexp(wide.s, s),
                np.ldexp(wide.vx, vx[:, :, None]),
                np.ldexp(wide.vy, vy[:, :, None]),
            )


def _norm(x: Host) -> float:
    size = float(np.max(np.abs(x)))
    return size * float(np.sqrt(np.sum((x / size) ** 2))) if size > 0 else 0.0


def _rounded(logarithm: float) -> int:
    """Round to the nearest multiple of `STEP`."""
    return STEP * round(logarithm / STEP)
