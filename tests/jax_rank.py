"""Ranks of JAX, two devices of one process or one of each of two; run by test_ranks.py."""

from __future__ import annotations

import sys

import jax
import numpy as np

import slimdc
from slimdc import backend


def main(coordinator: str, process: int, data: str, out: str) -> None:
    jax.config.update("jax_enable_x64", True)
    if coordinator:
        jax.distributed.initialize(coordinator, num_processes=2, process_id=process)
    ops = backend.get("jax", "cpu", distributed=True)
    assert ops.ranks.count == 2
    small = slimdc.slim(data, 2, backend=ops, steps=5, width=4, seed=3)
    np.savez(out, u=small.u, s=small.s, vx=small.vx, vy=small.vy)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
