"""What each term is for, and how much its weight matters: the paper's Figs. 3 (left) and 4 (left).

    python benchmarks/ablations.py small
    python benchmarks/ablations.py small --list
    python benchmarks/ablations.py small --picture sensitivity.png

Every study is a chain like those of ``paper.py``, of the paper's method with one thing changed.
Those of slimming begin with the set that ``paper.py`` condensed at the largest size, so it runs
first. Results, cuts and several processes as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paper import SCALES, Job, Scale, alone, done, load, parser_of

import slimdc
from slimdc.chains import Chain
from slimdc.losses import Weights
from slimdc.pictures import save_picture, sensitivity
from slimdc.settings import CONDENSE, SLIM

METHOD = "parameter-matching"
TERMS = ("first", "infinity", "skew", "ortho")
FACTORS = (0.1, 10.0)
UNCHANGED = "weights as they are"


@dataclass(frozen=True)
class Study:
    """A change of the paper's method, and the chain that shows what it does."""

    name: str
    weights: dict[str, float] = field(default_factory=dict)
    condense: dict[str, float] = field(default_factory=dict)
    slim_by: tuple[str, ...] = (METHOD,)
    anew: bool = False  # condensed anew, rather than slimmed from the set of the tables
    last_only: bool = False


def studies() -> Iterator[Study]:
    """All studies: terms left out of slimming, then of condensing, then weights."""
    base = Weights()
    for term in TERMS:
        yield Study(f"slim without {term}", weights={term: 0.0})
    yield Study("performance matching on samples", slim_by=("frepo",))
    for term in ("skew", "ortho"):
        yield Study(
            f"condense without {term}", condense={term: 0.0}, slim_by=("truncate",), anew=True
        )
    yield Study(UNCHANGED, last_only=True)
    for term in TERMS:
        for factor in FACTORS:
            weight = getattr(base, term) * factor
            yield Study(f"{term} times {factor:g}", weights={term: weight}, last_only=True)


def main() -> None:
    """Do what is missing."""
    parser = parser_of(__doc__)
    parser.add_argument("--list", action="store_true", help="say what is done and what is not")
    parser.add_argument("--picture", type=Path, help="draw what is known of the weights, no more")
    args = parser.parse_args()
    folder = args.results / args.scale
    if args.picture is not None:
        save_picture(sensitivity(dict(curves(folder, args.data, args.seed))), args.picture)
        return
    for study in studies():
        into = place(folder, args.data, study.name, args.seed)
        if args.list:
            print(f"{study.name}: {done(into)} cells")
            continue
        with alone(into) as ours:
            if ours:
                run(study, SCALES[args.scale], Job(args.data, METHOD, args.seed), folder, into)


def place(folder: Path, data: str, study: str, seed: int = 0) -> Path:
    """Say where the results of a study are, by its name."""
    return folder / "ablations" / data / f"{study.replace(' ', '-')}-{seed}"


def curves(folder: Path, data: str, seed: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Give accuracies by the factor of each weight, at the size of the studies of weights."""
    k = SCALES[folder.name].sizes[data][-2]
    for term in TERMS:
        named = {1.0: UNCHANGED} | {factor: f"{term} times {factor:g}" for factor in FACTORS}
        points = []
        for factor in sorted(named):
            study = place(folder, data, named[factor], seed)
            found = Chain.read(study).accuracy(METHOD, k) if done(study) else None
            if found is not None:
                points.append((factor, found))
        if points:
            yield term, points


def run(study: Study, scale: Scale, job: Job, folder: Path, into: Path) -> None:
    """Fill the cells of a study that are missing."""
    real, sizes = load(job.data), scale.sizes[job.data]
    options: dict[str, Any] = {
        "x_test": real.x_test,
        "y_test": real.y_test,
        "results": into,
        "slim_by": study.slim_by,
        "seed": job.seed,
        "condense": changed(scale.condense(job), CONDENSE, study.condense),
        "slim": scale.slim(job),
        "evaluate": scale.evaluate,
        "report": lambda line: print(f"{study.name}: {line}", flush=True),
    }
    if study.weights:
        weights = replace(Weights(), **study.weights)
        options["slim"] = changed(scale.slim(job), SLIM, {"weights": weights})
    if study.anew:
        slimdc.chain(real.x_train, real.y_train, sizes, **options)
        return
    start = slimdc.load(folder / job.name / "sets" / f"RT-{sizes[0]}.safetensors")
    smaller = sizes[-2:-1] if study.last_only else sizes[1:]
    slimdc.chain(None, None, smaller, start=start, **options)


def changed(
    options: dict[str, Any], presets: dict[str, Any], fields: dict[str, Any]
) -> dict[str, Any]:
    """Give options with some fields of the default settings changed."""
    return options | {"preset": replace(presets["default"], **fields)} if fields else options


if __name__ == "__main__":
    main()
