"""Where a file's bytes come from, and no more of them than are asked for."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from slimdc._checks import path as checked_path
from slimdc._files import regular_file
from slimdc.errors import FileError, SlimdcError

__all__ = ["SLIMMABLE", "LocalSource", "MemorySource", "Source", "is_url", "opened"]

# What is expected of a path that holds something else, which may be a set of others.
SLIMMABLE = "a slimmable file; `slimdc.read` and `slimdc convert` take sets of others"

# Two letters at least: one is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")


class Source(Protocol):
    """Bytes by their places.

    Attributes
    ----------
    name : str
        What messages call it.
    first : int
        Bytes that the first look takes: 8 where looks cost nothing.
    whole : int or None
        Bytes of the file where it came whole though a part was asked for.
    """

    name: str
    first: int
    whole: int | None

    def read(self, start: int, stop: int | None = None) -> bytes:
        """Read from a place to another, or to the end; less where there is no more."""
        ...

    def holds(self, size: int) -> bool | None:
        """Tell whether there are so many bytes and no more; None where nobody knows."""
        ...


class MemorySource:
    """Bytes at hand.

    Parameters
    ----------
    name : str
        What messages call it.
    payload : bytes
        The bytes.

    Examples
    --------
    >>> MemorySource("payload", b"abc").read(1, 9)
    b'bc'
    """

    first = 8
    whole: int | None = None

    def __init__(self, name: str, payload: bytes | bytearray | memoryview) -> None:
        self.name = name
        self._payload = memoryview(payload).cast("B")

    def read(self, start: int, stop: int | None = None) -> bytes:
        """Copy a part."""
        return bytes(self._payload[start:stop])

    def holds(self, size: int) -> bool:
        """Compare the length."""
        return len(self._payload) == size


class LocalSource:
    """A file on disk.

    Parameters
    ----------
    name : str
        What messages call it.
    file : binary file, without a buffer
        The file.
    """

    first = 8
    whole: int | None = None

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file, self._size = file, os.fstat(file.fileno()).st_size

    def read(self, start: int, stop: int | None = None) -> bytes:
        """Read a part: at once, since a file mapped into memory ends the process if it is cut."""
        end = self._size if stop is None else min(stop, self._size)
        self._file.seek(start)
        parts, left = [], end - start
        while left > 0 and (part := self._file.read(left)):
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def holds(self, size: int) -> bool:
        """Compare the length."""
        return self._size == size


def is_url(path: object) -> bool:
    """Tell a URL from a path.

    Examples
    --------
    >>> is_url("s3://bucket/set"), is_url("C:/set")
    (True, False)
    """
    return isinstance(path, str) and _URL.match(path) is not None


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a file by its path, or by a URL.

    Parameters
    ----------
    path : str or path
        A path, or a URL such as ``https://…`` or ``s3://…``.

    Yields
    ------
    Source
        Its bytes.

    Raises
    ------
    InvalidTypeError
        It is neither.
    FileError
        There is no such file, it is no regular file, or it cannot be read.
    MissingLibraryError
        The library that opens such URLs is not installed.

    Examples
    --------
    >>> with opened("missing") as source:
    ...     pass
    Traceback (most recent call last):
    slimdc.errors.FileError: missing: found no such file, expected a file to read (see docs/...)
    """
    if isinstance(path, str) and is_url(path):
        from slimdc.storage.remote import remote_source

        with _told(path):
            yield remote_source(path)
        return
    target = checked_path("path", path)
    if os.path.isdir(target):
        raise FileError(os.fspath(path), "no regular file, but a folder", SLIMMABLE)
    with _told(os.fspath(path)), regular_file(target).open("rb", buffering=0) as file:
        yield LocalSource(os.fspath(path), file)


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Say what of the file failed, whatever failed."""
    try:
        yield
    except SlimdcError:
        raise
    except MemoryError as error:
        raise FileError(name, "more than memory can hold", "a smaller file") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileError(name, found=str(error), expected="a file to read") from error
