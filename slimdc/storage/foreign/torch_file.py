"""Files of torch, opened without executing anything, and written.

A file of torch is a pickle beside the bytes of its tensors. torch's own restricted unpickler opens
it (``weights_only=True``), which makes tensors and plain containers and calls nothing else. NumPy's
scalars, which VICO's files hold as accuracies, are replaced by a stand-in instead of being made.
"""

from __future__ import annotations

import io
import os
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from slimdc._files import regular_file
from slimdc.errors import FileError, MissingLibraryError

__all__ = ["TensorPair", "joined", "opened", "opened_pair", "payload", "tensor"]

_SCALARS = ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_IMAGES, _LABELS = "images", "labels"
_EXPECTED = "a file of torch that holds tensors, lists, dicts and numbers only"


class TensorPair(NamedTuple):
    """What MTT writes into two files.

    Attributes
    ----------
    images, labels : torch.Tensor
        As they are in the files.
    """

    images: Any
    labels: Any


class _Passed:
    """Stands in for a scalar of NumPy, which nobody asks for."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def opened(path: Path) -> Any:
    """Open a file of torch on the host.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    object
        Tensors and plain containers; a `TensorPair` where the file holds one bare tensor, for
        which its labels are looked up in the file beside it.

    Raises
    ------
    FileError
        It cannot be read, is damaged, or holds anything but tensors, containers and numbers; or
        there is no file of labels beside.
    MissingLibraryError
        PyTorch is not installed.

    Examples
    --------
    >>> opened(Path("images_best.pt"))  # doctest: +SKIP
    TensorPair(images=tensor(...), labels=tensor(...))
    """
    held = _loaded(path)
    if not _is_tensor(held):
        return held
    name = path.name
    beside = path.with_name(_LABELS.join(name.rsplit(_IMAGES, 1)))
    if _LABELS in name and _IMAGES not in name:
        expected = "the images alone: their labels are found beside them"
        raise FileError(str(path), "the labels of a pair", expected)
    if _IMAGES not in name or not beside.is_file():
        raise FileError(
            str(path),
            "a bare tensor without a file of labels beside it",
            "a file images_….pt beside its labels_….pt, as MTT writes them",
        )
    return TensorPair(held, _loaded(beside))


def opened_pair(folder: Path) -> Any:
    """Open the one pair of files of a folder, as MTT writes it.

    Parameters
    ----------
    folder : pathlib.Path
        It holds ``images_best.pt``, or one other file of images.

    Returns
    -------
    TensorPair
        Images and labels.

    Raises
    ------
    FileError
        There are several pairs and none is the best; see `opened`.
    MissingLibraryError
        PyTorch is not installed.

    Examples
    --------
    >>> opened_pair(Path("logged_files"))  # doctest: +SKIP
    """
    found = sorted(folder.glob(f"{_IMAGES}*.pt"))
    best = [path for path in found if path.name == f"{_IMAGES}_best.pt"] or found
    if len(best) != 1:
        names = ", ".join(path.name for path in found[:5])
        raise FileError(
            str(folder),
            f"{len(found)} files of images ({names}), which may be parts of one set or not",
            "one of these files as the path, or a list of those that are parts",
        )
    return opened(best[0])


def joined(pairs: list[TensorPair], source: str) -> TensorPair:
    """Put pairs after each other.

    Raises
    ------
    FileError
        They do not fit each other.
    """
    try:
        images, labels = map(_torch().cat, zip(*pairs, strict=True))
    except (RuntimeError, TypeError) as error:
        raise FileError(source, f"parts that do not fit ({error})", "parts of one set") from error
    return TensorPair(images, labels)


def payload(value: Any) -> bytes:
    """Write what a file is to hold into memory.

    Parameters
    ----------
    value : object
        Tensors and plain containers.

    Returns
    -------
    bytes

    Raises
    ------
    MissingLibraryError
        PyTorch is not installed.
    """
    held = io.BytesIO()
    _torch().save(value, held)
    return held.getvalue()


def tensor(values: Any) -> Any:
    """Make a tensor of an array of the host; see `payload`."""
    return _torch().from_numpy(values)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingLibraryError(
            "format", "no PyTorch", "it installed: pip install 'slimdc[torch]'"
        ) from error
    return torch


def _is_tensor(value: Any) -> bool:
    return isinstance(value, _torch().Tensor)


def _loaded(path: Path) -> Any:
    torch = _torch()
    try:
        _check_size(regular_file(path))
        stand_ins = [(_Passed, name) for name in _SCALARS]
        with (
            path.open("rb") as file,
            torch.serialization.safe_globals(stand_ins),
            warnings.catch_warnings(),
        ):
            # Older files hold kinds of storage that torch warns of while it reads them.
            warnings.simplefilter("ignore")
            return torch.load(file, weights_only=True, map_location="cpu")
    except FileError:
        raise
    except Exception as error:  # a damaged pickle makes torch's unpickler fail in any way
        raise FileError(str(path), _told(error), _EXPECTED) from error


def _check_size(path: Path) -> None:
    """Refuse what would grow when it is opened: torch itself never compresses."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        held = sum(member.file_size for member in archive.infolist())
    if held > os.path.getsize(path):
        raise FileError(str(path), "compressed tensors, which torch does not write", _EXPECTED)


def _told(error: Exception) -> str:
    text = str(error)
    name = re.search(r"GLOBAL ([\w.]+)", text)
    if name:
        return f"an object of {name[1]}, which would be code that runs"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"damaged or foreign content ({lines[0][:160] if lines else type(error).__name__})"
