"""``slimdc certify``: distances and bounds between two sets."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slimdc.commands.answers import answer
from slimdc.commands.options import add_answer, file_argument

if TYPE_CHECKING:
    from slimdc.certificate import Certificate

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    file_argument(command, "before", "BEFORE")
    file_argument(command, "after", "AFTER")
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc

    found = slimdc.certify(slimdc.load(options.before), slimdc.load(options.after))
    answer(options, str(found), _document(found))


def _document(found: Certificate) -> dict[str, Any]:
    bounds = [
        asdict(bound) | {"slack": bound.slack, "verdict": bound.verdict} for bound in found.bounds
    ]
    return asdict(found) | {"verdict": found.verdict, "bounds": bounds}
