"""``slimdc backends``: what can train here, and how to get the rest."""

from __future__ import annotations

import argparse
from typing import Any

from slimdc.commands.answers import answer
from slimdc.commands.messages import one_line
from slimdc.commands.options import add_answer

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing but how it answers."""
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc import backend

    found = [_state(name) for name in backend.names()]
    lines = [f"{one['name']:<12} {_told(one)}" for one in found]
    answer(options, "\n".join(lines), {"backends": found})


def _state(name: str) -> dict[str, Any]:
    from slimdc import backend

    state: dict[str, Any] = {"name": name, "usable": False, "device": None}
    remedy = backend.missing(name)
    if remedy is not None:
        return state | {"missing": remedy, "problem": None}
    state |= {"missing": None, "problem": None}
    try:
        return state | {"usable": True, "device": str(backend.get(name).device)}
    except Exception as error:  # a third party's package may fail in any way
        return state | {"problem": one_line(error)}


def _told(state: dict[str, Any]) -> str:
    if state["missing"] is not None:
        return f"not installed: {state['missing']}"
    if state["problem"] is not None:
        return f"not usable: {state['problem']}"
    return f"usable, on {state['device']}"
