"""Several ranks: each has its own networks, all move the same factors, and end the same."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend
from slimdc.backend import GlobalStep, LocalStep, Stepped
from slimdc.errors import InvalidValueError
from slimdc_backends.numpy import NumpyBackend

FACTORS = ("u", "s", "vx", "vy")


class InTurn:
    """Ranks of one process that take turns: what devices beside each other must come to."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.local = tuple(range(count))

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        def step(shared: Any, owns: list[Any]) -> tuple[Any, list[Any]]:
            found, kept = zip(*(local_step(shared, own) for own in owns), strict=True)
            means = tuple(
                {name: sum(one[name] for one in group) / self.count for name in group[0]}
                for group in zip(*found, strict=True)
            )
            return global_step(shared, means), list(kept)

        return step


class Several(NumpyBackend):
    """NumPy, with ranks that take turns."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.ranks = InTurn(count)


def images() -> slimdc.SlimmableDataset:
    x = np.random.default_rng(0).standard_normal((12, 8, 8, 1))
    return slimdc.SlimmableDataset.from_arrays(x, np.arange(12) % 3)


def slimmed(ops: Any, **options: Any) -> slimdc.SlimmableDataset:
    return slimdc.slim(images(), 2, backend=ops, steps=5, width=4, seed=3, **options)


def distance(one: slimdc.SlimmableDataset, other: slimdc.SlimmableDataset) -> float:
    return max(relative(getattr(one, name), getattr(other, name)) for name in FACTORS)


def test_ranks_move_the_factors_by_the_mean_over_their_networks() -> None:
    alone, two, again = (slimmed(Several(count)) for count in (1, 2, 2))
    assert distance(alone, slimmed("numpy")) == 0.0
    assert distance(two, again) == 0.0
    assert distance(two, alone) > 1e-3


def run(
    script: str, folder: Path, meetings: list[str], told: str = "{}", **environment: str
) -> list[Any]:
    """Run a process for each meeting point; give the factors that they end with.

    Where the last one dies all are stopped, as launchers do.
    """
    data = folder / "set.safetensors"
    slimdc.save(images(), data)
    path = os.pathsep.join(sys.path)
    known = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path} | environment
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, Path(__file__).with_name(script)),
                *(meeting, str(rank), data, folder / f"{rank}.npz", told),
            ],
            env=known,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, meeting in enumerate(meetings)
    ]
    try:
        errors = []
        for process in reversed(processes):
            errors.append(process.communicate(timeout=120)[1])
            if process.returncode:
                break
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert not any(process.returncode for process in processes), errors
    return [np.load(folder / f"{rank}.npz") for rank in range(len(meetings))]


def meeting_of_jax() -> str:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return f"localhost:{free.getsockname()[1]}"


def check(found: list[Any]) -> None:
    """Hold the factors of every process against NumPy's ranks that take turns."""
    expected = slimmed(Several(2))
    for name in FACTORS:
        assert len({one[name].tobytes() for one in found}) == 1
        assert relative(found[0][name], getattr(expected, name)) < 1e-9


def test_processes_of_torch_end_with_the_same_bits_and_what_numpy_finds(tmp_path: Path) -> None:
    library("torch")
    meeting = str(tmp_path / "meeting")
    check(run("torch_rank.py", tmp_path, [meeting] * 2, GLOO_SOCKET_IFNAME="lo"))


def test_devices_of_jax_in_one_process_find_what_numpy_finds(tmp_path: Path) -> None:
    library("jax")
    two = "--xla_force_host_platform_device_count=2"
    check(run("jax_rank.py", tmp_path, [""], XLA_FLAGS=two))


def test_processes_of_jax_end_with_the_same_bits_and_what_numpy_finds(tmp_path: Path) -> None:
    library("jax")
    check(run("jax_rank.py", tmp_path, [meeting_of_jax()] * 2))


def test_distributed_torch_needs_a_process_group() -> None:
    library("torch")
    with pytest.raises(InvalidValueError, match="init_process_group"):
        backend.get("torch", distributed=True)
