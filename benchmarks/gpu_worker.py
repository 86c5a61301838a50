"""One backend in a process of its own, which `gpu.py` asks questions: lines of JSON in and out."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import packages_distributions, version
from typing import Any

import numpy as np
from step import CLASSES, Setting, samples, trainer_on

import slimdc
from slimdc import backend, losses, testing
from slimdc.backend import Array, Compute, Tensors, value_and_grad
from slimdc.networks import fresh, network_for
from slimdc.parameterization.factors import FactorParameterization, samples_on
from slimdc.parameterization.units import Units
from slimdc.settings import PoolSettings


class Worker:
    """Answers by its methods.

    Parameters
    ----------
    name : str
        The backend.
    device : {"cuda", "cpu"}
        Where it is to compute.
    options : dict
        Of the backend, and its ``precision``, ``"float32"`` where it has none of that name.
    """

    def __init__(self, name: str, device: str, options: dict[str, Any]) -> None:
        self.name, self.cuda = name, device == "cuda"
        words = {"jax": "gpu"} if self.cuda else {}
        self.device = words.get(name, device)
        precision = options.pop("precision", "float32")
        own = {"torch": {"precision": precision}, "cupy": {"tf32": precision == "tf32"}}
        self.options = options | own.get(name, {})
        self.ops = self.make()

    def make(self, device: str | None = None) -> Any:
        """Make the backend anew."""
        return backend.get(self.name, self.device if device is None else device, **self.options)

    def about(self) -> dict[str, str]:
        """Name the card and the versions."""
        names = {"torch", "jax", "cupy"} & {self.name} | {"slimdc", "numpy"}
        found = packages_distributions()
        versions = ", ".join(f"{n} {version(found.get(n, [n])[0])}" for n in sorted(names))
        return {"card": self._card() if self.cuda else "the CPU", "versions": versions}

    def conform(self) -> dict[str, str]:
        """Run every public check; tell what each said."""
        told = {}
        for name in (n for n in testing.__all__ if n.startswith("check_") and n != "check_backend"):
            subject = self.make if name == "check_device" else self.make()
            try:
                with self.ops.session():
                    getattr(testing, name)(subject)
                told[name] = "passed"
            except Exception as error:  # told, so that the other checks run
                told[name] = shortly(error)
        return told

    def history(self) -> list[dict[str, float]]:
        """Slim the set in the package by 5 steps; give the parts of their losses."""
        history: list[dict[str, float]] = []
        data = slimdc.datasets.sample().data
        slimdc.slim(data, 2, backend=self.ops, steps=5, width=32, progress=False, history=history)
        return history

    def gradient(self, dtype: str, width: int, path: str) -> None:
        """Save the gradient of Eq. 7 in V_x: the set in the package, slimmed to 2 components."""
        ops, before = self.ops, slimdc.datasets.sample().data
        after = before.truncate(2)
        compute = Compute(ops, dtype)
        network = network_for("convnet", before, PoolSettings(width=width), compute)
        factors = FactorParameterization(after, compute, Units(0, 0))

        def loss(v: Tensors, parameters: Tensors, x: Array, y: Array) -> tuple[Array, Tensors]:
            x_after, y_after = factors.samples(v)
            pair = network.embed(ops, parameters, x_after), y_after
            return losses.infinity_order(*pair, x, y, 1e-3, "relative"), {}

        with ops.session():
            x, y = samples_on(compute, before)
            parameters = fresh(network, ops, np.random.default_rng(0), dtype)
            embedded = network.embed(ops, parameters, x)
            start = factors.start()
            _, _, found = value_and_grad(ops, loss)(start, parameters, embedded, y)
            np.save(path, ops.to_numpy(found["vx"]))

    def prepare(self, **setting: int) -> float:
        """Begin a run; give the seconds of its first step."""
        self.trainer = None  # what the last one held is free before the next begins
        self.trainer = trainer_on(self.ops, Setting(**setting))
        return self.steps(1)[1]

    def steps(self, count: int) -> tuple[float, float]:
        """Take steps; give the seconds until all were asked for, and until all were done."""
        assert self.trainer is not None
        with self.ops.session():
            begin = time.perf_counter()
            for _ in range(count):
                self.trainer.step()
            asked = time.perf_counter()
            self.ops.to_numpy(self.trainer.tensors["s"])
            return asked - begin, time.perf_counter() - begin

    def waits(self) -> str:
        """Tell whether anything waits for the GPU inside a step."""
        self.steps(3)
        assert self.trainer is not None
        try:
            with self.ops.session(), refusing_to_wait(self.name if self.cuda else "none"):
                for _ in range(3):
                    self.trainer.step()
        except Exception as error:  # libraries have errors of their own for this
            return f"yes: {shortly(error)}"
        return "none seen"

    def run(self, steps: int, width: int) -> float:
        """Slim images like CIFAR-10's, 50 to 20 components a class, and give the seconds."""
        setting = Setting(32, 3, width, 50 * CLASSES, 50 * CLASSES)
        begin = time.perf_counter()
        options: dict[str, Any] = {"steps": steps, "width": width, "progress": False}
        slimdc.slim(samples(setting, setting.before), 20, backend=self.ops, **options)
        return time.perf_counter() - begin

    def _card(self) -> str:
        library = importlib.import_module(self.name)
        if self.name == "cupy":
            return str(library.cuda.runtime.getDeviceProperties(0)["name"].decode())
        if self.name == "torch":
            return str(library.cuda.get_device_name(0))
        return str(library.local_devices(backend="gpu")[0].device_kind)


@contextmanager
def refusing_to_wait(library: str) -> Iterator[None]:
    """Let what waits for the GPU raise an error."""
    if library == "torch":
        torch = importlib.import_module("torch")
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)
        return
    if library == "jax":
        with importlib.import_module("jax").transfer_guard_device_to_host("disallow"):
            yield
        return
    with cupy_refusing() if library == "cupy" else nullcontext():
        yield


@contextmanager
def cupy_refusing() -> Iterator[None]:
    """Replace all by which CuPy's users wait, and have CuPy itself refuse what it knows of."""
    cupy = importlib.import_module("cupy")

    def refusal(name: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> Any:
            message = f"{name} waits for the GPU"
            raise AssertionError(message)

        return refuse

    reads = ("get", "item", "tolist", "__bool__", "__int__", "__float__", "__index__")
    waits = ("deviceSynchronize", "streamSynchronize", "eventSynchronize")
    places = [(cupy.ndarray, n) for n in reads] + [(cupy.cuda.runtime, n) for n in waits]
    own = [(place, name, place.__dict__.get(name)) for place, name in places]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to go, being unreliable; it is not the only one
        allow = importlib.import_module("cupyx").allow_synchronize(False)
        allow.__enter__()
    try:
        for place, name in places:
            setattr(place, name, refusal(name))
        yield
    finally:
        for place, name, before in own:
            if before is None:
                delattr(place, name)
            else:
                setattr(place, name, before)
        allow.__exit__(None, None, None)


def shortly(error: Exception) -> str:
    """Tell an error in one line of a table."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return line if len(line) < 200 else f"{line[:200]}…"


def main() -> None:
    """Answer each line of standard input by one of standard output."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        question, arguments = json.loads(line)
        try:
            if worker is None:
                worker = Worker(**json.loads(sys.argv[1]))
            answer = {"answer": getattr(worker, question)(**arguments)}
        except Exception as error:  # told to who asked: others go on
            answer = {"error": shortly(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
