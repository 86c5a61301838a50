"""Fig. 7, left, judged again: the same sets, from which networks learn for longer.

    python benchmarks/longer.py              # what is missing, of sets that `continual.py` left
    python benchmarks/longer.py --orders 0 --only "slimdc, trained, 100 components"
    python benchmarks/longer.py --table

`continual.py` has to judge so many sets that networks take 300 steps. Here some of them are judged
after 1,000, from two tasks on: before, nothing was slimmed.
"""

from __future__ import annotations

from pathlib import Path

from continual import METHODS, known, table
from paper import alone
from tasks import CONFIGURATION, EVALUATE, TASKS, Tasks, arguments

from slimdc.chains.journal import Journal
from slimdc.settings import EvaluationSettings

LONGER = EVALUATE | {"steps": 1_000}
JUDGED = (
    "slimdc, at once, 100 components",
    "slimdc, trained, 100 components",
    "performance matching, random rows",
    "performance matching, trained",
    "real images, herding",
)


def judge(folder: Path, order: int, only: list[str]) -> None:
    """Judge what is missing of an order."""
    with alone(folder / str(order)) as ours:
        if not ours:
            return
        configuration = CONFIGURATION | {"order": order}
        tasks = Tasks(order, Journal(folder.parent / "tasks" / str(order), configuration))
        journal = Journal(folder / str(order), configuration | {"evaluate": LONGER})
        for count in range(2, TASKS + 1):
            for method in only or JUDGED:
                name = f"{method} {count}"
                if name in journal.cells:
                    continue
                data, nbytes = METHODS[method](tasks, count)
                accuracy = tasks.judged(data, count, EvaluationSettings(**LONGER))
                cell = {"method": method, "tasks": count, "bytes": nbytes, "accuracy": accuracy}
                journal.note(name, cell)
                print(f"{order}: {name}: {accuracy} %", flush=True)


if __name__ == "__main__":
    args, results = arguments(__doc__, "longer")
    if args.table:
        print("\n".join(table(known(results), "tasks")))
    else:
        for each in args.orders:
            judge(results, each, args.only)
