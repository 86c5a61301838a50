"""Pictures of sets and of results, drawn by matplotlib where it is installed."""

from slimdc.pictures.canvas import save_picture
from slimdc.pictures.curves import accuracies, budgets, convergence, sensitivity, spectrum
from slimdc.pictures.grids import components, samples
from slimdc.pictures.overview import overview

__all__ = [
    "accuracies",
    "budgets",
    "components",
    "convergence",
    "overview",
    "samples",
    "save_picture",
    "sensitivity",
    "spectrum",
]
