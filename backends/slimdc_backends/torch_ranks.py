"""Ranks of `torch.distributed`: a process each, which average what they found once per step."""

from __future__ import annotations

import torch
import torch.distributed
from torch.utils import _pytree as pytree

from slimdc.backend import Backend, GlobalStep, LocalStep, Stepped, Tree
from slimdc.errors import InvalidValueError


class TorchRanks:
    """The processes of the default process group; see `slimdc.backend.Ranks`.

    Parameters
    ----------
    ops : Backend
        Where this process computes.

    Raises
    ------
    InvalidValueError
        If there is no process group yet.
    """

    def __init__(self, ops: Backend) -> None:
        if not torch.distributed.is_available() or not torch.distributed.is_initialized():
            raise InvalidValueError(
                "distributed",
                "True without a process group",
                "torch.distributed.init_process_group() to be called first, as under torchrun",
            )
        self.count = torch.distributed.get_world_size()
        self.local: tuple[int, ...] = (torch.distributed.get_rank(),)
        self._ops = ops

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        """Compile both parts of a step, with the average between them."""
        of_one_rank, of_all = self._ops.compile(local_step), self._ops.compile(global_step)

        def step(shared: Tree, owns: list[Tree]) -> tuple[Tree, list[Tree]]:
            found, kept = of_one_rank(shared, *owns)
            return of_all(shared, self._averages(found)), [kept]

        return step

    def _averages(self, found: Tree) -> Tree:
        """Average a tree of tensors over all ranks, in one message for each dtype."""
        leaves, tree = pytree.tree_flatten(found)
        for dtype in dict.fromkeys(x.dtype for x in leaves):
            places = [i for i, x in enumerate(leaves) if x.dtype == dtype]
            joined = torch.cat([leaves[i].reshape(-1) for i in places])
            torch.distributed.all_reduce(joined)
            parts = torch.split(joined / self.count, [leaves[i].numel() for i in places])
            for i, part in zip(places, parts, strict=True):
                leaves[i] = part.reshape(leaves[i].shape)
        return pytree.tree_unflatten(leaves, tree)
