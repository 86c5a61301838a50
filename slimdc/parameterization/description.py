"""What a set is beside its factors, and the one form in which files hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.preprocessing import Preprocessing

NAMES = ("u", "s", "vx", "vy")
WIDTHS = {"float16": 1, "bfloat16": 1, "float32": 2, "float64": 3}


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
    dtype : str
        Dtype that samples and labels are given back in.
    labels, samples, components : tuple of int
        Label index, rows and components of each class block; what is beyond them is padding.

    Examples
    --------
    >>> known = Description((4,), "flat", Preprocessing(), "float32", (0, 1), (3, 2), (2, 2))
    >>> Description.from_metadata(known.to_metadata()) == known
    True
    """

    shape: tuple[int, ...]
    layout: str
    preprocessing: Preprocessing
    dtype: str
    labels: tuple[int, ...]
    samples: tuple[int, ...]
    components: tuple[int, ...]

    @property
    def size(self) -> int:
        """Values of one sample, d."""
        return math.prod(self.shape)

    def to_metadata(self) -> dict[str, str]:
        """Write every field as JSON, for the metadata of a file."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["preprocessing"] = self.preprocessing.to_dict()
        return {name: json.dumps(value) for name, value in plain.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Description:
        """Undo `to_metadata`; other keys are passed over.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            A field is missing or is not what it should be. Whether the numbers fit the factors is
            seen by `slimdc.SlimmableDataset.from_factors`.
        """
        return cls(**dict(_read(metadata)))


def _read(metadata: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for field in fields(Description):
        try:
            value = json.loads(metadata[field.name])
        except KeyError:
            raise InvalidValueError(
                "metadata", f"only {sorted(metadata)}", f"{field.name!r} as well"
            ) from None
        except (ValueError, RecursionError) as error:
            raise InvalidValueError(field.name, f"no JSON ({error})", "JSON") from None
        if field.name == "preprocessing":
            yield field.name, Preprocessing.from_dict(value)
        elif field.name in ("layout", "dtype"):
            yield field.name, value
        elif isinstance(value, list):
            yield field.name, tuple(value)
        else:
            raise InvalidTypeError(field.name, repr(value), "a list of int")
