"""The slimmable file: exact, whole or absent, and never executed."""

from __future__ import annotations

import os
import pickle
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Space, library
from slimmable_sets import save_version_2

from slimdc import storage
from slimdc.errors import FileError, InvalidTypeError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.validation import NAMES
from slimdc.storage.tensor_file import read_tensors, write_tensors

FIELDS = ("shape", "layout", "labels", "samples", "components", "preprocessing", "dtype")


def ragged(space: Space, dtype: str) -> SlimmableDataset:
    rng = np.random.default_rng(0)
    x = space.array(rng.normal(size=(9, 3, 4, 5)), dtype)
    y = space.array(np.asarray([0] * 5 + [1] * 3 + [2], dtype=np.int32))
    standard = Preprocessing((0.1, 1 / 3, 0.7), (0.3, 1e-7, 2.0))
    return SlimmableDataset.from_arrays(x, y, layout="channels_first", preprocessing=standard)


def small() -> SlimmableDataset:
    return SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])


def test_a_set_comes_back_to_the_bit(space: Space, tmp_path: Path) -> None:
    for dtype in space.dtypes:
        data = ragged(space, dtype)
        path = tmp_path / f"{dtype}.safetensors"
        storage.save(data, path)
        plain = storage.load(str(path))
        back = storage.load(path, like=data.u)
        for mine, host, same in zip(data.factors, plain.factors, back.factors, strict=True):
            assert isinstance(host, np.ndarray)
            assert host.dtype.name == space.dtype(mine)
            assert (host == space.host(mine)).all()
            assert space.owns(same)
            assert (space.host(same) == space.host(mine)).all()
        for name in FIELDS:
            assert getattr(plain, name) == getattr(back, name) == getattr(data, name)
        for mine, theirs in zip(data.arrays(), back.arrays(), strict=True):
            assert space.dtype(theirs) == dtype
            assert (space.host(mine) == space.host(theirs)).all()


def test_extreme_values_keep_their_bits(tmp_path: Path) -> None:
    vx = np.asarray([[[5e-324, -0.0, 1.7976931348623157e308]]])
    data = SlimmableDataset.from_factors(np.ones((1, 1, 1)), np.ones((1, 1)), vx, vx)
    storage.save(data, tmp_path / "a")
    assert storage.load(tmp_path / "a").vx.tobytes() == vx.tobytes()


def test_float64_becomes_float32_where_jax_has_no_more(tmp_path: Path) -> None:
    jax = library("jax")
    storage.save(small(), tmp_path / "a")
    back = storage.load(tmp_path / "a", like=jax.numpy.zeros(1))
    assert back.vx.dtype == np.float32
    np.testing.assert_allclose(np.asarray(back.arrays()[0]), small().arrays()[0], atol=1e-6)


def test_saving_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.write_text("something else")
    storage.save(small(), path)
    assert len(storage.load(path)) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")
def test_permissions_are_the_users_and_links_are_followed(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        storage.save(small(), tmp_path / "real")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o644
    (tmp_path / "link").symlink_to(tmp_path / "real")
    storage.save(small().truncate(1), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert storage.load(tmp_path / "real").components == (1, 1)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "set"
    storage.save(small(), path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(FileError, match="No space left"):
        storage.save(small().truncate(1), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        storage.save(small(), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_before_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set"
    save_version_2(small(), path)
    whole = path.read_bytes()
    for length in (*range(0, len(whole), 37), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match="truncated or no safetensors file"):
            storage.load(path)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["SLIMDC_TEST_TRAP"],)


def test_a_pickle_is_refused_and_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIMDC_TEST_TRAP", str(tmp_path / "sprung"))
    for payload in (Trap(), [Trap()]):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(payload))
        with pytest.raises(FileError, match="no safetensors file"):
            storage.load(tmp_path / "a.pkl")
    np.save(tmp_path / "a.npy", np.asarray([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(FileError, match="no safetensors file"):
        storage.load(tmp_path / "a.npy")
    assert not (tmp_path / "sprung").exists()


def test_foreign_safetensors_are_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {"weight": np.zeros(3)}, {})
    with pytest.raises(
        FileError, match="found format None, version None, expected format 'slimdc'"
    ):
        storage.load(tmp_path / "a")


def damaged(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "damaged"
    save_version_2(small(), path)
    tensors, metadata = read_tensors(path)
    for name, value in changes.items():
        place: dict[str, Any] = tensors if name in NAMES else metadata
        if value is None:
            del place[name]
        else:
            place[name] = value
    write_tensors(path, tensors, metadata)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "4"}, "version '4'"),
        ({"version": "3"}, "a damaged set"),
        ({"format": "other"}, "format 'other'"),
        ({"vy": None}, "tensors: found"),
        ({"labels": None}, "expected .labels. as well"),
        ({"labels": "[0, 0]"}, "labels: found"),
        ({"labels": "[0,"}, "a damaged set"),
        ({"labels": "7"}, "labels: found 7"),
        ({"preprocessing": "[]"}, "preprocessing: found"),
        ({"preprocessing": '{"mean": [0], "std": [0]}'}, "numbers above zero"),
        ({"dtype": '["float32"]'}, "dtype: found"),
        ({"dtype": '"int8"'}, "dtype: found"),
        ({"layout": "[]"}, "layout: found"),
        ({"shape": "[5]"}, "shape: found"),
        ({"shape": "null"}, "shape: found None"),
        ({"shape": f"[{10**400}]"}, "shape: found"),
        ({"labels": "[" * 100_000}, "a damaged set"),
        ({"preprocessing": f'{{"mean": [{10**400}], "std": [1]}}'}, "a damaged set"),
        ({"preprocessing": '{"mean": [0], "std": [1e999]}'}, "finite numbers"),
        ({"u": np.zeros((2, 2, 2))}, "orthonormal"),
        ({"vx": np.full((2, 2, 4), np.nan)}, "vx: found NaN"),
        ({"s": np.ones((2, 2), dtype=np.int64)}, "s: found dtype int64"),
    ],
)
def test_damaged_sets_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=message):
        storage.load(damaged(tmp_path, **changes))


def test_paths_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, found in (
        (tmp_path / "missing", "no such file"),
        (tmp_path, "no regular file, but a folder, .* `slimdc convert` take sets of others"),
        (tmp_path / "file" / "under", "no such file"),
        ("", "no regular file"),
        ("null\0byte", "no such file|null"),
        (tmp_path / ("long" * 200), "File name too long|no such file"),
    ):
        with pytest.raises(FileError, match=found) as caught:
            storage.load(path)
        assert isinstance(caught.value, OSError)


def test_paths_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (
        tmp_path,
        tmp_path / "file" / "under",
        tmp_path / "no folder" / "set",
        tmp_path / ("long" * 200),
        "null\0byte",
    ):
        with pytest.raises(FileError, match="expected a file that can be written"):
            storage.save(small(), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_read_only_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set"
    path.write_text("kept")
    path.chmod(0o444)
    if os.access(path, os.W_OK):  # root may write anything: ask as another user would be told
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match="a file marked read-only"):
        storage.save(small(), path)
    assert path.read_text() == "kept"


@pytest.mark.parametrize("path", [None, 3, b"bytes", ["a"]])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidTypeError, match="path: found"):
        storage.load(path)
    with pytest.raises(InvalidTypeError, match="path: found"):
        storage.save(small(), path)


def test_only_sets_are_saved(tmp_path: Path) -> None:
    with pytest.raises(InvalidTypeError, match="data: found ndarray, expected a SlimmableDataset"):
        storage.save(np.eye(2), tmp_path / "a")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_views_are_written_as_they_read(tmp_path: Path) -> None:
    table = np.arange(12.0).reshape(3, 4)
    tensors = {
        "big endian": table.astype(">f4"),
        "turned": table.T,
        "backward": table[::-1],
        "empty": np.zeros((0, 2)),
        "one": table[0, 0],
    }
    write_tensors(tmp_path / "a", tensors, {"k": "v"})
    back, metadata = read_tensors(tmp_path / "a")
    assert metadata["k"] == "v"
    for name, values in tensors.items():
        assert back[name].shape == np.shape(values)
        assert (back[name] == values).all()
        assert back[name].flags.writeable
