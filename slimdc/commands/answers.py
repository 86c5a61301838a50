"""What a command answers on stdout: a text for people, or one JSON document for programs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from slimdc.commands.messages import progress, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from slimdc.training.progress import Progress

__all__ = ["answer", "followed", "told"]


def answer(options: argparse.Namespace, text: str, document: Mapping[str, Any]) -> None:
    """Print the text, or with ``--json`` the document and nothing else.

    Examples
    --------
    >>> import argparse
    >>> answer(argparse.Namespace(json=True), "one", {"found": 1, "bound": math.inf})
    {
      "found": 1,
      "bound": null
    }
    """
    print(json.dumps(_plain(document), indent=2, allow_nan=False) if options.json else text)


def followed(options: argparse.Namespace) -> Progress:
    """Say how far a run is, or with ``--quiet`` nothing."""
    return False if options.quiet else progress()


def told(options: argparse.Namespace) -> Callable[[str], None] | None:
    """Tell lines on stderr, or with ``--quiet`` none."""
    return None if options.quiet else tell


def _plain(value: Any) -> Any:
    """Write what is no number as null: JSON knows neither infinity nor NaN."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
