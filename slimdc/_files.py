"""Files as they may be opened: pipes and devices would be waited for."""

from __future__ import annotations

import os
from pathlib import Path

from slimdc.errors import FileError

__all__ = ["regular_file"]


def regular_file(path: str | os.PathLike[str], expected: str = "a file to read") -> Path:
    """Refuse what is no regular file, for ever waiting to be written or read to its end.

    Raises
    ------
    FileError
        There is no such file, or it is something else.

    Examples
    --------
    >>> regular_file("nothing")
    Traceback (most recent call last):
    slimdc.errors.FileError: nothing: found no such file, expected a file to read ...
    """
    if not os.path.isfile(path):
        found = "no regular file" if os.path.exists(path) else "no such file"
        raise FileError(os.fspath(path), found, expected)
    return Path(path)
