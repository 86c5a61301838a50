"""What commands tell a person: lines on stderr, and how far a run is."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from slimdc.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["check_target", "one_line", "progress", "tell", "tell_accuracies"]


def tell(message: str) -> None:
    """Print a line on stderr."""
    with suppress(OSError):  # nobody reads it
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


def progress() -> Callable[[int, int, dict[str, float]], None] | None:
    """Leave progress to the library's bar, or count in plain text where tqdm is missing."""
    from slimdc.training.progress import watched

    if not watched() or find_spec("tqdm") is not None:
        return None

    def count_steps(count: int, steps: int, _terms: dict[str, float]) -> None:
        end = "\n" if count == steps else ""
        print(f"\r{count:,} of {steps:,}", end=end, file=sys.stderr, flush=True)

    return count_steps


def tell_accuracies(count: int, steps: int, terms: dict[str, float]) -> None:
    """Say in a log how far an evaluation is: a line at the end of each network."""
    if "accuracy" in terms:
        tell(f"{count:,} of {steps:,} steps, the last network {terms['accuracy']:.2f} %")
