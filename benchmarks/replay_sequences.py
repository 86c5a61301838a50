"""Random lives of replay buffers, each killed at a random moment and resumed from its file.

    python benchmarks/replay_sequences.py 1000

A life adds tasks, as sets or as real data, with and without training, to a buffer of bytes or of
components, and saves the buffer after each. It is lived once in this process, and once in a forked
one that is killed (SIGKILL) at a random moment and followed by another that goes on from the file.
Checked: the file is whole whenever it is there, never above its budget, holds no other classes than
came, and ends with the same bits.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slimdc import ReplayBuffer, SlimmableDataset

CLASSES = 6


def life(seed: int) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Draw the options of a buffer, and the tasks that come."""
    rng = np.random.default_rng(seed)
    budget = [{"nbytes": 1_500}, {"nbytes": 5_000}, {"components": 9}][rng.integers(3)]
    slim = [{"steps": 0, "width": 4}, {"steps": 2, "width": 4}][rng.integers(2)]
    condense = {"ipc": 2, "steps": 1, "width": 4}
    real = rng.random() < 0.4  # sets of both kinds would be in different spaces
    tasks: list[tuple[Any, ...]] = []
    for _ in range(rng.integers(2, 6)):
        labels = rng.choice(CLASSES, rng.integers(1, 4), replace=False)
        y = np.repeat(labels, 4)
        x = (rng.standard_normal((y.size, 8, 8)) + y[:, None, None]).astype(np.float32)
        tasks.append((x, y) if real else (SlimmableDataset.from_arrays(x, y, classes=CLASSES),))
    return {"classes": CLASSES, "slim": slim, "condense": condense, "seed": seed} | budget, tasks


def lived(options: dict[str, Any], tasks: list[tuple[Any, ...]], path: Path) -> Iterator[bytes]:
    """Live on from a file, or from the beginning; give the message after each task."""
    buffer = ReplayBuffer.load(path) if path.exists() else ReplayBuffer(**options)
    for task in tasks[buffer.added :]:
        buffer.add(*task)
        buffer.save(path)
        yield buffer.message


def in_a_fork(options: dict[str, Any], tasks: list[tuple[Any, ...]], path: Path) -> int:
    """Live on in a process of its own."""
    child = os.fork()
    if not child:
        status = 1
        try:
            for _ in lived(options, tasks, path):
                pass
            status = 0
        finally:
            os._exit(status)
    return child


def check(path: Path, options: dict[str, Any], tasks: list[tuple[Any, ...]]) -> None:
    """Check a file that a killed process may have left."""
    if not path.exists():
        return
    buffer = ReplayBuffer.load(path)
    assert buffer.nbytes <= options.get("nbytes", np.inf)
    if "components" in options:
        assert sum(buffer.data.components) <= options["components"]
    came: set[int] = set()
    for task in tasks[: buffer.added]:
        came |= set(task[0].labels if len(task) == 1 else task[1].tolist())
    assert set(buffer.labels) == came


def main() -> None:
    """Live so many lives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lives", type=int, nargs="?", default=1_000)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.first, args.first + args.lives):
            options, tasks = life(seed)
            begun = time.perf_counter()
            whole = list(lived(options, tasks, Path(folder) / f"{seed}-whole"))
            took = time.perf_counter() - begun
            path = Path(folder) / f"{seed}-killed"
            child = in_a_fork(options, tasks, path)
            time.sleep(took * np.random.default_rng(seed).random())
            os.kill(child, signal.SIGKILL)
            killed = os.waitpid(child, 0)[1] != 0
            check(path, options, tasks)
            held = ReplayBuffer.load(path).added if path.exists() else 0
            found["killed" if killed else "ended before"] += 1
            found[f"after {held} tasks"] += killed
            status = os.waitpid(in_a_fork(options, tasks, path), 0)[1]
            assert status == 0, f"life {seed}: the second process failed"
            check(path, options, tasks)
            assert ReplayBuffer.load(path).message == whole[-1], f"life {seed} ended otherwise"
            for each in Path(folder).iterdir():
                each.unlink()
    print(f"{args.lives} lives: all within their budgets, resumed to the bit. {dict(found)}")


if __name__ == "__main__":
    main()
