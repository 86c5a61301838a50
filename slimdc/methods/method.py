"""What a method of condensing or slimming is, and what it is given to do.

A method is one file: its settings, its objective, and a `Method` that names it. What it is to match
is called its material: real samples where it condenses, the samples of the set before where it
slims. A method that knows samples and labels only does the same in both cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from slimdc._array import like
from slimdc._checks import shown, whole_numbers
from slimdc._warning import warn
from slimdc.backend import Array, Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks import Network
from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.parameterization.description import Factors
from slimdc.parameterization.reconstruction import rows
from slimdc.training.plan import Plan
from slimdc.typing import FloatDtype, Layout

__all__ = ["Material", "Method", "Task", "Way", "members_to_choose", "random_rows"]

Host = np.ndarray


@dataclass(frozen=True)
class Material:
    """Samples that a set is to stand for: real ones, or those of the set before.

    Parameters
    ----------
    x : numpy.ndarray, shape (n, ...)
        Samples in the space of the set.
    y : numpy.ndarray, shape (n, c)
        Label rows.
    classes : numpy.ndarray of int64, shape (n,)
        The class of each sample.
    layout : str
        Where the channels are.
    preprocessing : Preprocessing
        What brought the samples into their space.
    dtype : str
        Dtype that samples and labels are given back in.
    """

    x: Host
    y: Host
    classes: Host
    layout: Layout
    preprocessing: Preprocessing
    dtype: FloatDtype

    @classmethod
    def of(cls, data: SlimmableDataset) -> Material:
        """Take the samples of a set."""
        known = data.description
        x, y = rows(data.factors, known)
        x = x.astype(data.factor_dtype).reshape(-1, *known.shape)
        return cls(x, y, data.members, known.layout, known.preprocessing, known.dtype)

    def members(self) -> list[Host]:
        """Give the numbers of the samples of each class, in ascending order of classes."""
        return [np.flatnonzero(self.classes == label) for label in np.unique(self.classes)]

    @np.errstate(all="ignore")  # what cannot be held is refused
    def dataset(self, chosen: Host) -> SlimmableDataset:
        """Make a set of some of the samples, on the host, in their dtype."""
        chosen = np.asarray(whole_numbers("chosen", chosen, at_least=0), np.int64)
        if chosen.size and chosen.max() >= len(self.x):
            raise InvalidValueError("chosen", f"{chosen.max()}", f"numbers below {len(self.x)}")
        made = SlimmableDataset.from_arrays(
            self.x[chosen],
            self.y[chosen].astype(np.float64),
            members=self.classes[chosen],
            layout=self.layout,
            preprocessing=self.preprocessing,
        )
        factors = Factors(*(factor.astype(self.x.dtype) for factor in made.factors))
        return SlimmableDataset(factors, replace(made.description, dtype=self.dtype))


@dataclass(frozen=True)
class Task:
    """What a method is asked for.

    Parameters
    ----------
    given : Material or None
        Real data to condense; None where a set is slimmed.
    before : SlimmableDataset or None
        The set that is slimmed; None where real data are condensed.
    count : int
        Components per class of the result: k, or the samples per class.
    reference : array
        One of the caller's arrays: the result is of its library and on its device.
    network : str or Network
        The architecture, as for `slimdc.networks.build`.
    settings : object
        The method's own.
    rng : numpy.random.Generator
        Source of every draw.
    place : callable
        Finds the backend, device and dtype that the caller asked for.
    by_class : mapping of int to int, or None
        Components of some classes by their labels, where others keep all; None where `count` is
        what each class is to have.
    """

    given: Material | None
    before: SlimmableDataset | None
    count: int
    reference: Array
    network: str | Network
    settings: Any
    rng: np.random.Generator
    place: Callable[[], Compute]
    by_class: Mapping[int, int] | None = None

    @classmethod
    def slimming(
        cls,
        before: SlimmableDataset,
        count: int,
        network: str | Network,
        settings: Any,
        rng: np.random.Generator,
        place: Callable[[], Compute],
        by_class: Mapping[int, int] | None = None,
    ) -> Task:
        """Ask for a smaller set, given the set before alone."""
        return cls(None, before, count, before.u, network, settings, rng, place, by_class)

    @cached_property
    def material(self) -> Material:
        """What the result is to stand for; truncation does not ask, and computes no samples."""
        return Material.of(self.whole) if self.given is None else self.given

    @cached_property
    def compute(self) -> Compute:
        """Where to compute; asked for only by what does, so that truncation needs no backend."""
        return self.place()

    @property
    def whole(self) -> SlimmableDataset:
        """The set that is slimmed.

        Raises
        ------
        InvalidTypeError
            If real data are condensed.
        """
        if self.before is None:
            raise InvalidTypeError("before", "None", "a set: this way is one of slimming")
        return self.before

    def dataset(self, chosen: Host) -> SlimmableDataset:
        """Make a set of some samples of the material, on the device of the caller's arrays.

        Parameters
        ----------
        chosen : numpy.ndarray of int
            Their numbers.
        """
        made = self.material.dataset(chosen)
        return made.with_factors(*(like(factor, self.reference) for factor in made.factors))

    @property
    def argument(self) -> str:
        """What callers call the count."""
        return "ipc" if self.before is None else "k"


@dataclass(frozen=True)
class Way:
    """How a method condenses, or how it slims.

    Parameters
    ----------
    start : callable
        Makes the set that training starts from; the result itself where nothing is trained.
    plan : callable or None
        Plans its training; None for a learning-free method.
    presets : mapping
        Settings by name, ``"default"`` among them.
    library : callable, optional
        Raises where a library that it needs is missing; is asked before long work of others.

    Raises
    ------
    InvalidValueError
        There is no default among the presets.
    """

    start: Callable[[Task], SlimmableDataset]
    plan: Callable[[SlimmableDataset, Task], Plan] | None
    presets: Mapping[str, Any]
    library: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        if "default" not in self.presets:
            raise InvalidValueError("presets", shown(list(self.presets)), "'default' among them")

    def begun(self, task: Task) -> SlimmableDataset:
        """Make the set that training starts from, named as the set before, and see that it is one.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            What `start` gave is no set, or lacks classes of the set before.
        """
        found = self.start(task)
        if not isinstance(found, SlimmableDataset):
            made = f"a start that gives {type(found).__name__}"
            raise InvalidTypeError("method", made, "a SlimmableDataset, as task.dataset makes it")
        if task.before is not None and found.labels != task.before.labels:
            made = f"a start that gives the classes {shown(found.labels)}"
            raise InvalidValueError("method", made, f"those before: {shown(task.before.labels)}")
        return found if task.before is None else found.named(task.before.description.named or None)


@dataclass(frozen=True)
class Method:
    """A method by name.

    Parameters
    ----------
    name : str
        What callers call it.
    paper : str
        Who made it known, where and when.
    condense, slim : Way or None
        How it makes a set of real data, and a smaller set of a set; None where it cannot.

    Raises
    ------
    InvalidTypeError
        If one of these is another thing, such as the bare function that starts a `Way`.
    """

    name: str
    paper: str
    condense: Way | None
    slim: Way | None

    def __post_init__(self) -> None:
        for name in ("condense", "slim"):
            way = getattr(self, name)
            if way is not None and not isinstance(way, Way):
                raise InvalidTypeError(name, shown(way), "a Way or None", see="docs/methods.md")


def random_rows(task: Task) -> SlimmableDataset:
    """Take random samples of each class: all of a class that has fewer than are asked for.

    Raises
    ------
    InvalidValueError
        If every class has fewer.

    Warns
    -----
    SlimdcWarning
        If some classes have fewer.
    """
    members = members_to_choose(task)
    drawn = [task.rng.choice(m, min(task.count, m.size), replace=False) for m in members]
    return task.dataset(np.concatenate(drawn))


def members_to_choose(task: Task) -> list[Host]:
    """Give the numbers of the samples of each class, if as many can be chosen as are asked for.

    It raises and warns as `random_rows` does.
    """
    members = task.material.members()
    sizes = [m.size for m in members]
    if task.count > max(sizes):
        raise InvalidValueError(
            task.argument, shown(task.count), f"at most {max(sizes)}, the largest class's size"
        )
    if task.count > min(sizes):
        warn(
            f"{task.argument} is {task.count}: classes of fewer samples give them all",
        )
    return members
