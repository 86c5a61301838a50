"""Backends: what they supply, how one is found, and what those written here share."""

from slimdc.backend.compute import Compute, Configured
from slimdc.backend.differentiation import value_and_grad
from slimdc.backend.process import SharedContext, one_blas_thread
from slimdc.backend.protocol import (
    Array,
    Backend,
    BackendFactory,
    Differentiated,
    Groups,
    Scored,
    Tensors,
)
from slimdc.backend.ranks import Agree, Alone, Explore, Ranks, Stepped, Tree, ranks_of
from slimdc.backend.registry import ENTRY_POINTS, get, missing, names, resolve

__all__ = [
    "ENTRY_POINTS",
    "Agree",
    "Alone",
    "Array",
    "Backend",
    "BackendFactory",
    "Compute",
    "Configured",
    "Differentiated",
    "Explore",
    "Groups",
    "Ranks",
    "Scored",
    "SharedContext",
    "Stepped",
    "Tensors",
    "Tree",
    "get",
    "missing",
    "names",
    "one_blas_thread",
    "ranks_of",
    "resolve",
    "value_and_grad",
]
