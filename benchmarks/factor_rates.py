"""At which rate U and s should move beside V while a set is slimmed.

    python benchmarks/factor_rates.py small --data cifar100 --seed 0
    python benchmarks/factor_rates.py small --data cifar10 --seed 1

A set of real images of half the side is condensed as by default and slimmed step by step, with U
and s at parts of the rate of V; and at once. All are judged on 5,000 training images that no set
was made of, so that a default can be chosen without the test images. Results, cuts and several
processes as in ``paper.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from endings import HELD_OUT, Study
from paper import SCALES, Job, Scale, alone, parser_of

import slimdc
from slimdc.chains.journal import Journal

RATES = (1.0, 0.1, 0.0)
AT_ONCE = "at once"


def main() -> None:
    """Do what is missing."""
    parser = parser_of(__doc__, "cifar100")
    args = parser.parse_args()
    scale, job = SCALES[args.scale], Job(args.data, "parameter-matching", args.seed)
    into = args.results / args.scale / "factor_rates" / f"{args.data}-{args.seed}"
    with alone(into) as ours:
        if ours:
            known = {"condense": scale.condense(job), "slim": scale.slim(job), "held_out": HELD_OUT}
            journal = Journal(into, known | {"evaluate": repr(scale.judged(args.data))})
            for cell, found in cells(scale, job, journal):
                journal.note(cell, found)
                print(f"{job.name}: {cell}: {found}", flush=True)


def cells(scale: Scale, job: Job, journal: Journal) -> Iterator[tuple[str, dict[str, Any]]]:
    """Slim and judge what is missing."""
    study, sizes = Study(scale, job, trained=True), scale.sizes[job.data]
    path = journal.folder / "sets" / "whole.safetensors"
    if not path.exists():
        slimdc.save(study.condensed(job.method, "default"), path)
    whole = slimdc.load(path)
    if name_of("whole", sizes[0]) not in journal.cells:
        yield name_of("whole", sizes[0]), study.judged(whole)
    for k in sizes[1:]:
        if name_of(AT_ONCE, k) not in journal.cells:
            yield name_of(AT_ONCE, k), study.judged(whole.truncate(k))
    options = scale.slim(job) | {"seed": job.seed, "progress": False}
    for rate in RATES:
        if name_of(f"x {rate:g}", sizes[-1]) in journal.cells:
            continue
        data, preset = whole, replace(slimdc.settings.SLIM["default"], u_s_rate=rate)
        for k in sizes[1:]:
            data = slimdc.slim(data, k, preset=preset, **options)
            if name_of(f"x {rate:g}", k) not in journal.cells:
                yield name_of(f"x {rate:g}", k), study.judged(data)


def name_of(way: str, k: int) -> str:
    """Name a cell."""
    return f"{way}, {k}"


if __name__ == "__main__":
    main()
