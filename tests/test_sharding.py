"""Sets larger than memory: slimmed part by part, by any executor, to the bits of the whole."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdc
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.losses import orthogonality
from slimdc.settings import SlimSettings

CLASSES = 40
FACTORS = ("u", "s", "vx", "vy")


def samples(label: int) -> np.ndarray:
    rng = np.random.default_rng(label)
    return rng.standard_normal((6 + label % 3, 4, 4, 1)).astype(np.float32)


def pair(label: int) -> tuple[np.ndarray, np.ndarray]:
    x = samples(label)
    return x, np.full(len(x), label)


def parts(count: int = CLASSES) -> Iterator[tuple[str, Callable[[], Any]]]:
    for label in range(count):
        yield f"class-{label:03d}", functools.partial(pair, label)


def whole() -> slimdc.SlimmableDataset:
    x, y = (np.concatenate(both) for both in zip(*map(pair, range(CLASSES)), strict=True))
    return slimdc.SlimmableDataset.from_arrays(x, y)


def in_processes() -> Executor:
    return ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn"))


def in_threads() -> Executor:
    return ThreadPoolExecutor(4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return slimdc.slim_shards(parts(), tmp_path_factory.mktemp("alone"), 2, classes=CLASSES)


def test_shards_hold_the_classes_of_the_whole_to_the_bit(alone: list[Path]) -> None:
    expected = whole().truncate(2)
    assert [path.name for path in alone[:2]] == ["class-000.safetensors", "class-001.safetensors"]
    for label, path in enumerate(alone):
        small = slimdc.load(path)
        assert (small.labels, small.components) == ((label,), (2,))
        assert small.label_entries == CLASSES
        for name in FACTORS:
            found, block = getattr(small, name)[0], getattr(expected, name)[label]
            assert np.array_equal(found, block[: len(found)] if name == "u" else block)


@pytest.mark.parametrize("executor", [in_processes, in_threads])
def test_any_executor_writes_what_a_loop_writes(
    alone: list[Path], tmp_path: Path, executor: Callable[[], Executor]
) -> None:
    with executor() as pool:
        found = slimdc.slim_shards(parts(), tmp_path, 2, classes=CLASSES, executor=pool)
    assert [path.name for path in found] == [path.name for path in alone]
    for path, one in zip(found, alone, strict=True):
        assert path.read_bytes() == one.read_bytes()
    assert len(list(tmp_path.iterdir())) == CLASSES


def test_shards_are_slimmed_again_and_rounded(alone: list[Path], tmp_path: Path) -> None:
    again = slimdc.slim_shards(((path.stem, path) for path in alone[:3]), tmp_path, 1, bits=4)
    for path, one in zip(again, alone, strict=False):
        assert path.read_bytes() == slimdc.dumps(slimdc.load(one, k=1).quantize(4))


def test_sources_may_be_sets_and_several_classes(tmp_path: Path) -> None:
    data = whole()
    (path,) = slimdc.slim_shards([("all", data)], tmp_path / "new" / "folder", 3)
    assert path.read_bytes() == slimdc.dumps(data.truncate(3))


class Late:
    """An executor that does a job when its result is wanted, and counts those under way."""

    def __init__(self) -> None:
        self.waiting = self.most = self.cancelled = 0

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return LateJob(self, function, args)


class LateJob:
    def __init__(self, of: Late, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.of, self.function, self.args = of, function, args

    def result(self) -> Any:
        self.of.waiting -= 1
        return self.function(*self.args)

    def cancel(self) -> None:
        self.of.cancelled += 1


@pytest.fixture
def _quick_collections() -> Iterator[None]:
    """Let the collector pass over what was there before: it takes a second beside frameworks."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_quick_collections")
def test_no_more_parts_are_taken_than_are_under_way(tmp_path: Path) -> None:
    held: list[weakref.ref[np.ndarray]] = []
    alive = []

    def arrays() -> Iterator[tuple[str, Any]]:
        for label in range(12):
            gc.collect()
            alive.append(sum(x() is not None for x in held))
            x, y = pair(label)
            held.append(weakref.ref(x))
            part = (f"{label}", (x, y))
            del x
            yield part
            del part

    late = Late()
    slimdc.slim_shards(arrays(), tmp_path / "late", 1, classes=12, executor=late, ahead=3)
    assert late.most == 4
    assert max(alive) == 3
    held.clear()
    alive.clear()
    slimdc.slim_shards(arrays(), tmp_path / "here", 1, classes=12)
    assert max(alive) == 0


def test_shards_with_fewer_components_keep_all_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(SlimdcWarning, match="k: 2 of 3 shards hold fewer than 8 components"):
        found = slimdc.slim_shards(parts(3), tmp_path, 8, classes=3)
    assert [slimdc.load(path).components for path in found] == [(6,), (7,), (8,)]


def broken() -> Any:
    raise OSError("the disk is away")


def test_what_fails_names_its_shard_and_gives_up_the_others(tmp_path: Path) -> None:
    def faulty() -> Iterator[tuple[str, Any]]:
        yield from parts(2)
        yield "bad", broken
        yield from (("late-" + name, source) for name, source in parts(9))

    late = Late()
    with pytest.raises(OSError, match="the disk is away") as caught:
        slimdc.slim_shards(faulty(), tmp_path, 1, classes=9, executor=late, ahead=4)
    assert caught.value.__notes__ == ["(in the shard 'bad')"]
    assert late.cancelled == 4
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["class-000.safetensors", "class-001.safetensors"]
    with in_threads() as pool, pytest.raises(OSError, match="the disk is away"):
        slimdc.slim_shards(faulty(), tmp_path, 1, classes=9, executor=pool)


@pytest.mark.parametrize(
    ("shards", "error", "message"),
    [
        ([("a", pair(0)), ("a", pair(0))], InvalidValueError, "shards: found the name 'a' twice"),
        *(
            ([(name, pair(0))], InvalidValueError, "shards: found the name")
            for name in ("", "a/b", "..", "a\\b", "a\0b", ".hidden")
        ),
        ([(0, pair(0))], InvalidTypeError, "shards: found tuple"),
        ([pair(0)[0]], InvalidTypeError, "shards: found ndarray"),
        ([("a", 3)], InvalidTypeError, "shards: found int"),
        ([("a", (samples(0), [5] * 6))], InvalidValueError, "y: found"),
    ],
)
def test_bad_parts_are_refused(
    tmp_path: Path, shards: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        slimdc.slim_shards(shards, tmp_path / "folder", 1, classes=2)
    assert len(list(tmp_path.rglob("*"))) <= 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"k": 0}, InvalidValueError),
        ({"k": True}, InvalidTypeError),
        ({"bits": 0}, InvalidValueError),
        ({"bits": 20}, InvalidValueError),
        ({"classes": 0}, InvalidValueError),
        ({"executor": 3}, InvalidTypeError),
        ({"executor": Late(), "ahead": 0}, InvalidValueError),
        ({"folder": 3}, InvalidTypeError),
        ({"folder": "null\0byte"}, FileError),
    ],
)
def test_bad_arguments_are_named(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception]
) -> None:
    (name, *_) = list(arguments)[-1:]
    given = {"folder": tmp_path, "k": 1, "classes": 2} | arguments
    with pytest.raises(error, match=rf"^({name}|null)"):
        slimdc.slim_shards(parts(2), **given)
    assert not list(tmp_path.iterdir())


def test_a_run_takes_equation_12_in_the_groups_of_its_settings() -> None:
    """Twelve components of samples of eight values, four components to a group."""
    x = np.random.default_rng(0).standard_normal((24, 8))
    data = slimdc.SlimmableDataset.from_arrays(x, np.arange(24) % 3)
    history: list[Any] = []
    settings = SlimSettings(steps=2, group=4)
    slimdc.slim(data, 4, preset=settings, width=4, history=history)
    small = data.truncate(4)
    bases = small.vx.reshape(12, 8), small.vy.reshape(12, 3)
    found = history[0]["ortho"]
    assert found == pytest.approx(float(orthogonality(*bases, rows=4)), rel=1e-6)
    assert found < float(orthogonality(*bases)) - 1


def test_equation_10_is_of_a_group_and_equation_9_of_all_with_their_number() -> None:
    """Four classes in two groups whose rows of V_x are orthonormal: 16 rows of 8 values."""
    rng = np.random.default_rng(0)
    vx = np.concatenate([np.linalg.qr(rng.standard_normal((8, 8)))[0] for _ in range(2)])
    u = np.linalg.qr(rng.standard_normal((4, 5, 4)))[0]
    vy, s = rng.standard_normal((4, 4, 4)) / 10, np.tile([4.0, 3.0, 2.0, 1.0], (4, 1))
    data = slimdc.SlimmableDataset.from_factors(u, s, vx.reshape(4, 4, 8), vy)
    assert float(orthogonality(vx, np.eye(16, 4), rows=8)) < 1e-20
    whole = slimdc.certify(data, data.truncate(2))
    assert not whole.bounds
    y = ((u * s[:, None]) @ vy).reshape(-1, 4)  # Xw - Y at w = 0
    assert whole.first_order.frobenius <= np.sqrt(2) * 2.0 * np.linalg.norm(y)
    for classes in ((0, 1), (2, 3)):
        group = data.select(classes)
        found = slimdc.certify(group, group.truncate(2))
        assert found.holds
        assert any("Eq. 10" in bound.equation for bound in found.bounds)
        removed = group.vy[:, 2:].reshape(4, 4)
        assert found.infinity_order.spectral == pytest.approx(np.linalg.norm(removed, 2))
