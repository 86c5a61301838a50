"""Networks by name, and whether a caller's own one fits a set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from slimdc._checks import MOST, one_of, whole_number
from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks.alexnet import AlexNet
from slimdc.networks.convnet import ConvNet
from slimdc.networks.images import pooled
from slimdc.networks.literature_convnet import LiteratureConvNet
from slimdc.networks.mlp import MLP
from slimdc.networks.normalization import NORMS, Norm
from slimdc.networks.protocol import Network, fresh, predict
from slimdc.networks.resnet import ResNet18
from slimdc.networks.vgg import VGG11
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.layout import check_layout, sample_shape

__all__ = ["NAMES", "NetworkSize", "build", "network_for", "verified"]

_FOR_IMAGES: dict[str, Callable[..., Network]] = {
    "convnet": ConvNet,
    "convnet-in": LiteratureConvNet,
    "alexnet": AlexNet,
    "vgg11": VGG11,
    "resnet18": ResNet18,
}
_FOR_VECTORS: dict[str, Callable[..., Network]] = {"mlp": MLP}
_MAKERS = _FOR_IMAGES | _FOR_VECTORS

NAMES = tuple(_MAKERS)


def build(
    network: str | Network,
    shape: tuple[int, ...],
    layout: str,
    outputs: int,
    *,
    width: int | None = None,
    depth: int | None = None,
    norm: Norm | None = None,
) -> Network:
    """Make a network for samples of a shape, or pass one through.

    Parameters
    ----------
    network : str or Network
        One of `NAMES`: ``"convnet"`` (`ConvNet`), ``"convnet-in"`` (`LiteratureConvNet`),
        ``"alexnet"``, ``"vgg11"`` and ``"resnet18"`` for images, ``"mlp"`` for flat vectors; or
        ``"auto"``, the ConvNet for images and the MLP for flat vectors. Of a depth that is asked
        for, it takes as much as small images have room for.
    shape, layout
        Of the samples, as `slimdc.SlimmableDataset` holds them.
    outputs : int
        Label entries c.
    width, depth : int, optional
        Of a network made here; without them, the network's own. AlexNet, VGG-11 and ResNet-18 have
        a depth that is theirs, whatever is asked for.
    norm : {"none", "instance", "batch"}, optional
        Of a network made here for images; without it, the network's own.

    Returns
    -------
    Network

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the name is unknown, or does not go with the samples; the message lists those that do.
        If width, depth or norm cannot be used.

    Examples
    --------
    >>> build("auto", (3, 32, 32), "channels_first", 10, width=32, depth=3)
    ConvNet(image=(32, 32, 3), outputs=10, width=32, depth=3, norm='none')
    >>> build("resnet18", (32, 32, 3), "channels_last", 10)
    ResNet18(image=(32, 32, 3), outputs=10, width=64, norm='instance')
    """
    if not isinstance(network, str):
        return network
    if norm is not None:
        one_of("norm", norm, NORMS)
    shape, layout = sample_shape(shape, check_layout(layout))
    outputs = whole_number("outputs", outputs, at_least=1, at_most=MOST)
    of_kind, samples = _samples(shape, layout)
    usual = "mlp" if layout == "flat" else "convnet"
    name = usual if network == "auto" else network
    asked = {"width": width, "depth": depth, "norm": norm}
    if network == "auto" and name == "convnet":
        asked["depth"] = _with_room(samples, ConvNet.depth if depth is None else depth)
    found = f"{network!r} for samples of shape {shape}"
    if name in of_kind:
        try:
            return _made(name, samples, outputs, asked)
        except InvalidValueError as error:
            if error.argument != "image":
                raise
            found += f", which it cannot take ({error})"
    fitting = [name for name in of_kind if _fits(name, samples, outputs, asked)]
    raise InvalidValueError(
        "network",
        found,
        f"a Network, 'auto', or one that fits: {_listed(fitting)} (known are {_listed(NAMES)})",
    )


def _samples(shape: tuple[int, ...], layout: str) -> tuple[dict[str, Callable[..., Network]], Any]:
    """Find the networks for samples of that kind, and what these are told of them."""
    if layout == "flat":
        return _FOR_VECTORS, shape[0]
    return _FOR_IMAGES, (*shape[1:], shape[0]) if layout == "channels_first" else shape


def _made(name: str, samples: Any, outputs: int, asked: dict[str, Any]) -> Network:
    """Make a network with what was asked for, as far as it has such a thing."""
    make: Any = _MAKERS[name]
    has = {field.name for field in fields(make)}
    given = {of: value for of, value in asked.items() if value is not None and of in has}
    return _MAKERS[name](samples, outputs, **given)


def _with_room(image: tuple[int, int, int], depth: int) -> int:
    """Take no more blocks than an image can be halved, and one at least."""
    room = max(1, min(pooled(image, 0)).bit_length() - 1)
    return min(whole_number("depth", depth, at_least=1), room)


def _fits(name: str, samples: Any, outputs: int, asked: dict[str, Any]) -> bool:
    try:
        _made(name, samples, outputs, asked)
    except InvalidValueError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


class NetworkSize(Protocol):
    """The part of any settings that says how large a network is."""

    @property
    def width(self) -> int:
        """Filters of the first block, or units of a layer."""
        ...

    @property
    def depth(self) -> int:
        """Blocks or layers."""
        ...

    @property
    def norm(self) -> Norm | None:
        """Normalisation of a network for images; None is the network's own."""
        ...


def network_for(
    network: str | Network, data: SlimmableDataset, size: NetworkSize, compute: Compute
) -> Network:
    """Make the network that a caller named for a set, or check the one that was given.

    Parameters
    ----------
    network : str or Network
        As for `build`.
    data : SlimmableDataset
        The set whose samples it is to take.
    size : NetworkSize
        Of a network made here.
    compute : Compute
        Where it is tried on a sample.

    Returns
    -------
    Network

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `build` and `verified`.

    Examples
    --------
    >>> from slimdc.settings import PoolSettings
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])
    >>> compute = Compute.chosen(data.u, "numpy", None, None)
    >>> network_for("auto", data, PoolSettings(width=8), compute)
    MLP(inputs=4, outputs=2, width=8, depth=3)
    """
    outputs = data.label_entries
    made = build(
        network,
        data.shape,
        data.layout,
        outputs,
        width=size.width,
        depth=size.depth,
        norm=size.norm,
    )
    sample = network_input(np.zeros((1, *data.shape), np.float32), data.description)
    return verified(made, sample, outputs, compute.backend)


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
