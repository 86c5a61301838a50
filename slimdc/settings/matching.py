"""Settings of the paper's method: slimming, and condensing real data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self, get_args

from slimdc._checks import non_negative, one_of, truth
from slimdc.losses import Form, Weights
from slimdc.settings.fields import check_counts, check_kind, check_positive, put
from slimdc.settings.pool import PoolSettings

__all__ = ["CONDENSE", "SLIM", "CondenseSettings", "SlimSettings"]


@dataclass(frozen=True)
class SlimSettings:
    """Settings of learning-based slimming; the defaults end in minutes on two cores.

    Parameters
    ----------
    steps : int
        T, the number of training steps.
    rate : float
        LAMB's rate at the start: each factor moves by this fraction of its norm.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    u_s_rate : float
        Fraction of the rate at which U and s move.
    weights : Weights
        The λs of Eq. 13.
    form : {"relative", "printed"}
        Form of Eqs. 6 and 7.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    centred : bool
        True takes Eq. 12's label term on the c − 1 dimensions of labels that sum to zero.
    group : int, optional
        Rows of V_x in a group of Eq. 12, for sets of more components than a sample has values: as
        many as some classes hold. By default all are one group.
    pool : PoolSettings
        The networks.

    Examples
    --------
    >>> SLIM["paper"].steps
    30000
    """

    steps: int = 500
    rate: float = 1e-2
    rate_floor: float = 0.1
    u_s_rate: float = 1.0
    weights: Weights = field(default_factory=Weights)
    form: Form = "relative"
    ridge: float = 1e-3
    centred: bool = False
    group: int | None = None
    pool: PoolSettings = field(default_factory=PoolSettings)

    def __post_init__(self) -> None:
        check_counts(self, steps=0)
        check_positive(self, "rate", "rate_floor", "ridge")
        put(self, "u_s_rate", non_negative("u_s_rate", self.u_s_rate))
        one_of("form", self.form, get_args(Form))
        check_kind(self, weights=Weights, pool=PoolSettings)
        put(self, "centred", truth("centred", self.centred))
        if self.group is not None:
            check_counts(self, group=1)

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, pool=replace(self.pool, width=width))


@dataclass(frozen=True)
class CondenseSettings:
    """Settings of condensing real data.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Real samples drawn for a step.
    rate : float
        LAMB's rate at the start.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    u_s_rate : float, optional
        Fraction of the rate at which U and s move. By default 1, and 10 / c where label rows have
        more than ten entries c.
    skew : float
        Weight of Eq. 11 beside Eq. 1, which is averaged over the batch.
    ortho : float, optional
        Weight of Eq. 12. By default 1e-4, and (10 / c)² of that for more than ten entries c.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    centred : bool
        True takes Eq. 12's label term on the c − 1 dimensions of labels that sum to zero.
    group : int, optional
        Rows of V_x in a group of Eq. 12, for sets of more components than a sample has values: as
        many as some classes hold. By default all are one group.
    pool : PoolSettings
        The networks.

    Examples
    --------
    >>> CONDENSE["paper"].batch
    1024
    """

    steps: int = 1500
    batch: int = 256
    rate: float = 1e-2
    rate_floor: float = 0.1
    u_s_rate: float | None = None
    skew: float = 1e-2
    ortho: float | None = None
    ridge: float = 1e-3
    centred: bool = False
    group: int | None = None
    pool: PoolSettings = field(default_factory=PoolSettings)

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1)
        check_positive(self, "rate", "rate_floor", "ridge")
        if self.u_s_rate is not None:
            put(self, "u_s_rate", non_negative("u_s_rate", self.u_s_rate))
        put(self, "skew", non_negative("skew", self.skew))
        if self.ortho is not None:
            put(self, "ortho", non_negative("ortho", self.ortho))
        check_kind(self, pool=PoolSettings)
        put(self, "centred", truth("centred", self.centred))
        if self.group is not None:
            check_counts(self, group=1)

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, pool=replace(self.pool, width=width))

    def u_s_rate_for(self, entries: int) -> float:
        """Tell at which fraction of the rate U and s move for label rows of so many entries.

        A batch holds few images of each of many classes. Fitted to that few, predictions are worse
        than zero at first, and the quickest way to smaller ones is to take labels out of the
        largest significances, or to mix rows until their labels cancel: then rows forget their
        class. Slower U and s leave the improving to V, which is per row what pixels are.

        Examples
        --------
        >>> CONDENSE["default"].u_s_rate_for(10), CONDENSE["default"].u_s_rate_for(100)
        (1.0, 0.1)
        """
        return min(1.0, 10.0 / entries) if self.u_s_rate is None else self.u_s_rate

    def ortho_for(self, entries: int) -> float:
        """Tell the weight of Eq. 12 for label rows of so many entries.

        Eq. 12 adds up as many squares as there are pairs of components, and Eq. 1 is a mean over a
        batch, and of rows that are the shorter the more entries they have, also where few of the
        classes are there: with one weight, orthogonality would outweigh what the set is to teach.

        Examples
        --------
        >>> CONDENSE["default"].ortho_for(10), CONDENSE["default"].ortho_for(100)
        (0.0001, 1e-06)
        """
        return min(1e-4, 1e-2 / entries**2) if self.ortho is None else self.ortho


_PAPER_POOL = PoolSettings(width=128)

SLIM: dict[str, SlimSettings] = {
    "default": SlimSettings(),
    "paper": SlimSettings(
        steps=30_000,
        rate=3e-4,
        weights=Weights(first=1e-2, infinity=1.0, skew=1e-2, ortho=1e-4),
        form="printed",
        ridge=1e-6,
        pool=_PAPER_POOL,
    ),
}

CONDENSE: dict[str, CondenseSettings] = {
    "default": CondenseSettings(),
    "paper": CondenseSettings(
        steps=500_000,
        batch=1024,
        rate=3e-4,
        u_s_rate=1.0,
        ortho=1e-4,
        ridge=1e-6,
        pool=_PAPER_POOL,
    ),
}
