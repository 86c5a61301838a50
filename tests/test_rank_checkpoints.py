"""Checkpoints of several ranks: killed anywhere, all go on from one step, and end the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from safetensors import safe_open
from test_ranks import FACTORS, Several, images, meeting_of_jax, run

import slimdc
from slimdc.backend import GlobalStep, LocalStep, Stepped
from slimdc.errors import FileError, InvalidValueError
from slimdc.settings import CondenseSettings, PoolSettings
from slimdc.training import rank_checkpoints
from slimdc.training.checkpoint import Checkpoint
from slimdc.training.rank_checkpoints import gathered
from slimdc_backends.numpy import NumpyBackend

STEPS = 40


class KilledError(Exception):
    pass


class Meeting:
    """Threads in the place of processes, which average what they found."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.barrier = threading.Barrier(count, timeout=60)
        self.found: dict[int, Any] = {}


class Beside:
    """One rank of a meeting."""

    def __init__(self, meeting: Meeting, rank: int) -> None:
        self.count, self.local = meeting.count, (rank,)
        self._meeting = meeting

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        meeting, (rank,) = self._meeting, self.local

        def step(shared: Any, owns: list[Any]) -> tuple[Any, list[Any]]:
            meeting.found[rank], kept = local_step(shared, owns[0])
            meeting.barrier.wait()
            everywhere = [meeting.found[i] for i in range(meeting.count)]
            meeting.barrier.wait()
            means = tuple(
                {name: sum(one[name] for one in group) / meeting.count for name in group[0]}
                for group in zip(*everywhere, strict=True)
            )
            return global_step(shared, means), [kept]

        return step


def together(count: int, job: Callable[[NumpyBackend], Any]) -> list[Any]:
    """Do a job in every rank; give results and errors. Where one is killed, all stop."""
    meeting = Meeting(count)

    def of(rank: int) -> Any:
        ops = NumpyBackend()
        ops.ranks = Beside(meeting, rank)  # type: ignore[attr-defined]
        try:
            return job(ops)
        except slimdc.errors.SlimdcError as error:  # all ranks have one, or the others wait
            return error
        except KilledError as error:
            meeting.barrier.abort()
            return error
        except threading.BrokenBarrierError:
            return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(of, range(count)))


def slimmed(ops: NumpyBackend, path: Path | None = None, **options: Any) -> bytes:
    found = slimdc.slim(
        images(),
        2,
        backend=ops,
        checkpoint=path,
        checkpoint_interval=10,
        **{"steps": STEPS, "width": 4, "seed": 3} | options,
    )
    return slimdc.dumps(found)


def killed_at(step: int) -> Callable[..., None]:
    def progress(count: int, *_: object) -> None:
        if count >= step:
            raise KilledError

    return progress


@pytest.fixture(scope="module")
def whole() -> bytes:
    (one, other) = together(2, slimmed)
    assert one == other
    return bytes(one)


def test_ranks_say_what_they_will() -> None:
    said = together(3, lambda ops: gathered(ops, (4095 - ops.ranks.local[0], 0, 1)))
    assert said == [[(4095, 0, 1), (4094, 0, 1), (4093, 0, 1)]] * 3
    assert gathered(Several(2), (7,)) == [(7,), (7,)]


def test_threads_beside_each_other_find_what_ranks_in_turn_find(whole: bytes) -> None:
    assert slimmed(Several(2)) == whole


def test_ranks_of_one_process_resume_from_one_file(tmp_path: Path, whole: bytes) -> None:
    for step in (10, 30):
        with pytest.raises(KilledError):
            slimmed(Several(2), tmp_path / "run", progress=killed_at(step))
    history: list[Any] = []
    assert slimmed(Several(2), tmp_path / "run", history=history) == whole
    assert len(history) == STEPS
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    with pytest.raises(InvalidValueError, match=r"run, saved by ranks 0, 1 of 2, .* rank 0 of 1"):
        slimmed(NumpyBackend(), tmp_path / "run")
    with pytest.raises(InvalidValueError, match=r"saved by ranks 0, 1 of 2, .* ranks 0, 1, 2 of 3"):
        slimmed(Several(3), tmp_path / "run")


ORIGINALS = {"save": Checkpoint.save, "_rename": rank_checkpoints._rename}


class Faults:
    """Kills one rank before or after one of the times that it touches a file.

    Where `ahead` is a step, it dies once the other one has saved that step.
    """

    def __init__(self, rank: int, event: int, ahead: int | None = None) -> None:
        self.rank, self.event = rank, event
        self.seen = 0
        self.step, self.ahead = ahead, threading.Event()

    def guarded(self, function: Callable[..., Any], rank_of: Callable[..., int]) -> Any:
        def call(*arguments: Any) -> Any:
            ours = rank_of(*arguments) == self.rank
            self._may_die(ours)
            result = function(*arguments)
            if not ours and self.step in (getattr(one, "count", -1) for one in arguments):
                self.ahead.set()
            self._may_die(ours)
            return result

        return call

    def hold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for place, name, rank_of in (
            (Checkpoint, "save", lambda saved, *_: int(saved._path.name[-1])),
            (rank_checkpoints, "_rename", lambda source, _: int("rank1" in source.name)),
        ):
            function = ORIGINALS[name]
            monkeypatch.setattr(place, name, self.guarded(function, rank_of))

    def _may_die(self, ours: bool) -> None:
        if ours:
            self.seen += 1
            if self.seen == self.event:
                assert self.step is None or self.ahead.wait(timeout=120)
                raise KilledError


@pytest.mark.slow
def test_whatever_rank_is_killed_wherever_all_resume_to_the_bit(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many histories of deaths, until a run survives."""
    rng = np.random.default_rng(0)
    deaths = 0
    for history in range(8):
        path = tmp_path / str(history)
        while True:
            Faults(int(rng.integers(2)), int(rng.integers(1, 12))).hold(monkeypatch)
            found = together(2, lambda ops, path=path: slimmed(ops, path))
            if found == [whole] * 2:
                break
            # No rank is ever unable to go on, or has another end than it should.
            assert sum(isinstance(one, KilledError) for one in found) == 1
            assert all(one in (None, whole) for one in found if not isinstance(one, KilledError))
            deaths += 1
    assert deaths >= 8


def test_a_rank_that_is_always_killed_before_it_saves_keeps_no_other_from_going_on(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    for event in (7, 1, 1):  # before the save of step 20, and again, and again
        Faults(1, event, ahead=20).hold(monkeypatch)
        found = together(2, lambda ops: slimmed(ops, path))
        assert isinstance(found[1], KilledError)
        with safe_open(path.with_name("run.rank0"), "numpy") as ahead:
            assert ahead.metadata()["count"] == "20"
    Faults(1, 0).hold(monkeypatch)
    assert together(2, lambda ops: slimmed(ops, path)) == [whole] * 2


def test_no_step_is_taken_twice_but_those_after_the_last_save(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "run"
    together(2, lambda ops: slimmed(ops, path, progress=killed_at(30)))
    seen: list[int] = []
    found = together(
        2, lambda ops: slimmed(ops, path, progress=lambda count, *_: seen.append(count))
    )
    assert found == [whole] * 2
    assert sorted(seen) == [30, 30, 40, 40]
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["run.rank0", "run.rank0.before", "run.rank1", "run.rank1.before"]
    assert together(2, lambda ops: slimmed(ops, path)) == [whole] * 2


def test_ranks_that_condense_draw_the_same_batches_after_a_resumption(tmp_path: Path) -> None:
    x, _ = images().arrays()
    settings = CondenseSettings(steps=30, batch=4, pool=PoolSettings(size=2, lifetime=5, width=4))

    def condensed(ops: NumpyBackend, **options: Any) -> bytes:
        made = slimdc.condense(
            x, images().members, 2, backend=ops, preset=settings, checkpoint_interval=10, **options
        )
        return slimdc.dumps(made)

    expected = together(2, condensed)
    path = tmp_path / "run"
    together(2, lambda ops: condensed(ops, checkpoint=path, progress=killed_at(20)))
    assert together(2, lambda ops: condensed(ops, checkpoint=path)) == expected
    assert isinstance(expected[0], bytes)
    assert expected[0] == expected[1]


def test_another_number_of_ranks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    together(2, lambda ops: slimmed(ops, path))
    kept = {entry: entry.read_bytes() for entry in tmp_path.iterdir()}
    *both, third = map(str, together(3, lambda ops: slimmed(ops, path)))
    for rank, error in enumerate(both):
        assert f"run.rank{rank}, saved by rank {rank} of 2, expected" in error
    assert "the files of ranks 0, 1 cannot be resumed" in third
    for ops in (NumpyBackend(), Several(2)):
        with pytest.raises(InvalidValueError, match=r"run.rank0, saved by several processes"):
            slimmed(ops, path)
    assert {entry: entry.read_bytes() for entry in tmp_path.iterdir()} == kept


def test_processes_refuse_the_file_of_one(tmp_path: Path) -> None:
    slimmed(NumpyBackend(), tmp_path / "run")
    for error in together(2, lambda ops: slimmed(ops, tmp_path / "run")):
        assert "run, saved by one process, expected" in str(error)


def test_other_arguments_are_refused_by_all(tmp_path: Path) -> None:
    path = tmp_path / "run"
    together(2, lambda ops: slimmed(ops, path))
    for error in together(2, lambda ops: slimmed(ops, path, seed=4)):
        assert "other arguments" in str(error)


@pytest.mark.parametrize("lost", [True, False])
def test_a_file_that_is_lost_or_damaged_stops_all(tmp_path: Path, lost: bool) -> None:
    path = tmp_path / "run"
    together(2, lambda ops: slimmed(ops, path, progress=killed_at(30)))
    for name in ("run.rank1", "run.rank1.before"):
        if lost:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_bytes(b"damaged")
    one, other = together(2, lambda ops: slimmed(ops, path))
    assert isinstance(one, InvalidValueError)
    if lost:
        assert "run.rank0 of a later step than that of another process, which is 0" in str(one)
        assert "the files of ranks 0 cannot be resumed" in str(other)
    else:
        assert "the files of ranks 1 cannot be resumed" in str(one)
        assert isinstance(other, FileError)


def test_a_folder_that_is_missing_is_told_before_the_work(tmp_path: Path) -> None:
    seen: list[int] = []
    options = {"progress": lambda count, *_: seen.append(count)}
    for error in together(2, lambda ops: slimmed(ops, tmp_path / "no" / "run", **options)):
        assert isinstance(error, FileError)
    assert not seen


def factors(found: list[Any]) -> list[bytes]:
    """Give the factors that processes end with, the same in all of them."""
    one, *others = ([end[name].tobytes() for name in FACTORS] for end in found)
    assert others == [one] * len(others)
    return one


def torchrun(folder: Path, told: str) -> subprocess.CompletedProcess[str]:
    """Slim in two ranks under torchrun, which stops both where one dies."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(Path(__file__).with_name("torch_rank.py"), "", ""),
        *(folder / "set.safetensors", folder, told),
    ]
    known = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        command,
        env=known | {"GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def options(folder: Path) -> dict[str, Any]:
    return {"steps": 30, "checkpoint": str(folder / "run"), "checkpoint_interval": 10}


def check_resumption(folder: Path) -> None:
    """Rank 1 was killed before it saved step 20, so that both have gone on from step 10."""
    assert (folder / "killed").read_text() == "1 at 20"
    assert (folder / "resumed").read_text() == "20"


def test_torchrun_resumes_ranks_of_which_one_was_killed(tmp_path: Path) -> None:
    library("torch")
    meeting, lo = str(tmp_path / "meeting"), {"GLOO_SOCKET_IFNAME": "lo"}
    told = json.dumps({"steps": 30})
    expected = factors(run("torch_rank.py", tmp_path, [meeting] * 2, told, **lo))
    told = json.dumps(options(tmp_path) | {"killed_at": 20})
    killed = torchrun(tmp_path, told)
    assert killed.returncode
    assert "exitcode: -9" in killed.stderr
    resumed = torchrun(tmp_path, told)
    assert resumed.returncode == 0, resumed.stderr
    assert factors([np.load(tmp_path / f"{rank}.npz") for rank in range(2)]) == expected
    check_resumption(tmp_path)


def test_processes_of_jax_resume_where_one_was_killed(tmp_path: Path) -> None:
    library("jax")

    def ranks(told: dict[str, Any]) -> list[bytes]:
        return factors(run("jax_rank.py", tmp_path, [meeting_of_jax()] * 2, json.dumps(told)))

    expected = ranks({"steps": 30})
    with pytest.raises(AssertionError):
        ranks(options(tmp_path) | {"killed_at": 20})
    assert ranks(options(tmp_path)) == expected
    check_resumption(tmp_path)
