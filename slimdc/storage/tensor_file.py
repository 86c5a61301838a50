"""Safetensors files of any kind, read whole and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from slimdc._array import HostArray
from slimdc.errors import FileError, InvalidTypeError
from slimdc.storage.atomic import replace


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Read any safetensors file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        The arrays, by name.
    metadata : dict of str to str
        Its metadata; empty where there is none.

    Raises
    ------
    InvalidTypeError
        `path` is not a path.
    FileError
        The file does not exist, cannot be read, is truncated or is no safetensors file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tensors(pathlib.Path(folder) / "a", {"x": np.zeros(2)}, {"unit": "pixel"})
    ...     read_tensors(pathlib.Path(folder) / "a")
    ({'x': array([0., 0.])}, {'unit': 'pixel'})
    """
    from safetensors import SafetensorError, safe_open

    source = _checked_path(path)
    try:
        # safe_open maps the file; reading a device or a folder there would fail in other words.
        if not source.is_file():
            problem = "no regular file" if source.exists() else "no such file"
            raise FileError(os.fspath(path), found=problem, expected="a file to read")
        with safe_open(source, framework="numpy") as file:
            tensors = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except SafetensorError as error:
        raise FileError(
            os.fspath(path),
            found=f"a file that is truncated or no safetensors file ({error})",
            expected="a safetensors file",
        ) from error
    except FileError:
        raise
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # ValueError: a null byte in the path; the others: tensors of a dtype that NumPy lacks.
        raise FileError(os.fspath(path), found=str(error), expected="a file to read") from error


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, HostArray], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file, whole or not at all.

    Parameters
    ----------
    path : str or path
        The file; one that exists is replaced.
    tensors : mapping of str to numpy.ndarray
        Arrays by name.
    metadata : mapping of str to str
        What else belongs to them.

    Raises
    ------
    InvalidTypeError
        `path` is not a path.
    FileError
        The file cannot be written there.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tensors(pathlib.Path(folder) / "a", {"x": np.zeros(2)}, {})
    ...     [entry.name for entry in pathlib.Path(folder).iterdir()]
    ['a']
    """
    from safetensors.numpy import save as serialise

    target = _checked_path(path)
    # safetensors writes memory as it lies: a transposed view would come back wrong.
    owned = {name: np.array(x, order="C", copy=True) for name, x in tensors.items()}
    try:
        replace(target, serialise(owned, dict(metadata)))
    except (OSError, ValueError) as error:
        raise FileError(
            os.fspath(path), found=str(error), expected="a file that can be written"
        ) from error


def _checked_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InvalidTypeError("path", found=type(path).__name__, expected="a str or a path")
    return Path(path)
