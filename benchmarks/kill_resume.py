"""Kill a checkpointed run again and again, resume it, and compare with an uninterrupted one.

    python benchmarks/kill_resume.py [--kills 30] [--seed 0]

A slimming run on NumPy is killed with SIGKILL: every other time at a random moment, every other
time while a checkpoint is being written. It is then left to finish. Every bit of its result and
of its history must be that of a run that nothing disturbed, and no temporary file may be left.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import slimdc
from slimdc.datasets import sample

STEPS = 1000
TEMPORARY = ".slimdc-*.tmp"
FACTORS = ("u", "s", "vx", "vy")


def main() -> None:
    """Run the comparison, or one life of the run that is killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--life", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.life is not None:
        slim_in(args.life)
        return
    with tempfile.TemporaryDirectory() as folder:
        quiet, disturbed = Path(folder, "quiet"), Path(folder, "disturbed")
        for place in (quiet, disturbed):
            place.mkdir()
        live(quiet).wait()
        rng = random.Random(args.seed)
        writing = sum(kill(disturbed, rng, i % 2 == 1) for i in range(args.kills))
        live(disturbed).wait()
        same = results(quiet) == results(disturbed)
        left = sorted(entry.name for entry in disturbed.iterdir())
    clean = left == ["checkpoint", "history.json", "result.safetensors"]
    print(f"{args.kills} kills, {writing} of them while a checkpoint was being written")
    print("bit-identical" if same else "DIFFERENT")
    print("no temporary file left" if clean else f"LEFT: {left}")
    sys.exit(0 if same and clean else 1)


def slim_in(folder: Path) -> None:
    """One life: slim, or go on slimming, and leave the result in the folder."""
    history: list[dict[str, float]] = []
    small = slimdc.slim(
        sample().data,
        2,
        backend="numpy",
        steps=STEPS,
        width=4,
        checkpoint=folder / "checkpoint",
        checkpoint_interval=10,
        history=history,
    )
    slimdc.save(small, folder / "result.safetensors")
    (folder / "history.json").write_text(json.dumps(history))


def live(folder: Path) -> subprocess.Popen[bytes]:
    """Start a life in another process."""
    return subprocess.Popen([sys.executable, __file__, "--life", str(folder)])


def kill(folder: Path, rng: random.Random, while_writing: bool) -> bool:
    """Start a life and kill it; tell whether it was writing a checkpoint at that moment."""
    before = (folder / "checkpoint").stat().st_mtime_ns if (folder / "checkpoint").exists() else 0
    process = live(folder)
    # Wait for the first save of this life, so that the run moves on however often it is killed. It
    # also removes what the life before may have left.
    while not (folder / "checkpoint").exists() or (
        (folder / "checkpoint").stat().st_mtime_ns == before
    ):
        if process.poll() is not None:
            sys.exit("the run ended before it had been killed often enough")
        time.sleep(0.002)
    if while_writing:
        while not list(folder.glob(TEMPORARY)) and process.poll() is None:
            pass
    else:
        time.sleep(rng.uniform(0.0, 0.5))
    process.send_signal(signal.SIGKILL)
    if process.wait() == 0:
        sys.exit("the run ended before it had been killed often enough")
    return bool(list(folder.glob(TEMPORARY)))


def results(folder: Path) -> tuple[list[bytes], str]:
    """Every bit of a result."""
    data = slimdc.load(folder / "result.safetensors")
    return [getattr(data, f).tobytes() for f in FACTORS], (folder / "history.json").read_text()


if __name__ == "__main__":
    main()
