"""One rank of two of `torch.distributed`; run by tests as a process of its own.

Under torchrun meeting point and rank are empty, and the results go into a folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rank_faults import progress_of

import slimdc
from slimdc import backend


def main(meeting: str, given: str, data: str, out: str, told: str = "{}") -> None:
    options: dict[str, Any] = {"steps": 5, "width": 4, "seed": 3} | json.loads(told)
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=int(given), world_size=2
        )
    else:
        torch.distributed.init_process_group("gloo")
        out = f"{out}/{torch.distributed.get_rank()}.npz"
    rank = torch.distributed.get_rank()
    ops = backend.get("torch", distributed=True)
    progress = progress_of(Path(out).parent, rank, options.pop("killed_at", None))
    small = slimdc.slim(data, 2, backend=ops, progress=progress, **options)
    np.savez(out, u=small.u, s=small.s, vx=small.vx, vy=small.vy)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
