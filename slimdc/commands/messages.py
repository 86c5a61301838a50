"""What commands tell a person: lines on stderr, and how far a run is."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc.errors import FileError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimdc.training.progress import Progress

__all__ = ["check_apart", "check_target", "one_line", "progress", "tell"]


def tell(message: str) -> None:
    """Print a line on stderr."""
    with suppress(OSError, ValueError):  # nobody reads it, or it is closed
        print(f"slimdc: {message}", file=sys.stderr)


def one_line(message: object) -> str:
    """Write a message without line breaks."""
    return " ".join(str(message).split())


def check_target(path: Path, argument: str) -> None:
    """Refuse what cannot be written before an hour of work, not after it.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    from slimdc.storage.atomic import writable

    try:
        writable(path)
    except OSError as error:
        raise FileError(argument, f"{path} ({error})", "the name of a file to write") from error


def check_apart(path: Path, sources: Iterable[Path | str | None], argument: str) -> None:
    """Refuse to write over what is read, or to write two things into one file.

    Raises
    ------
    InvalidValueError
        If one of the others is the same file, by whatever name.
    """
    for source in sources:
        if source is not None and _same(path, Path(str(source).removeprefix("file://"))):
            found = f"{path}, which is read or written as {source}"
            raise InvalidValueError(argument, found, "a file of its own")


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):  # one of them is not there
        return one.samefile(other)
    return one.absolute() == other.absolute()


def progress() -> Progress:
    """Leave progress to the library's bars, or to the lines of the command where it is piped."""
    from slimdc.commands.lines import lines_of_command

    return lines_of_command()
