"""The slimmable file: one file of which every prefix is a set, written whole or not at all."""

from __future__ import annotations

import os
from typing import Any

from slimdc._array import namespace
from slimdc.errors import InvalidTypeError
from slimdc.parameterization import SlimmableDataset
from slimdc.storage.atomic import write_whole
from slimdc.storage.content import (
    Content,
    content_of,
    dumped,
    in_framework_of,
)
from slimdc.storage.older_files import parse_older
from slimdc.storage.prefix import Wanted, read_prefix, read_start
from slimdc.storage.sources import MemorySource, Source, opened

__all__ = ["dumps", "load", "loads", "save"]


def save(data: SlimmableDataset, path: str | os.PathLike[str]) -> None:
    """Write a set to a slimmable file: floats to the bit, codes as they are.

    The file appears whole or not at all: it is written beside its target, flushed to the disk and
    renamed. It is a safetensors file of one tensor, the components one after the other, the most
    significant first; see docs/format.md.

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
    write_whole(path, dumps(data))


def dumps(data: SlimmableDataset) -> bytes:
    """Give the bytes of the file that `save` would write: a set as a message.

    Parameters
    ----------
    data : SlimmableDataset
        The set.

    Returns
    -------
    bytes

    Raises
    ------
    InvalidTypeError
        `data` is not a set.

    Examples
    --------
    >>> import numpy as np
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    >>> len(loads(dumps(data)))
    4
    """
    if not isinstance(data, SlimmableDataset):
        raise InvalidTypeError("data", found=type(data).__name__, expected="a SlimmableDataset")
    return dumped(data)


def load(
    path: str | os.PathLike[str],
    *,
    k: int | None = None,
    nbytes: int | None = None,
    strict: bool = False,
    like: Any = None,
) -> SlimmableDataset:
    """Read a set that `save` wrote, or its most significant components and no more of the file.

    Parameters
    ----------
    path : str or path
        The file, or its URL. ``https://`` is read by range requests; ``s3://``, ``gs://`` and all
        else by fsspec: ``pip install "slimdc[remote]"``, and what fsspec asks for.
    k : int, optional
        Components of each class, as `SlimmableDataset.truncate` keeps them.
    nbytes : int, optional
        Bytes of the file that header and components may take: as many components as fit are read.
        The smaller of both holds where both are given.
    strict : bool
        Whether a file that is cut is refused, rather than read as far as its components are whole.
    like : array, optional
        An array whose framework and device the factors are wanted in; by default NumPy. A set of
        float64 is narrowed to float32 in JAX without x64.

    Returns
    -------
    SlimmableDataset
        The set, with the factors that were saved, to the bit; with `k` those of ``truncate(k)``. A
        whitening of its preprocessing is without its matrix: see
        `SlimmableDataset.with_preprocessing`.

    Raises
    ------
    InvalidTypeError
        `path` is not a path, `k` or `nbytes` is no int, or `like` is not an array.
    InvalidValueError
        `k` is below 1 or above what the file held, or `nbytes` is too few for a component.
    FileError
        The file does not exist, cannot be read, is damaged (its component is named) or no
        safetensors file, or is not one of ours. Nothing in it is ever executed: a pickle is refused
        as any other file.
    MissingLibraryError
        The URL needs a library that is not installed.

    Warns
    -----
    SlimdcWarning
        The file is cut, a server without range requests sent more than was wanted, or some classes
        hold fewer than `k` components.

    Notes
    -----
    Files of versions 1 and 2 are read whole, whatever is wanted of them.

    Examples
    --------
    >>> load("missing.safetensors")
    Traceback (most recent call last):
    slimdc.errors.FileError: missing.safetensors: found no such file, expected a file to read
    (see docs/...)
    """
    wanted = Wanted.checked(k, nbytes, strict)
    if like is not None:
        namespace(like, argument="like")
    with opened(path) as source:
        content = _content(source, wanted)
    return _made(content, like)


def loads(
    payload: bytes | bytearray | memoryview,
    *,
    k: int | None = None,
    nbytes: int | None = None,
    strict: bool = False,
    like: Any = None,
) -> SlimmableDataset:
    """Read a set from bytes that `dumps` gave, or from the first of them.

    Parameters
    ----------
    payload : bytes
        The file.
    k, nbytes, strict, like : optional
        As in `load`.

    Returns
    -------
    SlimmableDataset

    Raises
    ------
    InvalidTypeError, InvalidValueError, FileError
        As in `load`; or `payload` is not bytes.

    Warns
    -----
    SlimdcWarning
        As in `load`.

    Examples
    --------
    >>> import numpy as np
    >>> message = dumps(SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1]))
    >>> loads(message, k=1).components
    (1, 1)
    """
    wanted = Wanted.checked(k, nbytes, strict)
    if like is not None:
        namespace(like, argument="like")
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise InvalidTypeError("payload", type(payload).__name__, "bytes")
    return _made(_content(MemorySource("payload", payload), wanted), like)


def _content(source: Source, wanted: Wanted) -> Content | SlimmableDataset:
    start = read_start(source, wanted.nbytes)
    if start is None:
        data = parse_older(source.name, source.read(0))
        if wanted.everything:
            return data
        return _content(MemorySource(source.name, dumped(data)), wanted)
    prefix = read_prefix(source, start, wanted)
    original = wanted.k is None and prefix.k == prefix.header.count
    return content_of(source.name, prefix, original=original)


def _made(content: Content | SlimmableDataset, like: Any) -> SlimmableDataset:
    if isinstance(content, Content):
        return content.made(like)
    return content if like is None else in_framework_of(content, like)
