"""What a path holds, told by what is in it and not by its name, and how that is opened."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slimdc._checks import path as checked_path
from slimdc._checks import shown
from slimdc.datasets.image_folder import holds_images
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError
from slimdc.storage.foreign import npz_file, parquet_set, picture_sets, torch_file

__all__ = ["OWN", "container_of", "described", "joined", "opened", "paths_of"]

OWN = "safetensors"

# What torch wrote before version 1.6 begins with: its magic number, as a pickle of protocol 2.
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_EXPECTED = (
    "a slimmable file, a file of torch, an archive of NumPy, a parquet table, or a folder of "
    "pictures or of one of these"
)

_OPENERS: dict[str, Callable[[Path], Any]] = {
    "torch": torch_file.opened,
    "npz": npz_file.opened,
    "parquet": parquet_set.opened,
}
_OF_FOLDERS: dict[str, Callable[[Path], Any]] = {
    "torch": torch_file.opened_pair,
    "parquet": parquet_set.opened_folder,
    "pictures": picture_sets.opened,
}


def paths_of(path: object) -> tuple[Path, ...]:
    """Read a path, or several.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        It is none, or there are none.

    Examples
    --------
    >>> [path.name for path in paths_of(["a", "b"])]
    ['a', 'b']
    """
    if not isinstance(path, list | tuple):
        return (checked_path("path", path),)
    if not path:
        raise InvalidValueError("path", "no path", "at least one")
    if not all(isinstance(part, str | os.PathLike) for part in path):
        raise InvalidTypeError("path", shown(path), "a path, or a list of paths")
    return tuple(checked_path("path", part) for part in path)


def container_of(path: Path) -> str:
    """Tell what a path holds.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder.

    Returns
    -------
    {"safetensors", "torch", "npz", "parquet", "pictures"}

    Raises
    ------
    FileError
        There is nothing, it cannot be read, or it is none of these.

    Examples
    --------
    >>> container_of(Path("missing"))
    Traceback (most recent call last):
    slimdc.errors.FileError: missing: found no such file, expected a file or a folder to read
    (see docs/...)
    """
    try:
        if os.path.isdir(path):
            return _of_folder(path)
        if not os.path.isfile(path):
            found = "no regular file" if os.path.exists(path) else "no such file"
            raise FileError(str(path), found, "a file or a folder to read")
        return _of_file(path)
    except FileError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileError(str(path), f"{error}", "a file or a folder to read") from error


def opened(path: Path, container: str) -> Any:
    """Open what `container_of` found.

    Raises
    ------
    FileError
        It is damaged, or holds what is refused.
    MissingLibraryError
        The library that opens it is not installed.
    """
    return (_OF_FOLDERS if os.path.isdir(path) else _OPENERS)[container](path)


def joined(contents: Sequence[Any], container: str, source: str) -> Any:
    """Put the parts of one set after each other, where their container has parts.

    Raises
    ------
    InvalidValueError
        It has none.
    FileError
        They do not fit each other.
    """
    if len(contents) == 1:
        return contents[0]
    if container == "parquet":
        return parquet_set.joined(list(contents), source)
    if all(isinstance(content, torch_file.TensorPair) for content in contents):
        return torch_file.joined(list(contents), source)
    raise InvalidValueError(
        "path", f"{len(contents)} paths", "one: only pairs of MTT's kind and tables have parts"
    )


def described(content: Any) -> str:
    """Say what was opened, for a message.

    Examples
    --------
    >>> described({"weights": 1})
    "a dict with the keys ['weights']"
    """
    if isinstance(content, npz_file.Archive):
        return f"an archive of {shown(dict(content.shapes))}"
    if isinstance(content, dict):
        return f"a dict with the keys {shown(list(content))}"
    if isinstance(content, list | tuple):
        return f"a {type(content).__name__} of {len(content)} values"
    if hasattr(content, "schema"):
        return f"a table with the columns {shown(content.schema.names)}"
    return f"a {type(content).__name__}"


def _of_folder(path: Path) -> str:
    names = os.listdir(path)
    if any(name.startswith("images") and name.endswith(".pt") for name in names):
        return "torch"
    inner = path / "data"
    held = os.listdir(inner) if os.path.isdir(inner) else []
    if any(name.endswith(".parquet") for name in (*names, *held)):
        return "parquet"
    if holds_images(path):
        return "pictures"
    raise FileError(str(path), f"a folder of {shown(sorted(names))}", _EXPECTED)


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(_LEGACY):
        return "torch"
    if head.startswith(b"PK"):
        return _of_archive(path)
    # Eight bytes of length, then JSON: what any file of safetensors begins with.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= os.path.getsize(path) - 8:
        return OWN
    found = "a pickle, which would run code" if head[:1] == b"\x80" else f"{head[:8]!r}…"
    raise FileError(str(path), f"a file that begins as none of these: {found}", _EXPECTED)


def _of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise FileError(str(path), f"a damaged archive ({error})", _EXPECTED) from error
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    raise FileError(str(path), f"an archive of {shown(names)}", _EXPECTED)
