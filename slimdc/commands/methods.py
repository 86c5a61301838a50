"""``slimdc methods``: what condenses and what slims, by name."""

from __future__ import annotations

import argparse

from slimdc.commands.answers import answer
from slimdc.commands.options import add_answer

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing but how it answers."""
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc.methods import METHODS

    width, lines, found = max(map(len, METHODS)), [], []
    for name, method in METHODS.items():
        ways = {"condense": method.condense, "slim": method.slim}
        can = {verb: way is not None for verb, way in ways.items()}
        verbs = ", ".join(verb for verb, able in can.items() if able)
        lines.append(f"{name:<{width}}  {verbs:<14}  {method.paper}")
        found.append({"name": name, **can, "paper": method.paper})
    answer(options, "\n".join(lines), {"methods": found})
