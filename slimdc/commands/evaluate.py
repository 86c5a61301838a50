"""``slimdc evaluate``: train networks on a set, test on real data."""

from __future__ import annotations

import argparse

from slimdc.commands.messages import progress, tell_accuracies
from slimdc.commands.options import add_data, add_training, file_argument

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    file_argument(command, "set", "SET")
    add_data(command, "real test images")
    command.add_argument(
        "--protocol",
        default="quick",
        help="how networks are trained: quick, frepo, vico, idc, ddranking or ddranking-soft "
        "(default: quick, a minute on two cores for a small set)",
    )
    command.add_argument("--repeats", type=int, help="networks (default: the protocol's)")
    command.add_argument("--steps", type=int, help="training steps of each network")
    add_training(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc.commands.data import real_images, with_matrix
    from slimdc.training.progress import watched

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
        progress=progress() if watched() else tell_accuracies,
    )
    print(f"{result} on {len(y_test):,} real test images")
