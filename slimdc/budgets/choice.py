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
# Parts of the step at which the best of each kind is tried thinned, the second where the first one
# gains, and how much less must be lost: of numbers that were not rounded before, thinning keeps no
# more than a coarser step does.
_FINER = (0.7, 0.5)
_LESS = 0.9
# Of the loss: where less is lost, there is nothing to gain.
_ENOUGH = 1e-3

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

    def rounded(self, rounder: Rounder, step: float, thinned: float = 0.0) -> SlimmableDataset:
        """Give the set that a step leaves, thinned or not."""
        factors = rounder.rounded(step, thinned)
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
    thinned : float
        The share of its numbers that is taken for 0, the smallest first.
    """

    candidate: Candidate
    nbytes: int
    step: float
    lost: float
    reason: str
    whole: int | None = None
    thinned: float = 0.0

    def narrowed(self, excess: int) -> Choice:
        """Give its components so many bytes less."""
        return replace(self, nbytes=self.nbytes - excess)

    def codes(self, data: SlimmableDataset | None = None) -> Codes:
        """Code what was chosen, or what training made of it."""
        coded = self.candidate if data is None else replace(self.candidate, data=data)
        rounder = coded.rounder
        if coded.data is self.candidate.data:
            codes = rounder.codes_at(self.step, self.thinned)  # what was measured, if it fits
            if codes.nbytes <= self.nbytes:
                return codes
        if self.thinned:
            return rounder.thinned_codes(self.step, self.nbytes)
        return rounder.codes(self.nbytes)


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
    for kind in sorted({choice.candidate.kind for choice in found}):
        best = min((choice for choice in found if choice.candidate.kind == kind), key=_loss)
        if best.lost > _ENOUGH:
            found += _thinned(best, criterion)
    return _best(found, _loss)


def _loss(choice: Choice) -> tuple[float, float]:
    return choice.lost, choice.candidate.k


def _thinned(choice: Choice, criterion: Criterion) -> Iterator[Choice]:
    """Take finer steps, and as many of the smallest numbers for 0 as the bytes ask for."""
    candidate, rounder = choice.candidate, choice.candidate.rounder
    for part in _FINER:
        step = part * choice.step
        share = rounder.share_within(step, choice.nbytes)
        if share == 1.0:
            return
        lost = criterion(candidate.rounded(rounder, step, share))
        if lost >= _LESS * choice.lost:
            return
        yield replace(choice, step=step, lost=lost, thinned=share)


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
        lost = _lost_at(low, candidate, rounder, criterion)
        most = max(most, 1.0 - lost)
        if lost > 1.0 - keep:
            continue
        # From the widest down: what is lost need not grow with every step.
        for octave in range(_OCTAVES, 0, -1):
            next_lost = _lost_at(low * 2.0**octave, candidate, rounder, criterion)
            if next_lost <= 1.0 - keep:
                low, lost = low * 2.0**octave, next_lost
                break
        ratio = 2.0
        for _ in range(_HALVINGS):
            ratio **= 0.5
            next_lost = _lost_at(low * ratio, candidate, rounder, criterion)
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


def _lost_at(step: float, candidate: Candidate, rounder: Rounder, criterion: Criterion) -> float:
    """Measure what a step loses: more than all where its numbers are too large to code."""
    codable = math.isfinite(rounder.bytes_at(step))
    return criterion(candidate.rounded(rounder, step)) if codable else math.inf


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
