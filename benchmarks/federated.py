"""Fig. 7, right: one to five participants with 20 classes of CIFAR-100 each share one bandwidth.

    python benchmarks/federated.py                         # everything that is missing
    python benchmarks/federated.py --table
    python benchmarks/federated.py --picture federated.png

Each participant condenses its own data once, 5 per class, and slims the set to what their number
leaves of 100 samples, or of the bytes of 100 real images; the server unites what comes (`tasks.py`
says at what scale). Results are kept cell by cell; several processes share the work by orders.
`examples/federated` is the same as an application.
"""

from __future__ import annotations

from typing import Any

from continual import (
    BYTES,
    FREPO,
    OURS,
    SAMPLES,
    Made,
    command,
    herded,
    random,
    real,
)
from tasks import IPC, SLIM, Tasks

import slimdc
from slimdc import SlimmableDataset

FREE = {"steps": 0}
RANDOM = {"method": "random"}


def shared(name: str, condensed_by: str, options: dict[str, Any], *, in_bytes: bool) -> Made:
    """Give the union of what participants send; what each sends is kept."""

    def made(tasks: Tasks, count: int) -> tuple[SlimmableDataset, int]:
        messages = []
        for task in range(count):
            path = tasks.folder / f"sent {name} {task} of {count}"
            if not path.exists():
                own = tasks.condensed(task, condensed_by)
                seed = {"seed": tasks.order, "progress": False}
                if in_bytes:
                    sent = slimdc.slim(own, nbytes=BYTES // count, **seed, **options)
                else:
                    k = -(-SAMPLES // (SAMPLES // IPC * count))
                    sent = own if k >= IPC else slimdc.slim(own, k, **seed, **options)
                slimdc.save(sent, path)
            messages.append(path.read_bytes())
        nbytes = sum(map(len, messages))
        return SlimmableDataset.union(*map(slimdc.loads, messages)), nbytes

    return made


METHODS: dict[str, Made] = {
    "slimdc, at once, bytes": shared("free-bytes", OURS, FREE, in_bytes=True),
    "slimdc, at once, 100 components": shared("free", OURS, FREE, in_bytes=False),
    "random rows of our sets": shared("rows", OURS, RANDOM, in_bytes=False),
    "performance matching, random rows": shared("frepo-rows", FREPO, RANDOM, in_bytes=False),
    "real images, reservoir": real(random),
    "real images, herding": real(herded),
    "slimdc, trained, 100 components": shared("trained", OURS, SLIM, in_bytes=False),
    "performance matching, trained": shared(
        "frepo-trained", FREPO, SLIM | {"method": "frepo"}, in_bytes=False
    ),
    "slimdc, trained, bytes": shared("trained-bytes", OURS, SLIM, in_bytes=True),
}


if __name__ == "__main__":
    command(__doc__, "federated", "participants", METHODS)
