"""Manners in a process that belongs to somebody else: its threads, its forks, its streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from conftest import library
from threadpoolctl import threadpool_info, threadpool_limits

import slimdc
from slimdc import backend
from slimdc.backend import SharedContext, parallel_map, process
from slimdc.errors import InvalidValueError

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((24, 8, 8)).astype(np.float32), np.arange(24) % 2


def bits(**options: Any) -> list[bytes]:
    small = slimdc.slim(images(), 2, steps=3, width=4, **options)
    return [x.tobytes() for x in small.factors]


def blas() -> set[int]:
    return {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"}


def started(ops: Any) -> int:
    """Count the threads that a session starts."""
    before = threading.active_count()
    with ops.session():
        return threading.active_count() - before


@pytest.mark.parametrize(
    ("limit", "available", "expected"), [(1, 8, 0), (3, 8, 3), (8, 3, 3), (8, 1, 0)]
)
def test_numpy_takes_no_more_threads_than_blas_may_have_or_cores_there_are(
    limit: int, available: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "available_cores", lambda: available)
    with threadpool_limits(limit, user_api="blas"):
        if blas() != {limit}:
            pytest.skip(f"BLAS has no {limit} threads here")
        assert started(backend.get("numpy")) == expected
        # Another session holds BLAS at one thread: that is not the caller's limit.
        with backend.get("numpy").session():
            assert blas() == {1}
            assert started(backend.get("numpy")) == expected
        assert blas() == {limit}


def test_numpys_bits_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = bits(backend="numpy")
    monkeypatch.setattr(process, "available_cores", lambda: 4)
    for limit in (1, 2, 4):
        with threadpool_limits(limit, user_api="blas"):
            assert bits(backend="numpy") == expected


def test_a_system_that_allows_no_more_threads_is_worked_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, start, running = bits(backend="numpy"), threading.Thread.start, []

    def refuse(thread: threading.Thread) -> None:
        if running:
            raise RuntimeError("can't start new thread")
        running.append(thread)
        start(thread)

    monkeypatch.setattr(process, "available_cores", lambda: 4)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with threadpool_limits(4, user_api="blas"):
        ops = backend.get("numpy")
        assert bits(backend=ops) == expected
    assert len(running) == 1
    assert not running[0].is_alive()


def test_a_set_is_taken_in_where_no_more_threads_are_to_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    pair = rng.standard_normal((40, 20_000)), np.arange(40) % 4
    expected = slimdc.SlimmableDataset.from_arrays(*pair)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(process, "available_cores", lambda: 4)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with threadpool_limits(4, user_api="blas"):
        found = slimdc.SlimmableDataset.from_arrays(*pair)
    for one, other in zip(found.factors, expected.factors, strict=True):
        assert np.array_equal(one, other)


def test_a_parallel_map_raises_what_a_call_raises() -> None:
    for threads in (1, 3):
        with parallel_map(threads) as mapped:
            assert list(mapped(divmod, (7, 8), (2, 3))) == [(3, 1), (2, 2)]
            with pytest.raises(ZeroDivisionError):
                list(mapped(divmod, (1, 1), (1, 0)))


@pytest.mark.parametrize("limit", [1, 7])
def test_torchs_number_of_threads_is_the_callers(limit: int) -> None:
    torch = library("torch")
    before, seen = torch.get_num_threads(), []

    def look(*_: Any) -> None:
        seen.append(torch.get_num_threads())

    torch.set_num_threads(limit)
    try:
        bits(backend="torch", progress=look)
        assert set(seen) == {limit}
        assert torch.get_num_threads() == limit
    finally:
        torch.set_num_threads(before)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


FORKED = """
import os, signal, sys, threading, warnings
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
import slimdc
from slimdc import backend

warnings.simplefilter("ignore")  # of Python, that forks and threads may not mix
rng = np.random.default_rng(0)
pair = rng.standard_normal((24, 8, 8)).astype(np.float32), np.arange(24) % 2
ops = backend.get(sys.argv[1])

def blas():
    return {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"}

def slimmed(**options):
    small = slimdc.slim(pair, 2, steps=3, width=4, backend=ops, **options)
    return [x.tobytes() for x in small.factors]

def in_a_fork(function):
    '''Call it in a fork, which dies of an alarm if it waits for ever.'''
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(0 if function() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

NUMPY_FORKED = (
    FORKED
    + """
with threadpool_limits(2, user_api="blas"):
    allowed, expected = blas(), slimmed()
    assert allowed == {2}, allowed

    def child():
        return blas() == allowed and slimmed() == expected and blas() == allowed

    print("after a run:", in_a_fork(child))

    codes = []
    def fork(*_):
        codes.append(in_a_fork(child))
        assert blas() == {1}  # of the run, which goes on

    assert slimmed(progress=fork) == expected
    print("from within a run:", *codes)

    held, forked = threading.Event(), threading.Event()
    def hold():
        with ops.session():
            held.set()
            forked.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    print("beside a run of another thread:", in_a_fork(child))
    forked.set()
    other.join()

    with ops.session():
        child = os.fork()
        if not child:
            signal.alarm(60)
    if not child:  # which left the run that its parent was in
        os._exit(0 if blas() == allowed and slimmed() == expected else 1)
    print("out of a run:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert blas() == allowed
"""
)


@forks
def test_forks_find_blas_as_the_caller_left_it_and_can_compute() -> None:
    with threadpool_limits(2, user_api="blas"):
        if blas() != {2}:
            pytest.skip("BLAS has no 2 threads here")
    code = NUMPY_FORKED.replace("sys.argv[1]", "'numpy'")
    done = python(code, OPENBLAS_NUM_THREADS="2")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "after a run: 0",
        "from within a run: 0",
        "beside a run of another thread: 0",
        "out of a run: 0",
    ]


TORCH_FORKED = (
    FORKED.replace("sys.argv[1]", "'torch'")
    + """
expected = slimmed()
print(in_a_fork(lambda: slimmed() == expected))
"""
)


@forks
def test_forks_after_a_run_on_one_thread_of_torch_do_not_hang() -> None:
    """On more threads they do, whoever computed before: PyTorch says so itself."""
    library("torch")
    done = python(TORCH_FORKED, OMP_NUM_THREADS="1")
    assert (done.stdout, done.stderr) == ("0\n", "")


class Deaf:
    """A stream that can be written to, and nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, Deaf(), closed()], ids=["none", "deaf", "closed"])
def test_progress_needs_no_standard_error(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = bits()
    monkeypatch.setattr(sys, "stderr", stream)
    assert bits() == expected


def test_a_bar_that_is_asked_for_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = bits()
    monkeypatch.setattr(sys, "stderr", None)
    assert bits(progress=True) == expected
    stream = Deaf()
    monkeypatch.setattr(sys, "stderr", stream)
    assert bits(progress=True) == expected
    assert "slim to 2" in stream.text


def test_a_shared_context_is_entered_once_and_left_once() -> None:
    log = []

    @contextmanager
    def noted(value: int) -> Iterator[str]:
        log.append(f"set {value}")
        yield f"is {value}"
        log.append(f"put back {value}")

    shared = SharedContext(noted, "a number")
    with shared(3) as one, ThreadPoolExecutor(1) as other:
        with shared(3) as same:
            assert one == same == "is 3"
        with pytest.raises(InvalidValueError, match=r"^a number: found another"):
            other.submit(shared(4).__enter__).result()
        assert log == ["set 3"]
        with shared(4) as inner:
            assert inner == "is 4"
            for value in (3, 4):  # one thread holds both, and others neither
                with pytest.raises(InvalidValueError, match=r"^a number: found another"):
                    other.submit(shared(value).__enter__).result()
        assert log == ["set 3", "set 4", "put back 4"]
        outlasting = shared(3)
        assert other.submit(outlasting.__enter__).result() == "is 3"
    assert log[3:] == []
    outlasting.__exit__(None, None, None)
    assert log[3:] == ["put back 3"]
    with pytest.raises(KeyError), shared(5):
        raise KeyError
    assert log[4:] == ["set 5", "put back 5"]


def test_a_shared_context_that_cannot_be_entered_can_be_tried_again() -> None:
    tries = []

    @contextmanager
    def failing() -> Iterator[None]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError
        yield

    shared = SharedContext(failing, "an example")
    with pytest.raises(OSError):  # noqa: PT011 - the plainest one
        shared().__enter__()
    with shared():
        assert len(tries) == 2
