"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["new_folder"]


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a folder beside its place, and rename it when it is full.

    Parameters
    ----------
    path : str or path
        The folder: it does not exist, or is empty.

    Yields
    ------
    pathlib.Path
        The folder to be filled. It is removed where filling it fails.

    Raises
    ------
    OSError
        There is something at that path already, or no folder can be made there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with new_folder(Path(root) / "set") as folder:
    ...         _ = (folder / "part").write_bytes(b"whole")
    ...     sorted(path.relative_to(root).as_posix() for path in Path(root).rglob("*"))
    ['set', 'set/part']
    """
    target = Path(os.path.realpath(path))
    if os.path.isdir(target):
        if os.listdir(target):
            raise FileExistsError("a folder that is not empty")
    elif os.path.lexists(target):
        raise FileExistsError("a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no folder {target.parent}")
    beside = target.with_name(f".slimdc-{secrets.token_hex(8)}.tmp")
    beside.mkdir()
    try:
        yield beside
        if os.path.isdir(target):
            target.rmdir()  # not every system renames over an empty folder
        os.rename(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
