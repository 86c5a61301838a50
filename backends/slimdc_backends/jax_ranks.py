"""Ranks of JAX: a device each, of this process and of others, in one program by `shard_map`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from slimdc.backend import GlobalStep, LocalStep, Stepped, Tree

AXIS = "ranks"


class JaxRanks:
    """All devices of a platform, also those of other processes; see `slimdc.backend.Ranks`.

    Parameters
    ----------
    platform : str
        Such as ``"cpu"`` or ``"gpu"``.
    """

    def __init__(self, platform: str) -> None:
        devices = jax.devices(platform)
        self._here = [d for d in devices if d.process_index == jax.process_index(platform)]
        self.count = len(devices)
        self.local: tuple[int, ...] = tuple(devices.index(d) for d in self._here)
        mesh = Mesh(np.array(devices), (AXIS,))
        self._everywhere = NamedSharding(mesh, PartitionSpec())
        self._split = NamedSharding(mesh, PartitionSpec(AXIS))

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        """Compile both parts of a step, and the average between them, as one program."""

        def of_one_rank(shared: Tree, own: Tree) -> tuple[Tree, Tree]:
            found, kept = local_step(shared, jax.tree.map(lambda x: x[0], own))
            results = global_step(shared, jax.lax.pmean(found, AXIS))
            return results, jax.tree.map(lambda x: x[None], kept)

        program = jax.jit(
            jax.shard_map(
                of_one_rank,
                mesh=self._split.mesh,
                in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
                out_specs=(PartitionSpec(), PartitionSpec(AXIS)),
                # Otherwise gradients in what all ranks share would come as sums over the ranks.
                check_vma=False,
            )
        )
        # What stays the same from step to step is sent to the devices once.
        sent: dict[int, tuple[Any, Any]] = {}

        def step(shared: Tree, owns: list[Tree]) -> tuple[Tree, list[Tree]]:
            leaves, tree = jax.tree.flatten(shared)
            known = {id(x): sent.get(id(x)) or (x, self._shared(x)) for x in leaves}
            sent.clear()
            sent.update(known)
            everywhere = jax.tree.unflatten(tree, [known[id(x)][1] for x in leaves])
            results, kept = program(everywhere, jax.tree.map(self._joined, *owns))
            parts = [self._parted(x) for x in jax.tree.leaves(kept)]
            structure = jax.tree.structure(kept)
            return results, [jax.tree.unflatten(structure, own) for own in zip(*parts, strict=True)]

        return step

    def _shared(self, x: Any) -> Any:
        """Give every device a copy of what all processes hold."""
        if isinstance(x, jax.Array) and x.sharding == self._everywhere:
            return x
        copies = [jax.device_put(x, device) for device in self._here]
        return jax.make_array_from_single_device_arrays(copies[0].shape, self._everywhere, copies)

    def _joined(self, *own: Any) -> Any:
        """Join what the local ranks hold, each on its device, as parts of one array."""
        parts = [jax.device_put(x, d)[None] for x, d in zip(own, self._here, strict=True)]
        shape = (self.count, *parts[0].shape[1:])
        return jax.make_array_from_single_device_arrays(shape, self._split, parts)

    def _parted(self, x: Any) -> list[Any]:
        shards = sorted(x.addressable_shards, key=lambda shard: shard.index[0].start or 0)
        return [shard.data[0] for shard in shards]
