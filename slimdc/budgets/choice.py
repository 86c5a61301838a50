"""Choosing together, from the set alone: directions or rows, how many, and in how many bits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from slimdc._array import like
from slimdc.budgets.criterion import Criterion
from slimdc.budgets.rows import chosen_rows
from slimdc.errors import InvalidValueError, SlimdcWarning
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.quantization import Codes, Rounder

__all__ = ["Candidate", "Choice", "Start", "candidates", "choose_by_share", "choose_within"]

Start: TypeAlias = Literal["auto", "components", "rows"]

_TRIED = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160)
# A step is sought between the one of a byte for each number, and this multiple of it.
_WIDEST = 2.0**10
_HALVINGS = 8

Key: TypeAlias = Callable[["Choice"], tuple[float, float]]


@dataclass(frozen=True)
class Candidate:
    """What might be kept: directions or rows of a set, not rounded yet.

    Parameters
    ----------
    kind : {"components", "rows"}
        Directions of Eq. 8, or samples as they are.
    k : int
        Most that a class keeps.
    data : SlimmableDataset
        What is kept.
    """

    kind: str
    k: int
    data: SlimmableDataset

    @property
    def rounder(self) -> Rounder:
        """Round it to any step."""
        rows = self.kind == "rows"
        return Rounder(self.data.host_factors(), self.data.description, rows=rows)

    def rounded(self, rounder: Rounder, step: float) -> SlimmableDataset:
        """Give the set that a step leaves."""
        factors = rounder.rounded(step)
        u, dtype = self.data.u, self.data.factor_dtype
        return self.data.with_factors(*(like(x, u, dtype) for x in factors))


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Parameters
    ----------
    candidate : Candidate
        What is kept.
    nbytes : int
        Bytes that it may take.
    step : float
        With which it takes about as many.
    lost : float
        What is lost of the solutions of random networks (Eq. 7, relative).
    reason : str
        In words, with what the best of the other kind would have lost.
    """

    candidate: Candidate
    nbytes: int
    step: float
    lost: float
    reason: str

    def codes(self, data: SlimmableDataset | None = None) -> Codes:
        """Code what was chosen, or what training made of it."""
        kept = self.candidate if data is None else replace(self.candidate, data=data)
        return kept.rounder.codes(self.nbytes)


def candidates(before: SlimmableDataset, start: Start, k: int | None = None) -> Iterator[Candidate]:
    """Give what might be kept of a set: numbers of directions, and of rows.

    Parameters
    ----------
    before : SlimmableDataset
        The set.
    start : {"auto", "components", "rows"}
        Of which kind.
    k : int, optional
        How many; by default some of all numbers, and everything.
    """
    kinds = ("components", "rows") if start == "auto" else (start,)
    for kind in kinds:
        largest = max(before.components if kind == "components" else before.samples)
        for count in sorted({*(t for t in _TRIED if t < largest), largest}) if k is None else (k,):
            if kind == "rows":
                yield Candidate(kind, count, chosen_rows(before, count))
            else:
                yield Candidate(kind, count, _directions(before, count))


def _directions(before: SlimmableDataset, k: int) -> SlimmableDataset:
    with warnings.catch_warnings():  # that a class holds fewer is said once, by the caller
        warnings.simplefilter("ignore", SlimdcWarning)
        return before.truncate(k)


def choose_within(nbytes: int, tried: Iterable[Candidate], criterion: Criterion) -> Choice:
    """Choose what loses least within a number of bytes.

    Raises
    ------
    InvalidValueError
        Nothing fits; the message says what the least takes.
    """
    found, least = [], []
    for candidate in tried:
        rounder = candidate.rounder
        if rounder.least > nbytes:
            least.append(rounder.least)
            continue
        step = rounder.step(nbytes)
        lost = criterion(candidate.rounded(rounder, step))
        found.append(Choice(candidate, nbytes, step, lost, ""))
    if not found:
        raise InvalidValueError("nbytes", str(nbytes), f"at least {min(least)}")
    return _best(found, lambda choice: (choice.lost, choice.candidate.k))


def choose_by_share(keep: float, tried: Iterable[Candidate], criterion: Criterion) -> Choice:
    """Choose what takes the fewest bytes of all that keeps a share of the solutions.

    Raises
    ------
    InvalidValueError
        Nothing that was tried keeps as much.
    """
    found: list[Choice] = []
    most = 0.0
    for candidate in tried:
        rounder = candidate.rounder
        low = rounder.step(max(candidate.data.numbers, 2 * rounder.least))
        lost = criterion(candidate.rounded(rounder, low))
        most = max(most, 1.0 - lost)
        if lost > 1.0 - keep:
            continue
        ratio = _WIDEST
        for _ in range(_HALVINGS):
            ratio **= 0.5
            next_lost = criterion(candidate.rounded(rounder, low * ratio))
            if next_lost <= 1.0 - keep:
                low, lost = low * ratio, next_lost
        found.append(Choice(candidate, math.ceil(rounder.bytes_at(low)), low, lost, ""))
    if not found:
        raise InvalidValueError("keep", f"{keep:g}", f"at most {most:.4f}, what all of it keeps")
    return _best(found, lambda choice: (choice.nbytes, choice.lost))


def _best(found: list[Choice], key: Key) -> Choice:
    best = min(found, key=key)
    others = [choice for choice in found if choice.candidate.kind != best.candidate.kind]
    own = best.candidate
    text = (
        f"{own.k} {'rows' if own.kind == 'rows' else 'directions'} of each class: "
        f"{100 * (1 - best.lost):.1f} % kept of the solutions of random networks (Eq. 7)"
    )
    if others:
        other = min(others, key=key)
        kind = "rows" if other.candidate.kind == "rows" else "directions"
        text += (
            f"; {other.candidate.k} {kind} in {other.nbytes:,} bytes "
            f"would keep {100 * (1 - other.lost):.1f} %"
        )
    return replace(best, reason=text)
