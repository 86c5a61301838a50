"""Slim 1,000 classes by a Ray cluster: pip install slimdc ray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from parts import compare, options


class RayExecutor:
    """What `slim_shards` wants of an executor, by Ray's tasks."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> RayJob:
        """Start a task."""
        return RayJob(ray.remote(function).remote(*args))


class RayJob:
    """A task that was started."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def result(self) -> Any:
        """Wait for its result."""
        return ray.get(self._reference)

    def cancel(self) -> None:
        """Give it up."""
        ray.cancel(self._reference)


def main() -> None:
    """Start a cluster of processes, and compare its files with those of this process."""
    given = options()
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(num_cpus=given.workers, include_dashboard=False, runtime_env=here)
    compare(f"Ray, {given.workers} workers", given, RayExecutor())
    ray.shutdown()


if __name__ == "__main__":
    main()
