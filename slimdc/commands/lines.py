"""Lines about a command at work, where its messages are piped: it is never silent for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from slimdc.commands.messages import tell

if TYPE_CHECKING:
    from slimdc.training.progress import Report

__all__ = ["EVERY", "FIRST", "Lines", "at_work", "lines_of_command", "tell_from_time_to_time"]

# Seconds until the first line, and between two: no command is silent for 20.
FIRST, EVERY = 10.0, 15.0


class Lines:
    """Knows how far a command is, and says it in a line.

    Parameters
    ----------
    command : str
        What it says where nothing more is known.
    clock : callable
        Gives seconds, as `time.monotonic` does.

    Examples
    --------
    >>> seconds = iter([0.0, 15.0, 75.0, 75.0])
    >>> lines = Lines("slim", lambda: next(seconds))
    >>> with lines.follow("slim to 2") as report:
    ...     report(0, 500, {})
    ...     report(120, 500, {"loss": 0.5})
    ...     lines.text()
    'slim to 2: 120 of 500, after 1 min 15 s; about 3 min 10 s more'
    """

    def __init__(self, command: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._command = command
        self._clock = clock
        self._begun = clock()
        # What is at work, and seconds that it may take yet: one name for both, so that another
        # thread never sees parts of two.
        self._state = command, 0.0

    @contextmanager
    def follow(self, title: str) -> Iterator[Report]:
        """Give what is told how far a part of the command is."""
        # A run that goes on from a checkpoint did not take its first steps here.
        first: tuple[int, float] | None = None

        def report(count: int, steps: int, terms: dict[str, float]) -> None:
            nonlocal first
            last = f", the last network {terms['accuracy']:.2f} %" if "accuracy" in terms else ""
            begun, since = first = first or (count, self._clock())
            done = count - begun
            left = (self._clock() - since) * (steps - count) / done if done > 0 else 0.0
            self._state = f"{title}: {count:,} of {steps:,}{last}", left

        self._state = title, 0.0
        try:
            yield report
        finally:
            self._state = self._command, 0.0

    def text(self) -> str:
        """Say how far it is, for how long it has been at work, and what the rest may take."""
        state, left = self._state
        rest = f"; about {_time(left)} more" if left >= 1.0 else ""
        return f"{state}, after {_time(self._clock() - self._begun)}{rest}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return (f"{minutes} min " if minutes else "") + f"{rest} s"


_RUNNING: ContextVar[Lines | None] = ContextVar("slimdc_lines", default=None)


def lines_of_command() -> Lines | None:
    """Give the lines of the command that runs in this context; None where a bar shows progress."""
    return _RUNNING.get()


def tell_from_time_to_time(
    text: Callable[[], str],
    wait: Callable[[float], bool],
    say: Callable[[str], None] = tell,
) -> None:
    """Say a text after a while, and again and again until the wait tells that it is over.

    Parameters
    ----------
    text : callable
        Gives what is to be said.
    wait : callable
        Waits for a number of seconds; True where that is no longer needed.
    say : callable
        Says it.

    Examples
    --------
    >>> over = iter([False, False, True])
    >>> tell_from_time_to_time(lambda: "at work", lambda _: next(over), print)
    at work
    at work
    """
    seconds = FIRST
    while not wait(seconds):
        say(text())
        seconds = EVERY


@contextmanager
def at_work(command: str, *, silent: bool) -> Iterator[None]:
    """Say from time to time how far a command is while the context is open.

    Parameters
    ----------
    command : str
        Its name.
    silent : bool
        True where bars say it, or nothing is to be said.
    """
    if silent:
        yield
        return
    lines, over = Lines(command), threading.Event()
    # A thread, since some parts of a command, such as a decomposition, tell nobody where they are.
    speaker = threading.Thread(
        target=tell_from_time_to_time, args=(lines.text, over.wait), daemon=True
    )
    token = _RUNNING.set(lines)
    speaker.start()
    try:
        yield
    finally:
        _RUNNING.reset(token)
        over.set()
        # Not for ever: it hangs where nobody reads what it writes.
        speaker.join(1.0)
