"""``slimdc plot``: pictures of sets and of results."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc._checks import shown
from slimdc.commands.answers import answer
from slimdc.commands.messages import check_apart, check_target
from slimdc.commands.options import add_answer, set_file, typed, whole
from slimdc.errors import InvalidValueError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "what",
        choices=("samples", "components", "spectrum", "accuracies"),
        help="samples: the first of each class, a line for each set; components: one class by "
        "how many are kept; spectrum: the significances; accuracies: of folders of results",
    )
    command.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="of samples sets; of components and spectrum one set; of accuracies folders of "
        "results",
    )
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="PICTURE",
        help="where to draw: .png, .svg or .pdf",
    )
    command.add_argument(
        "--label",
        type=whole,
        default=0,
        metavar="N",
        help="class whose components are drawn (default: %(default)s)",
    )
    command.add_argument(
        "-k", type=whole, nargs="+", help="numbers of components (default: all, half, …, 1)"
    )
    command.add_argument(
        "--against",
        choices=("components", "bytes"),
        default="components",
        help="what accuracies are drawn against (default: %(default)s)",
    )
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc.pictures.canvas import picture_format, save_picture

    options.paths = list(map(Path if options.what == "accuracies" else set_file, options.paths))
    picture_format(options.out, "--out")
    check_target(options.out, "--out")
    check_apart(options.out, options.paths, "--out")
    save_picture(_drawn(options), options.out)
    document = {"file": str(options.out), "what": options.what}
    answer(options, f"Picture: {options.out}", document)


def _drawn(options: argparse.Namespace) -> Figure:
    import slimdc
    from slimdc import pictures
    from slimdc.chains import Chain
    from slimdc.commands.data import with_matrix_beside

    if options.what in ("spectrum", "components") and len(options.paths) > 1:
        raise InvalidValueError("PATH", f"{len(options.paths)} sets", f"one for {options.what}")
    if options.k is not None and options.what != "components":
        raise InvalidValueError(
            "-k", shown(options.k), f"none: it is of components, not {options.what}"
        )
    names = _names(options.paths)
    if options.what == "accuracies":
        chains = dict(zip(names, map(Chain.read, options.paths), strict=True))
        return pictures.accuracies(chains, against=options.against)
    loaded = [slimdc.load(path) for path in options.paths]
    if options.what != "spectrum":  # which needs no pixels
        pairs = zip(loaded, options.paths, strict=True)
        loaded = [with_matrix_beside(data, path) for data, path in pairs]
    sets = dict(zip(names, loaded, strict=True))
    if options.what == "samples":
        return pictures.samples(sets)
    first = next(iter(sets.values()))
    if options.what == "spectrum":
        return pictures.spectrum(first)
    return pictures.components(
        first, options.label, options.k or _halves(first.components_per_class)
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Name sets and chains by their files, or by their paths where files are called alike."""
    places = list(map(typed, paths))
    stems = [Path(place).stem or place for place in places]
    names = stems if len(set(stems)) == len(stems) else places
    if len(set(names)) < len(names):
        raise InvalidValueError("PATH", " ".join(names), "each once")
    return names


def _halves(count: int) -> list[int]:
    """Give a number, its half, its quarter and so on, down to 1."""
    return [count] if count == 1 else [count, *_halves(count // 2)]
