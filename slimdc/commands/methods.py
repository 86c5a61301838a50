"""``slimdc methods``: what condenses and what slims, by name."""

from __future__ import annotations

import argparse

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""
    command.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> None:
    from slimdc.methods.registry import METHODS

    width = max(map(len, METHODS))
    for name, method in METHODS.items():
        can = [verb for verb, way in (("condense", method.condense), ("slim", method.slim)) if way]
        print(f"{name:<{width}}  {', '.join(can):<14}  {method.paper}")
