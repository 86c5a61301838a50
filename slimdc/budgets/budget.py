"""What a caller may spend: components, bits, bytes, or what is lost at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from slimdc._checks import non_negative, one_of, positive, shown, whole_number
from slimdc.budgets.choice import Start
from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """A budget, checked.

    Parameters
    ----------
    k : int or None
        Components of each class.
    bits : float or None
        Bits for each number, on average.
    nbytes : int or None
        Bytes altogether.
    keep : float or None
        Share of the solutions of random networks to be kept, below 1.
    start : {"auto", "components", "rows"}
        Whether directions are kept, or samples as they are.
    by_class : mapping of int to int, or None
        Components of some classes by their labels, in the place of `k`; others keep all.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A number is none, or is out of range, or two of them contradict each other.

    Examples
    --------
    >>> Budget(k=2).coded, Budget(nbytes=20_000).coded
    (False, True)
    """

    k: int | None = None
    bits: float | None = None
    nbytes: int | None = None
    keep: float | None = None
    start: Start = "auto"
    by_class: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        one_of("start", self.start, get_args(Start))
        given = [name for name in ("bits", "nbytes", "keep") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidValueError(", ".join(given), f"{len(given)} of them", "one of them")
        if self.by_class is not None and self.coded:
            raise InvalidTypeError(
                "k",
                f"a mapping beside {given[0]}=",
                "an int, or a mapping alone, whose result `quantize` takes",
            )
        if not given and self.k is None and self.by_class is None:
            raise InvalidTypeError("k", "None", "k, bits=, nbytes= or keep=")
        if self.k is not None:
            self._put("k", whole_number("k", self.k, at_least=1))
        if self.nbytes is not None:
            self._put("nbytes", whole_number("nbytes", self.nbytes, at_least=1))
        if self.keep is not None:
            self._put("keep", non_negative("keep", self.keep, below=1.0))
        if self.bits is not None:
            self._put("bits", positive("bits", self.bits))
            if self.bits > 16 and self.bits != 32:
                raise InvalidValueError("bits", shown(self.bits), "at most 16, or 32")
        if self.start == "rows" and not self.coded:
            raise InvalidValueError("start", "'rows' of floats", "bits=, nbytes= or keep= too")

    @property
    def coded(self) -> bool:
        """Whether the result is to be held in few bits."""
        return any(x is not None for x in (self.nbytes, self.keep)) or self.bits not in (None, 32)

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
