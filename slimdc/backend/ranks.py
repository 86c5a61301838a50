"""Data parallelism over pool networks: each rank has its own, and all move the same factors.

In a step every rank draws one of its networks and computes the gradients of the factors in it; the
factors move by their mean, which is taken once per step. Ranks hold the same factors throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from slimdc.backend.protocol import Backend

__all__ = [
    "Alone",
    "GlobalStep",
    "HasRanks",
    "LocalStep",
    "Ranks",
    "Stepped",
    "Tree",
    "ranks_of",
]

Tree: TypeAlias = Any
# What each rank does by itself: (shared, own) -> (what is averaged over the ranks, what it keeps).
LocalStep: TypeAlias = Callable[[Tree, Tree], tuple[Tree, Tree]]
# What all ranks do alike: (shared, averages) -> results, the same on all ranks.
GlobalStep: TypeAlias = Callable[[Tree, Tree], Tree]
Stepped: TypeAlias = Callable[[Tree, list[Tree]], tuple[Tree, list[Tree]]]


class Ranks(Protocol):
    """How one step is spread over devices or processes; see `HasRanks`.

    Attributes
    ----------
    count : int
        Number of ranks, here and elsewhere.
    local : tuple of int
        Those whose networks this process holds.
    """

    count: int
    local: tuple[int, ...]

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        """Join what each rank does by itself with what all do alike, compiled where possible.

        The result maps ``shared`` and a list of ``own``, one for each local rank, to the results of
        ``global_step`` and a list of what the local ranks keep.
        """
        ...


@runtime_checkable
class HasRanks(Protocol):
    """A backend that may compute on several devices or processes: an optional part of `Backend`.

    Attributes
    ----------
    ranks : Ranks or None
        The devices or processes; None where the backend computes alone, as one without the
        attribute does.
    """

    ranks: Ranks | None


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

    def step(self, local_step: LocalStep, global_step: GlobalStep) -> Stepped:
        """Compile both parts of a step as one."""

        def whole(shared: Tree, own: Tree) -> tuple[Tree, Tree]:
            averages, kept = local_step(shared, own)
            return global_step(shared, averages), kept

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
    ranks = ops.ranks if isinstance(ops, HasRanks) else None
    return Alone(ops) if ranks is None else ranks
