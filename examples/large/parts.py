"""Classes of images that are made where a job runs, and a report of a run over all of them."""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import slimdc


def options() -> argparse.Namespace:
    """Read the command line that all examples share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--bits", type=float, help="for each number (default: floats)")
    parser.add_argument("--workers", type=int, default=4)
    return parser.parse_args()


def smooth_images(label: int, rows: int, size: int, notes: Path) -> tuple[np.ndarray, np.ndarray]:
    """Make the images of a class: in the place of a file that would be read here."""
    note(notes)
    rng = np.random.default_rng(label)
    waves = np.cos(np.pi * np.outer(np.arange(size) + 0.5, np.arange(size // 2)) / size)
    coarse = rng.standard_normal((rows, size // 2, size // 2, 3)) / (
        1 + np.arange(size // 2)[:, None]
    )
    images = np.einsum("iu,jv,nuvc->nijc", waves, waves, coarse, optimize=True)
    return images.astype(np.float32), np.full(rows, label)


def note(notes: Path) -> None:
    """Keep the peak memory of this process in MiB, at its first job and so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    mine = notes / str(os.getpid())
    first = mine.read_text().split()[0] if mine.exists() else f"{peak:.1f}"
    mine.write_text(f"{first} {peak:.1f}")


def parts(given: argparse.Namespace, notes: Path) -> Iterator[tuple[str, Any]]:
    """Name the classes; nothing is made here."""
    for label in range(given.classes):
        yield (
            f"class-{label:04d}",
            partial(smooth_images, label, given.rows, given.size, notes),
        )


def timed(title: str, given: argparse.Namespace, executor: Any) -> str:
    """Slim all classes into a folder; print time and memory; give the digest of all files."""
    with tempfile.TemporaryDirectory() as root:
        notes = Path(root) / "notes"
        notes.mkdir()
        begin = time.perf_counter()
        found = slimdc.slim_shards(
            parts(given, notes),
            Path(root) / "set",
            given.k,
            classes=given.classes,
            bits=given.bits,
            executor=executor,
        )
        took = time.perf_counter() - begin
        digest, size = hashlib.sha256(), 0
        for path in found:
            payload = path.read_bytes()
            digest.update(payload)
            size += len(payload)
        memory = [tuple(map(float, mine.read_text().split())) for mine in notes.iterdir()]
    rise = max(peak - first for first, peak in memory)
    print(
        f"{title}: {len(found)} classes in {took:.1f} s, {1000 * took / len(found):.1f} ms each; "
        f"{size / 1e6:.1f} MB in files; {len(memory)} processes, peak "
        f"{max(peak for _, peak in memory):.0f} MiB, {rise:.1f} MiB above their first job"
    )
    return digest.hexdigest()


def compare(title: str, given: argparse.Namespace, executor: Any) -> None:
    """Slim by an executor and here; fail where the bits differ."""
    elsewhere = timed(title, given, executor)
    if elsewhere != timed("one process", given, None):
        sys.exit("the files differ")
    print(f"the same files, to the bit: {elsewhere[:16]}")
