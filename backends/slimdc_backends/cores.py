"""How many cores this process may use."""

from __future__ import annotations

import os

__all__ = ["available"]


def available() -> int:
    """Count the cores in the process's affinity mask, or all where the system has no such mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
