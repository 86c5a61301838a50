"""CIFAR's archives: what is read of them, and that nothing in them runs or fills the memory."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import pickletools
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimdc import datasets
from slimdc.datasets import cifar, places
from slimdc.datasets.plain_pickle import PlainArray, read_plain
from slimdc.errors import FileError

N = 4
KINDS = {
    "cifar10": ("cifar-10-batches-py", "labels", "batches.meta", "label_names", 10),
    "cifar100": ("cifar-100-python", "fine_labels", "meta", "fine_label_names", 100),
}
BATCHES = {
    "cifar10": [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
    "cifar100": ["train", "test"],
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the data sets that this machine may really have."""
    monkeypatch.delenv("SLIMDC_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")


def python_2(value: Any) -> bytes:
    """Write a pickle as Python 2 and its NumPy wrote the published files."""
    out = bytearray(b"\x80\x02")

    def text(data: bytes) -> None:
        short = len(data) < 256
        out.extend(b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data)))
        out.extend(data)

    def put(held: Any) -> None:
        if isinstance(held, str):
            text(held.encode("latin-1"))
        elif isinstance(held, int):
            out.extend(b"J" + struct.pack("<i", held))
        elif isinstance(held, list):
            out.extend(b"](")
            for item in held:
                put(item)
            out.extend(b"e")
        elif isinstance(held, dict):
            out.extend(b"}(")
            for key, item in held.items():
                put(key)
                put(item)
            out.extend(b"u")
        else:
            out.extend(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR")
            out.extend(
                b"(K\x01(" + b"".join(b"J" + struct.pack("<i", n) for n in held.shape) + b"t"
            )
            out.extend(b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xff")
            out.extend(b"J\xff\xff\xff\xffK\x00tb\x89")
            text(held.tobytes())
            out.extend(b"tb")

    put(value)
    return bytes(out + b".")


def contents(name: str, seed: int = 0) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Make the files of a small set as plain values, and what should be read of them, in order."""
    _, labels, meta, names, classes = KINDS[name]
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (len(BATCHES[name]) * N, 32, 32, 3)).astype(np.uint8)
    targets = rng.integers(0, classes, len(pixels))
    files: dict[str, Any] = {meta: {names: [f"class {i}" for i in range(classes)]}}
    for i, batch in enumerate(BATCHES[name]):
        rows = slice(i * N, (i + 1) * N)
        flat = pixels[rows].transpose(0, 3, 1, 2).reshape(N, 3072)
        files[batch] = {"data": flat, labels: targets[rows].tolist(), "batch_label": "of some"}
    return files, pixels, targets


def written(folder: Path, name: str, write: Any = python_2) -> tuple[Path, np.ndarray, np.ndarray]:
    files, pixels, targets = contents(name)
    place = folder / KINDS[name][0]
    place.mkdir(parents=True)
    for file, value in files.items():
        (place / file).write_bytes(write(value))
    return place, pixels, targets


def packed(folder: Path, name: str) -> Path:
    place, *_ = written(folder, name)
    archive = folder / f"{KINDS[name][0].removesuffix('-batches-py').removesuffix('-python')}"
    archive = archive.with_name(f"{archive.name}-python.tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(place, arcname=place.name)
    for file in place.iterdir():
        file.unlink()
    place.rmdir()
    return archive


WRITERS = {
    "python 2": python_2,
    **{f"protocol {p}": lambda value, p=p: pickle.dumps(value, p) for p in range(5)},
    "bytes as keys": lambda value: pickle.dumps({k.encode(): v for k, v in value.items()}, 2),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", KINDS)
def test_reads_what_was_written_channels_last(tmp_path, name, writer) -> None:
    place, pixels, targets = written(tmp_path, name, WRITERS[writer])
    real = getattr(datasets, name)(place)
    np.testing.assert_array_equal(np.concatenate([real.x_train, real.x_test]), pixels)
    assert np.concatenate([real.y_train, real.y_test]).tolist() == targets.tolist()
    assert len(real.x_test) == N
    assert (real.x_train.dtype, real.y_train.dtype) == (np.uint8, np.int64)
    assert real.x_train.flags.writeable
    assert real.names[:2] == ("class 0", "class 1")


def test_the_writer_of_these_tests_writes_what_python_reads() -> None:
    files, *_ = contents("cifar10")
    read = pickle.loads(python_2(files["test_batch"]), encoding="latin1")
    np.testing.assert_array_equal(read["data"], files["test_batch"]["data"])
    assert read["labels"] == files["test_batch"]["labels"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("base", ["root", "environment", "debian", "home/.cache/slimdc"])
@pytest.mark.parametrize("archived", [False, True])
def test_looks_in_every_documented_place(tmp_path, monkeypatch, name, base, archived) -> None:
    (packed if archived else written)(tmp_path / base, name)
    if base == "environment":
        monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / base))
    read = getattr(datasets, name)
    real = read(tmp_path / base) if base == "root" else read()
    _, pixels, _ = contents(name)
    np.testing.assert_array_equal(real.x_test, pixels[-N:])


@pytest.mark.parametrize("name", KINDS)
def test_reads_by_name_folder_and_archive(tmp_path, name) -> None:
    place, *_ = written(tmp_path / "folder", name)
    archive = packed(tmp_path / "archive", name)
    for data in (place, place.parent, archive, archive.parent):
        assert len(datasets.read(data).x_test) == N
    assert len(datasets.read(name, place.parent).x_test) == N


def test_names_are_not_needed(tmp_path) -> None:
    place, *_ = written(tmp_path, "cifar10")
    (place / "batches.meta").unlink()
    assert datasets.cifar10(tmp_path).names == ()


def test_missing_files_name_the_places() -> None:
    with pytest.raises(
        FileError, match=r"SLIMDC_DATA: found no cifar10 files in .*debian"
    ) as caught:
        datasets.cifar10()
    for part in ("debian", "data_batch_5", ".cache"):
        assert part in str(caught.value)
    assert "cifar-10-python.tar.gz" in str(caught.value)


class Attack:
    """Would leave a file if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("where", ["whole", "key", "list"])
def test_nothing_is_called(tmp_path, protocol, where) -> None:
    target = tmp_path / "called"
    place, *_ = written(tmp_path, "cifar10")
    attack: Any = Attack(target)
    value = {"whole": attack, "key": {"data": attack}, "list": {"labels": [attack]}}[where]
    (place / "test_batch").write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(FileError, match=r"test_batch: found damaged .*the name '\w+\.system'"):
        datasets.cifar10(tmp_path)
    assert not target.exists()


PAYLOADS = {
    "eval": b"c__builtin__\neval\n(U\x011tR.",
    "getattr": b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
    "numpy's own loader": b"cnumpy\nload\n(U\x01xtR.",
    "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile \x93.",
    "codecs": b"c_codecs\ndecode\n(U\x01xtR.",
    "an array called": b"cnumpy\nndarray\n((J\xff\xff\xff\x7ftR.",
    "objects": b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.",
    "strings": b"cnumpy\ndtype\n(U\x02S9K\x00K\x01tR.",
    "persistent": b"Pother\n.",
    "persistent, binary": b"U\x01xQ.",
    "extension": b"\x80\x02\x82\x01.",
    "instance": b"(U\x01xios\nsystem\n.",
    "object": b"(cos\nsystem\nU\x01xo.",
    "new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "buffer": b"\x80\x05\x97.",
    "nothing": b"",
    "no end": b"}",
    "two values": b"K\x01K\x02.",
    "a mark left": b"(K\x01.",
    "no value": b".",
    "no mark": b"]e.",
    "below the mark": b"K\x01(\x85.",
    "append to a dict": b"}K\x01a.",
    "set in a list": b"]U\x01xK\x01s.",
    "build a list": b"]K\x01b.",
    "a key alone": b"}(U\x01xu.",
    "a number as a key": b"}K\x01K\x02s.",
    "an unhashable key": b"}]K\x02s.",
    "a memo that is not there": b"h\x05.",
    "an endless string": b"T\xff\xff\xff\x7fabc.",
    "a negative string": b"T\xff\xff\xff\xffabc.",
    "an endless text": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "endless bytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
    "an endless bytearray": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\x00\x00abc.",
    "an endless frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fK.",
    "an endless number": b"\x8b\xff\xff\xff\x7f1.",
    "a long number": b"I" + b"9" * 10_000 + b"\n.",
    "an unknown protocol": b"\x80\xff\xff.",
    "html": b"<!DOCTYPE html><html></html>",
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_foreign_pickles_are_refused(payload) -> None:
    with pytest.raises(FileError, match="source: found damaged or foreign content"):
        read_plain(PAYLOADS[payload], "source")


def test_depth_and_size_that_only_a_memo_tells_of() -> None:
    nested = b"\x80\x02)" + b"\x85" * 200_000
    read_plain(nested + b".", "source")
    with pytest.raises(FileError, match="a key that is no string"):
        read_plain(b"}" + nested + b"K\x01s.", "source")  # its hash would end the process
    # A memo's number is a number only: Python's own unpickler makes room for as many.
    assert read_plain(b"K\x01r\xff\xff\xff\xff.", "source") == 1
    itself = read_plain(b"]q\x00h\x00a.", "source")
    assert isinstance(itself, list)
    assert itself[0] is itself


def state(**changes: Any) -> PlainArray:
    held = read_plain(pickle.dumps(np.arange(6, dtype=np.uint8).reshape(2, 3), 2), "source")
    assert isinstance(held, PlainArray)
    version, shape, dtype, columns, data = held.state
    parts = {"version": version, "shape": shape, "dtype": dtype, "columns": columns, "data": data}
    held.state = tuple((parts | changes).values())
    return held


def test_arrays_of_either_order() -> None:
    assert state().to_numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    big, columns = np.arange(6, dtype=">i4").reshape(2, 3), np.arange(6).reshape(3, 2).T
    for values in (big, columns):
        held = read_plain(pickle.dumps(values, 2), "source")
        assert isinstance(held, PlainArray)
        np.testing.assert_array_equal(held.to_numpy(), values)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (2, 2)},
        {"shape": (2**62, 4)},
        {"shape": (-2, -3)},
        {"shape": (True, 6)},
        {"shape": [2, 3]},
        {"shape": (1,) * 100},
        {"data": ["a"] * 6},
        {"data": "€" * 6},
        {"data": None},
        {"dtype": "u1"},
    ],
)
def test_arrays_that_are_none(changes) -> None:
    with pytest.raises(ValueError, match=r"an array|codec"):
        state(**changes).to_numpy()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((N, 3071), np.uint8)}, r"shape \(4, 3071\)"),
        ({"data": np.zeros((N, 3072), np.int64)}, "int64"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "0 labels"),
        ({"data": "text"}, "type str"),
        ({"labels": [0] * (N - 1)}, "3 labels"),
        ({"labels": [0] * (N - 1) + [10]}, "labels from 0 to 10"),
        ({"labels": [0] * (N - 1) + [-1]}, "labels from -1 to 0"),
        ({"labels": [0.0] * N}, "type list"),
        ({"labels": [True] * N}, "type list"),
        ({"labels": [2**70] * N}, "type list"),
        ({"labels": None}, "type NoneType"),
    ],
)
def test_batches_that_are_none(tmp_path, change, message) -> None:
    place, *_ = written(tmp_path, "cifar10")
    files, *_ = contents("cifar10")
    (place / "test_batch").write_bytes(pickle.dumps(files["test_batch"] | change, 2))
    with pytest.raises(FileError, match=rf"test_batch: found .*{message}|foreign content"):
        datasets.cifar10(tmp_path)


@pytest.mark.parametrize("meta", [[], {"label_names": ["a"]}, {"label_names": [1] * 10}, {}])
def test_names_that_are_none(tmp_path, meta) -> None:
    place, *_ = written(tmp_path, "cifar10")
    (place / "batches.meta").write_bytes(pickle.dumps(meta, 2))
    with pytest.raises(FileError, match=r"batches\.meta: found"):
        datasets.cifar10(tmp_path)


SMALL = python_2({"data": np.arange(60, dtype=np.uint8).reshape(2, 30), "labels": [3, 4]})


@given(st.data())
def test_damage_ends_in_plain_values_or_in_our_error(data) -> None:
    payload = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(SMALL) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(1, len(payload)))
    for damaged in (bytes(payload), bytes(payload[:cut])):
        try:
            held = cifar._dictionary(damaged, "source")
            for value in held.values():
                cifar._array(value, "source")
        except FileError:
            continue


@given(
    st.lists(st.sampled_from([o.code.encode("latin-1") for o in pickletools.opcodes])), st.binary()
)
def test_any_operations_in_any_order(codes, rest) -> None:
    try:
        read_plain(b"".join(codes) + rest + b".", "source")
    except FileError:
        return


def test_archives_that_are_damaged(tmp_path) -> None:
    archive = packed(tmp_path, "cifar100")
    whole = archive.read_bytes()
    for content in (
        b"",
        whole[:100],
        whole[: len(whole) // 2],
        whole[:-20],
        b"PK\x03\x04",
        b"\x1f\x8b",
    ):
        archive.write_bytes(content)
        with pytest.raises(FileError, match=r"tar\.gz: found (unreadable content|no test)"):
            datasets.cifar100(archive)
    rng = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        archive.write_bytes(bytes(damaged))
        try:
            datasets.cifar100(archive)  # the name and the time in gzip's header are no content
        except FileError:
            continue


def tar_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_links_in_archives_are_not_followed(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(python_2({"data": np.zeros((1, 3072), np.uint8), "fine_labels": [0]}))
    members = []
    for name in ("train", "test"):
        info = tarfile.TarInfo(f"cifar-100-python/{name}")
        info.type, info.linkname = tarfile.SYMTYPE, str(secret)
        members.append((info, b""))
    with pytest.raises(FileError, match="found no train, test"):
        datasets.cifar100(tar_of(tmp_path / "linked.tar.gz", members))


def test_archives_that_would_unpack_to_too_much(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cifar, "_LARGEST", 10_000)
    info = tarfile.TarInfo("padding")
    bomb = tar_of(tmp_path / "bomb.tar.gz", [(info, bytes(1_000_000))])
    with pytest.raises(FileError, match="more than 10000 bytes"):
        datasets.cifar10(bomb)
    place, *_ = written(tmp_path, "cifar10")
    with pytest.raises(FileError, match=r"data_batch_1: found more than 10000 bytes"):
        datasets.cifar10(place)
    assert gzip.decompress(bomb.read_bytes())


@pytest.mark.skipif(
    not os.environ.get("SLIMDC_CIFAR"), reason="SLIMDC_CIFAR names no folder of both archives"
)
@pytest.mark.parametrize(("name", "mean"), [("cifar10", 0.4914), ("cifar100", 0.5071)])
def test_the_whole_of_cifar(name, mean) -> None:
    real = getattr(datasets, name)(os.environ["SLIMDC_CIFAR"])
    classes = KINDS[name][-1]
    assert real.x_train.shape == (50_000, 32, 32, 3)
    assert np.bincount(real.y_train).tolist() == [50_000 // classes] * classes
    assert np.bincount(real.y_test).tolist() == [10_000 // classes] * classes
    assert real.x_train[..., 0].mean() / 255 == pytest.approx(mean, abs=1e-4)
    assert len(real.names) == classes
