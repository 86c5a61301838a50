"""The replay buffer: never above its budget, nothing lost, resumed to the bit."""

from __future__ import annotations

import copy
import functools
import json
import os
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from hypothesis import given, settings
from hypothesis import strategies as st

import slimdc
from slimdc import ReplayBuffer, SlimmableDataset
from slimdc.errors import (
    FileError,
    InvalidTypeError,
    InvalidValueError,
    MissingBackendError,
    SlimdcError,
    SlimdcWarning,
)
from slimdc.replay.budget import BufferBudget
from slimdc.storage.tensor_file import parse_tensors, tensor_bytes

CLASSES = 6


def task(labels: list[int], seed: int, each: int = 3) -> SlimmableDataset:
    """A small set of some classes of a joint space."""
    rng = np.random.default_rng(seed)
    y = np.repeat(labels, each)
    x = rng.standard_normal((y.size, 8, 8)) + y[:, None, None]
    return SlimmableDataset.from_arrays(x.astype(np.float32), y, classes=CLASSES)


def real_task(labels: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = task(labels, seed, each=8)
    return x, np.argmax(y, axis=1)


def real_task_of(labels: list[int], each: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Real data of any classes."""
    rng, y = np.random.default_rng(0), np.repeat(labels, each)
    return (rng.standard_normal((y.size, 8, 8)) + y[:, None, None]).astype(np.float32), y


class PlainBuffer:
    """The same in the words of its contract, with nothing but sets and `slim`."""

    def __init__(self, nbytes: int | None, components: int | None) -> None:
        self.nbytes, self.components, self.held, self.count = nbytes, components, None, 0

    def add(self, came: SlimmableDataset) -> None:
        both = came if self.held is None else SlimmableDataset.union(self.held, came)
        if self.nbytes is not None:
            small = both
            if len(slimdc.dumps(both)) > self.nbytes:
                small = slimdc.slim(both, nbytes=self.nbytes, steps=0, width=4)
        else:
            share = (self.components or 0) // both.classes
            assert share >= 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                most = max(both.components)
                small = both if share >= most else slimdc.slim(both, share, steps=0)
        self.held, self.count = slimdc.loads(slimdc.dumps(small)), self.count + 1


labels_of_a_task = st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=3, unique=True)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), labels_of_a_task, st.integers(0, 99)),
        st.tuples(st.just("resume")),
        st.tuples(st.just("save")),
        st.tuples(st.just("fail"), st.integers(0, 3)),
    ),
    min_size=1,
    max_size=6,
)


def fail(buffer: ReplayBuffer, how: int) -> None:
    """Something that cannot be added."""
    other = SlimmableDataset.from_arrays(np.ones((2, 5, 5)), [0, 1], classes=CLASSES)
    bad: tuple[Any, ...] = (
        (np.ones((4, 8, 8)), np.asarray([0, 1, 2, CLASSES])),
        (SlimmableDataset.from_arrays(np.ones((2, 8, 8)), [0, 1]),),
        (other if buffer.labels else b"no set",),
        (np.full((4, 8, 8), np.nan), np.asarray([0, 1, 2, 3])),
    )[how]
    with pytest.raises(SlimdcError):
        buffer.add(*bad)


def test_a_task_of_few_samples_is_condensed_to_as_many_as_it_has() -> None:
    rng = np.random.default_rng(0)
    buffer = ReplayBuffer(components=100, classes=4, condense={"ipc": 3, "steps": 0})
    with pytest.warns(SlimdcWarning, match="ipc is 2"):
        buffer.add(rng.normal(size=(3, 8, 8)), np.asarray([0, 1, 1]))
    buffer.add(rng.normal(size=(12, 8, 8)), np.repeat([2, 3], 6))
    assert buffer.data.samples == (1, 2, 3, 3)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(operations, st.sampled_from([{"nbytes": 1_300}, {"nbytes": 4_000}, {"components": 9}]))
def test_any_sequence_keeps_to_the_budget_and_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[Any], budget: dict[str, int]
) -> None:
    path = tmp_path_factory.mktemp("buffer") / "state"
    buffer = ReplayBuffer(classes=CLASSES, slim={"steps": 0, "width": 4}, **budget)
    plain = PlainBuffer(budget.get("nbytes"), budget.get("components"))
    for operation in sequence:
        before = buffer.message
        if operation[0] == "add":
            came = task(operation[1], operation[2])
            buffer.add(came)
            plain.add(came)
        elif operation[0] == "resume":
            buffer = ReplayBuffer.from_state(buffer.state)
        elif operation[0] == "save":
            buffer.save(path)
            buffer = ReplayBuffer.load(path)
        else:
            fail(buffer, operation[1])
            assert buffer.message == before
        if plain.held is not None:
            assert buffer.message == slimdc.dumps(plain.held)
            assert buffer.labels == plain.held.labels
        if "nbytes" in budget:
            assert buffer.nbytes <= budget["nbytes"]
        elif buffer.message:
            assert sum(buffer.data.components) <= budget["components"]


def test_real_tasks_are_condensed_in_the_space_of_the_first() -> None:
    buffer = ReplayBuffer(
        components=20, classes=CLASSES, condense={"ipc": 2, "steps": 2, "width": 4}, seed=3
    )
    first, second = real_task([0, 1], 0), real_task([2, 5], 1)
    buffer.add(*first)
    buffer.add(*second)
    options: Any = {"classes": CLASSES, "steps": 2, "width": 4}
    one = slimdc.condense(*first, 2, seed=3, **options)
    two = slimdc.condense(*second, 2, seed=4, preprocessing=one.preprocessing, **options)
    assert buffer.message == slimdc.dumps(SlimmableDataset.union(one, two))
    assert buffer.labels == (0, 1, 2, 5)


def test_training_takes_the_seed_of_the_task() -> None:
    slim = {"steps": 3, "width": 4}
    buffer = ReplayBuffer(components=4, classes=CLASSES, slim=slim, seed=7)
    one, two = task([0, 1], 0), task([2, 3], 1)
    buffer.add(one)
    held = buffer.data
    assert buffer.message == slimdc.dumps(slimdc.slim(one, 2, seed=7, progress=False, **slim))
    buffer.add(two)
    both = SlimmableDataset.union(held, two)
    expected = slimdc.slim(both, 1, seed=8, progress=False, **slim)
    assert buffer.message == slimdc.dumps(expected)


def test_a_class_that_returns_is_merged() -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    one, two = task([1, 2], 0), task([2, 4], 1)
    buffer.add(one)
    buffer.add(two)
    assert buffer.labels == (1, 2, 4)
    x, _ = buffer.data.select([2]).arrays()
    both = [data.select([2]).arrays()[0] for data in (one, two)]
    np.testing.assert_allclose(x, np.concatenate(both), atol=1e-5)


def test_rows_of_labels_grow_without_announced_classes() -> None:
    buffer = ReplayBuffer(components=100)
    buffer.add(SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1]))
    buffer.add(SlimmableDataset.from_arrays(np.eye(4), [2, 2, 3, 3], classes=4))
    assert buffer.labels == (0, 1, 2, 3)
    assert buffer.data.label_entries == 4


def test_real_tasks_of_new_classes_need_no_announcement() -> None:
    buffer = ReplayBuffer(components=100, condense={"ipc": 2, "steps": 0})
    for labels in ([4, 5], [0, 1], [7]):
        buffer.add(*real_task_of(labels))
    assert buffer.labels == (0, 1, 4, 5, 7)
    assert buffer.data.label_entries == 8
    x, y = real_task_of([0, 1])
    with pytest.raises(InvalidValueError, match=r"y: found class 100000, .*classes="):
        buffer.add(x, np.where(y == 1, 100_000, y))


@pytest.mark.parametrize(
    ("rounding", "shares"), [("up", [25, 13, 9, 7, 5]), ("down", [25, 12, 8, 6, 5])]
)
def test_shares_are_the_papers(rounding: Any, shares: list[int]) -> None:
    budget = BufferBudget(components=500, rounding=rounding)
    assert [budget.share(20 * tasks) for tasks in range(1, 6)] == shares


def test_too_small_a_buffer_says_what_it_needs() -> None:
    buffer = ReplayBuffer(components=3, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    before = buffer.message
    with pytest.raises(InvalidValueError, match=r"components: found 3 for 4 classes.*at least 4"):
        buffer.add(task([2, 3], 0))
    assert buffer.message == before
    floor = ReplayBuffer(components=5, classes=CLASSES, floor=3)
    with pytest.raises(InvalidValueError, match=r"at least 6, 3 for each class"):
        floor.add(task([2, 3], 0))
    small = ReplayBuffer(nbytes=100, classes=CLASSES)
    with pytest.raises(InvalidValueError, match=r"nbytes: found 100, expected at least \d+"):
        small.add(task([2, 3], 0))
    assert (small.nbytes, len(small), small.labels) == (0, 0, ())


def test_batches_show_each_sample_once_before_any_comes_again() -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0, 1, 3], 0))
    x, y = buffer.data.arrays()
    drawn = buffer.batches(4, seed=5)
    seen = [next(drawn) for _ in range(9)]
    rows = np.concatenate([batch[0] for batch in seen]).reshape(36, -1)
    found = [int(np.flatnonzero((x.reshape(9, -1) == row).all(axis=1))[0]) for row in rows]
    for turn in range(4):
        assert sorted(found[9 * turn : 9 * turn + 9]) == list(range(9))
    assert found[:9] != found[9:18]
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch in seen]), y[found])
    again = next(buffer.batches(4, seed=5))
    np.testing.assert_array_equal(again[0], seen[0][0])
    assert len(next(buffer.batches(50))[0]) == 9


def test_batches_come_in_a_library() -> None:
    strict = library("array_api_strict")
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    x, y = next(buffer.batches(2, like=strict.asarray([0.0])))
    assert type(x).__module__.startswith("array_api_strict")
    assert y.shape == (2, CLASSES)


@pytest.mark.parametrize("name", ["data", "batches"])
def test_an_empty_buffer_says_so(name: str) -> None:
    buffer = ReplayBuffer(nbytes=1_000)
    with pytest.raises(InvalidValueError, match="an empty one"):
        _ = buffer.data if name == "data" else buffer.batches(2)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({}, InvalidTypeError, "neither"),
        ({"nbytes": 10, "components": 3}, InvalidTypeError, "both"),
        ({"nbytes": 0}, InvalidValueError, "nbytes"),
        ({"nbytes": 10.5}, InvalidTypeError, "nbytes"),
        ({"components": True}, InvalidTypeError, "components"),
        ({"components": 3, "floor": 0}, InvalidValueError, "floor"),
        ({"components": 3, "rounding": "paper"}, InvalidValueError, "rounding"),
        ({"components": 3, "classes": 0}, InvalidValueError, "classes"),
        ({"components": 3, "seed": -1}, InvalidValueError, "seed"),
        ({"components": 3, "slim": 5}, InvalidTypeError, "slim"),
        ({"components": 3, "slim": {"k": 5}}, InvalidValueError, "nbytes= or components="),
        ({"components": 3, "slim": {"history": []}}, InvalidTypeError, "history"),
        ({"components": 3, "slim": {"steps": float("nan")}}, InvalidTypeError, "steps"),
        ({"components": 3, "condense": {"seed": 5}}, InvalidValueError, "seed"),
        ({"components": 3, "condense": {3: 5}}, InvalidTypeError, "condense"),
        # What a call would refuse after tasks were trained is refused at once.
        ({"components": 3, "slim": {"rate": 0.1}}, InvalidTypeError, "slim: .*'rate'"),
        ({"components": 3, "slim": {"data": "x"}}, InvalidValueError, "slim: .*'data'"),
        ({"components": 3, "slim": {"steps": -3}}, InvalidValueError, "steps"),
        ({"components": 3, "slim": {"width": 0}}, InvalidValueError, "width"),
        ({"components": 3, "slim": {"method": "nonsense"}}, InvalidValueError, "method"),
        ({"components": 3, "slim": {"preset": "nonsense"}}, InvalidValueError, "preset"),
        ({"components": 3, "slim": {"backend": "nope"}}, MissingBackendError, "nope"),
        ({"components": 3, "slim": {"samples": "some"}}, InvalidValueError, "samples"),
        ({"components": 3, "slim": {"start": "rows"}}, InvalidValueError, "start"),
        ({"nbytes": 900, "slim": {"start": "sideways"}}, InvalidValueError, "start"),
        ({"nbytes": 900, "slim": {"samples": "match"}}, InvalidValueError, "samples"),
        ({"nbytes": 900, "slim": {"method": "frepo"}}, InvalidTypeError, "method needs it"),
        ({"nbytes": 900, "floor": 2}, InvalidValueError, "floor: found 2 beside nbytes="),
        ({"nbytes": 900, "rounding": "up"}, InvalidValueError, "rounding: found 'up' beside"),
        ({"nbytes": 900, "condense": {"ipcc": 3}}, InvalidTypeError, "condense: .*'ipcc'"),
        ({"nbytes": 900, "condense": {"x": 3}}, InvalidValueError, "condense: .*'x'"),
        ({"nbytes": 900, "condense": {"ipc": 0}}, InvalidValueError, "ipc"),
        ({"nbytes": 900, "condense": {"method": "truncate"}}, InvalidValueError, "method"),
        ({"nbytes": 900, "condense": {"backend": "nope"}}, MissingBackendError, "nope"),
        ({"nbytes": 900, "condense": {"width": 10**5000}}, InvalidTypeError, "condense"),
    ],
)
def test_bad_options_are_named(options: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        ReplayBuffer(**options)


def test_numbers_of_numpy_are_numbers() -> None:
    given = {"ipc": np.int64(3), "steps": np.int32(0), "preprocessing": None}
    buffer = ReplayBuffer(nbytes=np.int64(9_000), condense=given, slim={"steps": np.uint8(0)})
    buffer.add(*real_task_of([0, 1]))
    assert buffer.data.components == (3, 3)
    assert ReplayBuffer.from_state(buffer.state).state == buffer.state


def test_equal_buffers_have_equal_states() -> None:
    buffer = ReplayBuffer(components=8, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    assert len({buffer.state for _ in range(20)}) == 1


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("trained")


@pytest.mark.parametrize(
    ("x", "labels", "text"),
    [
        (np.ones((16, 16, 16), np.float32), [0, 1], r"x: found samples of shape \(16, 16, 1\)"),
        (np.ones((16, 8, 8, 3), np.float32), [0, 1], r"x: found samples of shape \(8, 8, 3\)"),
        (np.ones((16, 8, 8)), [0, 1], "x: found factors of float64"),
        (np.ones((32, 8, 8), np.float32), [2, 3, 4, 5], "components: found 5 for 6 classes"),
        (np.ones((16, 8, 8), np.longdouble), [0, 1], "x: found dtype float128"),
    ],
)
def test_what_cannot_be_held_is_not_condensed_first(
    x: np.ndarray, labels: list[int], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = ReplayBuffer(components=5, classes=CLASSES, condense={"ipc": 2, "steps": 3})
    buffer.add(task([0, 1], 0).truncate(2))
    before = buffer.state
    monkeypatch.setattr("slimdc.condensing.run", never)
    with pytest.raises(SlimdcError, match=text):
        buffer.add(x, np.repeat(labels, 8))
    assert buffer.state == before


def test_what_is_only_chosen_is_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    @functools.wraps(slimdc.condense)
    def condensed(*data: Any, **options: Any) -> SlimmableDataset:
        seen.append(options)
        return slimdc.condense(*data, **options)

    monkeypatch.setattr("slimdc.replay.arrivals.condense", condensed)
    for method, calls in (("random", 1), ("dm", 2)):
        seen.clear()
        steps = None if method == "random" else 1
        condense = {"ipc": 2, "method": method, "steps": steps}
        ReplayBuffer(components=9, classes=CLASSES, condense=condense).add(*real_task_of([0, 1]))
        assert len(seen) == calls


def test_other_sets_are_named_as_the_argument() -> None:
    buffer = ReplayBuffer(components=50, classes=CLASSES)
    buffer.add(task([0, 1], 0).named({0: "cat", 1: "dog"}))
    for other, text in (
        (task([0, 1], 0).named({0: "cow", 1: "dog"}), "x: found class 0 named 'cow'"),
        (
            SlimmableDataset.from_arrays(np.ones((2, 5, 5), "f4"), [0, 1], classes=CLASSES),
            r"x: found shape \(5, 5, 1\), expected that of what is held, \(8, 8, 1\)",
        ),
    ):
        with pytest.raises(InvalidValueError, match=text):
            buffer.add(other)
    with pytest.raises(InvalidTypeError, match="like: found"):
        buffer.batches(2, like="torch")


def test_a_set_whose_samples_are_infinite_is_refused() -> None:
    big = np.float32(1e30)
    u, v = np.eye(2, dtype="f4")[None], np.ones((2, 2, 4), "f4")
    data = SlimmableDataset.from_factors(u, np.full((1, 2), big), v * big, v[:, :, :2])
    buffer = ReplayBuffer(nbytes=9_000)
    with pytest.raises(InvalidValueError, match="x: found samples or labels that are not finite"):
        buffer.add(data)
    assert buffer.nbytes == 0


def test_real_samples_that_no_set_can_hold_are_refused_whatever_numpy_does() -> None:
    x, y = real_task_of([0, 1])
    buffer = ReplayBuffer(nbytes=9_000, condense={"ipc": 3, "steps": 2, "preprocessing": "none"})
    for mode in ("ignore", "raise"):
        with np.errstate(all=mode), pytest.raises(InvalidValueError, match="NaN or infinite"):
            buffer.add(x * np.float32(6e37), y)


def test_a_task_of_fewer_components_than_the_floor_is_refused() -> None:
    buffer = ReplayBuffer(components=8, classes=CLASSES, floor=3, condense={"ipc": 1, "steps": 0})
    with pytest.raises(InvalidValueError, match=r"x: found class 0 of 1 component, .*floor"):
        buffer.add(*real_task_of([0, 1]))
    buffer.add(task([0, 1], 0))
    with pytest.raises(InvalidValueError, match="class 4 of 2 components"):
        buffer.add(task([4], 0, each=2))


@pytest.mark.slow
def test_a_class_may_return_for_ever_within_a_budget_in_bytes() -> None:
    """U has a row for each sample that came, which components do not count."""
    counted = ReplayBuffer(components=4, classes=CLASSES)
    weighed = ReplayBuffer(nbytes=900, classes=CLASSES, slim={"width": 4})
    for seed in range(20):
        counted.add(task([0, 1], seed))
        weighed.add(task([0, 1], seed))
        assert weighed.nbytes <= 900
    assert (len(counted), counted.data.components) == (120, (2, 2))
    assert len(weighed) < len(counted)


def test_threads_lose_no_task() -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    parts = [task([label], label) for label in range(CLASSES)]
    start = threading.Barrier(CLASSES)

    def add(part: SlimmableDataset) -> None:
        start.wait()
        buffer.add(part)
        known = ReplayBuffer.from_state(buffer.state)
        assert known.added == len(known.labels)

    with ThreadPoolExecutor(CLASSES) as pool:
        list(pool.map(add, parts))
    assert (buffer.added, buffer.labels) == (CLASSES, tuple(range(CLASSES)))


def test_threads_leave_filters_of_warnings_alone() -> None:
    before = list(warnings.filters)
    start = threading.Barrier(3)

    def fill(steps: int) -> None:
        start.wait()
        for _ in range(3):
            buffer = ReplayBuffer(components=5, classes=CLASSES, slim={"steps": steps, "width": 2})
            buffer.add(task([0, 1], 0))
            buffer.add(task([2, 3], 0, each=1))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(fill, (2, 3, 4)))
    assert warnings.filters == before


def test_copies_go_on_alone() -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0], 0))
    for made in (copy.copy(buffer), copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        made.add(task([1], 0))
        assert (made.labels, buffer.labels) == ((0, 1), (0,))


def test_a_file_at_fault_is_named(tmp_path: Path) -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    path = tmp_path / "held"
    for payload in (buffer.state[:-1], b"", buffer.message):
        path.write_bytes(payload)
        with pytest.raises(FileError) as raised:
            ReplayBuffer.load(path)
        assert raised.value.argument == str(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="no regular file"):
        ReplayBuffer.load(tmp_path / "pipe")


def test_other_dtypes_are_named() -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    wide = SlimmableDataset.from_arrays(np.ones((2, 8, 8)), [2, 3], classes=CLASSES)
    with pytest.raises(InvalidTypeError, match="float64"):
        buffer.add(wide)


def state_with(state: bytes, **changed: Any) -> bytes:
    """A state with a digest of its own, and something else in it."""
    tensors, said = parse_tensors("state", state)
    return tensor_bytes(tensors, {key: value for key, value in (said | changed).items() if value})


def test_damaged_and_other_states_are_refused(tmp_path: Path) -> None:
    buffer = ReplayBuffer(components=100, classes=CLASSES)
    buffer.add(task([0, 1], 0))
    state = buffer.state
    rng = np.random.default_rng(0)
    for place in rng.choice(len(state), 150, replace=False):
        damaged = bytearray(state)
        damaged[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(FileError):
            ReplayBuffer.from_state(bytes(damaged))
    for end in (0, 7, 100, len(state) - 1):
        with pytest.raises(FileError):
            ReplayBuffer.from_state(state[:end])
    options = json.loads(parse_tensors("state", state)[1]["options"])
    for changed in (
        {"format": "slimdc-replay-2"},
        {"format": None},
        {"options": "[]"},
        {"options": "nan"},
        {"options": json.dumps(options | {"more": 1})},
        {"options": json.dumps(options | {"components": None})},
        {"options": json.dumps(options | {"slim": {"k": 2}})},
        {"added": "-1"},
        {"added": "one"},
        {"added": None},
    ):
        with pytest.raises(FileError):
            ReplayBuffer.from_state(state_with(state, **changed))
    with pytest.raises(FileError, match="slimdc-replay-1"):
        ReplayBuffer.from_state(slimdc.dumps(task([0], 0)))
    with pytest.raises(InvalidTypeError, match="bytes"):
        ReplayBuffer.from_state("state")  # type: ignore[arg-type]
    with pytest.raises(FileError):
        ReplayBuffer.load(tmp_path / "nothing")
    with pytest.raises(FileError):
        ReplayBuffer.load(tmp_path)


def test_a_buffer_shows_itself() -> None:
    buffer = ReplayBuffer(nbytes=4_000, classes=CLASSES)
    assert repr(buffer) == "ReplayBuffer(0 classes in 0 of 4,000 bytes)"
    buffer.add(task([0, 1], 0))
    assert repr(buffer).startswith("ReplayBuffer(2 classes in ")
    assert len(buffer) == 6
    counted = ReplayBuffer(components=8)
    assert repr(counted) == "ReplayBuffer(0 classes in 0 bytes, of 8 components)"


def test_a_whitening_is_that_of_the_first_task() -> None:
    rng = np.random.default_rng(0)
    condense = {"ipc": 2, "steps": 0, "preprocessing": "zca"}
    buffer = ReplayBuffer(components=20, classes=CLASSES, condense=condense)
    images = rng.integers(0, 255, (4, 40, 8, 8, 3)).astype(np.uint8)
    for labels, x in zip(([0, 1], [2, 3]), images, strict=False):
        buffer.add(x, np.repeat(labels, 20))
    space = buffer.data.preprocessing
    assert space.is_complete
    alone = slimdc.condense(images[0], np.repeat([0, 1], 20), 2, steps=0, preprocessing="zca")
    assert space == alone.preprocessing
    second = space.apply(images[1], "channels_last").reshape(40, -1)
    rows = buffer.data.select([2, 3]).arrays()[0].reshape(4, -1)
    nearest = np.abs(rows[:, None] - second).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-3
    resumed = ReplayBuffer.from_state(buffer.state)
    with pytest.raises(InvalidValueError, match="without its matrix"):
        resumed.add(images[2], np.repeat([4, 5], 20))
    resumed.add(buffer.data.select([0]))  # sets need none


@pytest.mark.filterwarnings("ignore:k is 2. classes of fewer samples")  # of all but truncation
@pytest.mark.parametrize("method", ["parameter-matching", "random", "truncate", "frepo", "yoco"])
def test_any_method_slims(method: str) -> None:
    options: dict[str, Any] = {"method": method}
    if method in ("parameter-matching", "frepo"):
        options |= {"steps": 1, "width": 4}
    else:
        options["steps"] = None
    buffer = ReplayBuffer(components=8, classes=CLASSES, slim=options)
    buffer.add(task([0, 1], 0))
    buffer.add(task([2], 1, each=1))
    buffer.add(task([3], 2))
    assert buffer.data.components == (2, 2, 1, 2)
