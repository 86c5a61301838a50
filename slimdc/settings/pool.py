"""The pool of networks that sets are compared in."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc.networks.normalization import Norm
from slimdc.settings.fields import check_counts, check_norm, check_positive

__all__ = ["PoolSettings"]


@dataclass(frozen=True)
class PoolSettings:
    """The pool of networks (Algorithm 1, lines 2, 6, 9 to 12).

    Parameters
    ----------
    size : int
        M, the number of networks.
    lifetime : int
        T', the number of steps after which a network is drawn anew.
    rate : float
        Adam's rate in the networks' own steps.
    batch : int
        Samples of such a step; a random part of a set that is larger.
    width : int
        Filters of a network's first block, or units of each of the MLP's layers.
    depth : int
        Blocks of a ConvNet, or layers of the MLP; other networks have their own.
    norm : {"none", "instance", "batch"} or None
        Normalisation of a network for images; None is the network's own, none in the ConvNet.

    Examples
    --------
    >>> PoolSettings().size
    10
    """

    size: int = 10
    lifetime: int = 100
    rate: float = 3e-4
    batch: int = 1000
    width: int = 32
    depth: int = 3
    norm: Norm | None = None

    def __post_init__(self) -> None:
        check_counts(self, size=1, lifetime=1, batch=1, width=1, depth=1)
        check_positive(self, "rate")
        check_norm(self.norm)
