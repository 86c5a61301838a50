"""The table of the README: condense Fashion-MNIST, slim it, and test every set alike.

    python benchmarks/fashion_mnist.py --runs benchmarks/runs/fashion_mnist

Every set and every figure is kept under ``--runs`` as soon as it exists, and training saves
checkpoints there: the command may be stopped at any time and goes on where it was. It ends by
printing the table in Markdown, with versions and machine. Each cell of the table trains the same
networks for the same number of steps; the test images choose nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import slimdc
from slimdc import backend, networks
from slimdc.backend import Compute
from slimdc.datasets import RealDataset, fashion_mnist
from slimdc.losses import first_order, infinity_order
from slimdc.parameterization.factors import samples_on
from slimdc.settings import EvaluationSettings

SIZES = (5, 2, 1)
UNSEEN_NETWORKS = 10
# FRePo's rate and warm-up, without its augmentation.
JUDGES = EvaluationSettings(rate=3e-4, warm_up=500)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of sets and figures")
    parser.add_argument("--root", help="folder of Fashion-MNIST")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--condense-steps", type=int, default=1500)
    parser.add_argument("--slim-steps", type=int, default=500)
    parser.add_argument("--steps", type=int, default=500, help="training steps of each network")
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--width", type=int, default=32)
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    keep_arguments(args)
    real = fashion_mnist(args.root)
    for seed in args.seeds:
        one_seed(seed, real, args)
    print(table(args))


def one_seed(seed: int, real: RealDataset, args: argparse.Namespace) -> None:
    """Make the sets of one synthesis seed and test them."""
    figures = Figures(args.runs / f"figures-{seed}.json")

    def made(name: str, make: Callable[[Path], slimdc.SlimmableDataset]) -> slimdc.SlimmableDataset:
        path = args.runs / f"{name}-{seed}.safetensors"
        if not path.exists():
            begun = time.perf_counter()
            slimdc.save(make(args.runs / f"{name}-{seed}.checkpoint"), path)
            print(f"seed {seed}: made {name} in {time.perf_counter() - begun:.0f} s", flush=True)
        return slimdc.load(path)

    def test(name: str, data: slimdc.SlimmableDataset | tuple[np.ndarray, np.ndarray]) -> None:
        def accuracy() -> list[float]:
            found = slimdc.evaluate(
                data if isinstance(data, slimdc.SlimmableDataset) else whole_like(data),
                real.x_test,
                real.y_test,
                repeats=args.networks,
                steps=args.steps,
                protocol=JUDGES,
                width=args.width,
                seed=seed,
            )
            return list(found.accuracies)

        figures.fill(name, accuracy)

    full = made(
        "full",
        lambda path: slimdc.condense(
            real.x_train,
            real.y_train,
            10,
            steps=args.condense_steps,
            width=args.width,
            seed=seed,
            checkpoint=path,
        ),
    )
    x, y = full.arrays()

    def whole_like(pair: tuple[np.ndarray, np.ndarray]) -> slimdc.SlimmableDataset:
        return slimdc.SlimmableDataset.from_arrays(*pair, preprocessing=full.preprocessing)

    rng = np.random.default_rng(seed)
    for k in reversed(SIZES):
        rows = np.concatenate([10 * c + rng.permutation(10)[:k] for c in range(10)])
        test(f"random {k}", (x[rows], y[rows]))
        free = slimdc.slim(full, k, steps=0)
        test(f"free {k}", free)
        based = made(
            f"slim{k}",
            lambda path, k=k: slimdc.slim(
                full, k, steps=args.slim_steps, width=args.width, seed=seed, checkpoint=path
            ),
        )
        test(f"based {k}", based)
        figures.fill(
            f"distances {k}",
            lambda free=free, based=based: distances(full, free, based, args.width),
        )
    drawn = np.concatenate(
        [rng.choice(np.flatnonzero(real.y_train == c), 10, replace=False) for c in range(10)]
    )
    for k in (10, *SIZES):
        some = drawn.reshape(10, 10)[:, :k].reshape(-1)
        images = full.preprocessing.apply(real.x_train[some][..., None], "channels_last")
        test(f"real {k}", (images, real.y_train[some]))
    test("full 10", full)


def keep_arguments(args: argparse.Namespace) -> None:
    """Refuse a folder whose figures were made with other arguments."""
    names = ("condense_steps", "slim_steps", "steps", "networks", "width")
    mine = {name: getattr(args, name) for name in names}
    path = args.runs / "arguments.json"
    if path.exists() and json.loads(path.read_text()) != mine:
        raise SystemExit(f"{path}: found {path.read_text()}, expected {json.dumps(mine)}")
    path.write_text(json.dumps(mine))


class Figures:
    """Figures by name in a JSON file, each written as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def fill(self, name: str, compute: Callable[[], list[float]]) -> None:
        """Compute a figure unless it is known."""
        if name in self.known:
            return
        self.known[name] = compute()
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.known, indent=1))
        fresh.replace(self.path)
        print(self.path.stem, name, np.round(self.known[name], 4).tolist(), flush=True)


def distances(
    full: slimdc.SlimmableDataset,
    free: slimdc.SlimmableDataset,
    based: slimdc.SlimmableDataset,
    width: int,
) -> list[float]:
    """Relative Eqs. 6 and 7 on unseen networks: of the learning-free, then of the trained set."""
    ops = backend.get("numpy")
    network = networks.ConvNet((28, 28, 1), 10, width=width)
    rng = np.random.default_rng(10**6)
    found = []
    compute = Compute(ops, "float32")
    sets = [samples_on(compute, s) for s in (full, free, based)]
    with ops.session():
        for _ in range(UNSEEN_NETWORKS):
            parameters = networks.fresh(network, ops, rng, "float32")
            (x, y), *after = [(network.embed(ops, parameters, x), y) for x, y in sets]
            head = parameters[networks.HEAD]
            found.append(
                [
                    f
                    for e in after
                    for f in (
                        float(first_order(*e, x, y, head, "relative")),
                        float(infinity_order(*e, x, y, 1e-3, "relative")),
                    )
                ]
            )
    return np.mean(found, axis=0).tolist()


def table(args: argparse.Namespace) -> str:
    """Make the Markdown table of the means and spreads over the synthesis seeds."""
    known = [json.loads((args.runs / f"figures-{s}.json").read_text()) for s in args.seeds]

    def cell(name: str) -> str:
        means = [np.mean(figures[name]) for figures in known]
        spread = np.std(means, ddof=1) if len(means) > 1 else 0.0
        return f"{np.mean(means):.2f} ± {spread:.2f}"

    lines = [
        "| k of each class | real images | random rows of the set | components, learning-free "
        "| learning-based |",
        "|---|---|---|---|---|",
        f"| 10 (the whole set) | {cell('real 10')} | | {cell('full 10')} | |",
    ]
    lines += [
        f"| {k} | {cell(f'real {k}')} | {cell(f'random {k}')} | {cell(f'free {k}')} "
        f"| {cell(f'based {k}')} |"
        for k in SIZES
    ]
    lines += [
        "",
        "| components | Eq. 6 before | after | Eq. 7 before | after |",
        "|---|---|---|---|---|",
    ]
    for k in SIZES:
        e6, e7, a6, a7 = np.mean([figures[f"distances {k}"] for figures in known], axis=0)
        lines.append(f"| {k} | {e6:.3f} | {a6:.3f} | {e7:.3f} | {a7:.3f} |")
    cores = len(os.sched_getaffinity(0))
    lines += [
        "",
        f"Fashion-MNIST test accuracy in percent, mean ± deviation over synthesis seeds "
        f"{', '.join(map(str, args.seeds))}; each the mean of {args.networks} ConvNets of width "
        f"{args.width} trained {args.steps} steps. Condensed in {args.condense_steps} steps, "
        f"slimmed in {args.slim_steps}. slimdc {slimdc.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}, {cores} cores.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
