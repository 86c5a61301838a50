"""All that slimdc promises of GPUs, measured on one: run it there and paste what it prints.

    python benchmarks/gpu.py                # minutes; 30,000 steps are told from 300
    python benchmarks/gpu.py --full         # takes all 30,000
    python benchmarks/gpu.py --sections speed --widths 128 --samples 500

It takes those of CuPy, PyTorch and JAX that are installed and find a GPU, each in processes of its
own, and says which are absent. What fails is told in its place, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import math
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from gpu_report import NoAnswerError, Report, Worker

LIBRARIES = ("torch", "cupy", "jax")
SECTIONS = ("conformance", "parity", "precision", "waits", "speed", "long")
PARITY = 1e-2  # of the parts of the loss in five float32 steps, each started from the last


def contestants(libraries: list[str], device: str) -> list[Worker]:
    """Make each backend in each of its precisions, PyTorch's eager one first."""
    made = []
    for name in libraries:
        if name == "numpy":
            made.append(Worker(name, device))
            continue
        # The backend of JAX multiplies in float32 always.
        fast = ["tf32"] if device == "cuda" and name != "jax" else []
        for precision in ("float32", *fast):
            made.append(Worker(name, device, {"precision": precision}))
            if name == "torch":
                options = {"precision": precision, "compiled": True}
                made.append(Worker(name, device, options))
    return made


def present(report: Report) -> list[str]:
    """Print the card and the versions; give the libraries that find a GPU."""
    report.title("Machine")
    found = []
    for name in LIBRARIES:
        if report.device == "cpu" and name == "cupy":
            name = "numpy"  # it stands in where the command itself is tried out
        if find_spec(name) is None:
            print(f"- {name}: not installed")
            continue
        worker = Worker(name, report.device)
        try:
            told = worker.ask("about")
            print(f"- {told['versions']}: {told['card']}")
            found.append(name)
        except NoAnswerError as error:
            print(f"- {name}: no GPU ({error})")
        worker.close()
    print(f"- Python {platform.python_version()}, {platform.machine()}", flush=True)
    if found and shutil.which("nvidia-smi"):
        query = [
            "nvidia-smi",
            "--query-gpu=name,memory.total,driver_version",
            "--format=csv,noheader",
        ]
        cards = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        print(*(f"- {card}, as the driver says" for card in cards.splitlines()), sep="\n")
    return found


def conformance(report: Report, libraries: list[str]) -> None:
    """Run the public checks of backends."""
    report.title("Conformance: `slimdc.testing` on the device")
    workers = [Worker(name, report.device) for name in libraries]
    told: list[dict[str, str]] = [worker.ask("conform") for worker in workers]
    report.head("check", *libraries)
    for check in told[0]:
        cells = [one[check] for one in told]
        line = report.row if all(cell == "passed" for cell in cells) else report.failure
        line(f"`{check}`", *cells)
    for worker in workers:
        worker.close()


def parity(report: Report, libraries: list[str]) -> None:
    """Hold the first five steps against NumPy's."""
    report.title("Parity: parts of the loss in the first 5 steps, largest error relative to NumPy")
    numpy = Worker("numpy", "cpu")
    expected = numpy.ask("history")
    numpy.close()
    report.head("backend", *(f"step {i + 1}" for i in range(len(expected))))
    for worker in (Worker(name, report.device) for name in libraries):
        try:
            found = worker.ask("history")
        except NoAnswerError as error:
            report.failure(worker, error)
            continue
        finally:
            worker.close()
        errors = [
            max(abs(one[term] - value) / max(abs(value), 1e-6) for term, value in other.items())
            for one, other in zip(found, expected, strict=True)
        ]
        line = report.row if max(errors) < PARITY else report.failure
        line(worker, *(f"{error:.0e}" for error in errors))


def precision(report: Report, libraries: list[str], widths: list[int]) -> None:
    """Measure what narrower products cost: errors of a gradient against float64."""
    report.title("Precision: relative error of the gradient of Eq. 7 against NumPy's in float64")
    workers = [w for w in contestants(libraries, report.device) if "compiled" not in w.options]
    if "torch" in libraries:
        workers.append(Worker("torch", report.device, {"precision": "bfloat16"}))
    numpy = Worker("numpy", "cpu")
    report.head("backend", *(f"width {width}" for width in widths))
    with tempfile.TemporaryDirectory() as folder:

        def gradient(worker: Worker, width: int, dtype: str) -> np.ndarray:
            path = f"{folder}/gradient.npy"
            worker.ask("gradient", dtype=dtype, width=width, path=path)
            found: np.ndarray = np.load(path)
            return found.astype(np.float64)

        exact = {width: gradient(numpy, width, "float64") for width in widths}
        for worker in (numpy, *workers):
            try:
                errors = [gradient(worker, w, "float32") - exact[w] for w in widths]
                sizes = [np.linalg.norm(exact[w]) for w in widths]
                cells = [f"{np.linalg.norm(e) / n:.1e}" for e, n in zip(errors, sizes, strict=True)]
                report.row(worker, *cells)
            except NoAnswerError as error:
                report.failure(worker, error)
            worker.close()


def waits(report: Report, libraries: list[str], setting: dict[str, int]) -> None:
    """Look for what waits for the GPU inside a step."""
    report.title("Waiting for the GPU inside a step")
    report.head("backend", "waits", "20 steps asked for, ms", "done, ms")
    for worker in (w for w in contestants(libraries, report.device) if w.precision == "float32"):
        try:
            worker.ask("prepare", **setting)
            told = worker.ask("waits")
            worker.ask("prepare", **setting)
            worker.ask("steps", count=3)
            times = worker.ask("steps", count=20)
            line = report.row if told == "none seen" else report.failure
            line(worker, told, *(f"{1e3 * t:.0f}" for t in times))
        except NoAnswerError as error:
            report.failure(worker, error)
        worker.close()


def speed(report: Report, libraries: list[str], settings: list[dict[str, int]], rounds: int) -> str:
    """Time steps, contestants taking turns; name the fastest in the last setting."""
    report.title("Speed: one training step")
    report.head("images, width, samples", "backend", "ms", "of torch eager", "first step, s")
    workers = contestants(libraries, report.device)
    times: dict[str, float] = {}
    for setting in settings:
        size = f"{setting['height']}x{setting['height']}x{setting['channels']}"
        where = f"{size}, {setting['width']}, {setting['before']} → {setting['after']}"
        first: dict[Worker, float] = {}
        for worker in workers:
            try:
                first[worker] = worker.ask("prepare", **setting)
                worker.ask("steps", count=3)
            except NoAnswerError as error:
                first.pop(worker, None)
                report.failure(where, worker, error, "", "")
        seconds: dict[Worker, list[float]] = {worker: [] for worker in first}
        for _ in range(rounds):
            for worker, held in seconds.items():
                held.append(worker.ask("steps", count=10)[1] / 10)
        times = {str(worker): statistics.median(held) for worker, held in seconds.items()}
        for worker, begun in first.items():
            mine, eager = times[str(worker)], times.get(f"torch {worker.precision}", math.nan)
            ratio = "" if math.isnan(eager) else f"{mine / eager:.2f}"
            report.row(where, worker, f"{1e3 * mine:.2f}", ratio, f"{begun:.1f}")
    for worker in workers:
        worker.close()
    return min(times, key=times.__getitem__, default="none")


def long(report: Report, libraries: list[str], fastest: str, full: bool, width: int) -> None:
    """Time the paper's 30,000 steps on the fastest backend, all of them or told from a few."""
    report.title(f"30,000 steps: 32x32x3, 500 samples, 50 → 20 components, width {width}")
    workers = contestants(libraries, report.device)
    worker = next((w for w in workers if str(w) == fastest), workers[-1])
    try:
        # What happens once (compiling, the first copies) drops out of the difference.
        few = worker.ask("run", steps=20, width=width)
        steps = 30_000 if full else 320
        seconds = worker.ask("run", steps=steps, width=width)
        whole = seconds if full else few + (30_000 - 20) * (seconds - few) / (steps - 20)
        told = "all taken" if full else f"told from {steps - 20} steps"
        print(f"{worker}: {whole / 60:.1f} minutes, {told}.", flush=True)
    except NoAnswerError as error:
        report.failed = True
        print(f"{worker}: {error}")
    for worker in workers:
        worker.close()


def settings_of(args: argparse.Namespace) -> Iterator[dict[str, int]]:
    """Give the settings of the speed table."""
    for count in args.samples:
        for width in args.widths:
            sizes = {"height": 32, "channels": 3, "before": count, "after": count}
            yield sizes | {"width": width}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--widths", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--samples", nargs="+", type=int, default=[100, 500])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="take all 30,000 steps")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help=argparse.SUPPRESS)
    args = parser.parse_args()
    report = Report(args.device)
    libraries = present(report)
    if not libraries:
        sys.exit("no GPU here: nothing to measure")
    settings = list(settings_of(args))
    fastest = ""
    if "conformance" in args.sections:
        conformance(report, libraries)
    if "parity" in args.sections:
        parity(report, libraries)
    if "precision" in args.sections:
        precision(report, libraries, args.widths)
    if "waits" in args.sections:
        waits(report, libraries, settings[-1])
    if "speed" in args.sections:
        fastest = speed(report, libraries, settings, args.rounds)
    if "long" in args.sections:
        long(report, libraries, fastest, args.full, args.widths[-1])
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
