"""``slimdc demo``: slim a small real set and show what it costs."""

from __future__ import annotations

import argparse
from pathlib import Path

from slimdc.commands.messages import check_target

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "--picture",
        type=Path,
        default=Path("slimdc-demo.png"),
        metavar="PNG",
        help="where to draw the images, with matplotlib (default: slimdc-demo.png)",
    )
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc import demo

    check_target(options.picture, "--picture")
    demo.run(picture=options.picture, seed=options.seed)
