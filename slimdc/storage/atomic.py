"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def replace(target: Path, payload: bytes) -> None:
    """Replace a file by a payload, at once or not at all."""
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
