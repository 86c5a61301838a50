"""The command ``slimdc``: its commands are in `slimdc.commands`.

Exit codes: 0 done, 1 an error that is told in one line, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from slimdc import __version__
from slimdc.commands import COMMANDS
from slimdc.commands.completion import complete
from slimdc.commands.lines import at_work
from slimdc.commands.messages import one_line, tell
from slimdc.commands.streams import open_streams
from slimdc.errors import SlimdcError
from slimdc.training.progress import watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``slimdc`` on the command line; `sys.argv` where None.

    Returns
    -------
    int
        The exit code: 0 done, 1 for an error of slimdc (told in one line on stderr), 130 where the
        user interrupted.

    Raises
    ------
    SystemExit
        With code 2 for wrong usage, with code 0 after ``--help`` and ``--version``.

    Examples
    --------
    >>> main(["certify", "missing.safetensors", "missing.safetensors"])
    1
    """
    with open_streams(), warnings.catch_warnings():
        parser = _parser()
        complete(parser)
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        warnings.showwarning = _hide_warning if getattr(options, "quiet", False) else _show_warning
        try:
            with at_work(options.command, silent=watched() or getattr(options, "quiet", False)):
                options.run(options)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read our output has enough of it. Python would complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except MemoryError as error:
            return _failed(f"not enough memory: {one_line(error)}")
        except (SlimdcError, OSError) as error:  # OSError: a full disk under our output, say
            return _failed(one_line(error))
        except KeyboardInterrupt:
            saved = _saved(options)
            resume = f"; the same command goes on from {saved[-1]}" if saved else ""
            tell(f"interrupted{resume}")
            return _INTERRUPTED
    return 0


class _Parser(argparse.ArgumentParser):
    """Says of wrong usage, as errors do, where help is."""

    def error(self, message: str) -> NoReturn:
        command = self.prog.partition(" ")[2]
        super().error(f"{message} (see docs/commands.md{'#' * bool(command)}{command})")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="slimdc", description="Make condensed datasets smaller, without the real data."
    )
    parser.add_argument("--version", action="version", version=f"slimdc {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )
    for name, (told, add) in COMMANDS.items():
        command = commands.add_parser(name, help=told)
        add(command)
        # What a command takes is said by its own usage; argparse would name the commands.
        command.set_defaults(refuse=command.error)
    return parser


def _saved(options: argparse.Namespace) -> list[Path]:
    """List what of a run is on disk: a first interval leaves nothing to go on from."""
    one = [getattr(options, name, None) for name in ("checkpoint", "results")]
    # Of several sets each has a checkpoint of its own.
    places: list[Path | None] = getattr(options, "checkpoints", one)
    return [path for path in places if path is not None and os.path.exists(path)]


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {one_line(message)}")


def _hide_warning(*_: Any, **__: Any) -> None:
    pass


def _failed(message: str) -> int:
    tell(f"error: {message}")
    return 1
