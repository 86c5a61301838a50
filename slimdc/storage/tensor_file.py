"""Safetensors files of any kind, read whole and written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

import numpy as np

from slimdc._array import HostArray
from slimdc._checks import path as checked_path
from slimdc._files import regular_file
from slimdc.errors import FileError
from slimdc.storage.atomic import write_whole
from slimdc.storage.json_text import plain_json

__all__ = [
    "DIGEST",
    "digest",
    "parse_tensors",
    "read_tensors",
    "read_whole",
    "tensor_bytes",
    "write_tensors",
]

# The key of the metadata under which a file holds the digest of all else in it.
DIGEST = "sha256"


def digest(tensors: Mapping[str, HostArray], metadata: Mapping[str, str]) -> str:
    """Hash all that a file holds: names, dtypes, shapes and bytes of tensors, and the metadata.

    Parameters
    ----------
    tensors : mapping of str to numpy.ndarray
        C-contiguous arrays by name.
    metadata : mapping of str to str
        What else belongs to them. A digest among it is left out.

    Returns
    -------
    str
        A SHA-256 in hexadecimal.

    Examples
    --------
    >>> digest({"x": np.zeros(2)}, {}) == digest({"x": np.zeros(2)}, {DIGEST: "any"})
    True
    >>> digest({"x": np.zeros(2)}, {}) == digest({"x": np.zeros(2, np.int64)}, {})
    False
    """
    names = sorted(tensors)
    head = {
        "metadata": {key: value for key, value in metadata.items() if key != DIGEST},
        "tensors": [[name, tensors[name].dtype.name, tensors[name].shape] for name in names],
    }
    # The head says how many bytes belong to each tensor, so that the bytes can simply follow it.
    found = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in names:
        found.update(tensors[name].data)
    return found.hexdigest()


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Read any safetensors file, and compare it with the digest in its metadata if it has one.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        The arrays, by name.
    metadata : dict of str to str
        Its metadata, the digest among it; empty where there is none. A caller whose files all have
        a digest checks that it is there.

    Raises
    ------
    InvalidTypeError
        `path` is not a path.
    FileError
        The file does not exist, cannot be read, is truncated, is no safetensors file, or does not
        hold what its digest was made of.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tensors(pathlib.Path(folder) / "a", {"x": np.zeros(2)}, {"unit": "pixel"})
    ...     tensors, metadata = read_tensors(pathlib.Path(folder) / "a")
    >>> tensors, metadata["unit"], len(metadata["sha256"])
    ({'x': array([0., 0.])}, 'pixel', 64)
    """
    return parse_tensors(os.fspath(path), read_whole(path))


def parse_tensors(name: str, payload: bytes) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Read the bytes of a safetensors file, as `read_tensors` reads the file.

    Parameters
    ----------
    name : str
        What messages call it.
    payload : bytes
        All of it.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
    metadata : dict of str to str

    Raises
    ------
    FileError
        As in `read_tensors`.

    Examples
    --------
    >>> parse_tensors("payload", b"")
    Traceback (most recent call last):
    slimdc.errors.FileError: payload: found a file that is truncated or no safetensors file ...
    """
    tensors, metadata = _parsed(name, payload)
    if DIGEST in metadata and metadata[DIGEST] != digest(tensors, metadata):
        raise FileError(
            name,
            found="a file that was damaged or edited: its contents do not match their digest",
            expected="a file as it was written",
        )
    return tensors, metadata


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, HostArray], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file with a digest of its contents, whole or not at all.

    Parameters
    ----------
    path : str or path
        The file; one that exists is replaced, and keeps its mode and owner. Of a link, the target
        is replaced and the link stays.
    tensors : mapping of str to numpy.ndarray
        Arrays by name.
    metadata : mapping of str to str
        What else belongs to them. The digest is added as ``"sha256"``.

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
    checked_path("path", path)
    write_whole(path, tensor_bytes(tensors, metadata))


def tensor_bytes(tensors: Mapping[str, HostArray], metadata: Mapping[str, str]) -> bytes:
    """Give the bytes of the file that `write_tensors` would write.

    Parameters
    ----------
    tensors, metadata
        As for `write_tensors`.

    Returns
    -------
    bytes
        The same for the same contents.

    Examples
    --------
    >>> parse_tensors("payload", tensor_bytes({"x": np.ones(1)}, {}))[0]
    {'x': array([1.])}
    """
    from safetensors.numpy import save as serialise

    ordered = {name: _in_order(x) for name, x in tensors.items()}
    written = serialise(ordered, {**metadata, DIGEST: digest(ordered, metadata)})
    # The library writes the metadata in an order that differs from call to call.
    start = 8 + int.from_bytes(written[:8], "little")
    header = json.dumps(json.loads(written[8:start]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + written[start:]


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """Read all bytes of a file.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    InvalidTypeError
        `path` is not a path.
    FileError
        There is no regular file, or it cannot be read.

    Examples
    --------
    >>> read_whole("nothing")
    Traceback (most recent call last):
    slimdc.errors.FileError: nothing: found no such file, expected a file to read ...
    """
    source = checked_path("path", path)
    try:
        # Read at once: a file mapped into memory ends the process if somebody truncates it.
        return regular_file(source).read_bytes()
    except FileError:
        raise
    except MemoryError as error:
        raise FileError(
            os.fspath(path), found="more than memory can hold", expected="a smaller file"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileError(os.fspath(path), found=str(error), expected="a file to read") from error


def _parsed(name: str, payload: bytes) -> tuple[dict[str, HostArray], dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialise

    try:
        tensors = deserialise(payload)
        # Of bytes the library gives the tensors only. It has checked this header and its length.
        length = int.from_bytes(payload[:8], "little")
        header = plain_json("header", payload[8 : 8 + length].decode())
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        # All but the first: tensors of a dtype or of a size that NumPy lacks.
        raise FileError(
            name,
            found=f"a file that is truncated or no safetensors file ({error})",
            expected="a safetensors file",
        ) from error
    return tensors, header.get("__metadata__") or {}


def _in_order(x: HostArray) -> HostArray:
    """Give an array as it lies in a file: safetensors writes memory, and asks for no strides."""
    host = np.asarray(x)
    return np.asarray(host, dtype=host.dtype.newbyteorder("="), order="C")
