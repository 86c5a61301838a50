"""Networks that embed samples: the protocol, the built-in ones, and the registry of names."""

from slimdc.networks.alexnet import AlexNet
from slimdc.networks.convnet import ConvNet
from slimdc.networks.literature_convnet import LiteratureConvNet
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
from slimdc.networks.registry import NAMES, build, network_for, verified
from slimdc.networks.resnet import ResNet18
from slimdc.networks.vgg import VGG11

__all__ = [
    "HEAD",
    "HEAD_BIAS",
    "MLP",
    "NAMES",
    "NORMS",
    "VGG11",
    "AlexNet",
    "ConvNet",
    "LiteratureConvNet",
    "Network",
    "Norm",
    "Observing",
    "ResNet18",
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
