"""Files behind URLs, read by ranges of bytes: HTTP by Python itself, all else by fsspec."""

from __future__ import annotations

import contextlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from slimdc.errors import FileError, MissingLibraryError
from slimdc.storage.sources import Source

__all__ = ["FsspecSource", "HttpSource", "remote_source"]

# A header has some hundreds of bytes, and a request takes longer than the rest of these.
_FIRST = 4096
_SECONDS = 60
_PIECE = 1 << 20


def remote_source(url: str) -> Source:
    """Open a URL.

    Parameters
    ----------
    url : str
        ``http://``, ``https://``, or anything that fsspec knows.

    Returns
    -------
    Source

    Raises
    ------
    FileError
        Nobody knows such URLs.
    MissingLibraryError
        fsspec is not installed, or what it needs for them.

    Examples
    --------
    >>> remote_source("https://example.org/set.safetensors").name
    'https://example.org/set.safetensors'
    """
    if re.match(r"https?://", url, re.IGNORECASE):
        return HttpSource(url)
    return FsspecSource(url)


class HttpSource:
    """A file on a server, by range requests; whole where the server knows none.

    Parameters
    ----------
    url : str
        Where it is.
    """

    first = _FIRST
    whole: int | None = None

    def __init__(self, url: str) -> None:
        self.name = url
        self._answer: bytes | None = None
        self._size: int | None = None

    def read(self, start: int, stop: int | None = None) -> bytes:
        """Ask for a part."""
        if self._answer is not None:
            return self._answer[start:stop]
        if self._size is not None:
            stop = self._size if stop is None else min(stop, self._size)
        if stop is not None and stop <= start:
            return b""
        span = f"bytes={start}-{'' if stop is None else stop - 1}"
        headers = {"Range": span, "Accept-Encoding": "identity"}
        request = urllib.request.Request(self.name, headers=headers)  # noqa: S310
        with self._answered(request) as answer:
            if answer.status != 206:
                self._answer = _taken(answer, None)
                self.whole = len(self._answer)
                return self._answer[start:stop]
            said = answer.headers.get("Content-Range", "")
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", said.strip())
            if found is None or int(found[1]) != start:
                raise FileError(self.name, f"the range {said!r}", f"the range {span!r}")
            if found[3] != "*":
                self._size = int(found[3])
            return _taken(answer, int(found[2]) + 1 - start if stop is None else stop - start)

    def holds(self, size: int) -> bool | None:
        """Compare with what the server said."""
        if self._answer is not None:
            return len(self._answer) == size
        return None if self._size is None else self._size == size

    @contextlib.contextmanager
    def _answered(self, request: urllib.request.Request) -> Iterator[Any]:
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                yield answer
        except urllib.error.HTTPError as error:
            error.close()
            # A file of no bytes has no range either.
            found = f"HTTP {error.code} {error.reason}"
            raise FileError(self.name, found, "a file to read") from None
        except (http.client.HTTPException, urllib.error.URLError) as error:
            found = str(getattr(error, "reason", None) or error or type(error).__name__)
            raise FileError(self.name, found, "a file to read") from error


class FsspecSource:
    """A file of any storage that fsspec opens.

    Parameters
    ----------
    url : str
        Where it is, in the words of fsspec.
    """

    first = _FIRST
    whole: int | None = None

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise MissingLibraryError(
                "path", "no fsspec", "it installed: pip install 'slimdc[remote]'"
            ) from error
        self.name = url
        try:
            self._files, self._path = url_to_fs(url)
        except ImportError as error:
            # fsspec says itself what to install.
            raise MissingLibraryError("path", str(error), "that library installed") from error

    def read(self, start: int, stop: int | None = None) -> bytes:
        """Ask for a part."""
        if stop is not None and stop <= start:
            return b""
        try:
            return bytes(self._files.cat_file(self._path, start=start, end=stop))
        except Exception as error:  # each storage has errors of its own
            found = f"{type(error).__name__}: {error}"
            raise FileError(self.name, found, "a file to read") from error

    def holds(self, size: int) -> None:
        """Nobody knows without another request."""


def _taken(answer: Any, most: int | None) -> bytes:
    """Read an answer piece by piece: what a server says of its length may be wrong."""
    parts, left = [], most
    while part := answer.read(_PIECE if left is None else min(left, _PIECE)):
        parts.append(part)
        if left is not None:
            left -= len(part)
            if left == 0:
                break
    return b"".join(parts)
