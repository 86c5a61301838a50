"""Settings of the networks that judge a set."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc.networks.normalization import Norm
from slimdc.settings.fields import check_counts, check_norm, check_positive

__all__ = ["EvaluationSettings"]


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of the networks that `slimdc.evaluate` trains, after FRePo's protocol.

    Parameters
    ----------
    rate : float
        Adam's rate after warm-up.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    warm_up : int
        Steps of linear warm-up, at most a quarter of all steps.
    batch : int
        Samples per step, at most all.
    width, depth, norm
        Of the network, where it is named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> EvaluationSettings().batch
    500
    """

    rate: float = 3e-4
    rate_floor: float = 0.01
    warm_up: int = 500
    batch: int = 500
    width: int = 32
    depth: int = 3
    norm: Norm | None = None

    def __post_init__(self) -> None:
        check_counts(self, warm_up=0, batch=1, width=1, depth=1)
        check_positive(self, "rate", "rate_floor")
        check_norm(self.norm)
