"""Time the truncation of a file beside a plain copy of the bytes that it keeps.

    python benchmarks/file_truncation.py [--classes 100] [--components 50] [--values 3072] [-k 5]
                                         [--rounds 31] [--folder DIR]

The file is one of 8 bits a number. Both write the same way: beside the target, flushed to the disk
and renamed. They take turns, which of them begins changes, and medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import slimdc
from slimdc.parameterization import Description
from slimdc.parameterization.quantization.codes import Codes, Numbers, packed
from slimdc.storage import content, truncate_file
from slimdc.storage.atomic import write_whole
from slimdc.storage.header import Header
from slimdc.storage.said import Said


def coded_file(classes: int, components: int, values: int, path: Path) -> int:
    """Write a set of random codes of about 8 bits a number, and say how large it is."""
    rng = np.random.default_rng(0)
    shape = (values // 3, 1, 3) if values % 3 == 0 else (values,)
    held, label = (components,) * classes, tuple(range(classes))
    layout = "flat" if len(shape) == 1 else "channels_last"
    space = slimdc.Preprocessing()
    description = Description(shape, layout, space, "float32", label, held, held)

    def drawn(*shape: int) -> np.ndarray:
        return np.rint(60 * rng.standard_normal(shape)).astype(np.int64)

    numbers = Numbers(
        drawn(classes, components, components),
        drawn(classes, components, values),
        drawn(classes, components, classes),
    )
    codes = Codes(0.01, 0.01, False, packed(numbers, description))
    said = Said(shape, layout, space, "float32", label, classes, held, codes=codes.truncated(0))
    sizes = tuple(map(len, codes.components))
    header = Header("U8", said, said.text(), held, None, None, sizes)
    write_whole(path, content.sealed(header, codes.components))
    return path.stat().st_size


def copy(source: Path, target: Path, size: int) -> None:
    """Copy the first bytes of a file."""
    with source.open("rb") as file:
        write_whole(target, file.read(size))


def timed(call: Callable[[], object]) -> float:
    """Measure a call, in milliseconds."""
    os.sync()
    begun = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    """Make the file, take turns, print medians, and fail where truncation takes too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--components", type=int, default=50)
    parser.add_argument("--values", type=int, default=3072)
    parser.add_argument("-k", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source, target = Path(folder) / "set", Path(folder) / "small"
        size = coded_file(args.classes, args.components, args.values, source)
        truncate_file(source, target, k=args.k)
        kept = target.stat().st_size
        print(f"{size:,} bytes, {args.k} of {args.components} components kept: {kept:,} bytes")

        def truncation() -> None:
            truncate_file(source, target, k=args.k)

        def plain() -> None:
            copy(source, target, kept)

        times: dict[Callable[[], None], list[float]] = {truncation: [], plain: []}
        for i in range(args.rounds):
            for call in (truncation, plain) if i % 2 else (plain, truncation):
                times[call].append(timed(call))
    medians = [statistics.median(times[call]) for call in (truncation, plain)]
    for name, call in (("truncation", truncation), ("copy", plain)):
        low, high = np.percentile(times[call], (25, 75))
        print(f"{name:<12}{statistics.median(times[call]):8.2f} ms ({low:.2f} to {high:.2f})")
    print(f"ratio       {medians[0] / medians[1]:8.2f}")
    sys.exit(medians[0] > 1.5 * medians[1])


if __name__ == "__main__":
    main()
