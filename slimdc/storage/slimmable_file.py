"""The slimmable file: plain safetensors with metadata, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from slimdc._array import like, namespace
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError, SlimdcError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.description import NAMES, Description, Factors
from slimdc.storage.tensor_file import DIGEST, read_tensors, write_tensors

__all__ = ["load", "save"]

FORMAT = "slimdc"
VERSION = "2"

# Files of version 1 have no digest. They hold just these keys, so that no file of a later version,
# however damaged, passes for one.
KEYS_OF_VERSION_1 = frozenset(
    {"format", "version", "shape", "layout", "preprocessing", "dtype"}
    | {"labels", "samples", "components"}
)


def save(data: SlimmableDataset, path: str | os.PathLike[str]) -> None:
    """Write a set to a safetensors file, factors to the bit.

    The file appears whole or not at all: it is written beside its target, flushed to the disk and
    renamed. It holds the tensors u, s, vx and vy, and as metadata the format, its version, what
    `SlimmableDataset.from_factors` takes, and a SHA-256 of all of it, by which `load` sees damage.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    path : str or path
        The file. One that exists is replaced, and keeps its mode and owner; of a symbolic link,
        the target is replaced or made, and the link stays.

    Raises
    ------
    InvalidTypeError
        `data` is not a set, or `path` is not a path.
    FileError
        The file cannot be written there, or the path is a device, a pipe or something else that is
        no regular file.

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
    metadata = {"format": FORMAT, "version": VERSION, **data.description.to_metadata()}
    write_tensors(path, data.host_factors()._asdict(), metadata)


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
        The set, with the factors that were saved, to the bit. A whitening of its preprocessing is
        without its matrix: see `SlimmableDataset.with_preprocessing`.

    Raises
    ------
    InvalidTypeError
        `path` is not a path, or `like` is not an array.
    FileError
        The file does not exist, cannot be read, is truncated, damaged or no safetensors file, or
        is not one of ours. Nothing in it is ever executed: a pickle is refused as any other file.

    Examples
    --------
    >>> load("missing.safetensors")
    Traceback (most recent call last):
    slimdc.errors.FileError: missing.safetensors: found no such file, expected a file to read
    """
    tensors, metadata = read_tensors(path)
    _check_version(path, metadata)
    try:
        if set(tensors) != set(NAMES):
            raise InvalidValueError("tensors", str(sorted(tensors)), str(sorted(NAMES)))
        data = SlimmableDataset(Factors(**tensors), Description.from_metadata(metadata))
    except (SlimdcError, ValueError, TypeError, OverflowError) as error:
        raise FileError(
            os.fspath(path), found=f"a damaged set ({error})", expected="a set that was saved"
        ) from error
    if like is None:
        return data
    namespace(like, argument="like")
    return _in_framework_of(like, data)


def _check_version(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Refuse what is no slimmable file, and one that lacks the digest that its version has."""
    name, version = metadata.get("format"), metadata.get("version")
    if name != FORMAT or version not in ("1", VERSION):
        raise FileError(
            os.fspath(path),
            found=f"format {name!r}, version {version!r}",
            expected=f"format {FORMAT!r}, version '1' or {VERSION!r}",
        )
    whole = DIGEST in metadata if version == VERSION else set(metadata) == KEYS_OF_VERSION_1
    if not whole:
        raise FileError(
            os.fspath(path),
            found=f"a damaged set of version {version} (metadata {sorted(metadata)})",
            expected="a set that was saved",
        )


def _in_framework_of(reference: Any, data: SlimmableDataset) -> SlimmableDataset:
    return data.with_factors(*(like(factor, reference) for factor in data.factors))
