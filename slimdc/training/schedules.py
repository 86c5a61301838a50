"""How the rate of a network changes over its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from slimdc._checks import non_negative, positive, shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.training.optimizers import cosine

__all__ = ["Cosine", "Drops", "RateSchedule"]


class RateSchedule(Protocol):
    """Gives the fraction of the rate at a step."""

    def fraction(self, count: int, steps: int, *, warm_up: int, epoch: int) -> float:
        """Give the fraction at step ``count``, from 1, of ``steps``.

        Parameters
        ----------
        count, steps : int
            The step, and how many there are.
        warm_up : int
            Steps in which the fraction rises linearly to 1.
        epoch : int
            Steps of an epoch; 1 where there are none.
        """
        ...


@dataclass(frozen=True)
class Cosine:
    """Half a period of a cosine, from the rate to a fraction of it.

    Parameters
    ----------
    floor : float
        The fraction at which it ends.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no finite number of at least 0.

    Examples
    --------
    >>> [round(Cosine(0.1).fraction(i, 5, warm_up=2, epoch=1), 3) for i in range(1, 6)]
    [0.5, 1.0, 0.775, 0.325, 0.1]
    """

    floor: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", non_negative("floor", self.floor))

    def fraction(self, count: int, steps: int, *, warm_up: int, epoch: int) -> float:  # noqa: ARG002
        """Give the fraction at a step; see `RateSchedule`."""
        return cosine(count, steps, floor=self.floor, warm_up=warm_up)


@dataclass(frozen=True)
class Drops:
    """A rate that is multiplied by a factor at some places, and constant between them.

    Parameters
    ----------
    at : sequence of float
        The places, as fractions of all steps; where there are epochs, each is the beginning of the
        epoch that it lies in, but for the first, within which a place is where it is.
    factor : float
        What the rate is multiplied with.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a place is no number in [0, 1], or the factor is not above zero.

    Examples
    --------
    >>> [Drops((0.5,), 0.1).fraction(i, 4, warm_up=0, epoch=1) for i in range(1, 5)]
    [1.0, 1.0, 0.1, 0.1]
    """

    at: Sequence[float] = (0.5,)
    factor: float = 0.1

    def __post_init__(self) -> None:
        if isinstance(self.at, str) or not isinstance(self.at, Sequence):
            raise InvalidTypeError("at", shown(self.at), "a sequence of numbers in [0, 1]")
        places = tuple(non_negative("at", place) for place in self.at)
        if max(places, default=0.0) > 1:
            raise InvalidValueError("at", shown(self.at), "numbers in [0, 1]")
        object.__setattr__(self, "at", places)
        object.__setattr__(self, "factor", positive("factor", self.factor))

    def fraction(self, count: int, steps: int, *, warm_up: int, epoch: int) -> float:
        """Give the fraction at a step; see `RateSchedule`."""
        # 0.29 of 100 epochs is 28.999999999999996 of them.
        epochs = [int(place * steps / epoch + 1e-9) for place in self.at]
        places = zip(self.at, epochs, strict=True)
        begun = [(whole * epoch or int(place * steps)) < count for place, whole in places]
        fraction = self.factor ** sum(begun)
        return fraction * count / warm_up if count < warm_up else fraction
