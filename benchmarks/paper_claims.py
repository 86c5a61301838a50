"""What the paper claims, and what our figures say to it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from slimdc.chains import Cell, Chain
from slimdc.chains.journal import read

__all__ = ["claims", "judged"]

OURS, FREE = "parameter-matching", "truncate"
FAMILY = ("frepo", "rfad", "kip")
TERMS = {"first": "L¹", "infinity": "L∞", "skew": "skew", "ortho": "ortho"}
SMALL = (2, 1)


def claims(results: Path, data: str, title: str) -> str:
    """Lay out the claims for one data set, each with its figure and whether it held, or nothing."""
    chains = [Chain.read(path.parent) for path in sorted((results / data).glob("*/cells.jsonl"))]
    lines = [f"| claim, on {title} | here | held |", "|---|---|---|"]
    for claim in (_smallest_gap, _collapse, _beats_rows, _beats_real):
        lines += [f"| {text} | {figures} | {verdict} |" for text, figures, verdict in claim(chains)]
    lines += [f"| {a} | {b} | {c} |" for a, b, c in _ablations(results, data, chains)]
    lines += [f"| {a} | {b} | {c} |" for a, b, c in _architectures(results, data)]
    return "\n".join(lines) if len(lines) > 2 else ""


Line = tuple[str, str, str]


def _mean(chains: list[Chain], method: str, of: Callable[[Chain], float | None]) -> float | None:
    """Average a figure over the synthesis seeds of a method; None where one of them lacks it."""
    found = [of(chain) for chain in chains if chain.method == method]
    known = [x for x in found if x is not None]
    return statistics.fmean(known) if known and len(known) == len(found) else None


def _held(better: bool) -> str:
    return "yes" if better else "**no**"


def _smallest_gap(chains: list[Chain]) -> Iterator[Line]:
    for k in SMALL:
        ours = _mean(chains, OURS, lambda chain, k=k: chain.gap(OURS, k))
        peers = {m: _mean(chains, m, lambda chain, m=m, k=k: chain.gap(m, k)) for m in FAMILY}
        known = {m: gap for m, gap in peers.items() if gap is not None}
        if ours is not None and known:
            told = ", ".join(f"{m} {gap:.1f}" for m, gap in known.items())
            yield (
                f"(a) the smallest gap of performance matching, k = {k}",
                f"ours {ours:.1f}; {told}",
                _held(ours < min(known.values())),
            )


def _collapse(chains: list[Chain]) -> Iterator[Line]:
    for k in SMALL:
        trained = _mean(chains, "frepo", lambda chain, k=k: chain.accuracy("frepo", k))
        rows = _mean(chains, "frepo", lambda chain, k=k: chain.accuracy("random", k))
        if trained is not None and rows is not None:
            yield (
                f"(b) FRePo slimmed by itself falls below random rows of its set, k = {k}",
                f"{trained:.1f} against {rows:.1f}",
                _held(trained < rows),
            )


def _beats_rows(chains: list[Chain]) -> Iterator[Line]:
    for k in SMALL:
        free = _mean(chains, OURS, lambda chain, k=k: chain.accuracy(FREE, k))
        rows = _mean(chains, OURS, lambda chain, k=k: chain.accuracy("random", k))
        if free is not None and rows is not None:
            yield (
                f"(c) learning-free beats random rows of the set, k = {k}",
                f"{free:.1f} against {rows:.1f}",
                _held(free > rows),
            )


def _beats_real(chains: list[Chain]) -> Iterator[Line]:
    for k in SMALL:
        free = _mean(chains, OURS, lambda chain, k=k: chain.accuracy(FREE, k))
        real = _mean(chains, "random", lambda chain, k=k: chain.accuracy("RT", k))
        if free is not None and real is not None:
            yield (
                f"(c) learning-free beats {k} real image{'s' if k > 1 else ''} per class",
                f"{free:.1f} against {real:.1f}",
                _held(free > real),
            )


def _ablations(results: Path, data: str, chains: list[Chain]) -> Iterator[Line]:
    """Compare with the chain of the first seed, which the studies change in one thing."""
    whole = next((c for c in chains if c.method == OURS), None)
    for path in sorted((results / "ablations" / data).glob("*-without-*/cells.jsonl")):
        study = Chain.read(path.parent)
        term = TERMS[path.parent.name.split("-without-")[1].rsplit("-", 1)[0]]
        way = study.ways[-1]
        for k in SMALL:
            with_it, without = (_cell(chain, way, k) for chain in (whole, study))
            if with_it is not None and without is not None:
                verb = "slimming" if way == OURS else "condensing, then truncation"
                yield (
                    f"(d) {verb} is worse without {term}, k = {k}",
                    f"{without.mean:.1f} against {with_it.mean:.1f}",
                    _told_apart(without, with_it),
                )


def _cell(chain: Chain | None, way: str, k: int) -> Cell | None:
    cells = () if chain is None else chain.cells
    return next((cell for cell in cells if (cell.way, cell.k) == (way, k)), None)


def _told_apart(worse: Cell, better: Cell) -> str:
    """Say whether one is worse than the other, unless networks of one set differ as much."""
    spread = max(statistics.stdev(cell.accuracies) for cell in (worse, better))
    if abs(better.mean - worse.mean) <= spread:
        return f"undecided: networks spread by {spread:.1f}"
    return _held(worse.mean < better.mean)


def _architectures(results: Path, data: str) -> Iterator[Line]:
    """Compare the gaps of both methods in networks of another architecture."""
    folder = results / "architectures" / data
    ours, frepo = (judged(folder, method) for method in (OURS, "frepo"))
    for network in dict.fromkeys(network for network, _, _ in ours):
        for said, ways in (("trained", (OURS, "frepo")), ("at once", (FREE, "random"))):
            for k in SMALL:
                gaps = [
                    _gap(cells, network, way, k)
                    for cells, way in zip((ours, frepo), ways, strict=True)
                ]
                if None not in gaps:
                    yield (
                        f"(e) slimmed {said}, the gap of ours is smaller than FRePo's in "
                        f"{network}, k = {k}",
                        f"ours {gaps[0]:.1f}; frepo {gaps[1]:.1f}",
                        _held(float(gaps[0] or 0.0) < float(gaps[1] or 0.0)),
                    )


def judged(folder: Path, method: str) -> dict[tuple[str, str, int], float]:
    """Read what networks of other architectures made of sets, by network, way and size."""
    found = {}
    for path in sorted(folder.glob(f"{method}-*/cells.jsonl")):
        for name, cell in read(path.parent)[1].items():
            network, _, made = name.partition(" ")
            way, _, k = made.rpartition("-")
            found[network, way, int(k)] = statistics.fmean(cell["accuracies"])
    return found


def _gap(cells: dict[tuple[str, str, int], float], network: str, way: str, k: int) -> float | None:
    anew, slim = (cells.get((network, name, k)) for name in ("RT", way))
    return None if anew is None or slim is None else anew - slim
