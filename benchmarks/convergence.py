"""How slimming converges: the paper's Figs. 3 (right) and 4 (right).

    python benchmarks/convergence.py small --picture convergence.png

The set that ``paper.py`` condensed at the largest size is slimmed to one component in three ways:
as it is done, without first-order matching (λ₁ = 0), and from random components in the place of the
most significant. Every so many steps a network is trained on the set as it is then, and two things
are noted: its accuracy, and how far it embeds the whole set from where a network embeds it that was
trained on the whole set from the same start, ‖φ'(S) − φ(S)‖²/‖φ(S)‖². One JSON line for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from paper import SCALES, Job, alone, load, parser_of

import slimdc
from slimdc import SlimmableDataset, pictures
from slimdc.backend import Compute
from slimdc.chains.journal import Journal
from slimdc.losses import Weights
from slimdc.methods.method import Task
from slimdc.methods.parameter_matching import slimming_plan
from slimdc.parameterization import Factors
from slimdc.parameterization.factors import samples_on
from slimdc.settings import SLIM
from slimdc.training.algorithm import Algorithm

EVERY, TEST_IMAGES = 20, 2_000
WAYS = ("as it is done", "without first-order matching", "from random components")


def main() -> None:
    """Do what is missing, then draw."""
    parser = parser_of(__doc__)
    parser.add_argument("--picture", type=Path, help="draws accuracy and, beside it, distance")
    args = parser.parse_args()
    scale, folder = SCALES[args.scale], args.results / args.scale
    into = folder / "convergence" / f"{args.data}-{args.seed}"
    first = scale.sizes[args.data][0]
    sets = folder / args.data / f"parameter-matching-{args.seed}" / "sets"
    with alone(into) as ours:
        if ours:
            slim = scale.slim(Job(args.data, "parameter-matching", args.seed))
            journal = Journal(into, {"every": EVERY, "test": TEST_IMAGES, "slim": slim})
            for way in WAYS:
                one(way, slimdc.load(sets / f"RT-{first}.safetensors"), journal, scale, args)
            if args.picture:
                draw(journal, args.picture)


def one(way: str, whole: SlimmableDataset, journal: Journal, scale: Any, args: Any) -> None:
    """Slim in one way, and note what networks make of the set on the way."""
    steps = scale.slim(Job(args.data, "parameter-matching", args.seed))["steps"]
    if f"{way} {steps}" in journal.cells:
        return
    real, options = load(args.data), dict(scale.evaluate) | {"repeats": 1, "seed": args.seed}
    test = real.x_test[:TEST_IMAGES], real.y_test[:TEST_IMAGES]
    whole_embedded = embedded(whole, whole, scale)
    for count, data in course(way, whole, scale, args):
        name = f"{way} {count}"
        if name in journal.cells:
            continue
        found = slimdc.evaluate(data, *test, progress=False, **options)
        apart = np.sum((embedded(data, whole, scale) - whole_embedded) ** 2)
        distance = float(apart / np.sum(whole_embedded**2))
        journal.note(name, {"step": count, "accuracy": found.mean, "distance": distance})
        print(f"{name}: {found}, distance {distance:.3f}", flush=True)


def course(
    way: str, whole: SlimmableDataset, scale: Any, args: Any
) -> Iterator[tuple[int, SlimmableDataset]]:
    """Give the set every so many steps of slimming to one component."""
    weights = Weights(first=0.0) if way == WAYS[1] else Weights()
    options = scale.slim(Job(args.data, "parameter-matching", args.seed))
    settings = replace(SLIM["default"], steps=options["steps"], weights=weights)
    settings = settings.of_width(options["width"])
    rng = np.random.default_rng(args.seed)
    start = random_component(whole, args.seed) if way == WAYS[2] else whole.truncate(1)
    compute = Compute.chosen(whole.u, options["backend"], None, None)
    plan = slimming_plan(start, Task.slimming(whole, 1, "auto", settings, rng, lambda: compute))
    with compute.session():
        algorithm = Algorithm(plan, [plan.networks(rng)])
        yield 0, plan.parameterization.finish(algorithm.tensors)
        for _ in algorithm.steps():
            if algorithm.count % EVERY == 0:
                yield algorithm.count, plan.parameterization.finish(algorithm.tensors)


def random_component(whole: SlimmableDataset, seed: int) -> SlimmableDataset:
    """Keep a random component of each class, in the place of the most significant."""
    rng, host = np.random.default_rng(seed), whole.host_factors()
    kept = [[int(rng.integers(b))] for b in whole.components]
    factors = Factors(
        np.stack([u[:, k] for u, k in zip(host.u, kept, strict=True)]),
        np.stack([s[k] for s, k in zip(host.s, kept, strict=True)]),
        np.stack([v[k] for v, k in zip(host.vx, kept, strict=True)]),
        np.stack([v[k] for v, k in zip(host.vy, kept, strict=True)]),
    )
    return SlimmableDataset(factors, whole.description.truncated((1,) * whole.classes))


def embedded(data: SlimmableDataset, whole: SlimmableDataset, scale: Any) -> np.ndarray:
    """Train the network of one fixed start on a set, and embed the whole set by it."""
    options = {name: x for name, x in scale.evaluate.items() if name != "repeats"}
    trained = slimdc.train_network(data, seed=10**6, **options)
    with trained.compute.session():
        x, _ = samples_on(trained.compute, whole)
        found = trained.network.embed(trained.compute.backend, trained.tensors, x)
        return np.asarray(trained.compute.backend.to_numpy(found), np.float64)


def draw(journal: Journal, picture: Path) -> None:
    """Draw both curves."""
    for what, unit in (("accuracy", "accuracy, %"), ("distance", "embedding distance")):
        curves = {
            way: [
                (cell["step"], cell[what])
                for name, cell in journal.cells.items()
                if name.startswith(f"{way} ")
            ]
            for way in WAYS
        }
        figure = pictures.convergence(curves, unit)
        pictures.save_picture(figure, picture.with_stem(f"{picture.stem}-{what}"))


if __name__ == "__main__":
    main()
