"""``slimdc evaluate``: train networks on a set, test on real data."""

from __future__ import annotations

import argparse

from slimdc.commands.answers import answer, followed
from slimdc.commands.options import (
    add_answer,
    add_data,
    add_training,
    completed,
    file_argument,
    whole,
)

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    from slimdc.protocols import PROTOCOLS

    file_argument(command, "set", "SET")
    add_data(command, "real test images", "sample")
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
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc.commands.data import real_images, with_matrix

    data = slimdc.load(options.set)
    x_train, x_test, y_test = real_images(options.data, options.root)
    if not data.preprocessing.is_complete:
        data = with_matrix(data, options.set, x_train)
    result = slimdc.evaluate(
        data,
        x_test,
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
    document = {
        "set": str(options.set),
        "data": options.data,
        "test_images": len(y_test),
        "protocol": options.protocol,
        "networks": len(result.accuracies),
        "steps": result.steps,
        "accuracies": list(result.accuracies),
        "mean": result.mean,
        "std": result.std,
    }
    answer(options, f"{result} on {len(y_test):,} real test images", document)
