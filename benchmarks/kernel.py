"""What KIP's sets teach the infinitely wide perceptron itself, whose kernel they were made for.

    python benchmarks/kernel.py small

Takes the sets that ``paper.py`` condensed and slimmed by KIP, and predicts all test images by
regression on each in KIP's kernel, with KIP's ridge. Results and several processes as in
``paper.py``.
"""

from __future__ import annotations

import numpy as np
from paper import SCALES, alone, load, parser_of

import slimdc
from slimdc.chains.journal import Journal
from slimdc.losses import kernel_regression
from slimdc.methods import KIP
from slimdc.methods.tangent_kernel import tangent_kernel

WAYS = ("RT", "kip", "random")


def main() -> None:
    """Do what is missing."""
    args = parser_of(__doc__).parse_args()
    folder, name = args.results / args.scale, f"{args.data}-{args.seed}"
    sets = folder / args.data / f"kip-{args.seed}" / "sets"
    with alone(folder / "kernel" / name) as ours:
        if not ours:
            return
        journal, real = Journal(folder / "kernel" / name, {"seed": args.seed}), load(args.data)
        for k in SCALES[args.scale].sizes[args.data]:
            for way in WAYS:
                path = sets / f"{way}-{k}.safetensors"
                if f"{way} {k}" in journal.cells or not path.exists():
                    continue
                found = accuracy(slimdc.load(path), real.x_test, real.y_test)
                journal.note(f"{way} {k}", {"k": k, "way": way, "accuracy": found})
                print(f"{way}: k = {k}: {found:.2f} %", flush=True)


def accuracy(data: slimdc.SlimmableDataset, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """Predict test images by regression in the kernel; return the percentage that is right."""
    known, (x, y) = KIP["default"], data.arrays()
    given = (known.depth, known.weight_variance, known.bias_variance)
    x, y = np.asarray(x, np.float64).reshape(len(x), -1), np.asarray(y, np.float64)
    real = np.asarray(data.preprocessing.apply(x_test, data.layout), np.float64)
    cross = tangent_kernel(real.reshape(len(real), -1), x, *given)
    scores = kernel_regression(cross, tangent_kernel(x, x, *given), y, known.ridge)
    return 100.0 * float((scores.argmax(axis=1) == y_test).mean())


if __name__ == "__main__":
    main()
