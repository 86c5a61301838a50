"""``slimdc slim``: keep the k most significant components per class."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc.commands.messages import check_target, progress
from slimdc.commands.options import add_training, file_argument

if TYPE_CHECKING:
    from slimdc.storage import Truncated

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    file_argument(command, "set", "IN")
    command.add_argument("out", type=Path, metavar="OUT", help="where to write the smaller one")
    command.add_argument("-k", type=int, required=True, help="components per class to keep")
    command.add_argument(
        "--method",
        default="parameter-matching",
        help="see `slimdc methods` (default: parameter-matching, the paper's)",
    )
    command.add_argument(
        "--steps", type=int, help="training steps; 0 is learning-free (default: 500)"
    )
    add_training(command)
    command.add_argument(
        "--checkpoint", type=Path, metavar="PATH", help="write progress there, resume if present"
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc.storage import Truncated, truncate_file

    check_target(options.out, "OUT")
    if _only_truncates(options):
        done = truncate_file(options.set, options.out, k=options.k)
        _tell(options.out, done)
        return
    before = slimdc.load(options.set)
    after = slimdc.slim(
        before,
        options.k,
        method=options.method,
        backend=options.backend,
        device=options.device,
        steps=options.steps,
        width=options.width,
        seed=options.seed,
        progress=progress(),
        checkpoint=options.checkpoint,
    )
    slimdc.save(after, options.out)
    counts = before.components_per_class, after.components_per_class
    _tell(options.out, Truncated(*counts, before.nbytes, after.nbytes))


def _only_truncates(options: argparse.Namespace) -> bool:
    """Tell whether the file need not be decoded: nothing computes then, on no backend."""
    learns = options.steps != 0 and options.method != "truncate"
    cuts = options.method in ("parameter-matching", "truncate")
    return cuts and not learns and options.backend == "numpy" and options.device is None


def _tell(out: Path, done: Truncated) -> None:
    print(
        f"{out}: {done.components_before} -> {done.components} components per class, "
        f"{done.nbytes_before:,} -> {done.nbytes:,} bytes"
    )
