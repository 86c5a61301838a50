"""``slimdc condense``: real data made into a set that can be slimmed."""

from __future__ import annotations

import argparse
from pathlib import Path

from slimdc.commands.answers import answer, followed
from slimdc.commands.data import train_images
from slimdc.commands.messages import check_apart, check_target
from slimdc.commands.options import add_answer, add_data, add_method, add_run, whole
from slimdc.parameterization.description import class_names

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument("out", type=Path, metavar="OUT", help="where to write the set")
    add_data(command, "real training images")
    command.add_argument(
        "--ipc",
        type=whole,
        default=10,
        metavar="N",
        help="samples, and components, of each class (default: %(default)s)",
    )
    add_method(command, "condense")
    command.add_argument(
        "--preprocessing",
        choices=("standardise", "zca", "none"),
        default="standardise",
        help="the space that the set lives in; the matrix of zca is written beside OUT "
        "(default: %(default)s)",
    )
    add_run(command, "leaves the start")
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc

    check_target(options.out, "OUT")
    check_apart(options.out, (options.checkpoint,), "OUT")
    x, y, names = train_images(options.data, options.root, options.size)
    if names:  # folders may be called what classes may not
        class_names(names, len(names))
    data = slimdc.condense(
        x,
        y,
        options.ipc,
        method=options.method,
        preprocessing=options.preprocessing,
        backend=options.backend,
        device=options.device,
        steps=options.steps,
        width=options.width,
        seed=options.seed,
        progress=followed(options),
        checkpoint=options.checkpoint,
    )
    if names:
        data = data.named(names)
    slimdc.save(data, options.out)
    lines = [f"{options.out}: {len(y):,} real images -> {data}, {data.nbytes:,} bytes"]
    matrix = None
    if data.preprocessing.whitening is not None:
        matrix = data.preprocessing.save_matrix(options.out.parent)
        lines.append(f"{matrix}: the matrix of its whitening, which goes with it")
    document = {
        "file": str(options.out),
        "matrix": None if matrix is None else str(matrix),
        "data": options.data,
        "real_images": len(y),
        "method": options.method,
        "classes": data.classes,
        "names": list(names),
        "samples": list(data.samples),
        "components": list(data.components),
        "shape": list(data.shape),
        "nbytes": data.nbytes,
        "file_nbytes": options.out.stat().st_size,
    }
    answer(options, "\n".join(lines), document)
