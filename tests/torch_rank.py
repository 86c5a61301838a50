"""One rank of two of `torch.distributed`; run by test_ranks.py as a process of its own."""

from __future__ import annotations

import sys

import numpy as np
import torch

import slimdc
from slimdc import backend


def main(meeting: str, rank: int, data: str, out: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=2
    )
    ops = backend.get("torch", distributed=True)
    small = slimdc.slim(data, 2, backend=ops, steps=5, width=4, seed=3)
    np.savez(out, u=small.u, s=small.s, vx=small.vx, vy=small.vy)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
