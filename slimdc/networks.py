"""Networks as pure functions of a backend's primitives, their parameters and images.

A network embeds: ``embed`` returns the features X^θ before the head. `predict` applies the head.
Parameters are drawn on the host in float64 and then rounded, so that one seed means the same
network on every backend and in every dtype.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace as namespace

from slimdc import normalization
from slimdc.backend import Array, Backend, Tensors
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.normalization import Floats, Norm

HEAD = "head.weight"
HEAD_BIAS = "head.bias"


class Network(Protocol):
    """What slimming, condensing and evaluating ask of a network.

    A network may also keep running statistics among its parameters, see `Observing`.
    """

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw initial parameters, `HEAD` (f, c) and `HEAD_BIAS` (c,) among them."""
        ...

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute features (n, f) of samples: images (n, h, w, channels) or vectors (n, d)."""
        ...


@runtime_checkable
class Observing(Network, Protocol):
    """A network with running statistics: `embed` uses them, and only its own steps update them."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the parameters that are running statistics; none where nothing is observed."""
        ...

    def observe(self, ops: Backend, parameters: Tensors, x: Array) -> tuple[Array, Tensors]:
        """Compute features by the statistics of ``x`` itself, and the next running statistics."""
        ...


@dataclass(frozen=True)
class ConvNet:
    """The paper's ConvNet: ``depth`` blocks of convolution, ReLU and 2 x 2 average pooling.

    Filters are 3 x 3 with bias, the width doubles from block to block (128-256-512 in the paper,
    after FRePo), and the head is linear with bias. The first block pads 28 x 28 images to 32 x 32,
    as FRePo does. Parameters start lecun-normal, biases at zero. Where there is a normalisation,
    it stands before every convolution but the first, FRePo's place for it.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels.
    outputs : int
        Label entries c.
    width : int
        Filters of the first block.
    depth : int
        Number of blocks.
    norm : {"none", "instance", "batch"}
        Normalisation: none, of each image's channels, or of channels over the batch, with running
        statistics that only the network's own steps update; see `slimdc.normalization`.

    Raises
    ------
    InvalidValueError
        If a number is below 1, the images are too small for that many poolings, or there is no
        such normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = ConvNet((28, 28, 1), 10, width=8)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((2, 28, 28, 1))).shape
    (2, 512)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 128
    depth: int = 3
    norm: Norm = "none"

    def __post_init__(self) -> None:
        _at_least_one(width=self.width, depth=self.depth, outputs=self.outputs)
        normalization.checked(self.norm)
        if min(self._size()) < 1:
            raise InvalidValueError(
                "depth",
                f"{self.depth} poolings of {self.image[0]} x {self.image[1]} images",
                "fewer: a smaller depth in the settings, or layout='flat'",
            )

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; filters are (3, 3, c_in, c_out)."""
        channels = (self.image[2], *(self.width << i for i in range(self.depth)))
        parameters: dict[str, Floats] = {}
        for i, (before, after) in enumerate(itertools.pairwise(channels)):
            parameters[f"conv{i}.weight"] = _lecun_normal(rng, (3, 3, before, after))
            parameters[f"conv{i}.bias"] = np.zeros(after)
            parameters |= normalization.start(self.norm, i, before) if i else {}
        return parameters | _draw_head(rng, math.prod(self._size()) * channels[-1], self.outputs)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the running statistics: those of batch normalisation."""
        blocks = range(1, self.depth) if self.norm == "batch" else ()
        return tuple(name for i in blocks for name in normalization.statistics(i))

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute features (n, f) of images (n, h, w, channels)."""

        def normalise(x: Array, i: int) -> Array:
            if self.norm == "instance":
                moments = normalization.moments_of(x, (1, 2))
            else:
                mean, variance = normalization.statistics(i)
                moments = parameters[mean], parameters[variance]
            return normalization.normalised(x, moments, parameters, i)

        return self._features(ops, parameters, x, normalise)

    def observe(self, ops: Backend, parameters: Tensors, x: Array) -> tuple[Array, Tensors]:
        """Compute features (n, f), normalised by this batch, and the next running statistics."""
        running: Tensors = {}

        def normalise(x: Array, i: int) -> Array:
            moments = normalization.moments_of(x, (0, 1, 2))
            running.update(normalization.remembered(moments, parameters, i))
            return normalization.normalised(x, moments, parameters, i)

        return self._features(ops, parameters, x, normalise), running

    def _features(
        self,
        ops: Backend,
        parameters: Tensors,
        x: Array,
        normalise: Callable[[Array, int], Array],
    ) -> Array:
        for i in range(self.depth):
            if i and self.norm != "none":
                x = normalise(x, i)
            x = ops.conv_relu_pool(
                x, parameters[f"conv{i}.weight"], parameters[f"conv{i}.bias"], self._padding(i)
            )
        return namespace(x).reshape(x, (x.shape[0], -1))

    def _padding(self, block: int) -> int:
        return 3 if block == 0 and self.image[:2] == (28, 28) else 1

    def _size(self) -> tuple[int, int]:
        grown = 2 * (self._padding(0) - 1)
        return (self.image[0] + grown) >> self.depth, (self.image[1] + grown) >> self.depth


@dataclass(frozen=True)
class MLP:
    """A perceptron for flat vectors: ``depth`` layers of ``width`` ReLU units and a linear head.

    Parameters
    ----------
    inputs : int
        Values per sample d.
    outputs : int
        Label entries c.
    width : int
        Units of each layer; also the number of features.
    depth : int
        Number of layers before the head.

    Raises
    ------
    InvalidValueError
        If a number is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = MLP(5, 3, width=16)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((2, 5))).shape
    (2, 16)
    """

    inputs: int
    outputs: int
    width: int = 256
    depth: int = 2

    def __post_init__(self) -> None:
        _at_least_one(inputs=self.inputs, width=self.width, depth=self.depth, outputs=self.outputs)

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; layers are (units before, units)."""
        units = (self.inputs, *([self.width] * self.depth))
        parameters: dict[str, Floats] = {}
        for i, shape in enumerate(itertools.pairwise(units)):
            parameters[f"dense{i}.weight"] = _lecun_normal(rng, shape)
            parameters[f"dense{i}.bias"] = np.zeros(shape[1])
        return parameters | _draw_head(rng, self.width, self.outputs)

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:  # noqa: ARG002
        """Compute features (n, width) of vectors (n, d)."""
        for i in range(self.depth):
            z = x @ parameters[f"dense{i}.weight"] + parameters[f"dense{i}.bias"]
            x = z * namespace(z).astype(z > 0, z.dtype)
        return x


def build(
    network: str | Network,
    shape: tuple[int, ...],
    layout: str,
    outputs: int,
    *,
    width: int,
    depth: int,
    norm: Norm = "none",
) -> Network:
    """Make a network for samples of a shape, or pass one through.

    Parameters
    ----------
    network : {"auto", "convnet", "mlp"} or Network
        ``"auto"`` is the ConvNet for images and the MLP for flat vectors.
    shape, layout
        Of the samples, as `slimdc.SlimmableDataset` holds them.
    outputs : int
        Label entries c.
    width, depth : int
        Of a network made here.
    norm : {"none", "instance", "batch"}
        Of a ConvNet made here.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValueError
        If the name is unknown, or does not go with the samples.

    Examples
    --------
    >>> build("auto", (3, 32, 32), "channels_first", 10, width=32, depth=3)
    ConvNet(image=(32, 32, 3), outputs=10, width=32, depth=3, norm='none')
    """
    if not isinstance(network, str):
        return network
    kind = network
    if network == "auto":
        kind = "mlp" if layout == "flat" else "convnet"
    if kind == "mlp" and layout == "flat":
        return MLP(shape[0], outputs, width, depth)
    if kind == "convnet" and layout != "flat":
        h, w, c = (*shape[1:], shape[0]) if layout == "channels_first" else shape
        return ConvNet((h, w, c), outputs, width, depth, norm)
    raise InvalidValueError(
        "network",
        f"{network!r} for samples of shape {shape}",
        "'auto', 'convnet' for images, 'mlp' for flat vectors, or a Network",
    )


def verified(network: object, x: npt.NDArray[np.floating], outputs: int, ops: Backend) -> Network:
    """Check that a network takes samples and gives features for that many label entries.

    Parameters
    ----------
    network : Network
        A built-in or a caller's own.
    x : numpy.ndarray
        One sample or more, as networks take them.
    outputs : int
        Label entries c.
    ops : Backend
        Where the trial runs.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    InvalidTypeError
        If it has no ``draw`` and ``embed``.
    InvalidValueError
        If it cannot embed the samples, or its head does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> verified(MLP(5, 3), np.zeros((1, 5)), 3, backend.get("numpy"))
    MLP(inputs=5, outputs=3, width=256, depth=2)
    """
    if not (hasattr(network, "draw") and hasattr(network, "embed")):
        raise InvalidTypeError("network", type(network).__name__, "a name or a Network")
    expected = f"a network for samples of shape {x.shape[1:]} and {outputs} label entries"
    try:
        parameters = fresh(network, ops, np.random.default_rng(0), str(x.dtype))
        scores = predict(parameters, network.embed(ops, parameters, ops.asarray(x[:1])))
    except Exception as error:  # a caller's own network may fail in any way
        raise InvalidValueError("network", f"{network!r} ({error})", expected) from error
    if tuple(scores.shape) != (1, outputs):
        raise InvalidValueError("network", f"scores of shape {tuple(scores.shape)}", expected)
    return network


def fresh(network: Network, ops: Backend, rng: np.random.Generator, dtype: str) -> Tensors:
    """Draw a network's initial parameters onto a backend, in a dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> drawn = fresh(MLP(5, 3), backend.get("numpy"), np.random.default_rng(0), "float32")
    >>> drawn[HEAD].dtype, drawn[HEAD].shape
    (dtype('float32'), (256, 3))
    """
    return {name: ops.asarray(x.astype(dtype)) for name, x in network.draw(rng).items()}


def predict(parameters: Tensors, features: Array) -> Array:
    """Apply the linear head to features (n, f): predictions (n, c)."""
    return features @ parameters[HEAD] + parameters[HEAD_BIAS]


def squared_error(parameters: Tensors, features: Array, y: Array) -> Array:
    """Half the squared error of the head on features, summed over label entries, their mean."""
    error = predict(parameters, features) - y
    return namespace(error).sum(error * error) * (0.5 / error.shape[0])


def observed(
    network: Network, ops: Backend, parameters: Tensors, x: Array
) -> tuple[Array, Tensors]:
    """Compute features for a network's own training step, and its next running statistics."""
    if keeps_statistics(network):
        return network.observe(ops, parameters, x)
    return network.embed(ops, parameters, x), {}


def keeps_statistics(network: Network) -> TypeGuard[Observing]:
    """Whether a network's own steps see other features than `Network.embed` gives."""
    return isinstance(network, Observing) and bool(network.statistics)


def _draw_head(rng: np.random.Generator, features: int, outputs: int) -> dict[str, Floats]:
    return {HEAD: _lecun_normal(rng, (features, outputs)), HEAD_BIAS: np.zeros(outputs)}


def _lecun_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw a normal truncated at 2 deviations, of variance 1 / fan-in."""
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > 2).any():
        z[far] = rng.standard_normal(int(far.sum()))
    # 0.8796... is the deviation of a standard normal truncated at 2.
    return z / (0.87962566103423978 * math.sqrt(math.prod(shape[:-1])))


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InvalidValueError(name, str(number), "at least 1")
