"""Several ranks: each has its own networks, all move the same factors, and end the same."""

from __future__ import annotations

import os
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
from slimdc.errors import InvalidValueError
from slimdc.ranks import Agree, Explore, Stepped
from slimdc_backends.numpy import NumpyBackend

FACTORS = ("u", "s", "vx", "vy")


class InTurn:
    """Ranks of one process that take turns: what devices beside each other must come to."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.local = tuple(range(count))

    def step(self, explore: Explore, agree: Agree) -> Stepped:
        def step(shared: Any, owns: list[Any]) -> tuple[Any, list[Any]]:
            found, kept = zip(*(explore(shared, own) for own in owns), strict=True)
            means = tuple(
                {name: sum(one[name] for one in group) / self.count for name in group[0]}
                for group in zip(*found, strict=True)
            )
            return agree(shared, means), list(kept)

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


def test_processes_of_torch_end_with_the_same_bits_and_what_numpy_finds(tmp_path: Path) -> None:
    library("torch")
    slimdc.save(images(), tmp_path / "set.safetensors")
    script = Path(__file__).with_name("rank.py")
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    meeting, data = tmp_path / "meeting", tmp_path / "set.safetensors"
    ranks = [
        subprocess.Popen(
            [sys.executable, script, meeting, str(rank), data, tmp_path / f"{rank}.npz"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in ranks:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    first, second = (np.load(tmp_path / f"{rank}.npz") for rank in range(2))
    expected = slimmed(Several(2))
    for name in FACTORS:
        assert first[name].tobytes() == second[name].tobytes()
        assert relative(first[name], getattr(expected, name)) < 1e-7


def test_several_ranks_keep_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="checkpoint: found one of several ranks"):
        slimmed(Several(2), checkpoint=tmp_path / "run")


def test_distributed_torch_needs_a_process_group() -> None:
    library("torch")
    with pytest.raises(InvalidValueError, match="init_process_group"):
        backend.get("torch", distributed=True)
