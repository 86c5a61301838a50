"""Random sets, truncated or cut to some rows, and rounded: how near distances come to their bounds.

    python benchmarks/bound_draws.py 100000

Each draw is a set in float64 of one to three classes: 1 to 8 components of each, up to 30 values,
1 to 10 labels, units from 1e-6 to 1e6, V_x of a condition up to 1e6, w zero or drawn. What is kept
is rounded to 1 to 16 bits, or changed by noise, and mixed. Distances are found from the samples by
NumPy alone. For each bound the largest ratio of a distance to it is printed, and the largest excess
of the distance in units of what rounding may have added: a violation is one above 1.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np

from slimdc import bounds, changes
from slimdc._tolerance import rounding
from slimdc.regression import Components

EPS = float(np.finfo(np.float64).eps)
NAMES = (
    "Eq. 9, any V_x",
    "Eq. 9, changed, any V_x",
    "Eq. 9, changed, exact removal",
    "change of the kept, first order",
    "Eq. 10, any V",
    "Eq. 10, changed, any V",
    "Eq. 10, changed, exact removal, spectral",
    "Eq. 10, changed, exact removal, Frobenius",
    "change of the kept, infinity order",
)


class Case(NamedTuple):
    """A set, what is kept of each class, what is left out, and what is held instead."""

    whole: Components
    kept: list[Components]
    removed: Components
    after: list[Components]
    w: np.ndarray
    rows: bool


def main() -> None:
    """Draw, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    ratios, excesses = dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, -np.inf)
    compared = dict.fromkeys(NAMES, 0)
    for i in range(options.count):
        for name, value, bound, allowed in comparisons(drawn(options.seed, i)):
            compared[name] += 1
            excesses[name] = max(excesses[name], (value - bound) / allowed if allowed else 0.0)
            if allowed < 1e-9 * bound:
                ratios[name] = max(ratios[name], value / bound)
    print(f"{options.count} draws of seed {options.seed}, {time.perf_counter() - start:.0f} s")
    print(f"{'bound':<44}{'compared':>10}{'value / bound':>18}{'excess':>12}")
    for name in NAMES:
        print(f"{name:<44}{compared[name]:>10}{ratios[name]:>18.12f}{excesses[name]:>12.2e}")
    print("a violation" if max(excesses.values()) > 1 else "no violation")


def drawn(seed: int, i: int) -> Case:
    """Draw one case."""
    rng = np.random.default_rng([seed, i])
    sizes = rng.integers(1, 9, size=rng.integers(1, 4))
    total, c = int(sizes.sum()), int(rng.integers(1, 11))
    d = total + int(rng.integers(0, 7))
    spread = 10.0 ** np.linspace(0, -rng.choice([0.0, 1.0, 3.0, 6.0]) * rng.uniform(), total)
    vx = orthogonal(rng, total, total) * spread @ orthogonal(rng, total, d)
    vx, vy = vx * 10.0 ** rng.integers(-6, 7), rng.normal(size=(total, c))
    if rng.uniform() < 0.3:  # labels that lie along one direction of W
        vy = vx @ rng.normal(size=(d, 1)) @ rng.normal(size=(1, c))
    vy = vy * 10.0 ** rng.integers(-6, 7)
    rows, k = bool(rng.uniform() < 0.5), int(rng.integers(1, 9))
    kept, removed, whole, after = [], [], [], []
    for end, b in zip(np.cumsum(sizes), sizes, strict=True):
        s = -np.sort(-np.exp(rng.uniform(-3, 0, size=b)))
        part = Components(s, vx[end - b : end], vy[end - b : end])
        whole.append(part)
        if rows:
            mix = orthogonal(rng, b, b + int(rng.integers(0, 3))).T * s
            part = Components(np.ones(len(mix)), mix @ part.vx, mix @ part.vy)
        first, rest = part.split(min(k, b))
        kept.append(first)
        removed.append(rest)
        after.append(changed(rng, first))
    w = np.zeros((d, c))
    if rng.uniform() < 0.5:
        w = rng.normal(size=(d, c)) * np.linalg.norm(vy) / np.linalg.norm(vx)
    return Case(stacked(whole), kept, stacked(removed), after, w, rows)


def changed(rng: np.random.Generator, part: Components) -> Components:
    """Round or disturb samples, labels or both, and mix what comes out by an orthogonal matrix."""
    x, y = part.s[:, None] * part.vx, part.s[:, None] * part.vy
    which = rng.integers(3)
    bits, size = int(rng.integers(1, 17)), 10.0 ** rng.uniform(-8, 0)
    new = []
    for i, block in enumerate((x, y)):
        if which == i:
            new.append(block)
        elif size < 1e-4:
            lengths = np.linalg.norm(block, axis=1, keepdims=True)
            new.append(block + size * lengths * rng.normal(size=block.shape))
        else:
            new.append(in_levels(block, bits))
    mix = orthogonal(rng, len(x), len(x))
    return Components(np.ones(len(x)), mix @ new[0], mix @ new[1])


def in_levels(values: np.ndarray, bits: int) -> np.ndarray:
    """Round to evenly spaced levels, a range for each row."""
    low, high = (f(values, axis=1, keepdims=True) for f in (np.min, np.max))
    step = (high - low) / (2**bits - 1)
    return np.asarray(low + np.round((values - low) / np.where(step == 0, 1, step)) * step)


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw orthonormal rows."""
    return np.asarray(np.linalg.qr(rng.normal(size=(columns, rows)))[0].T)


def stacked(parts: list[Components]) -> Components:
    """Components of several classes as those of one set."""
    return Components(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def comparisons(case: Case) -> list[tuple[str, float, float, float]]:
    """Names of bounds, distances, bounds, and what rounding may have added to the distances."""
    return [*of_step(case), *of_solution(case)]


def of_step(case: Case) -> list[tuple[str, float, float, float]]:
    """Compare one step."""
    w, kept, after = case.w, stacked(case.kept), stacked(case.after)
    rotated = stacked(
        [changes.nearest_rotation(*pair) for pair in zip(case.kept, case.after, strict=True)]
    )
    whole, held, end = (step(part, w) for part in (case.whole, kept, after))
    removed = float(bounds.first_order_distance(case.removed, w))
    added = float(changes.first_order_change_bound(kept, rotated, w))
    allowed = sum(
        np.linalg.norm(p.s[:, None] * p.vx)
        * (
            np.linalg.norm(p.s[:, None] * p.vx) * np.linalg.norm(w)
            + np.linalg.norm(p.s[:, None] * p.vy)
        )
        for p in (case.whole, after)
    ) * relative(case)
    found = [
        ("Eq. 9, changed, exact removal", np.linalg.norm(whole - end), removed + added, allowed),
        ("change of the kept, first order", np.linalg.norm(end - held), added, allowed),
    ]
    if not case.rows:
        general = float(bounds.first_order_bound(kept, case.removed, w))
        found.append(("Eq. 9, any V_x", np.linalg.norm(whole - held), general, allowed))
        found.append(
            ("Eq. 9, changed, any V_x", np.linalg.norm(whole - end), general + added, allowed)
        )
    return found


def step(part: Components, w: np.ndarray) -> np.ndarray:
    """Find the gradient on samples."""
    x, y = part.s[:, None] * part.vx, part.s[:, None] * part.vy
    return np.asarray(x.T @ (x @ w - y))


def of_solution(case: Case) -> list[tuple[str, float, float, float]]:
    """Compare the solutions, if they have digits."""
    kept, after = stacked(case.kept), stacked(case.after)
    smallest = min(sigma_min(part) for part in (case.whole, kept, after))
    if smallest < 1e-9:
        return []
    moved = stacked(
        [changes.nearest_basis(*pair) for pair in zip(case.kept, case.after, strict=True)]
    )
    smallest = min(smallest, sigma_min(moved))
    if smallest < 1e-9:
        return []
    whole, held, end = (solution(part) for part in (case.whole, kept, after))
    allowed = relative(case) / smallest * (np.linalg.norm(whole) + np.linalg.norm(end))
    found = []
    for norm, order in (("spectral", 2), ("frobenius", "fro")):
        removed = changes.compression_distance(kept, whole, norm=norm)
        bound = changes.infinity_order_change_bound(kept, moved, whole, removed=removed, norm=norm)
        name = f"Eq. 10, changed, exact removal, {norm.replace('f', 'F')}"
        found.append((name, np.linalg.norm(whole - end, order), float(bound), allowed))
    bound = changes.infinity_order_change_bound(kept, moved)
    found.append(
        ("change of the kept, infinity order", np.linalg.norm(end - held), float(bound), allowed)
    )
    if not case.rows:
        removed = bounds.infinity_order_bound(kept, case.removed)
        found.append(("Eq. 10, any V", np.linalg.norm(whole - held, 2), float(removed), allowed))
        bound = changes.infinity_order_change_bound(
            kept, moved, whole, removed=removed, norm="spectral"
        )
        found.append(
            ("Eq. 10, changed, any V", np.linalg.norm(whole - end, 2), float(bound), allowed)
        )
    return found


def solution(part: Components) -> np.ndarray:
    """Find W, rows at length 1."""
    lengths = np.linalg.norm(part.vx, axis=1, keepdims=True)
    return np.asarray(np.linalg.lstsq(part.vx / lengths, part.vy / lengths, rcond=None)[0])


def sigma_min(part: Components) -> float:
    """Find the smallest singular value of V_x, rows at length 1."""
    lengths = np.linalg.norm(part.vx, axis=1, keepdims=True)
    if not lengths.all():
        return 0.0
    return float(np.linalg.svdvals(part.vx / lengths)[-1])


def relative(case: Case) -> float:
    """Part of a norm by which its computation may change it."""
    return rounding(*case.whole.vx.shape, case.whole.vy.shape[1], eps=EPS)


if __name__ == "__main__":
    main()
