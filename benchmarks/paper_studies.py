"""What the paper's Figs. 3 and 4 show, as tables of our results, and what FRePo's ridge does."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from paper_claims import FREE, OURS, TERMS

from slimdc.chains import Chain
from slimdc.chains.journal import read

__all__ = ["studies"]

SIZES = (5, 2, 1)
FACTORS = ("0.1", "10")
BETWEEN = 40  # steps from one line of a course to the next


def studies(results: Path, data: str, title: str) -> Iterator[str]:
    """Give a sentence and a table for each study that there is of one data set."""
    for said, study in STUDIES.items():
        lines = list(study(results, data))
        if lines:
            yield said.format(title=title)
            yield "\n".join(lines)


def _terms(results: Path, data: str) -> Iterator[str]:
    yield from _without(results, data, "slim", OURS, "slimmed")
    yield from _without(results, data, "condense", FREE, "condensed, then truncated")


def _without(results: Path, data: str, change: str, way: str, verb: str) -> Iterator[str]:
    folder = results / "ablations" / data
    studied = {
        f"without {name}": (folder / f"{change}-without-{term}-0", way)
        for term, name in TERMS.items()
    }
    if way == OURS:
        eq_1 = folder / "performance-matching-on-samples-0"
        studied["Eq. 1 of samples in the place of all"] = (eq_1, "frepo")
    studied = {name: of for name, of in studied.items() if _done(of[0])}
    if studied:
        yield _row(verb, map(str, SIZES))
        yield "|---|" + "---|" * len(SIZES)
        for name, (path, by) in {
            "all terms": (results / data / f"{OURS}-0", way),
            **studied,
        }.items():
            yield _row(name, (_figure(Chain.read(path).accuracy(by, k)) for k in SIZES))
        yield ""


def _weights(results: Path, data: str) -> Iterator[str]:
    folder, k = results / "ablations" / data, SIZES[-2]

    def found(study: str) -> str:
        path = folder / f"{study}-0"
        return _figure(Chain.read(path).accuracy(OURS, k) if _done(path) else None)

    lines = {name: [found(f"{term}-times-{f}") for f in FACTORS] for term, name in TERMS.items()}
    if any(map(any, lines.values())):
        yield "| weight | x 0.1 | as it is | x 10 |"
        yield "|---|---|---|---|"
        for name, (less, more) in lines.items():
            yield _row(name, (less, found("weights-as-they-are"), more))


def _courses(results: Path, data: str) -> Iterator[str]:
    path = results / "convergence" / f"{data}-0"
    if not _done(path):
        return
    cells = read(path)[1]
    ways = list(dict.fromkeys(name.rsplit(" ", 1)[0] for name in cells))
    yield _row("step", ways)
    yield "|---|" + "---|" * len(ways)
    for step in sorted({cell["step"] for cell in cells.values()}):
        if step % BETWEEN == 0:
            known = (cells.get(f"{way} {step}") for way in ways)
            told = (f"{c['accuracy']:.1f} ({c['distance']:.2f})" if c else "" for c in known)
            yield _row(str(step), told)


def _ridges(results: Path, data: str) -> Iterator[str]:
    path = results / "collapse" / f"{data}-0"
    if not _done(path):
        return
    cells = read(path)[1]
    yield _row("kernel, ridge", map(str, SIZES))
    yield "|---|" + "---|" * len(SIZES)
    for way in dict.fromkeys(name.rsplit(" ", 1)[0] for name in cells):
        known = (cells.get(f"{way} {k}") for k in SIZES)
        told = (_figure(statistics.fmean(c["accuracies"]) if c else None) for c in known)
        yield _row(way.replace(" ", ", "), told)


def _done(folder: Path) -> bool:
    return (folder / "cells.jsonl").exists()


def _figure(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.1f}"


def _row(first: str, others: Iterable[str]) -> str:
    return f"| {first} | " + " | ".join(others) + " |"


STUDIES = {
    "What each term is for, on {title} (the paper's Figs. 3 and 4, left): the chain of the first "
    "seed with one thing changed.": _terms,
    "How much the weights matter, on {title}: slimmed to two components, one weight a tenth of "
    "what it is or ten times that.": _weights,
    "On the way to one component, on {title} (Figs. 3 and 4, right): accuracy of one network on "
    "2,000 test images in percent; in brackets how far it embeds the whole set from where a "
    "network does that was trained on the whole set, ‖φ'(S) − φ(S)‖²/‖φ(S)‖².": _courses,
    "FRePo's set of {title} slimmed by FRePo step by step, with the ridge of its authors (1e-6) "
    "and ours (1e-3), the kernel of Eq. 1 formed and solved in float32 or in float64.": _ridges,
}
