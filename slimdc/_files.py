"""Files as they may be opened: pipes and devices would be waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from slimdc.errors import FileError

__all__ = ["regular_file"]


def regular_file(path: str | os.PathLike[str], expected: str = "a file to read") -> Path:
    """Refuse what is no regular file: a pipe waits for ever, and a device may have no end.

    Raises
    ------
    FileError
        There is no such file, or it is something else.
    OSError, ValueError
        It cannot be looked at, as in a folder of somebody else, or is no name of a file.

    Examples
    --------
    >>> regular_file("nothing")
    Traceback (most recent call last):
    slimdc.errors.FileError: nothing: found no such file, expected a file to read ...
    """
    try:
        found = "" if stat.S_ISREG(os.stat(path).st_mode) else "no regular file"
    except (FileNotFoundError, NotADirectoryError):
        found = "no such file"
    if found:
        raise FileError(os.fspath(path), found, expected)
    return Path(path)
