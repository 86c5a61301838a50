"""``slimdc slim``: a smaller set, of k components per class or within a number of bytes."""

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
    command.add_argument("-k", type=int, help="components per class to keep")
    command.add_argument(
        "--nbytes",
        type=int,
        help="bytes that the result may take; what is kept, and how finely, is chosen",
    )
    command.add_argument(
        "--keep",
        type=float,
        metavar="SHARE",
        help="share of the solutions of random networks to keep (such as 0.9), in few bytes",
    )
    command.add_argument("--bits", type=float, help="bits for each number, on average")
    command.add_argument(
        "--start",
        choices=("auto", "components", "rows"),
        default="auto",
        help="with few bits: keep directions, samples, or what loses less (default: auto)",
    )
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
    command.set_defaults(run=_run, refuse=command.error)


def _run(options: argparse.Namespace) -> None:
    if all(x is None for x in (options.k, options.nbytes, options.keep, options.bits)):
        options.refuse("how small? one of -k, --nbytes, --keep, --bits is required")
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
        bits=options.bits,
        nbytes=options.nbytes,
        keep=options.keep,
        start=options.start,
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
    if after.codes is not None and after.codes.reason:
        print(after.codes.reason)


def _only_truncates(options: argparse.Namespace) -> bool:
    """Tell whether the file need not be decoded: nothing computes then, on no backend."""
    learns = options.steps != 0 and options.method != "truncate"
    cuts = options.k is not None and options.method in ("parameter-matching", "truncate")
    rounds = any(x is not None for x in (options.bits, options.nbytes, options.keep))
    plain = options.backend == "numpy" and options.device is None and options.start == "auto"
    return cuts and plain and not learns and not rounds


def _tell(out: Path, done: Truncated) -> None:
    print(
        f"{out}: {done.components_before} -> {done.components} components per class, "
        f"{done.nbytes_before:,} -> {done.nbytes:,} bytes"
    )
