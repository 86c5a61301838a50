"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from slimdc._checks import path as checked_path
from slimdc.errors import FileError

if sys.platform != "win32":
    import fcntl

__all__ = ["replace", "writable", "write_whole"]


def writable(path: str | os.PathLike[str]) -> Path:
    """Find the file that a path stands for, and check that a write may replace it.

    Parameters
    ----------
    path : str or path
        Where somebody wants to write. Links are followed, also one whose target does not exist yet.

    Returns
    -------
    pathlib.Path
        The file itself: no link, and it need not exist.

    Raises
    ------
    OSError
        The path is a folder, a device, a pipe or a socket, is read-only, lies in no folder or in a
        read-only one, or its links form a loop.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable(Path(folder) / "set").name
    'set'
    """
    target = Path(os.path.realpath(path))
    found = _state(target)
    if found is None:
        if not target.parent.is_dir():
            raise FileNotFoundError(f"no folder {target.parent}")
    elif stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError("a folder")
    elif not stat.S_ISREG(found.st_mode):
        # A file renamed over a device or a pipe would take its place.
        raise OSError("no regular file")
    elif not os.access(target, os.W_OK):
        # Renaming over it would succeed where the folder is writable.
        raise PermissionError("a file marked read-only")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"the read-only folder {target.parent}")
    return target


def replace(path: str | os.PathLike[str], payload: bytes) -> None:
    """Replace a file by a payload, at once or not at all.

    The payload is written beside the file, flushed to the disk and renamed. A file that exists
    keeps its mode and owner; a new one gets what the umask leaves. What earlier writes to the same
    path left beside it when their process was killed is removed.

    Parameters
    ----------
    path : str or path
        The file; of a link, the target is replaced and the link stays.
    payload : bytes
        What it is to hold.

    Raises
    ------
    OSError
        The file cannot be replaced; see `writable`. Nothing has changed then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace(Path(folder) / "set", b"whole")
    ...     [(entry.name, entry.read_bytes()) for entry in Path(folder).iterdir()]
    [('set', b'whole')]
    """
    target = writable(path)
    before = _state(target)
    _remove_abandoned(target)
    with _beside(target, 0o666 if before is None else 0o600) as (beside, file):
        if before is not None:
            _keep_owner_and_mode(file, before)
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
        if sys.platform == "win32":
            file.close()  # Windows renames no file that is open
        os.replace(beside, target)
    with contextlib.suppress(OSError):  # the file is whole already; not every system can do this
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_whole(path: str | os.PathLike[str], payload: bytes) -> None:
    """Replace a file as `replace` does, with the errors of slimdc.

    Parameters
    ----------
    path : str or path
        The file.
    payload : bytes
        What it is to hold.

    Raises
    ------
    InvalidTypeError
        `path` is not a path.
    FileError
        The file cannot be written there.

    Examples
    --------
    >>> write_whole("no folder/set", b"")
    Traceback (most recent call last):
    slimdc.errors.FileError: no folder/set: found no folder ..., expected a file that can be written
    (see docs/...)
    """
    target = checked_path("path", path)
    try:
        replace(target, payload)
    except (OSError, ValueError) as error:
        raise FileError(
            os.fspath(path), found=str(error), expected="a file that can be written"
        ) from error


def _state(target: Path) -> os.stat_result | None:
    try:
        return os.stat(target)
    except FileNotFoundError:
        return None


def _prefix(target: Path) -> str:
    """Begin the names of files beside a target: short, however long its own name is."""
    return f".slimdc-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-"


@contextlib.contextmanager
def _beside(target: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a new file beside the target, locked as long as its writer lives."""
    beside, file = _created(target, mode)
    with file:
        try:
            yield beside, file
        except BaseException:
            file.close()
            with contextlib.suppress(OSError):
                beside.unlink()
            raise


def _created(target: Path, mode: int) -> tuple[Path, BinaryIO]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        beside = target.with_name(f"{_prefix(target)}{secrets.token_hex(8)}.tmp")
        file = os.fdopen(os.open(beside, flags, mode), "wb")
        if sys.platform == "win32":
            return beside, file
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if beside.exists():
            return beside, file
        file.close()  # another writer took it for abandoned before it was locked


def _remove_abandoned(target: Path) -> None:
    """Remove what writers of the target left beside it when their process was killed."""
    prefix = _prefix(target)
    with contextlib.suppress(OSError):
        for name in os.listdir(target.parent):
            if name.startswith(prefix):
                with contextlib.suppress(OSError):
                    _remove_unlocked(target.with_name(name))


def _remove_unlocked(beside: Path) -> None:
    """Remove a file whose writer is dead; fail where it lives."""
    if sys.platform == "win32":
        beside.unlink()  # Windows removes no file that is open
        return
    with beside.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        beside.unlink()


def _keep_owner_and_mode(file: BinaryIO, before: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    own = os.fstat(file.fileno())
    if (own.st_uid, own.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
        except PermissionError as error:
            raise PermissionError("a file of another owner, which cannot be kept") from error
    os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
