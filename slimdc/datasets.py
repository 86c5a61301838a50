"""Readers of Fashion-MNIST and MNIST from files on this machine, and the small set in the package.

Nothing is ever downloaded. The files are the four IDX files that both sets are published as,
gzip-compressed or not::

    train-images-idx3-ubyte   train-labels-idx1-ubyte
    t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte
"""

from __future__ import annotations

import gzip
import os
import zlib
from contextlib import suppress
from importlib import resources
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from slimdc import _checks
from slimdc.errors import FileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from slimdc.parameterization import SlimmableDataset

__all__ = ["RealDataset", "Sample", "fashion_mnist", "mnist", "sample"]

_ENVIRONMENT = "SLIMDC_DATA"
_DEBIAN = Path("/usr/share/datasets")
_UBYTE = 0x08
_CLASSES = 10
_LARGEST = 1 << 30  # a damaged header must not make us ask for terabytes
_SAMPLE_SET = "fashion_mnist_10.safetensors"
_SAMPLE_TEST = "fashion_mnist_test_1000.safetensors"


class RealDataset(NamedTuple):
    """Real images and their classes, as the published files hold them.

    Attributes
    ----------
    x_train : numpy.ndarray of uint8, shape (n, height, width)
        Training images; (60000, 28, 28) in the published files.
    y_train : numpy.ndarray of int64, shape (n,)
        Class of each training image, 0 to 9.
    x_test : numpy.ndarray of uint8, shape (m, height, width)
        Test images; (10000, 28, 28) in the published files.
    y_test : numpy.ndarray of int64, shape (m,)
        Class of each test image, 0 to 9.

    Examples
    --------
    >>> import numpy as np
    >>> images, classes = np.zeros((2, 28, 28), np.uint8), np.array([3, 7])
    >>> x_train, y_train, x_test, y_test = RealDataset(images, classes, images, classes)
    >>> x_train.shape, y_test.tolist()
    ((2, 28, 28), [3, 7])
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


class Sample(NamedTuple):
    """The small real set in the package.

    Attributes
    ----------
    data : SlimmableDataset
        Fashion-MNIST condensed by slimdc to 10 components per class.
    x_test : numpy.ndarray of uint8, shape (1000, 28, 28)
        Real test images, 100 of each class.
    y_test : numpy.ndarray of int64, shape (1000,)
        Their classes, 0 to 9.

    Examples
    --------
    >>> Sample._fields
    ('data', 'x_test', 'y_test')
    """

    data: SlimmableDataset
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


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


def sample() -> Sample:
    """Read the small real set in the package: a condensed Fashion-MNIST and 1,000 test images.

    Returns
    -------
    Sample
        ``(data, x_test, y_test)``: a `SlimmableDataset` of 10 components for each of the 10
        classes, condensed by slimdc, and 100 real ``uint8`` test images of each class with their
        ``int64`` classes. The images are Zalando SE's, under the MIT licence
        (``slimdc/data/NOTICE``).

    Raises
    ------
    FileError
        The installation is damaged: a file of the package is missing or unreadable.

    Examples
    --------
    >>> data, x_test, y_test = sample()
    >>> data.classes, data.components_per_class, x_test.shape
    (10, 10, (1000, 28, 28))
    """
    from slimdc import storage
    from slimdc.storage.tensor_file import read_tensors

    folder = resources.files("slimdc") / "data"
    with resources.as_file(folder / _SAMPLE_SET) as path:
        data = storage.load(path)
    with resources.as_file(folder / _SAMPLE_TEST) as path:
        try:
            test, _ = read_tensors(path)
            return Sample(data, test["images"], test["labels"].astype(np.int64))
        except KeyError as error:
            raise FileError(str(path), f"{error}", "the test images of the package") from error


def _read(name: str, torchvision: str, root: str | os.PathLike[str] | None) -> RealDataset:
    folder, argument = _find(name, torchvision, root), f"{name} files"
    x_train, y_train = _pair(folder, "train", argument)
    x_test, y_test = _pair(folder, "t10k", argument)
    return RealDataset(x_train, y_train, x_test, y_test)


def _find(name: str, torchvision: str, root: str | os.PathLike[str] | None) -> Path:
    if root is not None:
        base = _expanded("root", _checks.path("root", root))
        places = [base, base / name, base / torchvision]
    else:
        # The files of both sets bear the same names, so a folder of several sets is searched under
        # each set's own name only: MNIST asked for must never be Fashion-MNIST found.
        bases = [_DEBIAN]
        if os.environ.get(_ENVIRONMENT):
            bases.insert(0, _expanded(_ENVIRONMENT, Path(os.environ[_ENVIRONMENT])))
        with suppress(FileError):  # who has no home has no cache there
            bases.append(_expanded("HOME", Path("~/.cache/slimdc")))
        places = [base / folder for base in bases for folder in (name, torchvision)]
    files = [_stem(part, kind) for part in ("train", "t10k") for kind in ("images", "labels")]
    for place in places:
        if all(_existing(place, stem) for stem in files):
            return place
    argument = "root" if root is not None else _ENVIRONMENT
    raise FileError(
        argument,
        f"no {name} files in " + ", ".join(str(place) for place in places),
        f"a folder with {', '.join(files)}, each with or without .gz "
        f"(give root=, set {_ENVIRONMENT} to the folder that holds {name}/, "
        f"{'or install it from Debian' if name == 'fashion-mnist' else 'or in ~/.cache/slimdc'})",
    )


def _stem(part: str, kind: str) -> str:
    return f"{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"


def _expanded(argument: str, path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # no such user, or none that has a home
        raise FileError(argument, f"{str(path)!r} ({error})", "a folder") from error


def _existing(folder: Path, stem: str) -> Path | None:
    # Unlike Path.is_file, os.path.isfile is False for whatever cannot be looked at.
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if os.path.isfile(p)), None)


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
