"""``slimdc evaluate``: train networks on sets, test on real data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimdc._checks import shown
from slimdc._warning import warn
from slimdc.commands.answers import answer, followed, told
from slimdc.commands.messages import check_apart, check_target
from slimdc.commands.options import (
    add_answer,
    add_data,
    add_training,
    completed,
    file_argument,
    typed,
    whole,
)
from slimdc.commands.tables import table
from slimdc.errors import InvalidValueError

if TYPE_CHECKING:
    from slimdc.evaluation import Evaluation
    from slimdc.parameterization import SlimmableDataset

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    from slimdc.protocols import PROTOCOLS

    file_argument(command, "sets", "SET", nargs="+")
    add_data(command, "real test images, of folders those in test/", "sample")
    completed(
        command.add_argument(
            "--protocol",
            default="quick",
            metavar="NAME",
            help=f"how networks are trained: {', '.join(PROTOCOLS)} (default: %(default)s, "
            "a minute on two cores for a small set)",
        ),
        PROTOCOLS,
    )
    command.add_argument(
        "--repeats", type=whole, metavar="N", help="networks (default: the protocol's)"
    )
    command.add_argument(
        "--steps",
        type=whole,
        metavar="N",
        help="training steps of each network (default: the protocol's)",
    )
    add_training(command, "the protocol's")
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="PICTURE",
        help="draw accuracy against bytes there, a point for each set, as .png, .svg or .pdf "
        "(default: draw nothing)",
    )
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc._inputs import open_samples
    from slimdc.commands.data import in_layout, real_images, with_matrix

    if options.out is not None:
        from slimdc.pictures.canvas import new_figure, picture_format

        picture_format(options.out, "--out")
        check_target(options.out, "--out")
        check_apart(options.out, options.sets, "--out")
        new_figure(1.0, 1.0)
    # Whatever is missing, matplotlib too, is said before an hour of work.
    sets = [slimdc.load(place) for place in options.sets]
    x_train, x_test, y_test, names = real_images(options.data, options.root, options.size)
    for place, data in zip(options.sets, sets, strict=True):
        _compare(typed(place), data, dict(enumerate(names)))
        _check_tested(typed(place), data, set(y_test.tolist()))
    pairs = zip(options.sets, sets, strict=True)
    sets = [with_matrix(data, place, x_train) for place, data in pairs]
    for place, data in zip(options.sets, sets, strict=True):
        # One of another shape is said before any is trained on.
        first = in_layout(x_test[:1], data.layout)
        try:
            open_samples(first, data.shape, data.layout, data.preprocessing, "x_test")
        except InvalidValueError as error:
            expected = f"{error.expected}, as in {typed(place)}"
            raise InvalidValueError("--data", error.found, expected, error.see) from error
    results: list[Evaluation] = []
    for place, data in zip(options.sets, sets, strict=True):
        result = slimdc.evaluate(
            data,
            in_layout(x_test, data.layout),
            y_test,
            protocol=options.protocol,
            repeats=options.repeats,
            steps=options.steps,
            backend=options.backend,
            device=options.device,
            width=options.width,
            seed=options.seed,
            progress=followed(options),
        )
        results.append(result)
        if len(options.sets) > 1 and (say := told(options)):
            say(f"{typed(place)}: {result}")
    found = list(map(_cell, options.sets, sets, results))
    document = {
        "data": options.data,
        "test_images": len(y_test),
        "protocol": options.protocol,
        "sets": found,
        "picture": None if options.out is None else str(options.out),
    }
    text = f"{results[0]} " if len(results) == 1 else f"{_table(found, results)}\n"
    answer(options, f"{text}on {len(y_test):,} real test images", document)
    if options.out is not None:  # last, so that no picture that fails takes the figures along
        _draw(options.out, options.data, found)
        if say := told(options):
            say(f"Picture: {options.out}")


def _compare(place: str, data: SlimmableDataset, real: dict[int, str]) -> None:
    """Warn where a number means one class in a set and another in the real data."""
    named = data.description.named
    other = [label for label in named if label in real and real[label] != named[label]]
    if other:
        first, more = other[0], f", and so with {len(other) - 1} more" if len(other) > 1 else ""
        said = f"{place}: class {first} is named {shown(named[first])}"
        warn(f"{said}, in --data {shown(real[first])}{more}")


def _check_tested(place: str, data: SlimmableDataset, real: set[int]) -> None:
    """Warn where no image shows whether networks have learned a class."""
    missing = [label for label in data.labels if label not in real]
    if missing:
        found = f"{len(missing)} of its {data.classes} classes, such as {missing[0]}"
        warn(f"{place}: --data has no test images of {found}: the accuracy is of the others only")


def _cell(place: Path | str, data: SlimmableDataset, result: Evaluation) -> dict[str, Any]:
    return {
        "set": typed(place),
        "components": data.components_per_class,
        "nbytes": data.nbytes,
        "file_nbytes": place.stat().st_size if isinstance(place, Path) else None,
        "networks": len(result.accuracies),
        "steps": result.steps,
        "accuracies": list(result.accuracies),
        "mean": result.mean,
        "std": result.std,
    }


def _table(found: list[dict[str, Any]], results: list[Evaluation]) -> str:
    """Lay out several sets, the smallest first; networks may take other steps for each."""
    head = ("set", "components", "bytes", "file bytes", "accuracy")
    pairs = zip(found, results, strict=True)
    rows = [
        (
            cell["set"],
            f"{cell['components']:,}",
            f"{cell['nbytes']:,}",
            "" if cell["file_nbytes"] is None else f"{cell['file_nbytes']:,}",
            str(result),
        )
        for cell, result in sorted(pairs, key=lambda pair: _size(pair[0]))
    ]
    return table(head, rows)


def _draw(out: Path, data: str, found: list[dict[str, Any]]) -> None:
    """Draw accuracy against the bytes of files, or of components where a file is elsewhere."""
    from slimdc.pictures import budgets, save_picture

    points = sorted((_size(cell), cell["mean"], cell["std"]) for cell in found)
    save_picture(budgets({f"tested on {Path(data).name}": points}), out)


def _size(cell: dict[str, Any]) -> int:
    return int(cell["file_nbytes"] or cell["nbytes"])
