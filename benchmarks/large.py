"""What a set of 1,000 classes costs: pieces of a plan for ImageNet-1K, one JSON line each.

Run it on one core: ``taskset -c 0 python benchmarks/large.py``. Images are smooth random ones. Time
is that of the processor, so that other programs do not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import slimdc
from slimdc.losses import orthogonality
from slimdc.settings import PoolSettings, SlimSettings

ROWS, CLASSES = 50, 1000


def images(label: int, size: int, count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Images of a class, of falling spectrum."""
    rng, half = np.random.default_rng(label), size // 2
    waves = np.cos(np.pi * np.outer(np.arange(size) + 0.5, np.arange(half)) / size)
    coarse = rng.standard_normal((count, half, half, 3)) / (1 + np.arange(half)[:, None])
    found = np.einsum("iu,jv,nuvc->nijc", waves, waves, coarse, optimize=True)
    return found.astype(np.float32), np.full(count, label)


def measured(piece: str, work: Callable[[], dict[str, Any]], **said: Any) -> None:
    """Print what a piece took."""
    begin = time.process_time()
    found = work()
    took = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"piece": piece, **said, **found, "cpu_s": round(took, 2), "peak_mib": round(peak)}
    print(json.dumps(line), flush=True)


def free(size: int, classes: int, bits: float | None, k: int) -> dict[str, Any]:
    """Slim class by class into a folder; join the shards to one set and one file."""

    def parts() -> Iterator[tuple[str, Any]]:
        yield from ((f"{label:04d}", partial(images, label, size)) for label in range(classes))

    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        found = slimdc.slim_shards(parts(), folder, k, bits=bits, classes=CLASSES)
        each = (time.process_time() - begin) / classes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        whole = slimdc.SlimmableDataset.union(*map(slimdc.load, found))
        slimdc.save(whole, Path(folder) / "whole.safetensors")
        return {
            "class_cpu_ms": round(1000 * each, 1),
            "peak_before_union_mib": round(peak),
            "bytes_of_a_class": sum(path.stat().st_size for path in found) // classes,
            "bytes_of_the_union": (Path(folder) / "whole.safetensors").stat().st_size,
        }


def trained(size: int, classes: int, steps: int, k: int) -> dict[str, Any]:
    """Train a group of classes for some steps of Algorithm 1."""
    pairs = [images(label, size) for label in range(classes)]
    x, y = (np.concatenate(both) for both in zip(*pairs, strict=True))
    data = slimdc.SlimmableDataset.from_arrays(x, y, classes=CLASSES)
    settings = SlimSettings(steps=steps, pool=PoolSettings(size=2, width=32))
    begin = time.process_time()
    slimdc.slim(data, k, preset=settings, progress=False)
    return {"step_cpu_s": round((time.process_time() - begin) / steps, 3)}


def ortho(rows: int, size: int, group: int) -> dict[str, Any]:
    """Compute Eq. 12 on so many rows, all together or in groups."""
    rng = np.random.default_rng(0)
    vx = rng.standard_normal((rows, size), np.float32)
    vy = rng.standard_normal((rows, CLASSES), np.float32)
    begin = time.process_time()
    orthogonality(vx, vy, rows=group)
    return {"once_cpu_s": round(time.process_time() - begin, 2)}


def main() -> None:
    """Measure all pieces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=CLASSES)
    classes = parser.parse_args().classes
    few = max(1, classes // 50)
    measured("learning-free", partial(free, 16, few, None, 10), size=16, classes=few, k=10)
    measured("learning-free", partial(free, 64, few, None, 10), size=64, classes=few, k=10)
    measured("4 bits", partial(free, 16, few, 4, 10), size=16, classes=few, k=10)
    measured("4 bits", partial(free, 64, few, 4, 10), size=64, classes=few, k=10)
    measured("learning-free", partial(free, 16, classes, None, 10), size=16, classes=classes, k=10)
    for size, group, steps in ((16, 20, 10), (64, 5, 2)):
        work = partial(trained, size, group, steps, 10)
        measured("Algorithm 1, width 32", work, size=size, classes=group, k=10)
    for rows, group in ((10_000, 10_000), (10_000, 200), (50_000, 1000)):
        measured("Eq. 12", partial(ortho, rows, 768, group), rows=rows, d=768, group=group)


if __name__ == "__main__":
    main()
