"""How small, several times at once: the values of ``slimdc slim`` and the names of its files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from slimdc.commands.options import number, whole

__all__ = ["Budget", "add_budgets", "budgets"]

_FLAGS = {"k": "-k", "nbytes": "--nbytes", "keep": "--keep", "bits": "--bits"}


class Budget(NamedTuple):
    """One set to make.

    Attributes
    ----------
    size : dict of str to float
        Some of k, nbytes, keep and bits, as `slimdc.slim` takes them.
    out : pathlib.Path
        Where it goes.
    checkpoint : pathlib.Path or None
        Where its progress goes.
    """

    size: dict[str, Any]
    out: Path
    checkpoint: Path | None


def add_budgets(command: argparse.ArgumentParser) -> None:
    """Add how small: each option takes several values."""
    command.add_argument(
        "-k",
        type=_whole_or_hint,
        nargs="+",
        help="components per class to keep; several make a set each (default: by the others)",
    )
    command.add_argument(
        "--nbytes",
        type=_whole_or_hint,
        nargs="+",
        metavar="N",
        help="bytes that the file of the result may take; what is kept, and how finely, is chosen; "
        "several make a set each (default: no limit)",
    )
    command.add_argument(
        "--keep",
        type=_number_or_hint,
        nargs="+",
        metavar="SHARE",
        help="share of the solutions of random networks to keep (such as 0.9), in few bytes; "
        "several make a set each (default: by the others)",
    )
    command.add_argument(
        "--bits",
        type=_number_or_hint,
        nargs="+",
        help="bits for each number, on average; several make a set each (default: those of IN)",
    )


def budgets(options: argparse.Namespace) -> list[Budget]:
    """Pair each value of the option that has several with the file that it makes.

    Examples
    --------
    >>> options = argparse.Namespace(
    ...     k=[2, 1], nbytes=None, keep=None, bits=[3.0], out=Path("s-{k}"), checkpoint=None
    ... )
    >>> [(found.size, str(found.out)) for found in budgets(options)]
    [({'k': 2, 'bits': 3.0}, 's-2'), ({'k': 1, 'bits': 3.0}, 's-1')]
    """
    given = {name: getattr(options, name) for name in _FLAGS if getattr(options, name) is not None}
    if not given:
        options.refuse("how small? found none of -k, --nbytes, --keep, --bits, expected one")
    several = [name for name, values in given.items() if len(values) > 1]
    if len(several) > 1:
        flags = " and of ".join(_FLAGS[name] for name in several)
        options.refuse(f"found several values of {flags}, expected several of one of them")
    varied = several[0] if several else next(iter(given))
    values = given[varied]
    if len(set(values)) < len(values):
        found = " ".join(map(str, values))
        options.refuse(f"{_FLAGS[varied]}: found {found}, expected each value once")
    sizes = [
        {name: value if name == varied else held[0] for name, held in given.items()}
        for value in values
    ]
    for argument, path in (("OUT", options.out), ("--checkpoint", options.checkpoint)):
        if several and path is not None and f"{{{varied}}}" not in str(path):
            example = path.parent / f"{path.stem or 'set'}-{{{varied}}}{path.suffix}"
            options.refuse(
                f"{argument}: found {path} for {len(values)} values of {_FLAGS[varied]}, "
                f"expected a name with {{{varied}}}, such as {example}"
            )
    kept = options.checkpoint
    return [
        Budget(
            size,
            _filled(options.out, size, options),
            None if kept is None else _filled(kept, size, options),
        )
        for size in sizes
    ]


def _filled(path: Path, size: dict[str, Any], options: argparse.Namespace) -> Path:
    """Put the values where a name has their names in braces."""
    text = str(path)
    for name, flag in _FLAGS.items():
        if f"{{{name}}}" in text and name not in size:
            options.refuse(f"found {{{name}}} in {path} without {flag}, expected a value for it")
        text = text.replace(f"{{{name}}}", str(size.get(name)))
    return Path(text)


def _whole_or_hint(text: str) -> int:
    return int(_hinted(whole, text))


def _number_or_hint(text: str) -> float:
    return float(_hinted(number, text))


def _hinted(read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except argparse.ArgumentTypeError as error:
        # An option of several values takes all that follows it.
        raise argparse.ArgumentTypeError(f"{error}; IN and OUT go before it") from error
