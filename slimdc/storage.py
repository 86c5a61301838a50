"""The slimmable file: plain safetensors with metadata, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slimdc._array import HostArray, like, namespace, to_numpy
from slimdc.errors import FileError, InvalidTypeError, SlimdcError
from slimdc.factors import NAMES
from slimdc.parameterization import SlimmableDataset
from slimdc.preprocessing import Preprocessing

FORMAT = "slimdc"
VERSION = "1"
FIELDS = ("shape", "layout", "labels", "samples", "components", "preprocessing", "dtype")


def save(data: SlimmableDataset, path: str | os.PathLike[str]) -> None:
    """Write a set to a safetensors file, factors to the bit.

    The file appears whole or not at all: it is written beside its target, flushed to the disk and
    renamed. It holds the tensors u, s, vx and vy, and as metadata the format, its version and what
    `SlimmableDataset.from_factors` takes.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    path : str or path
        The file; one that exists is replaced.

    Raises
    ------
    InvalidTypeError
        `data` is not a set, or `path` is not a path.
    FileError
        The file cannot be written there.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(data, pathlib.Path(folder) / "set.safetensors")
    ...     load(pathlib.Path(folder) / "set.safetensors")
    SlimmableDataset(classes=2, components=2, samples=4, shape=(4,), dtype=float64)
    """
    if not isinstance(data, SlimmableDataset):
        raise InvalidTypeError("data", found=type(data).__name__, expected="a SlimmableDataset")
    tensors = dict(zip(NAMES, map(to_numpy, data._factors()), strict=True))
    fields = {name: getattr(data, name) for name in FIELDS}
    fields["preprocessing"] = data.preprocessing.to_dict()
    metadata = {name: json.dumps(value) for name, value in fields.items()}
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, **metadata})


def load(path: str | os.PathLike[str], *, like: Any = None) -> SlimmableDataset:
    """Read a set that `save` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    like : array, optional
        An array whose framework and device the factors are wanted in; by default NumPy. A set of
        float64 is narrowed to float32 in JAX without x64.

    Returns
    -------
    SlimmableDataset
        The set, with the factors that were saved, to the bit.

    Raises
    ------
    InvalidTypeError
        `path` is not a path, or `like` is not an array.
    FileError
        The file does not exist, cannot be read, is truncated, is no safetensors file, or is not one
        of ours. Nothing in it is ever executed, so a pickle is refused as any other file.

    Examples
    --------
    >>> load("missing.safetensors")
    Traceback (most recent call last):
    slimdc.errors.FileError: missing.safetensors: found no such file, expected a file to read
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise FileError(
            os.fspath(path),
            found=f"format {metadata.get('format')!r}, version {metadata.get('version')!r}",
            expected=f"format {FORMAT!r}, version {VERSION!r}",
        )
    if set(tensors) != set(NAMES) or not set(FIELDS) <= set(metadata):
        raise FileError(
            os.fspath(path),
            found=f"tensors {sorted(tensors)} and metadata {sorted(metadata)}",
            expected=f"tensors {sorted(NAMES)} and metadata {sorted(FIELDS)}",
        )
    factors = [tensors[name] for name in NAMES]
    try:
        fields = {name: json.loads(metadata[name]) for name in FIELDS}
        if None in fields.values():
            raise ValueError("null in the metadata")
        fields["preprocessing"] = Preprocessing.from_dict(fields["preprocessing"])
        data = SlimmableDataset.from_factors(*factors, **fields)
    except (SlimdcError, ValueError, TypeError) as error:
        raise FileError(
            os.fspath(path), found=f"a damaged set ({error})", expected="a set that was saved"
        ) from error
    if like is None:
        return data
    namespace(like, argument="like")
    return _in_framework_of(like, data)


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
        _replace(target, serialise(owned, dict(metadata)))
    except (OSError, ValueError) as error:
        raise FileError(
            os.fspath(path), found=str(error), expected="a file that can be written"
        ) from error


def _replace(target: Path, payload: bytes) -> None:
    target = Path(os.path.realpath(target))  # replace what a link points to, not the link
    if target.is_dir():
        raise IsADirectoryError("a folder")
    if target.exists() and not os.access(target, os.W_OK):
        # Renaming over it would succeed where the folder is writable.
        raise PermissionError("a file marked read-only")
    beside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    with contextlib.suppress(OSError):  # the file is whole already; not every system can do this
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _checked_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InvalidTypeError("path", found=type(path).__name__, expected="a str or a path")
    return Path(path)


def _in_framework_of(reference: Any, data: SlimmableDataset) -> SlimmableDataset:
    return data.with_factors(*(like(factor, reference) for factor in data._factors()))
