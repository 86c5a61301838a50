"""The slimmable set of Eq. 8: how it is made, checked, described, truncated and trained."""

from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.reconstruction import reconstruct

__all__ = ["Description", "Factors", "Preprocessing", "SlimmableDataset", "reconstruct"]
