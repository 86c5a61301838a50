"""``slimdc slim``: smaller sets, of k components per class or within a number of bytes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimdc.commands.answers import answer, followed
from slimdc.commands.budgets import Budget, add_budgets, budgets
from slimdc.commands.messages import check_apart, check_target
from slimdc.commands.options import (
    add_answer,
    add_method,
    add_run,
    file_argument,
)
from slimdc.commands.tables import table

if TYPE_CHECKING:
    from slimdc.parameterization import SlimmableDataset

__all__ = ["add"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    file_argument(command, "set", "IN")
    command.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="where to write the smaller one; for several values a name with {k}, {nbytes}, {keep} "
        "or {bits}, such as small-{k}.safetensors",
    )
    add_budgets(command)
    command.add_argument(
        "--start",
        choices=("auto", "components", "rows"),
        default="auto",
        help="with few bits: keep directions, samples, or what loses less (default: %(default)s)",
    )
    add_method(command, "slim")
    add_run(command, "is learning-free", "; for several values a name with {k} or the like")
    add_answer(command)
    command.set_defaults(run=_run, refuse=command.error)


def _run(options: argparse.Namespace) -> None:
    wanted = budgets(options)
    options.checkpoints = [budget.checkpoint for budget in wanted]
    for budget in wanted:
        check_target(budget.out, "OUT")
        check_apart(budget.out, (options.set, budget.checkpoint), "OUT")
    if all(_only_truncates(options, budget) for budget in wanted):
        made = [_truncated(options, budget) for budget in wanted]
    else:
        import slimdc

        before = slimdc.load(options.set)
        made = [_slimmed(options, budget, before) for budget in wanted]
    text = _line(made[0]) if len(made) == 1 else _table(made)
    answer(options, text, {"set": str(options.set), "made": made})


def _truncated(options: argparse.Namespace, budget: Budget) -> dict[str, Any]:
    from slimdc.storage import truncate_file

    return _made(budget, truncate_file(options.set, budget.out, k=budget.size["k"])._asdict())


def _slimmed(
    options: argparse.Namespace, budget: Budget, before: SlimmableDataset
) -> dict[str, Any]:
    import slimdc

    after = slimdc.slim(
        before,
        **budget.size,
        start=options.start,
        method=options.method,
        backend=options.backend,
        device=options.device,
        steps=options.steps,
        width=options.width,
        seed=options.seed,
        progress=followed(options),
        checkpoint=budget.checkpoint,
    )
    slimdc.save(after, budget.out)
    done = {
        "components_before": before.components_per_class,
        "components": after.components_per_class,
        "nbytes_before": before.nbytes,
        "nbytes": after.nbytes,
    }
    return _made(budget, done, "" if after.codes is None else after.codes.reason)


def _only_truncates(options: argparse.Namespace, budget: Budget) -> bool:
    """Tell whether the file need not be decoded: nothing computes then, on no backend."""
    learns = options.steps != 0 and (options.steps is not None or options.method != "truncate")
    cuts = set(budget.size) == {"k"} and options.method in ("parameter-matching", "truncate")
    plain = options.backend == "numpy" and options.device is None and options.start == "auto"
    return cuts and plain and not learns


def _made(budget: Budget, done: dict[str, int], reason: str = "") -> dict[str, Any]:
    size = budget.out.stat().st_size
    return {"file": str(budget.out), "asked": budget.size, **done, "file_nbytes": size} | {
        "reason": reason or None
    }


def _line(made: dict[str, Any]) -> str:
    counts = f"{made['components_before']} -> {made['components']} components per class"
    sizes = f"{made['nbytes_before']:,} -> {made['nbytes']:,} bytes"
    told = f"{made['file']}: {counts}, {sizes}, a file of {made['file_nbytes']:,}"
    return f"{told}\n{made['reason']}" if made["reason"] else told


def _table(made: list[dict[str, Any]]) -> str:
    """Lay out several sets: components of each class, bytes of components, bytes of the file."""
    head = ("file", "components", "bytes", "file bytes")
    rows = [
        (row["file"], *(f"{row[name]:,}" for name in ("components", "nbytes", "file_nbytes")))
        for row in made
    ]
    first = made[0]
    before = f"{first['components_before']} components per class, {first['nbytes_before']:,} bytes"
    reasons = [f"{row['file']}: {row['reason']}" for row in made if row["reason"]]
    return "\n".join([f"before: {before}", table(head, rows), *reasons])
