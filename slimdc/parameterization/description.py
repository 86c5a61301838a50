"""What a set is beside its factors: one object, its checks, and the form in which files hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, NamedTuple

from slimdc._array import dtype_name
from slimdc._checks import one_of, shown, whole_numbers
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import check_layout, sample_shape
from slimdc.parameterization.preprocessing import FLOATS, Preprocessing, checked
from slimdc.typing import FloatDtype, Layout

__all__ = ["NAMES", "Description", "Factors", "class_names", "described"]

_LONGEST = 255  # characters of the name of a class: as many as of a folder


class Factors(NamedTuple):
    """The factors of Eq. 8, of one array namespace and zero padded to the largest class.

    Attributes
    ----------
    u : array, shape (C or 1, n, b)
        Left factors.
    s : array, shape (C or 1, b)
        Significances of the components.
    vx : array, shape (C, b, d)
        Right factors of the samples.
    vy : array, shape (C, b, c)
        Right factors of the labels.

    Examples
    --------
    >>> Factors(u=1, s=2, vx=3, vy=4)._asdict()
    {'u': 1, 's': 2, 'vx': 3, 'vy': 4}
    """

    u: Any
    s: Any
    vx: Any
    vy: Any


NAMES = Factors._fields


@dataclass(frozen=True)
class Description:
    """All that is known about a set beside its factors.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample: ``(d,)``, or three axes for images.
    layout : {"flat", "channels_last", "channels_first"}
        Where the channels are.
    preprocessing : Preprocessing
        What brought the samples into the space that they live in.
    dtype : {"float16", "bfloat16", "float32", "float64"}
        Dtype that samples and labels are given back in.
    labels, samples, components : tuple of int
        Label index, rows and components of each class block; what is beyond them is padding.
    order : tuple of int, optional
        Where each row, counted class by class, stood in the arrays that the set was made of. None
        where they came class by class.
    names : tuple of str, optional
        The name of each class block: printable, no longer than 255 characters, no two the same.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A field is not what it should be, or two of them do not fit each other. Whether they fit
        factors is seen when a set is built of both.

    Examples
    --------
    >>> known = Description((4,), "flat", Preprocessing(), "float32", (0, 1), (3, 2), (2, 2))
    >>> Description.from_metadata(known.to_metadata()) == known
    True
    """

    shape: tuple[int, ...]
    layout: Layout
    preprocessing: Preprocessing
    dtype: FloatDtype
    labels: tuple[int, ...]
    samples: tuple[int, ...]
    components: tuple[int, ...]
    order: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        shape, layout = sample_shape(self.shape, check_layout(self.layout))
        one_of("dtype", self.dtype, FLOATS)
        self._set(shape=shape, preprocessing=checked(self.preprocessing, shape, layout))
        for name, lowest in (("labels", 0), ("samples", 1), ("components", 1)):
            self._set(**{name: whole_numbers(name, getattr(self, name), at_least=lowest)})
        blocks = [len(counts) for counts in (self.labels, self.samples, self.components)]
        if len(set(blocks)) > 1 or not self.labels:
            found = "{} and {} and {} numbers".format(*blocks)
            raise InvalidValueError("labels, samples, components", found, "one for each class")
        if len(set(self.labels)) != len(self.labels):
            raise InvalidValueError("labels", shown(self.labels), "distinct labels")
        if any(k > n for k, n in zip(self.components, self.samples, strict=True)):
            raise InvalidValueError(
                "components",
                found=f"{shown(self.components)} for {shown(self.samples)} samples",
                expected="at most as many components as samples in each class",
            )
        if self.order is not None:
            self._set(order=_permutation(self.order, sum(self.samples)))
        if self.names is not None:
            self._set(names=class_names(self.names, len(self.labels)))

    @property
    def size(self) -> int:
        """Values of one sample, d."""
        return math.prod(self.shape)

    @property
    def named(self) -> dict[int, str]:
        """The names of classes by their labels; empty where they have none."""
        return dict(zip(self.labels, self.names or (), strict=False))

    def named_as(self, named: Mapping[int, str]) -> Description:
        """Give each class its name, where all of them have one."""
        names = tuple(named[label] for label in self.labels if label in named)
        return replace(self, names=names if len(names) == len(self.labels) else None)

    def truncated(self, components: tuple[int, ...]) -> Description:
        """Describe what a truncation leaves, which needs no check again."""
        known = copy(self)
        known._set(components=components)
        return known

    def to_metadata(self) -> dict[str, str]:
        """Write every field as JSON, for the metadata of a file; those of None are left out."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["preprocessing"] = self.preprocessing.to_dict()
        return {name: json.dumps(value) for name, value in plain.items() if value is not None}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Description:
        """Undo `to_metadata`; other keys are passed over.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            A field is missing or is not what it should be.
        """
        if not isinstance(metadata, Mapping):
            raise InvalidTypeError("metadata", type(metadata).__name__, "a mapping of str to str")
        return cls(**dict(_read(metadata)))

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def described(factors: Factors, **said: Any) -> Description:
    """Complete what is said about factors by what their shapes say.

    Parameters
    ----------
    factors : Factors
        Arrays whose shapes fit each other.
    **said
        Fields of `Description`; None for what is not said.

    Returns
    -------
    Description
        By default samples are flat vectors, labels are 0 .. C-1, and there is no padding.

    Examples
    --------
    >>> import numpy as np
    >>> factors = Factors(np.eye(2)[None], np.ones((1, 2)), np.ones((1, 2, 6)), np.ones((1, 2, 3)))
    >>> known = described(factors, shape=(2, 3), layout=None, dtype="float32")
    >>> known.shape, known.layout, known.samples
    ((2, 3, 1), 'channels_last', (2,))
    """
    classes, b, d = factors.vx.shape
    known: dict[str, Any] = {
        "shape": (d,),
        "layout": None,
        "preprocessing": Preprocessing(),
        "dtype": dtype_name(factors.u),
        "labels": range(classes),
        "samples": (factors.u.shape[1],) * classes,
        "components": (b,) * classes,
    }
    known |= {name: value for name, value in said.items() if value is not None}
    known["shape"], known["layout"] = sample_shape(known["shape"], known["layout"])
    return Description(**known)


def _read(metadata: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for field in fields(Description):
        name = field.name
        if name not in metadata and field.default is not MISSING:
            continue
        try:
            value = json.loads(metadata[name])
        except KeyError:
            found = f"only {shown(sorted(map(str, metadata)))}"
            raise InvalidValueError("metadata", found, f"{name!r} as well") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidValueError(name, f"no JSON ({error})", "JSON") from None
        yield name, Preprocessing.from_dict(value) if name == "preprocessing" else value


def class_names(names: object, classes: int) -> tuple[str, ...]:
    """Check names of classes: they are printed on terminals, and files of strangers hold them.

    Parameters
    ----------
    names : sequence of str
        What should be names.
    classes : int
        How many are wanted.

    Returns
    -------
    tuple of str

    Raises
    ------
    InvalidTypeError, InvalidValueError
        They are none.

    Examples
    --------
    >>> class_names(["cat", "dog"], 2)
    ('cat', 'dog')
    """
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidTypeError("names", shown(names), "a sequence of str")
    if len(names) != classes:
        raise InvalidValueError("names", f"{len(names)} of {classes} classes", "one for each class")
    for name in names:
        if not (name.isprintable() and name.strip() and len(name) <= _LONGEST):
            expected = f"1 to {_LONGEST} printable characters, and no blanks alone"
            raise InvalidValueError("names", shown(name), expected)
    if len(set(names)) < classes:
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InvalidValueError("names", f"{shown(twice)} twice", "a name of its own for each")
    return tuple(names)


def _permutation(order: object, count: int) -> tuple[int, ...] | None:
    """Check the order of so many rows; None stands for the one that changes nothing."""
    places = whole_numbers("order", order, at_least=0)
    if len(places) != count or sorted(places) != list(range(count)):
        raise InvalidValueError("order", shown(places), f"each number from 0 to {count - 1} once")
    return None if places == tuple(range(count)) else places
