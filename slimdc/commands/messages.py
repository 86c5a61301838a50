"""What commands tell a person: lines on stderr, and how far a run is."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from slimdc.errors import FileError, InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

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


def check_apart(path: Path, source: Path | str, argument: str) -> None:
    """Refuse to write over what is read, where that cannot be made again from what is written.

    Raises
    ------
    InvalidValueError
        If both are the same file, by whatever names.
    """
    same = False
    with suppress(OSError):  # one of them is not there
        same = path.samefile(source)
    if same:
        raise InvalidValueError(
            argument,
            f"{path}, the file that is read",
            "another file, since what is slimmed away cannot come back",
        )


def progress() -> Progress:
    """Leave progress to the library's bars, or to the lines of the command where it is piped."""
    from slimdc.commands.lines import lines_of_command

    return lines_of_command()
