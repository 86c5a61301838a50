"""Learning-free methods that choose samples: the rivals that a trained set has to beat."""

from __future__ import annotations

from slimdc.methods.method import Method, Way, random_rows
from slimdc.settings import FREE

__all__ = ["METHODS"]

METHODS = (
    Method(
        "random",
        "random samples of each class: real ones, or rows of the set",
        condense=Way(random_rows, None, FREE),
        slim=Way(random_rows, None, FREE),
    ),
)
