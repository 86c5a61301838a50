"""Data parallelism over pool networks: each rank has its own, and all move the same factors.

In a step every rank draws one of its networks and computes the gradients of the factors in it; the
factors move by their mean, which is taken once per step. Ranks hold the same factors throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from slimdc.backend.protocol import Backend

Tree: TypeAlias = Any
# (shared, own) -> (what is averaged over the ranks, what the rank keeps).
Explore: TypeAlias = Callable[[Tree, Tree], tuple[Tree, Tree]]
# (shared, averages) -> results, the same on all ranks.
Agree: TypeAlias = Callable[[Tree, Tree], Tree]
Stepped: TypeAlias = Callable[[Tree, list[Tree]], tuple[Tree, list[Tree]]]


class Ranks(Protocol):
    """How one step is spread over devices or processes.

    A backend that computes on several has an attribute ``ranks`` of this kind.

    Attributes
    ----------
    count : int
        Number of ranks, here and elsewhere.
    local : tuple of int
        Those whose networks this process holds.
    """

    count: int
    local: tuple[int, ...]

    def step(self, explore: Explore, agree: Agree) -> Stepped:
        """Join what each rank does with what all do, compiled where the library can.

        The result maps ``shared`` and a list of ``own``, one for each local rank, to the results of
        ``agree`` and a list of what the local ranks keep.
        """
        ...


class Alone:
    """The only rank.

    Parameters
    ----------
    ops : Backend
        Where it computes.
    """

    count = 1
    local: tuple[int, ...] = (0,)

    def __init__(self, ops: Backend) -> None:
        self._ops = ops

    def step(self, explore: Explore, agree: Agree) -> Stepped:
        """Compile both parts of a step as one."""

        def whole(shared: Tree, own: Tree) -> tuple[Tree, Tree]:
            averages, kept = explore(shared, own)
            return agree(shared, averages), kept

        compiled = self._ops.compile(whole)

        def step(shared: Tree, owns: list[Tree]) -> tuple[Tree, list[Tree]]:
            results, kept = compiled(shared, *owns)
            return results, [kept]

        return step


def ranks_of(ops: Backend) -> Ranks:
    """Find the ranks over which a backend computes: one, where it does not say.

    Examples
    --------
    >>> from slimdc import backend
    >>> ranks_of(backend.get("numpy")).local
    (0,)
    """
    ranks: Ranks | None = getattr(ops, "ranks", None)
    return Alone(ops) if ranks is None else ranks
