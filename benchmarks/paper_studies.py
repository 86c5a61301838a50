"""What the paper's Figs. 3 and 4 show, as tables of our results, and what FRePo's ridge does."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import rates
from ablations import FACTORS, curves, place
from architectures import WAYS
from paper import done
from paper_claims import FREE, OURS, TERMS, judged

from slimdc.chains import Chain
from slimdc.chains.journal import read

__all__ = ["studies"]

SIZES = (5, 2, 1)
HERE = Path(__file__).parent
TABLE_2 = json.loads((HERE / "paper_table_2.json").read_text())["accuracies"]
BETWEEN = 40  # steps from one line of a course to the next


def studies(results: Path, data: str, title: str) -> Iterator[str]:
    """Give a sentence and a table for each study that there is of one data set."""
    for said, study in STUDIES.items():
        lines = list(study(results, data))
        if lines:
            yield said.format(title=title)
            yield "\n".join(lines)


def _terms(results: Path, data: str) -> Iterator[str]:
    whole = results / data / f"{OURS}-0"

    def without(change: str, way: str) -> dict[str, tuple[Path, str]]:
        folders = {t: place(results, data, f"{change} without {t}") for t in TERMS}
        return {f"without {TERMS[t]}": (folder, way) for t, folder in folders.items()}

    eq_1 = place(results, data, "performance matching on samples")
    slimmed = without("slim", OURS) | {"Eq. 1 of samples in the place of all": (eq_1, "frepo")}
    yield from _compared("slimmed", (whole, OURS), slimmed)
    yield from _compared("condensed, then truncated", (whole, FREE), without("condense", FREE))


def _compared(
    verb: str, whole: tuple[Path, str], studied: dict[str, tuple[Path, str]]
) -> Iterator[str]:
    """Lay out chains, each by the folder and the way of its sets, where there are results."""
    known = {name: found for name, found in studied.items() if done(found[0])}
    if known:
        yield from _head(verb, map(str, SIZES))
        for name, (folder, way) in {"all terms": whole, **known}.items():
            yield _row(name, (_figure(Chain.read(folder).accuracy(way, k)) for k in SIZES))
        yield ""


def _weights(results: Path, data: str) -> Iterator[str]:
    known = dict(curves(results, data, 0))
    if known:
        factors = sorted({1.0, *FACTORS})
        yield from _head("weight", (f"x {factor:g}" for factor in factors))
        for term, points in known.items():
            found = dict(points)
            yield _row(TERMS[term], (_figure(found.get(factor)) for factor in factors))


def _courses(results: Path, data: str) -> Iterator[str]:
    path = results / "convergence" / f"{data}-0"
    if not done(path):
        return
    cells = read(path)[1]
    ways = list(dict.fromkeys(name.rsplit(" ", 1)[0] for name in cells))
    yield from _head("step", ways)
    for step in sorted({cell["step"] for cell in cells.values()}):
        if step % BETWEEN == 0:
            known = (cells.get(f"{way} {step}") for way in ways)
            told = (f"{c['accuracy']:.1f} ({c['distance']:.2f})" if c else "" for c in known)
            yield _row(str(step), told)


def _ridges(results: Path, data: str) -> Iterator[str]:
    path = results / "collapse" / f"{data}-0"
    if not done(path):
        return
    cells = read(path)[1]
    yield from _head("kernel, ridge", map(str, SIZES))
    for way in dict.fromkeys(name.rsplit(" ", 1)[0] for name in cells):
        known = (cells.get(f"{way} {k}") for k in SIZES)
        told = (_figure(statistics.fmean(c["accuracies"]) if c else None) for c in known)
        yield _row(way.replace(" ", ", "), told)


def _kernels(results: Path, data: str) -> Iterator[str]:
    path = results / "kernel" / f"{data}-0"
    if done(path):
        cells = read(path)[1]
        yield from _head("sets", map(str, (10, *SIZES)))
        for way, told in (("RT", "RT"), ("kip", "slimmed by kip"), ("random", "random rows")):
            known = (cells.get(f"{way} {k}") for k in (10, *SIZES))
            yield _row(told, (_figure(c["accuracy"] if c else None) for c in known))


def _rates(results: Path, data: str) -> Iterator[str]:
    folders = sorted(
        path.parent for path in (results / "rates" / f"{data}-0").glob("*/cells.jsonl")
    )
    known = {folder.name: read(folder)[1] for folder in folders if done(folder)}
    columns = ["rows", *(f"rate x {factor:g}" for factor in sorted(rates.FACTORS))]
    for before, after in rates.STEPS:
        step = f"{before} to {after}"
        tried = {
            method: [cells.get(f"{step}, {column}") for column in columns]
            for method, cells in known.items()
        }
        tried = {method: cells for method, cells in tried.items() if any(cells)}
        if tried:
            yield from _head(step, columns)
            for method, cells in tried.items():
                told = (_figure(statistics.fmean(c["accuracies"]) if c else None) for c in cells)
                yield _row(method, told)
            yield ""


def _architectures(results: Path, data: str) -> Iterator[str]:
    folder = results / "architectures" / data
    found = {method: judged(folder, method) for method in WAYS}
    sizes = (10, *SIZES)
    if not all(found.values()):
        return
    yield from _head("network | condensed by | way", map(str, sizes), 3)
    for network, known in TABLE_2.items():
        for method, cells in found.items():
            for way, told in WAYS[method].items():
                if not any((network, way, k) in cells for k in sizes):
                    continue
                paper = known[method].get("LFS" if way == method else way, {})
                row = (_beside(cells.get((network, way, k)), paper.get(str(k))) for k in sizes)
                yield _row(f"{network} | {method} | {told}", row)


def _beside(here: float | None, paper: float | None) -> str:
    return _figure(here) + ("" if paper is None or here is None else f" ({paper:.1f})")


def _endings(results: Path, data: str) -> Iterator[str]:
    path = results / "endings" / f"{data}-0"
    if not done(path):
        return
    cells = read(path)[1]
    sizes = sorted({cell["k"] for cell in cells.values()}, reverse=True)
    yield from _head("set", map(str, sizes))
    for name in dict.fromkeys(name.rpartition(", ")[0] or name for name in cells):
        case, _, slimmed = name.partition(", ")
        rate, _, weight = case.partition(" and ")
        told = f"U and s x {rate}" + (f", Eq. 12 x {weight}" if weight else "")
        places = (cells.get(f"{name}, {k}") for k in sizes)
        if not slimmed:
            told = "FRePo" if name == "frepo" else told
            places = (cells[name] if k == sizes[0] else None for k in sizes)
        yield _row(f"{told}: {slimmed}" if slimmed else told, map(_kept, places))


def _factor_rates(results: Path, data: str) -> Iterator[str]:
    seeds = [
        read(path.parent)[1] for path in sorted(results.glob(f"factor_rates/{data}-*/*.jsonl"))
    ]
    if not seeds:
        return
    sizes = sorted({cell["k"] for cell in seeds[0].values()}, reverse=True)
    yield from _head("set", map(str, sizes))
    for way in dict.fromkeys(name.rpartition(", ")[0] for name in seeds[0]):
        names = (f"{way}, {k}" for k in sizes)
        told = way.replace("x ", "U and s x ")
        yield _row(told, (_each([cells[n] for cells in seeds if n in cells]) for n in names))


def _each(cells: list[dict[str, Any]]) -> str:
    means = [statistics.fmean(cell["accuracies"]) for cell in cells]
    each = ", ".join(f"{mean:.1f}" for mean in means)
    return f"{statistics.fmean(means):.1f} ({each})" if means else ""


def _kept(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    return f"{statistics.fmean(cell['accuracies']):.1f} ({100 * cell['own']:.0f})"


def _figure(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.1f}"


def _head(first: str, others: Iterable[str], named_by: int = 1) -> Iterator[str]:
    columns = list(others)
    yield _row(first, columns)
    yield "|" + "---|" * (named_by + len(columns))


def _row(first: str, others: Iterable[str]) -> str:
    return f"| {first} | " + " | ".join(others) + " |"


STUDIES = {
    "What each term is for, on {title} (the paper's Figs. 3 and 4, left): the chain of the first "
    "seed with one thing changed.": _terms,
    "How much the weights matter, on {title}: slimmed from ten components to two, one weight a "
    "tenth of what it is or ten times that.": _weights,
    "On the way to one component, on {title} (Figs. 3 and 4, right): accuracy of one network on "
    "2,000 test images in percent; in brackets how far it embeds the whole set from where a "
    "network does that was trained on the whole set, ‖φ'(S) − φ(S)‖²/‖φ(S)‖².": _courses,
    "Sets of {title} judged by other networks, three of each, with 16 filters in the first block "
    "(Table 2; the paper's figures in brackets, whose \"LFS\" must be trained: FRePo's falls as in "
    "its learning-based rows). They are without normalisation, as FRePo has them.": _architectures,
    "FRePo's set of {title} slimmed by FRePo step by step, with the ridge of its authors (1e-6) "
    "and ours (1e-3), the kernel of Eq. 1 formed and solved in float32 or in float64.": _ridges,
    "KIP's sets of {title}, in the chain of the first table, as its own kernel takes them: "
    "accuracy of regression in it on all test images.": _kernels,
    "Whether methods slim at rates that suit them, on {title}: each slims a set of its own at its "
    "default rate and at others; judged on 5,000 training images that no set was made of.": _rates,
    "How condensing should go and end, on {title} of half the side: U and s at the full rate or at "
    "a tenth of it, Eq. 12 as for ten classes or at a hundredth, factors as trained or factored "
    "anew, and FRePo's set; judged on 5,000 training images that no set was made of. In brackets, "
    "of how many rows in a hundred the label is that of their class.": _endings,
    "Whether U and s should move more slowly than V while a set is slimmed, on {title} of half the "
    "side: at the full rate, at a tenth of it, or at rest; two seeds in brackets, judged on 5,000 "
    "training images that no set was made of.": _factor_rates,
}
