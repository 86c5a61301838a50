"""``slimdc chain``: slim a set step by step, test every set, and keep the results in a folder."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slimdc.commands.answers import answer, followed, told
from slimdc.commands.options import (
    add_answer,
    add_data,
    add_method,
    add_training,
    completed,
    set_file,
    whole,
)

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    from slimdc.methods import METHODS
    from slimdc.protocols import PROTOCOLS

    command.add_argument("results", type=Path, metavar="FOLDER", help="where the results go")
    command.add_argument(
        "--sizes",
        type=whole,
        nargs="+",
        default=[10, 5, 2, 1],
        metavar="K",
        help="components per class, descending (default: 10 5 2 1)",
    )
    add_method(command, "condense")
    completed(
        command.add_argument(
            "--slim-by",
            nargs="+",
            metavar="NAME",
            help="what slims (default: the method, and truncate or random)",
        ),
        [name for name, method in METHODS.items() if method.slim],
    )
    command.add_argument(
        "--start",
        type=set_file,
        metavar="SET",
        help="begin with this set; nothing is made anew then (default: condense the data)",
    )
    for verb, whose in (("condense", "method"), ("slim", "method"), ("evaluate", "protocol")):
        command.add_argument(
            f"--{verb}-steps",
            type=whole,
            metavar="N",
            help=f"training steps to {verb} (default: the {whose}'s)",
        )
    completed(
        command.add_argument(
            "--protocol",
            default="quick",
            metavar="NAME",
            help=f"of evaluation: {', '.join(PROTOCOLS)} (default: %(default)s)",
        ),
        PROTOCOLS,
    )
    command.add_argument(
        "--repeats", type=whole, metavar="N", help="networks for each set (default: the protocol's)"
    )
    add_data(command, "real images")
    add_training(command, "the method's; the protocol has its own")
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc.chains import table
    from slimdc.commands.data import all_images, in_layout, with_matrix

    real = all_images(options.data, options.root, options.size)
    begin, x_test = None, real.x_test
    if options.start is not None:
        begin = with_matrix(slimdc.load(options.start), options.start, real.x_train)
        x_test = in_layout(x_test, begin.layout)
    place = {"backend": options.backend, "device": options.device}
    training = place | {"width": options.width}
    found = slimdc.chain(
        real.x_train if begin is None else None,
        real.y_train if begin is None else None,
        options.sizes,
        x_test=x_test,
        y_test=real.y_test,
        results=options.results,
        method=options.method,
        slim_by=options.slim_by,
        start=begin,
        seed=options.seed,
        condense=_named(training, steps=options.condense_steps),
        slim=_named(training, steps=options.slim_steps),
        evaluate=_named(
            place, protocol=options.protocol, repeats=options.repeats, steps=options.evaluate_steps
        ),
        report=told(options),
        progress=followed(options),
    )
    cells = [asdict(cell) | {"mean": cell.mean} for cell in found.cells]
    document = {"results": str(options.results), "method": found.method, "cells": cells}
    answer(options, table([found]), document)


def _named(common: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Leave out what was not named: the results are those of the defaults then."""
    return {name: value for name, value in (common | more).items() if value is not None}
