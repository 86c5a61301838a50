"""Readers of real data from files on this machine, and the small set in the package.

Nothing is ever downloaded, and nothing in a file is ever executed. MNIST and Fashion-MNIST are read
from their IDX files, CIFAR from its archives, other images from folders named after their classes.
"""

from slimdc.datasets.bundled import Sample, sample
from slimdc.datasets.cifar import cifar10, cifar100
from slimdc.datasets.idx import fashion_mnist, mnist
from slimdc.datasets.image_folder import image_folder
from slimdc.datasets.reading import read
from slimdc.datasets.real import RealDataset

__all__ = [
    "RealDataset",
    "Sample",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "image_folder",
    "mnist",
    "read",
    "sample",
]
