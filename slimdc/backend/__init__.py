"""Backends: what they supply, what is composed of it, how one is found, and what they share."""

from slimdc.backend.compute import Compute, Configured
from slimdc.backend.differentiation import value_and_grad
from slimdc.backend.primitives import (
    average_pool,
    composed_conv_relu_pool,
    conv_relu_pool,
    convolved_shape,
    max_pool,
    relu,
)
from slimdc.backend.process import SharedContext, one_blas_thread, parallel_map
from slimdc.backend.protocol import (
    Array,
    Backend,
    BackendFactory,
    Differentiated,
    Groups,
    HasFastBlock,
    Scored,
    Tensors,
)
from slimdc.backend.ranks import (
    Alone,
    GlobalStep,
    HasRanks,
    LocalStep,
    Ranks,
    Stepped,
    Tree,
    ranks_of,
)
from slimdc.backend.registry import ENTRY_POINTS, get, missing, names, resolve

__all__ = [
    "ENTRY_POINTS",
    "Alone",
    "Array",
    "Backend",
    "BackendFactory",
    "Compute",
    "Configured",
    "Differentiated",
    "GlobalStep",
    "Groups",
    "HasFastBlock",
    "HasRanks",
    "LocalStep",
    "Ranks",
    "Scored",
    "SharedContext",
    "Stepped",
    "Tensors",
    "Tree",
    "average_pool",
    "composed_conv_relu_pool",
    "conv_relu_pool",
    "convolved_shape",
    "get",
    "max_pool",
    "missing",
    "names",
    "one_blas_thread",
    "parallel_map",
    "ranks_of",
    "relu",
    "resolve",
    "value_and_grad",
]
