"""``slimdc certify``: distances and bounds between two sets."""

from __future__ import annotations

import argparse

from slimdc.commands.options import file_argument

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    file_argument(command, "before", "BEFORE")
    file_argument(command, "after", "AFTER")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc

    print(slimdc.certify(slimdc.load(options.before), slimdc.load(options.after)))
