"""Time one training step of slimming on every backend, beside torch eager and a floor.

Each contestant is a process of its own that waits while another computes; rounds are interleaved,
so that a busy machine slows all of them alike. Run it on a quiet one::

    python benchmarks/step.py
    python benchmarks/step.py --widths 32 64 --images 28x28x1 --samples 100-100 --rounds 9
    python benchmarks/step.py --peer NAME='command {height} {channels} {width} {before} {after}'

A peer's command does the same work for one setting and prints its seconds per step as the last
line; it is run once in every round.

``by hand`` is Algorithm 1 as one would write it in PyTorch, eager, channels_last, each embedding
computed where it is used. The floor is the time of the convolutions that the algorithm needs, with
S' embedded once for its loss and for the network's own step, at the rate of a large float32 matrix
product measured in the same rounds. Memory is what a process grows by, at its peak, after imports
and steps on two samples per class.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parents[1]
CLASSES = 10
DEPTH = 3
BY_HAND = "by hand"
PRODUCT = "product"
SIZE = 2048  # of the matrices of the product
# What may follow the name of a backend, and the options of `backend.get` that it stands for.
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "compiled": {"compiled": True},
    "bfloat16": {"precision": "bfloat16"},
}


@dataclass(frozen=True)
class Setting:
    """What a step is timed for."""

    height: int
    channels: int
    width: int
    before: int
    after: int

    def __str__(self) -> str:
        image = f"{self.height}x{self.height}x{self.channels}"
        return f"{image}, width {self.width}, {self.before} → {self.after}"

    @property
    def flops(self) -> float:
        """Operations of the convolutions that a step needs."""
        size, channels, sums = 32, self.channels, []
        for i in range(DEPTH):
            filters = self.width << i
            sums.append(2.0 * size * size * 9 * channels * filters)
            size, channels = size // 2, filters
        own = min(self.after, 1000)
        again = 0 if own == self.after else own
        embeddings = self.before + self.after + again
        return (embeddings + self.after + own) * sum(sums) + own * sum(sums[1:])


def samples(setting: Setting, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images, and classes of equal size."""
    shape = (count, setting.height, setting.height, setting.channels)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return x, np.arange(count) % CLASSES


def of_slimdc(name: str, setting: Setting) -> Callable[[], None]:
    """Make a step of slimdc on a backend."""
    from slimdc import backend

    library, _, option = name.partition(" ")
    ops = backend.get(library, **OPTIONS[option])
    trainer = trainer_on(ops, setting)

    def step() -> None:
        with ops.session():
            ops.to_numpy(trainer.step()["first"])

    return step


def trainer_on(ops: Any, setting: Setting) -> Any:
    """Begin to slim drawn images on a backend."""
    from slimdc import SlimmableDataset
    from slimdc.backend import Compute
    from slimdc.methods.method import Task
    from slimdc.methods.parameter_matching import slimming_plan
    from slimdc.settings import PoolSettings, SlimSettings
    from slimdc.slimming import matched
    from slimdc.training.algorithm import Algorithm

    before = SlimmableDataset.from_arrays(*samples(setting, setting.before))
    same = setting.after == setting.before
    after = before.truncate(max(1, setting.after // CLASSES // (2 if same else 1)))
    after = after if same else matched(after)
    settings = SlimSettings(steps=10_000, pool=PoolSettings(width=setting.width))
    compute, rng = Compute(ops, "float32"), np.random.default_rng(0)
    task = Task.slimming(before, after.components[0], "auto", settings, rng, lambda: compute)
    plan = slimming_plan(after, task)
    return Algorithm(plan, [plan.networks(plan.rng)])


def by_hand(setting: Setting) -> Callable[[], None]:
    """Make a step of Algorithm 1 in plain PyTorch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    class ConvNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [setting.channels, *(setting.width << i for i in range(DEPTH))]
            padding = [3 if setting.height == 28 else 1, 1, 1]
            blocks: list[nn.Module] = []
            for i in range(DEPTH):
                conv = nn.Conv2d(widths[i], widths[i + 1], 3, padding=padding[i])
                blocks += [conv, nn.ReLU(), nn.AvgPool2d(2)]
            self.blocks = nn.Sequential(*blocks)
            self.head = nn.Linear(16 * widths[-1], CLASSES)

        def forward(self, x: Any) -> Any:
            return self.blocks(x).flatten(1)

    x, classes = samples(setting, setting.before)
    order = np.argsort(classes, kind="stable")
    x, classes = x[order], classes[order]
    before = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    y = torch.nn.functional.one_hot(torch.tensor(classes), CLASSES).float() - 1 / CLASSES
    joint = torch.cat([torch.tensor(x).flatten(1), y], dim=1).reshape(CLASSES, -1, x[0].size + 10)
    u, s, v = torch.linalg.svd(joint, full_matrices=False)
    same = setting.after == setting.before
    k = max(1, setting.after // CLASSES // (2 if same else 1))
    u = u[:, :, :k] if same else torch.eye(k).expand(CLASSES, k, k)
    parts = (u, s[:, :k], v[:, :k, :-CLASSES], v[:, :k, -CLASSES:])
    u, s, vx, vy = (part.clone().requires_grad_() for part in parts)
    factors = torch.optim.Adam([u, s, vx, vy], lr=1e-3)
    pool = []
    for _ in range(10):
        network = ConvNet().to(memory_format=torch.channels_last)
        pool.append((network, torch.optim.Adam(network.parameters(), lr=3e-4)))

    def solution(features: Any, labels: Any) -> Any:
        wide = features.double()
        kernel = wide @ wide.T
        ridge = 1e-3 * kernel.trace() / len(kernel) * torch.eye(len(kernel), dtype=torch.float64)
        return wide.T @ torch.linalg.solve(kernel + ridge, labels.double())

    def step() -> None:
        network, adam = pool[int(torch.randint(10, ()))]
        weights = (u * s[:, None, :]) @ torch.cat([vx, vy], dim=2)
        rows = weights.reshape(-1, weights.shape[2])
        images, labels = rows[:, :-CLASSES], rows[:, -CLASSES:]
        images = images.reshape(-1, setting.height, setting.height, setting.channels)
        images = images.permute(0, 3, 1, 2)
        with torch.no_grad():
            target = network(before)
        features, head = network(images), network.head.weight.detach().T
        goal = target.T @ (target @ head - y)
        first = (
            features.T @ (features @ head - labels) - goal
        ).square().sum() / goal.square().sum()
        best = solution(target, y)
        infinity = (solution(features, labels) - best).square().sum() / best.square().sum()
        skew = (1 - s[:, 0].square() / s.square().sum(dim=1)).mean()
        bases, marks = vx.flatten(0, 1), vy.flatten(0, 1)
        ortho = (bases @ bases.T - torch.eye(len(bases))).square().sum()
        ortho = ortho + (marks.T @ marks - torch.eye(CLASSES)).square().sum()
        loss = first + infinity + 1e-2 * skew + 1e-4 * ortho
        factors.zero_grad()
        u.grad, s.grad, vx.grad, vy.grad = torch.autograd.grad(loss, [u, s, vx, vy])
        factors.step()
        with torch.no_grad():
            for _ in range(8):
                u.copy_(1.5 * u - 0.5 * u @ (u.mT @ u))
        adam.zero_grad()
        error = network.head(network(images.detach())) - labels.detach()
        (0.5 * error.square().sum() / len(error)).backward()
        adam.step()
        loss.item()

    return step


def product(setting: Setting) -> Callable[[], None]:  # noqa: ARG001 - the same for all
    """Make a large matrix product."""
    a = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    b, out = a.copy(), np.empty_like(a)

    def step() -> None:
        np.matmul(a, b, out=out)

    return step


def contestant(name: str, setting: Setting) -> Callable[[], None]:
    """Make one contestant's step."""
    if name in (BY_HAND, PRODUCT):
        return (by_hand if name == BY_HAND else product)(setting)
    return of_slimdc(name, setting)


def work(name: str, setting: Setting) -> None:
    """Answer each line of standard input, a number of steps, by the seconds of one."""
    sizes = asdict(setting) | {"before": 2 * CLASSES, "after": 2 * CLASSES, "width": 8}
    trial = contestant(name, Setting(**sizes))
    trial()
    del trial
    held = memory()
    begin = time.perf_counter()
    step = contestant(name, setting)
    step()
    first = time.perf_counter() - begin
    step()
    print(json.dumps({"first": first}), flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            step()
        seconds = (time.perf_counter() - begin) / int(line)
        print(json.dumps({"seconds": seconds, "growth": memory(peak=True) - held}), flush=True)


def memory(peak: bool = False) -> float:
    """Resident memory of this process in MiB, now or at its peak."""
    if peak:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


class Worker:
    """A contestant in a process of its own, by the sources of this checkout or of another."""

    def __init__(self, name: str, setting: Setting, checkout: Path = HERE) -> None:
        self.name, self.seconds = name, list[float]()
        script = str(checkout / "benchmarks" / "step.py")
        sources = os.pathsep.join([str(checkout), str(checkout / "backends")])
        self._process = subprocess.Popen(
            [sys.executable, script, "--worker", name, json.dumps(asdict(setting))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": sources},
        )
        self.first = self._read()["first"]
        self.growth = math.nan

    def run(self, steps: int) -> None:
        """Time some steps."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._read()
        self.seconds.append(answer["seconds"])
        self.growth = answer["growth"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            message = f"{self.name} ended without an answer; its error is above"
            raise SystemExit(message)
        answer: dict[str, float] = json.loads(line)
        return answer


class Peer:
    """A command of the caller's that prints its seconds per step."""

    growth = math.nan
    first = math.nan

    def __init__(self, name: str, command: str, setting: Setting) -> None:
        self.name, self.seconds = name, list[float]()
        self._command = shlex.split(command.format(**asdict(setting)))

    def run(self, steps: int) -> None:  # noqa: ARG002 - a peer decides itself
        """Run the command once."""
        done = subprocess.run(self._command, capture_output=True, text=True, check=True)
        self.seconds.append(float(done.stdout.split()[-1]))

    def close(self) -> None:
        """Nothing is held."""


def contest(setting: Setting, names: list[str], peers: list[str], rounds: int) -> list[str]:
    """Time all contestants in one setting: rows of the table."""
    runners: list[Worker | Peer] = [Worker(name, setting) for name in (PRODUCT, BY_HAND, *names)]
    runners += [Peer(*peer.split("=", 1), setting) for peer in peers]
    # Short steps are timed several at a time.
    guess = setting.flops / 1e11
    steps = max(1, round(0.3 / guess))
    for _ in range(rounds):
        for runner in runners:
            runner.run(10 if runner.name == PRODUCT else steps)
    for runner in runners:
        runner.close()
    times = {runner.name: statistics.median(runner.seconds) for runner in runners}
    firsts = {runner.name: runner.first for runner in runners}
    floor = setting.flops * times[PRODUCT] / (2.0 * SIZE**3)
    ratio = floor / times[BY_HAND]
    rows = [f"| {setting} | floor | {1e3 * floor:.1f} | {ratio:.2f} | 1.00 | | | |"]
    for runner in runners[1:]:
        seconds = times[runner.name]
        growth = "" if math.isnan(runner.growth) else f"{runner.growth:.0f}"
        first = "" if math.isnan(runner.first) else f"{runner.first:.1f}"
        ratio, overtaken = seconds / times[BY_HAND], overtakes(runner.name, times, firsts)
        rows.append(
            f"| {setting} | {runner.name} | {1e3 * seconds:.1f} | {ratio:.2f} "
            f"| {seconds / floor:.2f} | {growth} | {first} | {overtaken} |"
        )
    return rows


def overtakes(name: str, times: dict[str, float], firsts: dict[str, float]) -> str:
    """Tell after how many steps a backend has overtaken NumPy, its first step counted."""
    if "numpy" not in times or name == "numpy" or math.isnan(firsts[name]):
        return ""
    gain, debt = times["numpy"] - times[name], firsts[name] - firsts["numpy"]
    return "never" if gain <= 0 else f"{max(1, math.ceil(debt / gain))}"


def usable() -> list[str]:
    """Names of the backends that can compute here."""
    from slimdc import backend

    found = [name for name in backend.names() if backend.missing(name) is None]
    return found + ["torch compiled"] * ("torch" in found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--backends", nargs="*", help="default: all that can compute here")
    parser.add_argument("--images", nargs="*", default=["28x28x1", "32x32x3"])
    parser.add_argument("--widths", nargs="*", type=int, default=[32, 64, 128])
    parser.add_argument(
        "--samples", nargs="*", default=["50-20", "100-50", "100-100", "500-500"], metavar="N-M"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], Setting(**json.loads(options.worker[1])))
        return
    names = options.backends or usable()
    titles = "setting | backend | ms | of by hand | of the floor | MiB more | first step, s"
    print(f"| {titles} | steps to overtake numpy |")
    print("|---|---|---|---|---|---|---|---|")
    for image in options.images:
        height, _, channels = map(int, image.split("x"))
        for counts in options.samples:
            before, after = map(int, counts.split("-"))
            for width in options.widths:
                setting = Setting(height, channels, width, before, after)
                print(*contest(setting, names, options.peer, options.rounds), sep="\n", flush=True)
    print(f"\nMedian of {options.rounds} interleaved rounds. {versions(names)}")


def versions(names: list[str]) -> str:
    """Name what was timed, and where."""
    from importlib.metadata import version

    used = {name.partition(" ")[0] for name in names}
    packages = ["slimdc", "numpy", *(name for name in ("torch", "jax") if name in used)]
    told = ", ".join(f"{name} {version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return f"{told}, Python {platform.python_version()}, {platform.machine()}, {cores} cores."


if __name__ == "__main__":
    main()
