"""Choosing together, from the set alone: directions or rows, how many, and in how many bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from slimdc._array import like
from slimdc._checks import shown
from slimdc.budgets.criterion import Criterion
from slimdc.budgets.rows import chosen_rows
from slimdc.errors import InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.quantization import Codes, Rounder
from slimdc.parameterization.truncation import capped
from slimdc.storage.content import header_bytes
from slimdc.typing import Start

__all__ = [
    "Candidate",
    "Choice",
    "Start",
    "candidates",
    "choose_by_share",
    "choose_within",
    "share",
]

_TRIED = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160)
# A step is sought by octaves above the one of a byte for each number, and then within its octave.
_OCTAVES = 10
_HALVINGS = 4

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

    @property
    def header_bytes(self) -> int:
        """Bytes of its file before the components."""
        return header_bytes(self.data, rows=self.kind == "rows")

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
        Bytes that its components may take.
    step : float
        With which it takes about as many.
    lost : float
        What is lost of the direction of the solutions of random networks (Eq. 7).
    reason : str
        In words, with what the best of the other kind would have lost.
    whole : int or None
        Bytes that its file may take, header and all; None where nothing is said of that.
    """

    candidate: Candidate
    nbytes: int
    step: float
    lost: float
    reason: str
    whole: int | None = None

    def narrowed(self, excess: int) -> Choice:
        """Give its components so many bytes less."""
        return replace(self, nbytes=self.nbytes - excess)

    def codes(self, data: SlimmableDataset | None = None) -> Codes:
        """Code what was chosen, or what training made of it."""
        if data is None or data is self.candidate.data:
            rounder = self.candidate.rounder
            codes = rounder.codes_at(self.step)  # what was measured, if it fits
            return codes if codes.nbytes <= self.nbytes else rounder.codes(self.nbytes)
        return replace(self.candidate, data=data).rounder.codes(self.nbytes)


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
    # That one holds fewer is said once, by the caller.
    return before.truncate(capped(k, before.components, before.labels))


def choose_within(nbytes: int, tried: Iterable[Candidate], criterion: Criterion | None) -> Choice:
    """Choose what loses least of what a file of so many bytes can hold.

    Parameters
    ----------
    nbytes : int
        Bytes of the file, header and all.
    tried : iterable of Candidate
        What might be kept.
    criterion : Criterion or None
        What is lost; None where there is but one candidate.

    Raises
    ------
    InvalidValueError
        Nothing fits; the message says what the least takes.
    """
    found, least = [], []
    for candidate in tried:
        rounder, header = candidate.rounder, candidate.header_bytes
        if rounder.least + header > nbytes:
            least.append(rounder.least + header)
            continue
        step = rounder.step(nbytes - header)
        lost = criterion(candidate.rounded(rounder, step)) if criterion else math.nan
        found.append(Choice(candidate, nbytes - header, step, lost, "", nbytes))
    if not found:
        expected = f"at least {min(least)}, with a header of its file"
        raise InvalidValueError("nbytes", str(nbytes), expected)
    if criterion is None:
        return found[0]
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
        # From the widest down: what is lost need not grow with every step.
        for octave in range(_OCTAVES, 0, -1):
            next_lost = criterion(candidate.rounded(rounder, low * 2.0**octave))
            if next_lost <= 1.0 - keep:
                low, lost = low * 2.0**octave, next_lost
                break
        ratio = 2.0
        for _ in range(_HALVINGS):
            ratio **= 0.5
            next_lost = criterion(candidate.rounded(rounder, low * ratio))
            if next_lost <= 1.0 - keep:
                low, lost = low * ratio, next_lost
        found.append(Choice(candidate, math.ceil(rounder.bytes_at(low)), low, lost, ""))
    if not found:
        most = math.floor(most * 1e4) / 1e4
        raise InvalidValueError("keep", shown(keep), f"at most {most:g}, what all of it keeps")
    best = _best(found, lambda choice: (choice.nbytes, choice.lost))
    # What it takes was estimated; what is trained from it must find room too.
    rounder = best.candidate.rounder
    nbytes = max(rounder.codes_at(best.step).nbytes, rounder.least)
    return replace(best, nbytes=nbytes)


def _best(found: list[Choice], key: Key) -> Choice:
    best = min(found, key=key)
    others = [choice for choice in found if choice.candidate.kind != best.candidate.kind]
    text = f"{_named(best)} of each class: {_kept(best)} kept of the solutions of random networks"
    text += " (Eq. 7; accuracy falls less)"
    if others:
        other = min(others, key=key)
        text += (
            f"; {_named(other)} in {other.whole or other.nbytes:,} bytes would keep {_kept(other)}"
        )
    return replace(best, reason=text)


def _named(choice: Choice) -> str:
    kind = "row" if choice.candidate.kind == "rows" else "direction"
    return f"{choice.candidate.k} {kind}" + "s" * (choice.candidate.k > 1)


def _kept(choice: Choice) -> str:
    return share(choice.lost)


def share(lost: float) -> str:
    """Write what is kept where so much is lost.

    Examples
    --------
    >>> share(0.25)
    '75.0 %'
    """
    return f"{100 * (1.0 - lost):.1f} %"
