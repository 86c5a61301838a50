"""Networks by name, and whether a caller's own one fits a set."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks.convnet import ConvNet
from slimdc.networks.mlp import MLP
from slimdc.networks.normalization import Norm
from slimdc.networks.protocol import Network, fresh, predict
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import network_input

__all__ = ["NetworkSize", "build", "network_for", "verified"]


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
    def norm(self) -> Norm:
        """Normalisation of a ConvNet."""
        ...


def network_for(
    network: str | Network, data: SlimmableDataset, size: NetworkSize, compute: Compute
) -> Network:
    """Make the network that a caller named for a set, or check the one that was given.

    Parameters
    ----------
    network : {"auto", "convnet", "mlp"} or Network
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
