"""Types for code that calls slimdc: the names that arguments know, and what an array is.

A name that slimdc has fixed is a `Literal`: an editor offers all of them, and a type checker finds
one that is wrong. Where others may add names (backends, by entry points), the type is ``str``.

Examples
--------
>>> from typing import get_args
>>> get_args(Start)
('auto', 'components', 'rows')
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, TypeVar

__all__ = [
    "Array",
    "ArrayT",
    "CondenseMethod",
    "FactorDtype",
    "FloatDtype",
    "Form",
    "FormatName",
    "KeptSamples",
    "Layout",
    "MatrixNorm",
    "NetworkName",
    "NetworkNorm",
    "PresetName",
    "ProtocolName",
    "RowOrder",
    "SlimMethod",
    "SpaceName",
    "Start",
]


class Array(Protocol):
    """What every array of NumPy, PyTorch, JAX or CuPy is: enough to pass one on.

    Examples
    --------
    >>> import numpy as np
    >>> x: Array = np.zeros(3)
    """

    @property
    def shape(self) -> Any:
        """Lengths of the axes."""

    @property
    def dtype(self) -> Any:
        """What its values are."""

    def __getitem__(self, key: Any, /) -> Any: ...


ArrayT = TypeVar("ArrayT", bound=Array)
"""An array that comes back as one of the same framework."""

Layout: TypeAlias = Literal["flat", "channels_last", "channels_first"]
"""Where the channels of a sample are."""

RowOrder: TypeAlias = Literal["class", "given"]
"""In which order a set gives its rows."""

FactorDtype: TypeAlias = Literal["float32", "float64"]
"""What factors are held and trained in."""

FloatDtype: TypeAlias = Literal["float16", "bfloat16", "float32", "float64"]
"""What samples and labels are given back in."""

SlimMethod: TypeAlias = Literal[
    "parameter-matching", "truncate", "frepo", "rfad", "kip", "dm", "dc", "dsa", "idc", "random",
    "kmeans", "yoco",
]  # fmt: skip
"""Methods that slim."""

CondenseMethod: TypeAlias = Literal[
    "parameter-matching", "frepo", "rfad", "kip", "dm", "dc", "dsa", "idc", "random", "kmeans"
]
"""Methods that condense."""

PresetName: TypeAlias = Literal["default", "paper"]
"""Settings of a method by name; not every method has both."""

Start: TypeAlias = Literal["auto", "components", "rows"]
"""What a budget may keep of a set: directions, rows, or the better of both."""

KeptSamples: TypeAlias = Literal["keep", "match"]
"""Whether a slimmed set has all samples, or as many as components."""

ProtocolName: TypeAlias = Literal["quick", "frepo", "vico", "idc", "ddranking", "ddranking-soft"]
"""How networks are trained for an evaluation."""

NetworkName: TypeAlias = Literal[
    "auto", "convnet", "convnet-in", "alexnet", "vgg11", "resnet18", "mlp"
]
"""Networks, or the one that fits the samples."""

NetworkNorm: TypeAlias = Literal["none", "instance", "batch"]
"""What a network normalises by."""

MatrixNorm: TypeAlias = Literal["frobenius", "spectral"]
"""What a distance is measured in."""

Form: TypeAlias = Literal["printed", "relative"]
"""Losses as the paper prints them, or relative to the set before."""

SpaceName: TypeAlias = Literal["standardise", "zca", "none"]
"""How `slimdc.condense` brings raw samples into a space."""

FormatName: TypeAlias = Literal[
    "slimdc", "vico", "mtt", "datm", "idc", "kip", "rfad", "frepo", "sre2l", "rded", "parquet"
]
"""Formats of published sets."""
