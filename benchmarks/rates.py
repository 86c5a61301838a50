"""Whether the rates that methods slim with are fair to them.

    python benchmarks/rates.py small

Each method condenses a part of the training images and slims what it made, at its default rate and
at others; the sets are judged on 5,000 training images that no set was made of, so that a default
can be chosen without the test images. Results, cuts and several processes as in ``paper.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from paper import SCALES, Job, alone, load, parser_of

import slimdc
from slimdc.chains.journal import Journal
from slimdc.methods import METHODS

FACTORS = (1.0, 3.0, 0.3, 0.1)
STEPS = ((2, 1), (10, 5))
TRIED = ("parameter-matching", "frepo", "rfad", "kip", "dm", "dc", "dsa", "idc")
HELD_OUT = 5_000


def main() -> None:
    """Do what is missing."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", nargs="+", default=TRIED, choices=TRIED, help="methods")
    parser.add_argument("--backend", default="torch")
    args = parser.parse_args()
    for before, after in STEPS:
        for method in args.only:
            into = args.results / args.scale / "rates" / f"{args.data}-{args.seed}" / method
            with alone(into) as ours:
                if ours:
                    scale, job = SCALES[args.scale], Job(args.data, method, args.seed)
                    known = {"condense": scale.condense(job), "slim": scale.slim(job)}
                    known |= {"seed": args.seed, "held_out": HELD_OUT, "backend": args.backend}
                    journal = Journal(into, known)
                    for cell, found in tried(args, method, before, after, journal):
                        journal.note(cell, found)
                        print(f"{method}: {cell}: {found}", flush=True)


def tried(
    args: argparse.Namespace, method: str, before: int, after: int, journal: Journal
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Slim a method's set, at each rate that is missing, and judge what came out."""
    scale, real = SCALES[args.scale], load(args.data)
    order = np.random.default_rng(args.seed).permutation(len(real.y_train))
    held, rest = order[:HELD_OUT], order[HELD_OUT:]
    names = {f"{before} to {after}, rate x {factor:g}": factor for factor in FACTORS}
    names = {name: factor for name, factor in names.items() if name not in journal.cells}
    if not names:
        return
    job, here = Job(args.data, method, args.seed), {"backend": args.backend, "seed": args.seed}

    def judged(data: slimdc.SlimmableDataset, **known: float) -> dict[str, Any]:
        x, y = real.x_train[held], real.y_train[held]
        found = slimdc.evaluate(data, x, y, progress=False, **scale.evaluate)
        return {"k": after, **known, "accuracies": list(found.accuracies)}

    options = scale.condense(job) | here | {"method": method, "progress": False}
    data = slimdc.condense(real.x_train[rest], real.y_train[rest], before, **options)
    rows = f"{before} to {after}, rows"
    if rows not in journal.cells:
        yield rows, judged(slimdc.slim(data, after, method="random", seed=args.seed))
    way = METHODS[method].slim
    assert way is not None
    default = way.presets["default"]
    for name, factor in names.items():
        preset = replace(default, rate=default.rate * factor)
        options = scale.slim(job) | here | {"method": method, "preset": preset, "progress": False}
        yield name, judged(slimdc.slim(data, after, **options), factor=factor, rate=preset.rate)


if __name__ == "__main__":
    main()
