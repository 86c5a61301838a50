"""One job for each client, through any executor: what a loop gives, to the bit."""

from __future__ import annotations

import contextvars
import copy
import functools
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from conftest import Space, library
from threadpoolctl import threadpool_info, threadpool_limits

import slimdc
from slimdc import backend
from slimdc.parameterization import reconstruction
from slimdc.parameterization.preprocessing import Preprocessing

FACTORS = ("u", "s", "vx", "vy")


def sets(count: int) -> list[slimdc.SlimmableDataset]:
    """Small sets of clients, each of its own size."""
    made = []
    for client in range(count):
        rng = np.random.default_rng(client)
        y = np.arange(8 + 2 * client) % 2
        x = rng.standard_normal((y.size, 8, 8)).astype(np.float32)
        made.append(slimdc.SlimmableDataset.from_arrays(x, y))
    return made


slimmed = functools.partial(slimdc.slim, k=1, steps=3, width=4)


def bits(data: slimdc.SlimmableDataset) -> list[bytes]:
    return [getattr(data, name).tobytes() for name in FACTORS]


def in_processes() -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def in_threads() -> Executor:
    return ThreadPoolExecutor(4)


@pytest.mark.parametrize("executor", [in_processes, in_threads])
def test_executors_give_what_a_loop_gives(executor: Callable[[], Executor]) -> None:
    given = sets(4)
    expected = [slimmed(data) for data in given]
    with executor() as pool:
        found = list(pool.map(slimmed, given))
    for small, one in zip(found, expected, strict=True):
        assert bits(small) == bits(one)
        assert repr(small) == repr(one)
        assert not any(getattr(small, name).flags.writeable for name in FACTORS)
    assert bits(found[0]) != bits(given[0].truncate(1))


def test_what_fails_in_another_process_fails_here_in_the_same_words() -> None:
    with in_processes() as pool:
        jobs = [
            pool.submit(slimdc.slim, data, k, steps=0)
            for data, k in zip(sets(2), (1, 99), strict=True)
        ]
        assert bits(jobs[0].result()) == bits(sets(1)[0].truncate(1))
        with pytest.raises(slimdc.errors.InvalidValueError, match="k: found 99") as caught:
            jobs[1].result()
    assert caught.value.argument == "k"


def test_threads_share_one_backend_of_torch() -> None:
    library("torch")
    given, ops = sets(4), backend.get("torch")
    expected = [slimmed(data, backend=ops) for data in given]
    with in_threads() as pool:
        found = list(pool.map(functools.partial(slimmed, backend=ops), given))
    assert [bits(small) for small in found] == [bits(one) for one in expected]


COPIES: dict[str, Callable[[Any], Any]] = {
    **{
        f"pickle {protocol}": lambda data, protocol=protocol: pickle.loads(
            pickle.dumps(data, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("way", COPIES)
def test_sets_survive_copies_and_stay_read_only(way: str) -> None:
    rng = np.random.default_rng(0)
    data = slimdc.SlimmableDataset.from_arrays(
        rng.standard_normal((7, 3, 4, 4)).astype(np.float16),
        np.array([0, 0, 0, 0, 2, 2, 1]),
        layout="channels_first",
        preprocessing=Preprocessing((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)),
    )
    twin = COPIES[way](data)
    assert bits(twin) == bits(data)
    told = ("shape", "layout", "preprocessing", "labels", "samples", "components", "dtype")
    assert all(getattr(twin, name) == getattr(data, name) for name in told)
    assert bits(twin.truncate(1)) == bits(data.truncate(1))
    for name in FACTORS:
        factor = getattr(twin, name)
        assert not factor.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            factor[...] = 0


def test_sets_of_any_framework_survive_a_pickle(space: Space) -> None:
    x = space.array(np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32))
    data = slimdc.SlimmableDataset.from_arrays(x, [0, 1] * 3)
    twin = pickle.loads(pickle.dumps(data))
    for name in FACTORS:
        factor = getattr(twin, name)
        assert space.owns(factor)
        assert np.array_equal(space.host(factor), space.host(getattr(data, name)))


def blas() -> list[int]:
    return [x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"]


def overlapping(*sessions: AbstractContextManager[None]) -> Iterator[int]:
    """Enter sessions one after another, and leave them in the same order, as threads may."""
    # As threads do, each has a context of its own, where NumPy keeps what it says of overflow.
    contexts = [contextvars.copy_context() for _ in sessions]
    for i, (session, context) in enumerate(zip(sessions, contexts, strict=True)):
        context.run(session.__enter__)
        yield i
    for i, (session, context) in enumerate(zip(sessions, contexts, strict=True)):
        context.run(session.__exit__, None, None, None)
        yield i


def test_numpys_sessions_may_overlap() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas()
        ops = [backend.get("numpy") for _ in range(3)]
        held = [blas() for _ in overlapping(*(one.session() for one in ops))]
        assert held[:-1] == [[1] * len(before)] * 5
        assert held[-1] == before
    same = backend.get("numpy")
    with threadpool_limits(2, user_api="blas"):
        held = [blas() for _ in overlapping(same.session(), same.session())]
        assert held == [[1] * len(before)] * 3 + [before]


def test_torchs_sessions_may_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = library("torch")

    def switches() -> tuple[Any, ...]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
        )

    monkeypatch.setattr("slimdc_backends.torch.TorchBackend._cuda", True)  # as for CUDA
    before = switches()
    sessions = [backend.get("torch").session() for _ in range(3)]
    held = [switches() for _ in overlapping(*sessions)]
    assert held[:-1] == [(True, True, False, False)] * 5
    assert held[-1] == before


def test_sessions_of_other_precisions_nest_but_do_not_overlap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two threads would compute in the precision of one of them: it is the process that has it."""
    torch = library("torch")

    def allowed() -> bool:
        return bool(torch.backends.cuda.matmul.allow_tf32)

    monkeypatch.setattr("slimdc_backends.torch.TorchBackend._cuda", True)  # as for CUDA
    plain, short = backend.get("torch"), backend.get("torch", precision="tf32")
    before = allowed()
    for outer, inner in ((plain, short), (short, plain)):
        with outer.session(), ThreadPoolExecutor(1) as other:
            held = allowed()
            assert held is (outer is short)
            refused = other.submit(inner.session().__enter__)
            with pytest.raises(slimdc.errors.InvalidValueError, match=r"^precision: found another"):
                refused.result()
            assert allowed() is held
            with inner.session():
                assert allowed() is not held
                with outer.session():
                    assert allowed() is held
                assert allowed() is not held
            assert allowed() is held
        assert allowed() is before
    monkeypatch.undo()
    with short.session(), plain.session():  # on the CPU there is but one
        assert allowed() is before


def test_sets_that_are_read_meanwhile_leave_sessions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session begins while another thread computes a set's samples, and outlasts that."""
    data, session = sets(1)[0], backend.get("numpy").session()
    compute = reconstruction.reconstruct

    def meanwhile(*factors: Any) -> Any:
        session.__enter__()
        return compute(*factors)

    monkeypatch.setattr(reconstruction, "reconstruct", meanwhile)
    with threadpool_limits(2, user_api="blas"):
        before = blas()
        data.arrays()
        held = blas()
        session.__exit__(None, None, None)
        assert (held, blas()) == ([1] * len(before), before)
