"""Slimmable dataset condensation on NumPy, PyTorch or JAX arrays.

A condensed dataset is a few synthetic samples that train a network nearly as well as the real
data. slimdc makes such a set smaller from the set alone: at once, or better with training, with
error bounds that it certifies.

Examples
--------
>>> import numpy as np
>>> import slimdc
>>> x = np.random.default_rng(0).standard_normal((40, 28, 28))
>>> small = slimdc.slim((x, np.arange(40) % 4), 2, steps=0)
>>> small.components
(2, 2, 2, 2)
"""

from slimdc import datasets, errors
from slimdc.certificate import Certificate, certify
from slimdc.chains import Chain, chain
from slimdc.condensing import condense
from slimdc.evaluation import Evaluation, evaluate
from slimdc.learning import TrainedNetwork, train_network
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.referencing import ReferenceEvaluations, references
from slimdc.replay import ReplayBuffer
from slimdc.sharding import slim_shards
from slimdc.slimming import slim
from slimdc.storage import dumps, load, loads, read, save, write

__all__ = [
    "Certificate",
    "Chain",
    "Evaluation",
    "Preprocessing",
    "ReferenceEvaluations",
    "ReplayBuffer",
    "SlimmableDataset",
    "TrainedNetwork",
    "__version__",
    "certify",
    "chain",
    "condense",
    "datasets",
    "dumps",
    "errors",
    "evaluate",
    "load",
    "loads",
    "read",
    "references",
    "save",
    "slim",
    "slim_shards",
    "train_network",
    "write",
]

__version__ = "0.1.0"
