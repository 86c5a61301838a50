"""Readers of CIFAR-10 and CIFAR-100 from their published Python archives."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from slimdc.datasets.places import ENVIRONMENT, is_file, places
from slimdc.datasets.plain_pickle import PlainArray, read_plain
from slimdc.datasets.real import RealDataset
from slimdc.errors import FileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cifar10", "cifar100", "is_cifar"]

_LARGEST = 1 << 30  # bytes that are unpacked or read at most; both archives hold 180 MiB


class _Layout(NamedTuple):
    """How a set is published."""

    name: str
    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    labels: str
    meta: str
    names: str
    classes: int

    @property
    def needed(self) -> tuple[str, ...]:
        return (*self.train, self.test)


_CIFAR10 = _Layout(
    name="cifar10",
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    train=tuple(f"data_batch_{i}" for i in range(1, 6)),
    test="test_batch",
    labels="labels",
    meta="batches.meta",
    names="label_names",
    classes=10,
)
_CIFAR100 = _Layout(
    name="cifar100",
    folder="cifar-100-python",
    archive="cifar-100-python.tar.gz",
    train=("train",),
    test="test",
    labels="fine_labels",
    meta="meta",
    names="fine_label_names",
    classes=100,
)


def cifar10(root: str | os.PathLike[str] | None = None) -> RealDataset:
    """Read CIFAR-10 (Krizhevsky 2009) from its Python archive, unpacked or not.

    The files are pickles; they are read without unpickling, so that nothing in them can run.

    Parameters
    ----------
    root : str or os.PathLike, optional
        The folder ``cifar-10-batches-py``, the file ``cifar-10-python.tar.gz``, or a folder that
        holds one of them, as torchvision's `root` does. Where it is given, no other place is looked
        at. Without it the same places are tried as by `fashion_mnist`.

    Returns
    -------
    RealDataset
        50,000 training and 10,000 test images of 32x32x3 ``uint8`` pixels, channels last, with
        ``int64`` classes, and the `names` of the classes where ``batches.meta`` is there.

    Raises
    ------
    FileError
        No place holds the files (the message lists the places), or one is truncated, damaged, or
        holds something else.

    Examples
    --------
    >>> cifar10(root="no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no cifar10 files in no-such-folder, ...
    """
    return _read(_CIFAR10, root)


def cifar100(root: str | os.PathLike[str] | None = None) -> RealDataset:
    """Read CIFAR-100 (Krizhevsky 2009) with its 100 fine labels, as `cifar10` reads CIFAR-10.

    Parameters
    ----------
    root : str or os.PathLike, optional
        The folder ``cifar-100-python``, the file ``cifar-100-python.tar.gz``, or a folder that
        holds one of them. Without it the same places are tried as by `fashion_mnist`.

    Returns
    -------
    RealDataset
        50,000 training and 10,000 test images of 32x32x3 ``uint8`` pixels, channels last, with
        ``int64`` classes, and the `names` of the classes where ``meta`` is there.

    Raises
    ------
    FileError
        No place holds the files (the message lists the places), or one is truncated, damaged, or
        holds something else.

    Examples
    --------
    >>> cifar100(root="no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no cifar100 files in no-such-folder, ...
    """
    return _read(_CIFAR100, root)


def is_cifar(place: Path) -> str | None:
    """Name the set whose files a folder holds, itself or unpacked in it, or whose archive this is.

    Examples
    --------
    >>> is_cifar(Path("no-such-folder"))
    """
    for layout in (_CIFAR10, _CIFAR100):
        here = [place, place / layout.folder, place / layout.archive]
        if place.name == layout.archive or any(_holds(p, layout) for p in here if os.path.isdir(p)):
            return layout.name
        if is_file(here[-1]):
            return layout.name
    return None


def _read(layout: _Layout, root: str | os.PathLike[str] | None) -> RealDataset:
    looked = places((layout.folder, layout.archive), root)
    place = next((p for p in looked if is_file(p) or _holds(p, layout)), None)
    if place is None:
        raise FileError(
            "root" if root is not None else ENVIRONMENT,
            f"no {layout.name} files in " + ", ".join(str(p) for p in looked),
            f"{layout.folder}/ with {', '.join(layout.needed)}, or {layout.archive} "
            f"(give root=, set {ENVIRONMENT} to the folder that holds it, or put it in "
            "~/.cache/slimdc)",
        )
    files = _unpacked(place, layout) if is_file(place) else _from_folder(place, layout)
    absent = [name for name in layout.needed if name not in files]
    if absent:
        raise FileError(str(place), f"no {', '.join(absent)}", f"the whole of {layout.archive}")
    train = [_batch(files[name], f"{place}: {name}", layout) for name in layout.train]
    x_test, y_test = _batch(files[layout.test], f"{place}: {layout.test}", layout)
    names = _names(files[layout.meta], f"{place}: {layout.meta}", layout)
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return RealDataset(x_train, y_train, x_test, y_test, names)


def _holds(folder: Path, layout: _Layout) -> bool:
    return all(is_file(folder / name) for name in layout.needed)


def _from_folder(folder: Path, layout: _Layout) -> dict[str, bytes]:
    files = {}
    for name in (*layout.needed, layout.meta):
        path = folder / name
        try:
            if name == layout.meta and not is_file(path):
                files[name] = b""
                continue
            with path.open("rb") as stream:
                files[name] = stream.read(_LARGEST + 1)
        except OSError as error:
            raise FileError(str(path), f"unreadable content ({error})", "a file") from error
        if len(files[name]) > _LARGEST:
            raise FileError(str(path), f"more than {_LARGEST} bytes", "a smaller file")
    return files


def _unpacked(archive: Path, layout: _Layout) -> dict[str, bytes]:
    files = {layout.meta: b""}
    wanted = {f"{layout.folder}/{name}": name for name in (*layout.needed, layout.meta)}
    try:
        # As a stream: nothing that a header says makes tarfile look elsewhere.
        with (
            gzip.open(archive) as packed,
            tarfile.open(fileobj=_Bounded(packed), mode="r|") as members,
        ):
            for member in members:
                name = wanted.get(member.name.removeprefix("./"))
                if name is not None and member.isfile() and member.size <= _LARGEST:
                    content = members.extractfile(member)
                    files[name] = b"" if content is None else content.read()
    except Exception as error:  # damage reaches zlib and tarfile in more ways than they document
        raise FileError(
            str(archive), f"unreadable content ({error})", f"{layout.archive}"
        ) from error
    return files


class _Bounded(io.RawIOBase):
    """Reads a stream to a limit: a small archive may unpack to more than any disk holds."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self._left = stream, _LARGEST

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"more than {_LARGEST} bytes")
        return found


def _batch(
    payload: bytes, source: str, layout: _Layout
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    held = _dictionary(payload, source)
    images, labels = (_array(held.get(key), source) for key in ("data", layout.labels))
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != 3072:
        found = f"data of {images.dtype} and shape {images.shape}"
        raise FileError(source, found, "uint8 of shape (n, 3072)")
    if not len(images) or labels.shape != images.shape[:1]:
        raise FileError(source, f"{len(labels)} labels", f"{len(images)}, one an image")
    if labels.min() < 0 or labels.max() >= layout.classes:
        expected = f"labels from 0 to {layout.classes - 1}"
        raise FileError(source, f"labels from {labels.min()} to {labels.max()}", expected)
    pixels = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels), labels.astype(np.int64)


def _dictionary(payload: bytes, source: str) -> dict[str, Any]:
    held = read_plain(payload, source)
    if not isinstance(held, dict):
        raise FileError(source, f"a {type(held).__name__}", "a dict")
    return held


def _array(value: object, source: str) -> NDArray[Any]:
    """Make an array of one that a file holds, or of a list of small whole numbers."""
    try:
        if isinstance(value, PlainArray):
            return value.to_numpy()
        if isinstance(value, list) and all(type(n) is int and abs(n) < 2**31 for n in value):
            return np.asarray(value, np.int64)
    except (ValueError, MemoryError) as error:
        raise FileError(source, str(error), "an array of integers") from error
    raise FileError(source, f"a value of type {type(value).__name__}", "an array of integers")


def _names(payload: bytes, source: str, layout: _Layout) -> tuple[str, ...]:
    if not payload:
        return ()
    names = _dictionary(payload, source).get(layout.names)
    if not isinstance(names, list) or len(names) != layout.classes:
        raise FileError(source, "another number of names", f"{layout.classes} names of classes")
    texts = [name.decode("latin-1") if isinstance(name, bytes) else name for name in names]
    if not all(isinstance(text, str) for text in texts):
        raise FileError(source, "names that are no strings", f"{layout.classes} names of classes")
    return tuple(texts)
