"""Options that several commands take, so that they mean the same in all."""

from __future__ import annotations

import argparse
import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "add_answer",
    "add_computing",
    "add_data",
    "add_foreign",
    "add_method",
    "add_run",
    "add_training",
    "completed",
    "file_argument",
    "number",
    "set_file",
    "set_or_folder",
    "set_or_url",
    "typed",
    "whole",
]

_Number = TypeVar("_Number", int, float)

_SAMPLE = "sample"
_SLIMMABLE = (
    f"a slimmable file, as slimdc.save writes it, its URL, or {_SAMPLE}: the set in the package"
)


def file_argument(command: argparse.ArgumentParser, name: str, metavar: str, **more: Any) -> None:
    """Add a set to read."""
    command.add_argument(name, type=set_or_url, metavar=metavar, help=_SLIMMABLE, **more)


def add_answer(command: argparse.ArgumentParser) -> None:
    """Add ``--json`` and ``--quiet``: the one is about stdout, the other about stderr."""
    command.add_argument(
        "--json",
        action="store_true",
        help="answer by one JSON document on stdout, and nothing else there",
    )
    command.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="errors only on stderr: no progress, no warnings; the answer stays on stdout",
    )


def add_computing(command: argparse.ArgumentParser) -> None:
    """Add where it computes, and by which random numbers."""
    from slimdc import backend

    completed(
        command.add_argument(
            "--backend",
            default="numpy",
            metavar="NAME",
            help="what computes, see `slimdc backends` (default: %(default)s)",
        ),
        backend.names(),
    )
    command.add_argument(
        "--device",
        metavar="NAME",
        help="where it computes, such as cuda:0 (default: the backend's own)",
    )
    command.add_argument(
        "--seed",
        type=whole,
        default=0,
        metavar="N",
        help="of every random draw (default: %(default)s)",
    )


def add_training(command: argparse.ArgumentParser, width: str) -> None:
    """Add what every command that trains networks takes, and whose default their width is."""
    add_computing(command)
    command.add_argument(
        "--width",
        type=whole,
        metavar="N",
        help=f"filters of the networks' first layer (default: {width})",
    )


def add_run(command: argparse.ArgumentParser, untrained: str, names: str = "") -> None:
    """Add how long a set is trained, in which networks, and where its progress is kept.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    untrained : str
        What 0 steps do.
    names : str
        What else is to be said of the name of the checkpoint.
    """
    command.add_argument(
        "--steps",
        type=whole,
        metavar="N",
        help=f"training steps; 0 {untrained} (default: the method's)",
    )
    add_training(command, "the method's")
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="PATH",
        help=f"write progress there, and resume from it where it exists{names} (default: none)",
    )


def add_method(command: argparse.ArgumentParser, verb: str) -> None:
    """Add by which method something is condensed or slimmed, as ``verb`` has it."""
    from slimdc.methods import METHODS

    completed(
        command.add_argument(
            "--method",
            default="parameter-matching",
            metavar="NAME",
            help="how, see `slimdc methods` (default: %(default)s, the paper's)",
        ),
        [name for name, method in METHODS.items() if getattr(method, verb)],
    )


def add_data(command: argparse.ArgumentParser, what: str, *others: str) -> None:
    """Add which real data; ``others`` are names that this command alone knows."""
    from slimdc.datasets.reading import NAMES

    names = (*NAMES, *others)
    action = command.add_argument(
        "--data",
        default="fashion-mnist",
        metavar="NAME|PATH",
        help=f"{what}: {', '.join(names)}, an archive of CIFAR, or a folder that holds the files "
        "of one of these or a folder of images for each class (default: %(default)s)",
    )
    vars(action)["completer"] = lambda prefix="", **_: [*names, *_paths(prefix)]
    command.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="where the files of a named set are (default: $SLIMDC_DATA, or where systems have it)",
    )
    command.add_argument(
        "--size",
        type=whole,
        metavar="N",
        help="height and width that images of folders are brought to: scaled to cover it, and cut "
        "at the centre (default: as they are, all of one size)",
    )


def add_foreign(command: argparse.ArgumentParser) -> None:
    """Add what the files of others do not say of themselves."""
    command.add_argument(
        "--experiment",
        type=whole,
        metavar="N",
        help="which set of a file of several, from 0 (default: the file holds one)",
    )
    command.add_argument(
        "--factor",
        type=whole,
        default=1,
        metavar="F",
        help="an image packs F by F samples (default: %(default)s)",
    )
    command.add_argument(
        "--classes",
        type=whole,
        metavar="N",
        help="number of classes, where some have no sample (default: the largest, plus one)",
    )


def completed(action: argparse.Action, names: Iterable[str]) -> argparse.Action:
    """Name what completion offers, without refusing the rest: whose names these are says it better.

    Examples
    --------
    >>> command = argparse.ArgumentParser()
    >>> completed(command.add_argument("--kind"), ["a", "b"]).completer()
    ['a', 'b']
    """
    offered = list(names)
    vars(action)["completer"] = lambda **_: offered
    return action


def whole(text: str) -> int:
    """Read a whole number.

    Examples
    --------
    >>> whole("1_000")
    1000
    """
    return _read(int, text, "a whole number")


def number(text: str) -> float:
    """Read a number.

    Examples
    --------
    >>> number("0.5")
    0.5
    """
    return _read(float, text, "a number")


def set_or_url(text: str) -> Path | str:
    """Read where a set is: a URL stays text, since a `Path` would take a slash away.

    Examples
    --------
    >>> set_or_url("https://example.org/set")
    'https://example.org/set'
    """
    from slimdc.storage.sources import is_url

    return text if is_url(text) else set_file(text)


def set_or_folder(text: str) -> Path | str:
    """Read where a set of slimdc or of others is: some of those are folders.

    Examples
    --------
    >>> set_or_folder(".").name, set_or_folder("sample").name
    ('', 'fashion_mnist_10.safetensors')
    """
    path = Path(text)
    return path if path.is_dir() else set_or_url(text)


def set_file(text: str) -> Path:
    """Read the path of a set, or the name of that in the package, where no file has this name.

    A folder of this name is no set of slimdc, and does not stand in its way.

    Examples
    --------
    >>> set_file("sample").name, set_file("small.safetensors").name
    ('fashion_mnist_10.safetensors', 'small.safetensors')
    """
    path = Path(text)
    if text != _SAMPLE or (path.exists() and not path.is_dir()):
        return path
    from slimdc.datasets.bundled import sample_path

    return sample_path()


def typed(place: Path | str) -> str:
    """Name a set as it was typed: where the one in the package lies is nobody's matter.

    Examples
    --------
    >>> typed(set_file("sample")), typed(Path("small.safetensors"))
    ('sample', 'small.safetensors')
    """
    from slimdc.datasets.bundled import sample_path

    return _SAMPLE if place == sample_path() else str(place)


def _paths(prefix: str) -> list[str]:
    return glob.glob(glob.escape(prefix) + "*")


def _read(kind: Callable[[str], _Number], text: str, expected: str) -> _Number:
    try:
        return kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}") from error
