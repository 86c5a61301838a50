"""The preprocessing that a set's samples live in, so that it is done once and can be undone."""

from slimdc.parameterization.preprocessing.chain import Preprocessing
from slimdc.parameterization.preprocessing.choice import checked, chosen, in_space
from slimdc.parameterization.preprocessing.image_norm import ImageNorm
from slimdc.parameterization.preprocessing.samples import FLOATS
from slimdc.parameterization.preprocessing.standardisation import Standardisation
from slimdc.parameterization.preprocessing.whitening import Whitening

__all__ = [
    "FLOATS",
    "ImageNorm",
    "Preprocessing",
    "Standardisation",
    "Whitening",
    "checked",
    "chosen",
    "in_space",
]
