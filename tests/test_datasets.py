"""Readers of IDX files: where they look, what they accept and what they refuse."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from slimdc import datasets
from slimdc.datasets import bundled, places
from slimdc.errors import FileError, InvalidTypeError

TRAIN, TEST = 20, 5
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(values: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes()
    return header + values.astype(np.uint8).tobytes()


def write(folder: Path, *, first_label: int = 0, compress: bool = False) -> Path:
    """Write four small files; `first_label` tells one such set from another."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, n in zip(NAMES, (TRAIN, TRAIN, TEST, TEST), strict=True):
        labels = (np.arange(n) + first_label) % 10
        content = idx(rng.integers(0, 256, (n, 28, 28)) if "images" in name else labels)
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(content) if compress else content)
    return folder


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the data sets that this machine may really have."""
    monkeypatch.delenv("SLIMDC_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")


@pytest.mark.parametrize("compress", [False, True])
def test_reads_files_compressed_or_not(tmp_path: Path, compress: bool) -> None:
    real = datasets.fashion_mnist(write(tmp_path / "set", compress=compress))
    assert real.x_train.shape == (TRAIN, 28, 28)
    assert real.x_test.shape == (TEST, 28, 28)
    assert real.x_train.dtype == real.x_test.dtype == np.uint8
    assert real.y_train.dtype == real.y_test.dtype == np.int64
    assert real.y_test.tolist() == [0, 1, 2, 3, 4]
    expected = np.random.default_rng(0).integers(0, 256, (TRAIN, 28, 28))
    np.testing.assert_array_equal(real.x_train, expected)


def test_arrays_are_the_callers_own(tmp_path: Path) -> None:
    real = datasets.mnist(write(tmp_path / "set"))
    real.x_train[0, 0, 0] = 1
    assert real.x_train.flags.owndata


def test_content_and_not_the_name_tells_compression(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", compress=True)
    for name in NAMES:
        (folder / f"{name}.gz").rename(folder / name)
    assert datasets.mnist(str(folder)).y_test.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("place", "reader"),
    [
        ("fashion-mnist", datasets.fashion_mnist),
        ("FashionMNIST/raw", datasets.fashion_mnist),
        ("mnist", datasets.mnist),
        ("MNIST/raw", datasets.mnist),
    ],
)
@pytest.mark.parametrize("base", ["root", "environment", "debian", "home/.cache/slimdc"])
def test_looks_in_every_documented_place(tmp_path, monkeypatch, place, reader, base) -> None:
    write(tmp_path / base / place)
    if base == "environment":
        monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / base))
    real = reader(tmp_path / base) if base == "root" else reader()
    assert len(real.x_train) == TRAIN


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bases = ["given", "environment", "debian", "home/.cache/slimdc"]
    for label, base in enumerate(bases):
        write(tmp_path / base / "mnist", first_label=label)
    monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / "environment"))
    assert datasets.mnist(tmp_path / "given").y_train[0] == 0
    assert datasets.mnist().y_train[0] == 1
    monkeypatch.delenv("SLIMDC_DATA")
    assert datasets.mnist().y_train[0] == 2


def test_one_set_is_never_taken_for_the_other(tmp_path, monkeypatch) -> None:
    write(tmp_path / "all" / "fashion-mnist")
    monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / "all"))
    with pytest.raises(FileError, match="no mnist files"):
        datasets.mnist()


def test_missing_files_name_the_places(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / "environment"))
    with pytest.raises(FileError) as caught:
        datasets.fashion_mnist()
    message = str(caught.value)
    for part in ("environment", "debian", ".cache", "FashionMNIST", "SLIMDC_DATA", *NAMES):
        assert part in message
    assert isinstance(caught.value, OSError)


def test_a_given_root_is_the_only_place(tmp_path: Path) -> None:
    write(tmp_path / "debian" / "fashion-mnist")
    with pytest.raises(FileError, match=r"^root: found no fashion-mnist files"):
        datasets.fashion_mnist(tmp_path / "elsewhere")


@pytest.mark.parametrize("reader", [datasets.fashion_mnist, datasets.mnist])
def test_homes_that_nobody_has(tmp_path, monkeypatch, reader) -> None:
    with pytest.raises(FileError, match=r"root: found '~nosuchuser/x' .*, expected a folder"):
        reader("~nosuchuser/x")
    monkeypatch.setenv("SLIMDC_DATA", "~nosuchuser/x")
    with pytest.raises(FileError, match="SLIMDC_DATA: found '~nosuchuser/x'"):
        reader()
    # A process may have no home at all: then there is only no cache there.
    monkeypatch.setenv("SLIMDC_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(FileError, match="SLIMDC_DATA: found no"):
        reader()


def homeless(path: Path) -> Path:
    if str(path).startswith("~"):
        raise RuntimeError("Could not determine home directory.")
    return path


@pytest.mark.parametrize("root", ["x" * 300, "a\0b", "\ud800"])
def test_roots_that_no_system_can_look_at(root: str) -> None:
    with pytest.raises(FileError, match="root: found no mnist files"):
        datasets.mnist(root)


@pytest.mark.parametrize("root", [5, b"folder", ["a"], True])
def test_roots_that_are_no_paths(root: object) -> None:
    with pytest.raises(InvalidTypeError, match="root: found"):
        datasets.mnist(root)  # type: ignore[arg-type]


def test_an_incomplete_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / NAMES[3]).unlink()
    write(tmp_path / "FashionMNIST" / "raw", first_label=7)
    assert datasets.fashion_mnist(tmp_path).y_train[0] == 7


GOOD = idx(np.zeros((TRAIN, 28, 28)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"),
        (GOOD[:10], "header"),
        (GOOD[:-1], "15679 bytes"),
        (GOOD[:16], "0 bytes"),
        (GOOD + b"\0", "more than 15680 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "header"),
        (b"\x80\x04\x95" + bytes(100), "header"),
        (idx(np.zeros(TRAIN)), "header"),
        (idx(np.zeros((0, 28, 28))), "at least one value"),
        (bytes((0, 0, 0x0D, 3)) + GOOD[4:], "header"),
        (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "at most"),
        (idx(np.zeros((TRAIN + 1, 28, 28))), "20 labels"),
        (gzip.compress(GOOD)[:-9], "unreadable"),
        (gzip.compress(GOOD)[:40], "unreadable"),
        (gzip.compress(GOOD)[:20] + b"damage" + gzip.compress(GOOD)[26:], "unreadable"),
        (b"\x1f\x8bno gzip at all", "unreadable"),
    ],
)
def test_damaged_and_foreign_images(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write(tmp_path / "set")
    (folder / NAMES[0]).write_bytes(content)
    with pytest.raises(FileError, match=message):
        datasets.fashion_mnist(folder)


def test_labels_out_of_range(tmp_path: Path) -> None:
    folder = write(tmp_path / "set")
    (folder / NAMES[3]).write_bytes(idx(np.full(TEST, 10)))
    with pytest.raises(FileError, match="the label 10"):
        datasets.fashion_mnist(folder)


def test_sample_is_the_real_set_in_the_package() -> None:
    data, x_test, y_test = datasets.sample()
    assert (data.classes, data.components_per_class) == (10, 10)
    assert x_test.shape == (1000, 28, 28)
    assert x_test.dtype == np.uint8
    assert np.bincount(y_test).tolist() == [100] * 10
    x, y = data.arrays()
    assert len(x) == len(y) == len(data)
    assert np.isfinite(x).all()


def test_sample_of_a_damaged_installation(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bundled.resources, "files", lambda _: tmp_path)
    with pytest.raises(FileError):
        datasets.sample()


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's package dataset-fashion-mnist is not installed",
)
def test_the_whole_of_fashion_mnist() -> None:
    real = datasets.fashion_mnist("/usr/share/datasets/fashion-mnist")
    assert real.x_train.shape == (60000, 28, 28)
    assert np.bincount(real.y_train).tolist() == [6000] * 10
    assert np.bincount(real.y_test).tolist() == [1000] * 10
    # The mean that the literature standardises with.
    assert real.x_train.mean() / 255 == pytest.approx(0.2860, abs=1e-4)
