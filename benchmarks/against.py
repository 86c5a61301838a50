"""Time a training step in this checkout against one in another, in one interleaved run.

Each side is a process of its own, made by its own checkout's ``benchmarks/step.py``, that waits
while the other computes; who goes first alternates. The ratio is the median over the rounds of the
quotients within a round, so that a machine that slows down for a while slows both::

    git worktree add /tmp/before v0.1.0
    python benchmarks/against.py /tmp/before --widths 32 64 --backends numpy torch jax
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from step import Setting

HERE = Path(__file__).resolve().parents[1]


class Side:
    """A backend's step in one checkout, in a process of its own."""

    def __init__(self, checkout: Path, name: str, setting: Setting) -> None:
        script = checkout / "benchmarks" / "step.py"
        sources = os.pathsep.join([str(checkout), str(checkout / "backends")])
        self._process = subprocess.Popen(
            [sys.executable, str(script), "--worker", name, json.dumps(asdict(setting))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": sources},
        )
        self._answer()

    def seconds(self, steps: int) -> float:
        """Time some steps; give the seconds of one."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a side ended without an answer; its error is above")
        answer: dict[str, float] = json.loads(line)
        return answer


def compare(other: Path, name: str, setting: Setting, rounds: int) -> str:
    """Time both sides in turn: a row of the table."""
    sides = [Side(HERE, name, setting), Side(other, name, setting)]
    steps = max(1, round(0.5 / (setting.flops / 1e11)))
    times: list[list[float]] = [[], []]
    for i in range(rounds + 1):
        for j in (0, 1) if i % 2 else (1, 0):
            times[j].append(sides[j].seconds(steps))
    for side in sides:
        side.close()
    # The first round warms up: caches, and what is compiled.
    new, old = (part[1:] for part in times)
    ratios = sorted(a / b for a, b in zip(new, old, strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    median = statistics.median(ratios)
    return (
        f"| {setting} | {name} | {1e3 * statistics.median(old):.1f} "
        f"| {1e3 * statistics.median(new):.1f} | {median:.3f} | {low:.3f} – {high:.3f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="another checkout of slimdc")
    parser.add_argument("--backends", nargs="*", default=["numpy", "torch", "jax"])
    parser.add_argument("--image", default="32x32x3")
    parser.add_argument("--widths", nargs="*", type=int, default=[32, 64])
    parser.add_argument("--samples", default="100-100", metavar="N-M")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    height, _, channels = map(int, options.image.split("x"))
    before, after = map(int, options.samples.split("-"))
    print("| setting | backend | ms, other | ms, this | ratio | middle half of the ratios |")
    print("|---|---|---|---|---|---|")
    for width in options.widths:
        setting = Setting(height, channels, width, before, after)
        for name in options.backends:
            print(compare(options.other.resolve(), name, setting, options.rounds), flush=True)


if __name__ == "__main__":
    main()
