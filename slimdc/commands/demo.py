"""``slimdc demo``: a real set within a few bytes, and what networks learn from it."""

from __future__ import annotations

import argparse
from pathlib import Path

from slimdc.commands.messages import check_target, progress
from slimdc.errors import InvalidValueError

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "--picture",
        type=Path,
        default=Path("slimdc-demo.svg"),
        metavar="SVG",
        help="where to draw the images (default: %(default)s)",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of every random draw (default: %(default)s)"
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc import demo

    check_target(options.picture, "--picture")
    if options.picture.suffix.lower() != ".svg":
        raise InvalidValueError("--picture", str(options.picture), "a name that ends in .svg")
    demo.run(picture=options.picture, seed=options.seed, progress=progress())
