"""What comes to a buffer: a set, or real data that are condensed in the space of what is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc._array import as_array
from slimdc._inputs import open_set
from slimdc._later import with_defaults
from slimdc.condensing import condense
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.methods.registry import condensing
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.labels import class_indices
from slimdc.parameterization.layout import shape_of_samples
from slimdc.storage import dumps, loads

__all__ = ["Arrivals", "joined"]

# A label of more digits than somebody meant must not take the memory.
_MOST_CLASSES = 1 << 16


@dataclass(frozen=True)
class Arrivals:
    """How tasks are taken in.

    Parameters
    ----------
    classes : int or None
        Entries of a label row, where they are announced.
    condense : mapping
        Options of `slimdc.condense`.
    """

    classes: int | None
    condense: Mapping[str, Any]

    def opened(self, data: Any) -> SlimmableDataset:
        """Take a set, a path or a message.

        Raises
        ------
        InvalidTypeError, InvalidValueError, FileError
            It is none, or has other label entries than were announced.
        """
        came = _in_numpy(open_set(data, "x"))
        if self.classes is not None and came.label_entries != self.classes:
            found = f"a set of {came.label_entries} label entries"
            raise InvalidValueError("x", found, f"{self.classes}, the classes of the buffer")
        return came

    def condensed(
        self,
        x: Any,
        y: Any,
        seed: int,
        held: SlimmableDataset | None,
        check: Callable[[SlimmableDataset], None],
    ) -> SlimmableDataset:
        """Condense real data.

        Parameters
        ----------
        x, y : array
            Samples, and their classes.
        seed : int
            Of every draw.
        held : SlimmableDataset or None
            What is held: its space is taken.
        check : callable
            Refuses, before anything is trained, what could not be held after it: is given the start
            of training beside what is held.

        Raises
        ------
        InvalidTypeError, InvalidValueError, NumericalError
            As in `slimdc.condense`, or `check` refuses.
        """
        if held is not None:
            shape, _ = shape_of_samples(as_array(x, "x"), self.condense.get("layout"))
            if shape != held.shape:
                found = f"samples of shape {shape}"
                raise InvalidValueError("x", found, f"{held.shape}, as what is held")
        options = {"progress": False, "classes": self._entries(y), "seed": seed, **self.condense}
        # A stream must not end where a task has fewer samples of each class than are asked for.
        options["ipc"] = min(options["ipc"], _largest_class(y))
        if held is not None:
            options["preprocessing"] = held.preprocessing
        known = with_defaults(condense, self.condense)
        if known["steps"] != 0 and condensing(known["method"]).plan is not None:
            start = condense(x, y, **options | {"steps": 0})
            check(joined(held, _in_numpy(start)))
        return _in_numpy(condense(x, y, **options))

    def _entries(self, y: Any) -> int:
        if self.classes is not None:
            return self.classes
        largest = int(class_indices(y).max(initial=0))
        if largest >= _MOST_CLASSES:
            expected = f"classes below {_MOST_CLASSES:,}, or classes= of the buffer"
            raise InvalidValueError("y", f"class {largest}", expected)
        return largest + 1


def _largest_class(y: Any) -> int:
    _, counts = np.unique(class_indices(y), return_counts=True)
    return int(counts.max(initial=1))


def joined(held: SlimmableDataset | None, came: SlimmableDataset) -> SlimmableDataset:
    """Unite what is held with what came.

    Parameters
    ----------
    held : SlimmableDataset or None
        Nothing is held before the first task.
    came : SlimmableDataset
        Of a task.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Samples that came are not finite, or of another shape, space or dtype, or classes have other
        names.
    """
    if not all(np.isfinite(part).all() for part in came.arrays()):
        # Finite factors may have a product that is not.
        raise InvalidValueError("x", "samples or labels that are not finite", "finite ones")
    if held is None:
        return came
    try:
        return SlimmableDataset.union(held, came)
    except (InvalidTypeError, InvalidValueError) as error:
        expected = error.expected.replace("sets[0]", "what is held")
        raise type(error)("x", error.found, expected) from None


def _in_numpy(data: SlimmableDataset) -> SlimmableDataset:
    """Bring a set to the host, to the bit, with all that a message does not hold."""
    return loads(dumps(data)).with_preprocessing(data.preprocessing)
