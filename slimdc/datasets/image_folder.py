"""A reader of images in folders, one folder a class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slimdc._checks import path as checked_path
from slimdc._checks import shown, whole_numbers
from slimdc._warning import warn
from slimdc.datasets.image_stack import stacked
from slimdc.datasets.places import expanded
from slimdc.datasets.real import RealDataset
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError

__all__ = ["Listed", "holds_images", "image_folder", "listed"]

_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_TESTS = ("test", "val", "validation")
_LARGEST = 1 << 14  # pixels of a side
_PAGE = "docs/install.md#data"


class Listed(NamedTuple):
    """The images of a folder, not read yet.

    Attributes
    ----------
    train, test : list of (pathlib.Path, int)
        Files and their classes, class by class in the order of names.
    names : list of str
        Of the classes.
    """

    train: list[tuple[Path, int]]
    test: list[tuple[Path, int]]
    names: list[str]


def image_folder(
    root: str | os.PathLike[str], size: int | tuple[int, int] | None = None
) -> RealDataset:
    """Read images from folders that are named after their classes.

    Parameters
    ----------
    root : str or os.PathLike
        A folder with ``train/`` and perhaps ``test/`` (or ``val/``), each with a folder for each
        class; or a folder with a folder for each class, all of whose images are training images.
        Classes are numbered in the order of their names. Other files and hidden ones are passed
        over.
    size : int or (int, int), optional
        Height and width (one number for both) that images are brought to: scaled, bicubic, so that
        they just cover it, and cut at the centre. Without it all must have one size.

    Returns
    -------
    RealDataset
        ``uint8`` images (n, height, width, 3), or (n, height, width) where all are grey,
        ``int64`` classes, and the folders' `names`. Without a test folder no test images.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        `root` is no path, or `size` no size.
    FileError
        There is no such folder, no image in it, an image that cannot be read, images of
        several sizes without `size`, or a test class that is no training class.
    MissingLibraryError
        Pillow is not installed.

    Warns
    -----
    SlimdcWarning
        If a folder beside those of classes holds no image.

    Examples
    --------
    >>> image_folder("no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no-such-folder, which is no folder, ...
    """
    base = expanded("root", checked_path("root", root))
    wanted = _size(size)
    found = listed(base)
    files = found.train + found.test
    images = stacked(
        [path for path, _ in files], wanted, expected="images of one size, or a size for all"
    )
    classes = np.asarray([label for _, label in files], np.int64)
    n = len(found.train)
    return RealDataset(images[:n], classes[:n], images[n:], classes[n:], found.names)


def listed(base: Path) -> Listed:
    """Find the images of a folder, of which `image_folder` says how it is laid out.

    Raises
    ------
    FileError
        There is no such folder, no image in it, or a test class that is no training class.

    Warns
    -----
    SlimdcWarning
        If a folder beside those of classes holds no image.

    Examples
    --------
    >>> listed(Path("no-such-folder"))
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: root: found no-such-folder, which is no folder, ...
    """
    if not os.path.isdir(base):
        raise FileError("root", f"{base}, which is no folder", "a folder of images")
    train, test = _parts(base)
    names, empty = _classes(train)
    if not names:
        raise FileError("root", f"{base} without folders of images", "a folder for each class")
    if empty:
        said = f"{train}: no images in {shown(empty)}, which are no classes then; images end in "
        warn(said + ", ".join(sorted(_SUFFIXES)))
    if test is not None and not set(_classes(test)[0]) <= set(names):
        found = sorted(set(_classes(test)[0]) - set(names))
        raise FileError(str(test), f"the classes {found}", f"classes of {train}", see=_PAGE)
    held = [] if test is None else _files(test, names)
    return Listed(_files(train, names), held, names)


def holds_images(folder: Path) -> bool:
    """Tell whether a folder looks like one that `image_folder` reads.

    Examples
    --------
    >>> holds_images(Path("no-such-folder"))
    False
    """
    return os.path.isdir(folder) and bool(_classes(_parts(folder)[0])[0])


def _size(size: object) -> tuple[int, int] | None:
    if size is None:
        return None
    both = (size, size) if isinstance(size, int) and not isinstance(size, bool) else size
    if not isinstance(both, tuple | list):
        raise InvalidTypeError("size", type(size).__name__, "an int, or a height and a width")
    pair = whole_numbers("size", both, at_least=1)
    if len(pair) != 2 or max(pair) > _LARGEST:
        raise InvalidValueError("size", shown(pair), f"a height and a width of at most {_LARGEST}")
    return pair[0], pair[1]


def _parts(base: Path) -> tuple[Path, Path | None]:
    """Find the folders of training and of test images."""
    train = base / "train"
    if not os.path.isdir(train):
        return base, None
    tests = [base / name for name in _TESTS if os.path.isdir(base / name)]
    return train, tests[0] if tests else None


def _classes(folder: Path) -> tuple[list[str], list[str]]:
    """Name the folders that hold an image, and those that hold none."""
    found: tuple[list[str], list[str]] = [], []
    for path in _listed(folder):
        if os.path.isdir(path):
            found[not _images(path)].append(path.name)
    return sorted(found[0]), sorted(found[1])


def _images(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.suffix.lower() in _SUFFIXES]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FileError(str(folder), f"{error}", "a folder that can be read", see=_PAGE) from error


def _files(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
    return [
        (path, label)
        for label, name in enumerate(names)
        if os.path.isdir(folder / name)
        for path in _images(folder / name)
    ]
