"""Networks that embed samples: the protocol, the built-in ones, and the registry of names."""

from slimdc.networks.convnet import ConvNet
from slimdc.networks.mlp import MLP
from slimdc.networks.normalization import NORMS, Norm
from slimdc.networks.protocol import (
    HEAD,
    HEAD_BIAS,
    Network,
    Observing,
    cross_entropy,
    fresh,
    keeps_statistics,
    observed,
    predict,
    squared_error,
)
from slimdc.networks.registry import build, network_for, verified

__all__ = [
    "HEAD",
    "HEAD_BIAS",
    "MLP",
    "NORMS",
    "ConvNet",
    "Network",
    "Norm",
    "Observing",
    "build",
    "cross_entropy",
    "fresh",
    "keeps_statistics",
    "network_for",
    "observed",
    "predict",
    "squared_error",
    "verified",
]
