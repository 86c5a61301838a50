"""``slimdc backends``: what can train here, and how to get the rest."""

from __future__ import annotations

import argparse

from slimdc.commands.messages import one_line

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""
    command.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> None:
    from slimdc import backend

    for name in backend.names():
        print(f"{name:<12} {_state(name)}")


def _state(name: str) -> str:
    from slimdc import backend

    remedy = backend.missing(name)
    if remedy is not None:
        return f"not installed: {remedy}"
    try:
        return f"usable, on {backend.get(name).device}"
    except Exception as error:  # a third party's package may fail in any way
        return f"not usable: {one_line(error)}"
