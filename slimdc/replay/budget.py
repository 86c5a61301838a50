"""How much a buffer may hold, and how what is too much is made smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from slimdc._checks import one_of, whole_number
from slimdc._later import with_defaults
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.methods.parameter_matching import truncated
from slimdc.methods.registry import slimming
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.truncation import capped
from slimdc.slimming import slim
from slimdc.storage import dumps

__all__ = ["BufferBudget", "Rounding"]

Rounding: TypeAlias = Literal["down", "up"]


@dataclass(frozen=True)
class BufferBudget:
    """Bytes of a message, or components of all classes together.

    Parameters
    ----------
    nbytes : int or None
        Bytes that the message may take, header and all.
    components : int or None
        Components that all classes may have together.
    rounding : {"down", "up"}
        Where components do not divide by classes: ``"up"`` as in the paper, which gives 25, 13, 9,
        7 and 5 components of 500 to 20, 40, .. 100 classes, 540 in all at 60; ``"down"`` never
        exceeds them.
    floor : int
        Components that each class must have.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        None or both of bytes and components are given, or a value cannot be used.

    Examples
    --------
    >>> budget = BufferBudget(components=500, rounding="up")
    >>> [budget.share(classes) for classes in (20, 40, 60, 80, 100)]
    [25, 13, 9, 7, 5]
    """

    nbytes: int | None = None
    components: int | None = None
    rounding: Rounding = "down"
    floor: int = 1

    def __post_init__(self) -> None:
        if (self.nbytes is None) == (self.components is None):
            found = "neither" if self.nbytes is None else "both"
            raise InvalidTypeError("nbytes, components", found, "one of them")
        for name in ("nbytes", "components", "floor"):
            if getattr(self, name) is not None:
                value = whole_number(name, getattr(self, name), at_least=1)
                object.__setattr__(self, name, value)
        one_of("rounding", self.rounding, ("down", "up"))
        if self.nbytes is not None and (self.rounding, self.floor) != ("down", 1):
            name = "floor" if self.rounding == "down" else "rounding"
            found = f"{getattr(self, name)!r} beside nbytes="
            raise InvalidValueError(name, found, "components=, which alone are shared out")

    @property
    def limit(self) -> str:
        """What may be held, in words that follow a number of bytes."""
        if self.nbytes is not None:
            return f"of {self.nbytes:,} bytes"
        return f"bytes, of {self.components:,} components"

    def share(self, classes: int) -> int:
        """Count the components of each of so many classes.

        Raises
        ------
        InvalidValueError
            They are fewer than `floor`.
        """
        total = self.components or 0
        share = -(-total // classes) if self.rounding == "up" else total // classes
        if share < self.floor:
            least = self.floor * classes
            each = "one" if self.floor == 1 else self.floor
            expected = f"at least {least}, {each} for each class"
            raise InvalidValueError("components", f"{total} for {classes} classes", expected)
        return share

    def check(self, data: SlimmableDataset) -> None:
        """Refuse what cannot be held however it is trained.

        Raises
        ------
        InvalidValueError
            Classes hold fewer components than `floor`, or there are more than can have a share.
        """
        least = min(data.components)
        if least < self.floor:
            label = data.labels[data.components.index(least)]
            found = f"class {label} of {least} component{'' if least == 1 else 's'}"
            raise InvalidValueError("x", found, f"at least {self.floor}, the floor of the buffer")
        if self.components is not None:
            self.share(len(data.labels))

    def fitted(self, data: SlimmableDataset, options: Mapping[str, Any]) -> bytes:
        """Make a set as small as it must be, and no smaller; give its message.

        Parameters
        ----------
        data : SlimmableDataset
            All that is to be held.
        options : mapping
            Of `slimdc.slim`.

        Returns
        -------
        bytes

        Raises
        ------
        InvalidValueError
            The budget holds no component of each class; the message says what it takes.
        """
        self.check(data)
        if self.nbytes is not None:
            whole = dumps(data)
            if len(whole) <= self.nbytes:
                return whole
            return dumps(slim(data, nbytes=self.nbytes, **options))
        share = self.share(len(data.labels))
        if share >= data.components_per_class:
            return dumps(data)
        k: int | dict[int, int] = share
        if slimming(with_defaults(slim, options)["method"]).start is truncated:
            k = capped(share, data.components, data.labels)
        return dumps(slim(data, k, **options))
