"""Make the data in the package: a condensed Fashion-MNIST and 1,000 real test images.

    python benchmarks/fashion_mnist.py --runs RUNS --seeds 0
    python benchmarks/make_sample.py RUNS/full-0.safetensors

The set is copied as it is: 10 components per class, condensed by `slimdc.condense` with seed 0 and
1,500 steps at width 32. The images are the first 100 test images of each class, in the test set's
order.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import slimdc
from slimdc.datasets import fashion_mnist

DATA = Path(slimdc.__file__).parent / "data"


def main() -> None:
    """Write both files into the package's source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, help="the condensed set")
    parser.add_argument("--root", help="folder of Fashion-MNIST")
    args = parser.parse_args()
    slimdc.save(slimdc.load(args.set), DATA / "fashion_mnist_10.safetensors")
    real = fashion_mnist(args.root)
    first = np.sort(np.concatenate([np.flatnonzero(real.y_test == c)[:100] for c in range(10)]))
    images = {"images": real.x_test[first], "labels": real.y_test[first]}
    (DATA / "fashion_mnist_test_1000.safetensors").write_bytes(save(images))


if __name__ == "__main__":
    main()
