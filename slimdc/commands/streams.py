"""Standard streams of a command: there may be none, closed ones, or ones that lack characters."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

__all__ = ["open_streams"]


@contextmanager
def open_streams() -> Iterator[None]:
    """Stand in for standard streams that are closed, and print any character on the others."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Or the next file to be opened would get this number, and what is meant for the user.
            os.open(os.devnull, os.O_RDWR)
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        if sys.stdout is None:
            stack.enter_context(redirect_stdout(nowhere))
        if sys.stderr is None:
            stack.enter_context(redirect_stderr(nowhere))
        for stream in (sys.stdout, sys.stderr):
            # Certificates hold mathematical signs; a terminal that lacks one must not end this.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        yield
