"""Ranks of JAX, two devices of one process or one of each of two; run by tests as processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rank_faults import progress_of

import slimdc
from slimdc import backend


def main(coordinator: str, process: int, data: str, out: str, told: str = "{}") -> None:
    options: dict[str, Any] = {"steps": 5, "width": 4, "seed": 3} | json.loads(told)
    jax.config.update("jax_enable_x64", True)
    if coordinator:
        jax.distributed.initialize(coordinator, num_processes=2, process_id=process)
    ops = backend.get("jax", "cpu", distributed=True)
    assert ops.ranks.count == 2
    progress = progress_of(Path(out).parent, process, options.pop("killed_at", None))
    small = slimdc.slim(data, 2, backend=ops, progress=progress, **options)
    np.savez(out, u=small.u, s=small.s, vx=small.vx, vy=small.vy)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
