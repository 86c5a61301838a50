"""KIP: Eq. 1 with the exact tangent kernel of an infinitely wide network.

Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", ICLR 2021. Its kernel of
a perceptron is here in closed form. Its convolutional kernels (Nguyen et al., NeurIPS 2021) are
not: they need the library neural-tangents, whose last version 0.6.5 fails to import beside JAX
0.10.2 (``jax.core.Jaxpr`` is gone), and costs the square of the number of pixels for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, get_args

from array_api_compat import array_namespace

from slimdc._checks import non_negative, one_of, shown
from slimdc.backend import Array, Backend, Tensors
from slimdc.errors import InvalidValueError
from slimdc.losses import kernel_regression
from slimdc.methods.batches import RealBatches
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.methods.tangent_kernel import tangent_kernel
from slimdc.networks import Network
from slimdc.networks.pixels import Pixels
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import Labels, PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_positive, put
from slimdc.training.optimizers import Adam
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import FreshNetworks
from slimdc.training.strategies import Pair, View

__all__ = ["KIP", "METHODS", "KernelMatching", "KipSettings"]


@dataclass(frozen=True)
class KipSettings:
    """Settings of KIP.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples to match in a step.
    rate : float
        Adam's rate at the start. Where a set is slimmed, ``"default"`` has 0.004.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    ridge : float
        λ of the regression, relative to the kernel's mean diagonal.
    depth : int
        Hidden layers of the infinitely wide perceptron.
    weight_variance, bias_variance : float
        Of its weights, times their fan-in, and of its biases.
    labels : {"learned", "fixed"}
        Whether label rows are trained with the samples.

    Examples
    --------
    >>> KIP["paper"].batch
    5000
    """

    steps: int = 1000
    batch: int = 1024
    rate: float = 4e-2
    rate_floor: float = 0.1
    ridge: float = 1e-3
    depth: int = 1
    weight_variance: float = 2.0
    bias_variance: float = 0.01
    labels: Labels = "learned"

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1, depth=1)
        check_positive(self, "rate", "rate_floor", "ridge", "weight_variance")
        put(self, "bias_variance", non_negative("bias_variance", self.bias_variance))
        one_of("labels", self.labels, get_args(Labels))

    def of_width(self, width: int) -> Self:
        """Refuse: the network is infinitely wide."""
        raise InvalidValueError("width", shown(width), "None: the network is infinitely wide")


KIP: dict[str, KipSettings] = {
    "default": KipSettings(),
    "paper": KipSettings(steps=50_000, batch=5000, rate_floor=1.0, ridge=1e-6, labels="fixed"),
}


@dataclass(frozen=True)
class KernelMatching:
    """Eq. 1 in the tangent kernel: regression on the set predicts the labels of a batch.

    Parameters
    ----------
    batches : RealBatches
        What is drawn for a step.
    settings : KipSettings
        Depth and variances of the network, and the ridge.
    ridge : float
        λ, as high as the backend needs it.
    """

    batches: RealBatches
    settings: KipSettings
    ridge: float

    def batch(self) -> Pair:
        """Draw a batch."""
        return self.batches.draw()

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Flatten a batch."""
        x, y = batch
        return network.embed(backend, parameters, x), y

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the squared error, averaged over the batch."""
        x, y = target
        cross, kernel = self._kernel(x, view.features), self._kernel(view.features, view.features)
        xp = array_namespace(kernel)
        labels = xp.astype(view.y, kernel.dtype)
        error = kernel_regression(cross, kernel, labels, self.ridge) - xp.astype(y, kernel.dtype)
        loss = xp.sum(error * error) * (1.0 / y.shape[0])
        return loss, {"performance": loss}

    def _kernel(self, x: Array, other: Array) -> Array:
        known = self.settings
        return tangent_kernel(x, other, known.depth, known.weight_variance, known.bias_variance)


def kip_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples, and of labels where they learn, for KIP.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `KipSettings`.

    Raises
    ------
    InvalidValueError
        If another network than the perceptron is asked for.
    """
    _check_network(task.network)
    compute, settings = task.compute, task.settings
    ridge = compute.safe_ridge(settings.ridge)
    pixels = PixelParameterization(start, compute, Units.of(start), settings.labels)
    batches = RealBatches.of(task, start, pixels.units, settings.batch)
    network = Pixels(start.shape, start.label_entries)
    return Plan(
        parameterization=pixels,
        objective=KernelMatching(batches, settings, ridge),
        network=network,
        networks=lambda rng: FreshNetworks(network, compute, rng),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor, Adam()),
        compute=compute,
        rng=task.rng,
    )


def _check_network(network: object) -> None:
    if isinstance(network, str) and network in ("auto", "mlp"):
        return
    expected = "'auto' or 'mlp': KIP knows the kernel of the infinitely wide perceptron alone"
    if network == "convnet":
        expected += (
            "; convolutional kernels need neural-tangents, whose version 0.6.5 does not run with "
            "JAX 0.10 (method='rfad' estimates them)"
        )
    raise InvalidValueError("network", shown(network), expected)


# A set to match has few samples, which large steps fit too closely. On a part of Fashion-MNIST that
# no set was made of, sets slimmed to 5 and to 1 were best with this rate or 0.01 in the kernel
# itself; of the two, only this one left ConvNets above the rows that it started from each time.
_SLIM = KIP | {"default": replace(KIP["default"], rate=4e-3)}

METHODS = (
    Method(
        "kip",
        "Nguyen, Chen and Lee, Dataset Meta-Learning from Kernel Ridge-Regression, ICLR 2021",
        condense=Way(random_rows, kip_plan, KIP),
        slim=Way(random_rows, kip_plan, _SLIM),
    ),
)
