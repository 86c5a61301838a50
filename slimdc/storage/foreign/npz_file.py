"""Archives of NumPy arrays, read without unpickling and without trusting what they claim."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from slimdc._array import HostArray
from slimdc.errors import FileError

__all__ = ["Archive", "opened", "payload"]

_ENDING = ".npy"
_EXPECTED = "arrays of numbers, as numpy.savez writes them"


@dataclass(frozen=True)
class Archive:
    """The arrays of a file by name, of which none is read before it is asked for.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    shapes : mapping of str to tuple of int
        Their shapes, as the file claims them.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]

    def array(self, name: str) -> HostArray:
        """Read an array.

        Raises
        ------
        FileError
            It is damaged, or holds objects.
        """
        with _errors(self.path), zipfile.ZipFile(self.path) as held, held.open(_member(name)) as f:
            shape, in_columns, dtype = _head(f)
            if dtype.hasobject:
                raise FileError(str(self.path), f"objects in {name!r}, which are code", _EXPECTED)
            size = held.getinfo(_member(name)).file_size - f.tell()
            if size != math.prod(shape) * dtype.itemsize:
                found = f"{size} bytes for {name!r} of shape {shape}"
                raise FileError(str(self.path), found, _EXPECTED)
            flat = np.frombuffer(f.read(), dtype)
        return flat.reshape(shape, order="F" if in_columns else "C")


class _errors:  # noqa: N801 - a context, used as a verb
    """Tell what is wrong with a file, whatever its parts fail with."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, FileError):
            raise FileError(
                str(self._path), f"a damaged or foreign archive ({error})", _EXPECTED
            ) from error


def opened(path: Path) -> Archive:
    """Open an archive.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Archive
        Its arrays.

    Raises
    ------
    FileError
        It is damaged, or has no arrays.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "set"
    ...     _ = path.write_bytes(payload({"images": np.zeros((1, 2, 2, 3))}))
    ...     opened(path).shapes
    {'images': (1, 2, 2, 3)}
    """
    shapes = {}
    with _errors(path), zipfile.ZipFile(path) as held:
        for member in held.namelist():
            with held.open(member) as file:
                shapes[member.removesuffix(_ENDING)] = _head(file)[0]
    return Archive(path, shapes)


def payload(arrays: Mapping[str, HostArray]) -> bytes:
    """Write arrays as an archive into memory.

    Parameters
    ----------
    arrays : mapping of str to numpy.ndarray
        By name.

    Returns
    -------
    bytes

    Examples
    --------
    >>> payload({"x": np.zeros(1)})[:2]
    b'PK'
    """
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, array in arrays.items():
            with archive.open(_member(name), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return held.getvalue()


def _member(name: str) -> str:
    return f"{name}{_ENDING}"


def _head(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"an array of version {version}")
