"""A rank that is killed once, in the midst of its steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path


def progress_of(folder: Path, rank: int, killed_at: int | None) -> Callable[..., None]:
    """Kill rank 1 at a step, unless it has been killed before; note where a run goes on."""
    killed, resumed = folder / "killed", folder / "resumed"

    def progress(count: int, *_: object) -> None:
        if rank == 1 and count == killed_at and not killed.exists():
            killed.write_text(f"{rank} at {count}")
            os.kill(os.getpid(), signal.SIGKILL)
        if rank == 1 and killed.exists() and not resumed.exists():
            resumed.write_text(str(count))

    return progress
