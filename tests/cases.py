"""Drawn sets for the properties of the bounds: factors by QR of drawn arrays, no rejection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from slimdc.regression import Components

# (C classes, K kept, r removed, d, c): few, so that JAX compiles few times. They hold one class,
# K = 1, K = b − 1, B = d, c = 1 and c > B.
SHAPES = (
    (1, 1, 1, 2, 1),
    (1, 1, 1, 5, 3),
    (1, 1, 3, 4, 2),
    (1, 2, 1, 8, 10),
    (1, 4, 4, 8, 2),
    (1, 9, 1, 24, 3),
    (1, 1, 7, 16, 4),
    (2, 1, 2, 12, 2),
    (3, 1, 1, 6, 3),
    (3, 2, 2, 16, 3),
    (4, 2, 1, 32, 4),
    (10, 1, 2, 40, 10),
)
# Powers of ten of s. First order goes as s² times V twice, and V adds 10⁻⁶ to 10⁶: beyond this the
# distance itself is no longer a normal number of the dtype, and JAX flushes others to zero.
REACH = {"float32": 11.0, "float64": 60.0}


@dataclass(frozen=True)
class Case:
    """A set with C classes of b = K + r components, on the host in float64."""

    s: np.ndarray  # (C, b), descending
    vx: np.ndarray  # (C, b, d)
    vy: np.ndarray  # (C, b, c)
    w: np.ndarray  # (d, c)
    kept: int
    eta: float
    dtype: str
    seed: int

    @property
    def eps(self) -> float:
        return float(np.finfo(self.dtype).eps)

    @property
    def slop(self) -> float:
        """Relative rounding of sums over rows, columns and labels, a small factor above it."""
        classes, b, d = self.vx.shape
        return 4 * self.eps * float(classes * b + d + self.vy.shape[2])

    def part(self, first: int, last: int | None) -> Components:
        """Components first … last of every class, stacked."""
        d, c = self.vx.shape[2], self.vy.shape[2]
        held = slice(first, last)
        return Components(
            self.s[:, held].reshape(-1),
            self.vx[:, held].reshape(-1, d),
            self.vy[:, held].reshape(-1, c),
        )

    @property
    def second(self) -> float:
        """The largest second value of any class."""
        return float(np.max(self.s[:, 1]))

    def split(self) -> tuple[Components, Components]:
        return self.part(0, self.kept), self.part(self.kept, None)

    def rows(self, k: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Samples and labels of the first k components of every class, with a drawn U (Eq. 8)."""
        rng = np.random.default_rng([self.seed, 1])
        classes, b = self.s.shape
        u = np.linalg.qr(rng.normal(size=(classes, b + 2, b)))[0][:, :, :k]
        weighted = u * self.s[:, None, :k]
        x, y = weighted @ self.vx[:, :k], weighted @ self.vy[:, :k]
        return x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])


def orthonormal_rows(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(columns, rows)))[0].T


def rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    """What a dtype makes of values, in float64, so that an oracle sees the same numbers."""
    return values.astype(dtype).astype(np.float64)


def build(
    seed: int,
    shape: tuple[int, int, int, int, int],
    dtype: str,
    *,
    orthonormal: bool,
    equal: bool,
    reach: float,
    start: str,
    unit_step: bool,
) -> Case:
    classes, kept, removed, d, c = shape
    b = kept + removed
    rng = np.random.default_rng(seed)
    s = -np.sort(-np.exp(rng.uniform(-4, 0, size=(classes, b))), axis=1)
    if equal:
        s = np.ones_like(s)
    s = rounded(s * 10.0 ** (reach * REACH[dtype]), dtype)
    vx = orthonormal_rows(rng, classes * b, d)
    vy = rng.normal(size=(classes * b, c))
    if rng.uniform() < 0.5:  # all singular values equal: the worst case of Eq. 10
        tall = classes * b >= c
        vy = orthonormal_rows(rng, c, classes * b).T if tall else orthonormal_rows(rng, b, c)
    vy = vy / np.linalg.norm(vy, ord=2)
    if not orthonormal:
        size = classes * b
        mix = orthonormal_rows(rng, size, size) * np.exp(rng.uniform(-2.3, 0, size=size))
        lengths = np.exp(rng.uniform(-1, 1, size=(size, 1)))
        vx = lengths * (mix @ orthonormal_rows(rng, size, size) @ vx)
        vx, vy = vx * 10.0 ** rng.integers(-3, 4), vy * 10.0 ** rng.integers(-3, 4)
    vx, vy = rounded(vx, dtype).reshape(classes, b, d), rounded(vy, dtype).reshape(classes, b, c)
    whole = Case(s, vx, vy, np.zeros((d, c)), kept, 1.0, dtype, seed)
    w = whole.w
    if start == "drawn":
        w = rng.normal(size=(d, c)) * np.linalg.norm(vy) / np.linalg.norm(vx)
    elif start != "zero":
        w = solution(whole.part(0, kept if start == "solves kept" else None))
    eta = float(rng.uniform(0.1, 1)) / float(s.max()) ** 2 if unit_step else 1.0
    return Case(s, vx, vy, rounded(w, dtype), kept, eta, dtype, seed)


def solution(part: Components) -> np.ndarray:
    """W = V_x†V_y by least squares in float64."""
    return np.asarray(np.linalg.lstsq(part.vx, part.vy, rcond=None)[0])


def cases(
    *,
    orthonormal: bool,
    one_removed: bool = False,
    start: str | None = None,
    among: tuple[tuple[int, int, int, int, int], ...] = SHAPES,
) -> Any:
    """Strategy of functions from the dtypes that a namespace has to a drawn `Case`."""
    starts = ("zero", "drawn", "solves kept", "solves all") if start is None else (start,)
    shapes = [s for s in among if not one_removed or (s[0], s[2]) == (1, 1)]

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        seed, shape = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from(shapes))
        equal, unit_step = draw(st.booleans()), draw(st.booleans())
        reach = draw(st.floats(-1, 1, allow_subnormal=False))
        begin, double = draw(st.sampled_from(starts)), draw(st.booleans())

        def case(dtypes: tuple[str, ...]) -> Case:
            return build(
                seed,
                shape,
                "float64" if double and "float64" in dtypes else "float32",
                orthonormal=orthonormal,
                equal=equal,
                reach=reach,
                start=begin,
                unit_step=unit_step,
            )

        return case

    return drawn()
