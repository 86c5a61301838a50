"""Readers of Fashion-MNIST and MNIST from IDX files.

The files are the four that both sets are published as, gzip-compressed or not::

    train-images-idx3-ubyte   train-labels-idx1-ubyte
    t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from typing import IO, TYPE_CHECKING

import numpy as np

from slimdc.datasets.places import ENVIRONMENT, is_file, places
from slimdc.datasets.real import RealDataset
from slimdc.errors import FileError

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["fashion_mnist", "is_idx", "mnist"]

_UBYTE = 0x08
_CLASSES = 10
_LARGEST = 1 << 30  # a damaged header must not make us ask for terabytes
_STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def fashion_mnist(root: str | os.PathLike[str] | None = None) -> RealDataset:
    """Read Fashion-MNIST from its IDX files.

    Parameters
    ----------
    root : str or os.PathLike, optional
        The folder that holds the four files, or that holds them under ``fashion-mnist`` or
        ``FashionMNIST/raw`` (torchvision's layout). Where it is given, no other place is looked at.
        Without it these are tried in order, each with the two subfolders: the folder that the
        environment variable ``SLIMDC_DATA`` names, ``/usr/share/datasets`` (where Debian's package
        ``dataset-fashion-mnist`` puts them) and ``~/.cache/slimdc``.

    Returns
    -------
    RealDataset
        60,000 training and 10,000 test images of 28x28 ``uint8`` pixels, with ``int64`` classes.

    Raises
    ------
    FileError
        No place holds all four files (the message lists the places), or a file is truncated or is
        no IDX file of this kind.

    Examples
    --------
    >>> fashion_mnist(root="no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no fashion-mnist files in no-such-folder, ...
    """
    return _read("fashion-mnist", "FashionMNIST/raw", root)


def mnist(root: str | os.PathLike[str] | None = None) -> RealDataset:
    """Read MNIST from its IDX files.

    Parameters
    ----------
    root : str or os.PathLike, optional
        The folder that holds the four files, or that holds them under ``mnist`` or ``MNIST/raw``
        (torchvision's layout). Where it is given, no other place is looked at. Without it the same
        places are tried as by `fashion_mnist`.

    Returns
    -------
    RealDataset
        60,000 training and 10,000 test images of 28x28 ``uint8`` pixels, with ``int64`` classes.

    Raises
    ------
    FileError
        No place holds all four files (the message lists the places), or a file is truncated or is
        no IDX file of this kind.

    Examples
    --------
    >>> mnist(root="no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no mnist files in no-such-folder, ...
    """
    return _read("mnist", "MNIST/raw", root)


def _read(name: str, torchvision: str, root: str | os.PathLike[str] | None) -> RealDataset:
    folder, argument = _find(name, torchvision, root), f"{name} files"
    x_train, y_train = _pair(folder, "train", argument)
    x_test, y_test = _pair(folder, "t10k", argument)
    return RealDataset(x_train, y_train, x_test, y_test)


def _find(name: str, torchvision: str, root: str | os.PathLike[str] | None) -> Path:
    looked = places((name, torchvision), root)
    found = next((place for place in looked if is_idx(place)), None)
    if found is not None:
        return found
    raise FileError(
        "root" if root is not None else ENVIRONMENT,
        f"no {name} files in " + ", ".join(str(place) for place in looked),
        f"a folder with {', '.join(_STEMS)}, each with or without .gz "
        f"(give root=, set {ENVIRONMENT} to the folder that holds {name}/, "
        f"{'or install it from Debian' if name == 'fashion-mnist' else 'or in ~/.cache/slimdc'})",
    )


def is_idx(folder: Path) -> bool:
    """Tell whether a folder holds the four files, each with or without .gz.

    Examples
    --------
    >>> from pathlib import Path
    >>> is_idx(Path("no-such-folder"))
    False
    """
    return all(_existing(folder, stem) for stem in _STEMS)


def _existing(folder: Path, stem: str) -> Path | None:
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if is_file(p)), None)


def _stem(part: str, kind: str) -> str:
    return f"{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"


def _pair(folder: Path, part: str, argument: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_path = _existing(folder, _stem(part, "images"))
    labels_path = _existing(folder, _stem(part, "labels"))
    if images_path is None or labels_path is None:
        raise FileError(argument, f"a file that vanished from {folder}", "four files that stay")
    images, labels = _read_idx(images_path, 3), _read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise FileError(str(labels_path), f"{len(labels)} labels", f"{len(images)}, one an image")
    if labels.max() >= _CLASSES:
        raise FileError(str(labels_path), f"the label {labels.max()}", "labels from 0 to 9")
    return images, labels.astype(np.int64)


def _read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            # Browsers and mirrors unpack and rename such files: the content tells, not the name.
            return _parse(gzip.GzipFile(fileobj=raw) if compressed else raw, path, dimensions)
    except FileError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(str(path), f"unreadable content ({error})", "a whole IDX file") from error


def _parse(stream: IO[bytes] | gzip.GzipFile, path: Path, dimensions: int) -> NDArray[np.uint8]:
    header = 4 + 4 * dimensions
    head = stream.read(header)
    if len(head) < header or head[:4] != bytes((0, 0, _UBYTE, dimensions)):
        raise FileError(
            str(path), f"the header {head[:4].hex()!r}", f"'000008{dimensions:02x}' (IDX)"
        )
    shape = tuple(int(n) for n in np.frombuffer(head, ">u4", offset=4))
    if 0 in shape:
        raise FileError(str(path), f"the shape {shape}", "at least one value")
    size = prod(shape)
    if size > _LARGEST:
        raise FileError(str(path), f"the shape {shape}", f"at most {_LARGEST} values")
    # One byte more is asked for, so that a file longer than its header says is noticed too.
    body = stream.read(size + 1)
    if len(body) != size:
        found = f"{len(body)} bytes" if len(body) < size else f"more than {size} bytes"
        raise FileError(str(path), f"{found} of data", f"{size}, as its header says")
    return np.frombuffer(body, np.uint8).reshape(shape).copy()
