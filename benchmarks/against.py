"""Time a training step in this checkout against one in another, in one interleaved run.

Each side is a process of its own, made by its own checkout's ``benchmarks/step.py``, that waits
while the other computes; who goes first alternates. The ratio is the median over the rounds of the
quotients within a round, so that a machine that slows down for a while slows both::

    git worktree add ../before v0.1.0
    python benchmarks/against.py ../before --widths 32 64 --backends numpy torch jax
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from step import HERE, Setting, Worker


def compare(other: Path, name: str, setting: Setting, rounds: int) -> str:
    """Time both sides in turn: a row of the table."""
    sides = [Worker(name, setting, checkout) for checkout in (HERE, other)]
    steps = max(1, round(0.5 / (setting.flops / 1e11)))
    for i in range(rounds + 1):
        for side in sides if i % 2 else sides[::-1]:
            side.run(steps)
    for side in sides:
        side.close()
    # The first round warms up: caches, and what is compiled.
    new, old = (side.seconds[1:] for side in sides)
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
