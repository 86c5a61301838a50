"""Pipes in the place of files: refused at once, where opening one would wait for ever."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import library

import slimdc
from slimdc import Chain, ReplayBuffer, datasets, storage
from slimdc.errors import FileError

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "load": ("set", slimdc.load),
    "read": ("set", slimdc.read),
    "inspect": ("set", storage.inspect),
    "truncate_file": ("set", lambda path: storage.truncate_file(path, path.parent / "out", k=1)),
    "recognised": ("set", storage.foreign.recognised),
    "a folder of torch": ("images_best.pt", lambda path: slimdc.read(path.parent)),
    "a folder of tables": ("a.parquet", lambda path: slimdc.read(path.parent)),
    "a buffer": ("buffer", ReplayBuffer.load),
    "a chain": ("cells.jsonl", lambda path: Chain.read(path.parent)),
    "a chain to go on with": (
        "cells.jsonl",
        lambda path: slimdc.chain(
            [[0.0], [1.0]], [0, 1], (1,), x_test=[[0.0]], y_test=[0], results=path.parent
        ),
    ),
    "a checkpoint": (
        "run",
        lambda path: slimdc.slim(([[0.0], [1.0]], [0, 0]), 1, steps=1, width=1, checkpoint=path),
    ),
    "idx": ("train-images-idx3-ubyte", lambda path: _beside(path, datasets.mnist, IDX)),
    "cifar": ("data_batch_1", lambda path: _beside(path, datasets.cifar10, CIFAR)),
    "an archive of cifar": ("cifar-10-python.tar.gz", datasets.cifar10),
    "an image": (
        "a.png",
        lambda path: datasets.image_folder(path.parent.parent),
    ),
}
IDX = ("train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR = (*(f"data_batch_{i}" for i in range(2, 6)), "test_batch", "batches.meta")
# What is no regular file is passed over among places where they may be.
ABSENT = ("idx", "cifar", "an archive of cifar")
NEEDS = {
    "a folder of torch": "torch",
    "a folder of tables": "pyarrow",
    "an image": "PIL.Image",
}


def _beside(path: Path, reader: Callable[[Path], Any], names: tuple[str, ...]) -> Any:
    for name in names:
        path.with_name(name).write_bytes(b"")
    return reader(path.parent)


@contextlib.contextmanager
def pipe(path: Path) -> Iterator[None]:
    """Make a pipe, and write into it for whoever reads: a reader fails, and no test hangs."""

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), path.open("wb") as file:
            file.write(b"no file at all")

    os.mkfifo(path)
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        # Where nobody read, the writer ends as soon as it finds this one.
        last = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(last)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", [*READERS])
def test_a_pipe_is_refused_by(name: str, tmp_path: Path) -> None:
    if name in NEEDS:
        library(NEEDS[name])
    file, reader = READERS[name]
    folder = tmp_path / "folder" / "class"
    folder.mkdir(parents=True)
    said = "no regular file" if name not in ABSENT else "found no (cifar10|mnist)? ?files in"
    with pipe(folder / file), pytest.raises(FileError, match=said):
        reader(folder / file)


def test_what_cannot_be_looked_at_is_not_called_absent(tmp_path: Path, monkeypatch) -> None:
    def denied(path: object, **_: object) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("slimdc._files.os.stat", denied)
    for reader in (slimdc.load, ReplayBuffer.load):
        with pytest.raises(FileError, match="Permission denied"):
            reader(tmp_path / "set")
