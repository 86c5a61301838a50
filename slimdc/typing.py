"""Types for those who annotate their own code: the names that arguments know, written once.

A name that slimdc has fixed is a `Literal`, so that an editor offers all of them and a type checker
finds a wrong one. Where others may add names (backends, by entry points), the type is ``str``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["FactorDtype", "FloatDtype", "Layout", "RowOrder"]

# Where the channels of a sample are.
Layout: TypeAlias = Literal["flat", "channels_last", "channels_first"]
# In which order a set gives its rows.
RowOrder: TypeAlias = Literal["class", "given"]
# What factors are held and trained in, and what samples are given back in.
FactorDtype: TypeAlias = Literal["float32", "float64"]
FloatDtype: TypeAlias = Literal["float16", "bfloat16", "float32", "float64"]
