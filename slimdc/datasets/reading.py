"""Reading real data by name, or from a folder whose files say what it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slimdc._checks import path as checked_path
from slimdc._checks import shown
from slimdc.datasets.cifar import cifar10, cifar100, is_cifar
from slimdc.datasets.idx import fashion_mnist, is_idx, mnist
from slimdc.datasets.image_folder import holds_images, image_folder
from slimdc.datasets.places import expanded
from slimdc.errors import FileError, InvalidValueError

if TYPE_CHECKING:
    from slimdc.datasets.real import RealDataset

__all__ = ["NAMES", "read"]

_READERS = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "fashion-mnist": fashion_mnist,
    "mnist": mnist,
}
NAMES = tuple(_READERS)


def read(
    data: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    size: int | tuple[int, int] | None = None,
) -> RealDataset:
    """Read real data by its name, or from where its files are.

    Parameters
    ----------
    data : {"cifar10", "cifar100", "fashion-mnist", "mnist"}, str or os.PathLike
        A name, or a path: an archive of CIFAR, or a folder that holds the files of one of these
        sets or images in a folder for each class.
    root : str or os.PathLike, optional
        Where the files of a named set are, as its reader takes it; not for a path.
    size : int or (int, int), optional
        What images in folders are brought to, as `image_folder` does; not for other files.

    Returns
    -------
    RealDataset
        What `cifar10`, `cifar100`, `fashion_mnist`, `mnist` or `image_folder` reads there.

    Raises
    ------
    InvalidTypeError
        `data` is neither.
    InvalidValueError
        A path and a root are given, or a size for what has its own.
    FileError
        There are no such files, or they are damaged.

    Examples
    --------
    >>> read("no-such-folder")
    Traceback (most recent call last):
    ...
    slimdc.errors.FileError: data: found 'no-such-folder', which is not there, expected one of ...
    """
    if isinstance(data, str) and data in _READERS:
        _check_size(size, repr(data))
        return _READERS[data](root)
    path = expanded("data", checked_path("data", data))
    if root is not None:
        raise InvalidValueError("root", f"{shown(root)} beside the path {path}", "one of both")
    name = is_cifar(path)
    if name is not None:
        _check_size(size, f"the archive of CIFAR {path}")
        return _READERS[name](path)
    if is_idx(path):
        _check_size(size, f"the files of IDX in {path}")
        return mnist(path)
    if holds_images(path):
        return image_folder(path, size)
    where = "which holds nothing of this" if os.path.exists(path) else "which is not there"
    raise FileError(
        "data",
        f"{str(path)!r}, {where}",
        f"one of {', '.join(map(repr, NAMES))}, an archive of CIFAR, or a folder with the files of "
        "one of them or with a folder of images for each class",
        see="docs/install.md#data",
    )


def _check_size(size: object, what: str) -> None:
    if size is not None:
        raise InvalidValueError("size", f"{shown(size)} for {what}", "None: it has its own")
