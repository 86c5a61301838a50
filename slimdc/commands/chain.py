"""``slimdc chain``: slim a set step by step, test every set, and keep the results in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from slimdc.commands.messages import tell
from slimdc.commands.options import add_computing, add_data

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument("results", type=Path, metavar="FOLDER", help="where the results go")
    command.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[10, 5, 2, 1],
        metavar="K",
        help="components per class, descending (default: 10 5 2 1)",
    )
    command.add_argument(
        "--method",
        default="parameter-matching",
        help="what condenses, see `slimdc methods` (default: parameter-matching)",
    )
    command.add_argument(
        "--slim-by",
        nargs="+",
        metavar="METHOD",
        help="what slims (default: the method, and truncate or random)",
    )
    command.add_argument(
        "--start", type=Path, metavar="SET", help="begin with this set; nothing is made anew then"
    )
    command.add_argument("--condense-steps", type=int, help="(default: the method's)")
    command.add_argument("--slim-steps", type=int, help="(default: the method's)")
    command.add_argument("--width", type=int, help="of the networks that train sets (default: 32)")
    command.add_argument("--protocol", default="quick", help="of evaluation (default: quick)")
    command.add_argument("--repeats", type=int, help="networks (default: the protocol's)")
    add_data(command, "real images")
    add_computing(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc.chains import table
    from slimdc.commands.data import all_images

    real = all_images(options.data, options.root)
    begin = None if options.start is None else slimdc.load(options.start)
    place = {"backend": options.backend, "device": options.device}
    training = place | {"width": options.width}
    found = slimdc.chain(
        real.x_train if begin is None else None,
        real.y_train if begin is None else None,
        options.sizes,
        x_test=real.x_test,
        y_test=real.y_test,
        results=options.results,
        method=options.method,
        slim_by=options.slim_by,
        start=begin,
        seed=options.seed,
        condense=_named(training, steps=options.condense_steps),
        slim=_named(training, steps=options.slim_steps),
        evaluate=_named(place, protocol=options.protocol, repeats=options.repeats),
        report=tell,
    )
    print(table([found]))


def _named(common: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Leave out what was not named: the results are those of the defaults then."""
    return {name: value for name, value in (common | more).items() if value is not None}
