"""Training: a fresh or a given network learns from a set, as any user's network would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slimdc._array import as_array, to_numpy
from slimdc._checks import truth, whole_number
from slimdc._inputs import Openable, open_samples, open_set
from slimdc.backend import Backend, Compute, Tensors
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.networks import Network, fresh, network_for, predict
from slimdc.parameterization import Description, Preprocessing, SlimmableDataset
from slimdc.parameterization.factors import network_input, samples_on
from slimdc.protocols import label_rows, protocol_named, steps_for, steps_of
from slimdc.settings import EvaluationSettings
from slimdc.training.network_training import NetworkTraining
from slimdc.training.progress import Progress, reporting
from slimdc.training.strategies import Pair
from slimdc.typing import FactorDtype, NetworkName, ProtocolName

__all__ = ["TrainedNetwork", "steps_for", "train_network"]

TEST_BATCH = 500


def train_network(
    data: Openable,
    *,
    parameters: Mapping[str, Any] | None = None,
    protocol: ProtocolName | EvaluationSettings = "quick",
    steps: int | None = None,
    seed: int = 0,
    network: NetworkName | Network | None = None,
    width: int | None = None,
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: FactorDtype | None = None,
    progress: Progress = None,
) -> TrainedNetwork:
    """Train a network on a set, from fresh or from given parameters.

    The training is that of `slimdc.evaluate`, whose first network it is with the same seed.

    Parameters
    ----------
    data : SlimmableDataset, path or pair (samples, labels)
        What the network is trained on.
    parameters : mapping of str to array, optional
        Where it starts, such as `TrainedNetwork.parameters` of an earlier call; fresh ones where
        None.
    protocol : str or EvaluationSettings
        As for `slimdc.evaluate`.
    steps : int, optional
        Training steps; by default those of the protocol.
    seed : int
        Seed of every random draw.
    network, width, backend, device, dtype
        As for `slimdc.evaluate`.
    progress : callable, bool or None
        A callable is given (count, steps, terms) now and then, the last time at the last step.

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used, or the parameters are not those of the network.
    MissingBackendError
        If the backend is unknown or its library is not installed.
    FileError
        If a path cannot be read.
    NumericalError
        If the network leaves the finite numbers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(40) % 2
    >>> x = rng.standard_normal((40, 8)) + 3.0 * y[:, None]
    >>> trained = train_network((x, y), steps=50, width=16)
    >>> more = train_network((x, y), parameters=trained.parameters, steps=50, width=16)
    >>> more.predict(x).shape
    (40,)
    """
    held = open_set(data)
    chosen = chosen_settings(protocol, network, width)
    steps = steps_of(chosen, steps, len(held))
    rng, batches = generators_of(seed)
    compute = Compute.chosen(held.u, backend, device, dtype)
    with compute.session(), reporting(progress, "train") as report:
        architecture = network_for(chosen.network, held, chosen, compute)
        start = fresh(architecture, compute.backend, rng, compute.dtype)
        if parameters is not None:
            start = _given(parameters, start, compute)
        training = NetworkTraining(architecture, compute, chosen, steps)
        trained = training.train(start, training_pair(chosen, held, compute), batches, report)
        report(steps, steps, {})
    return TrainedNetwork(architecture, trained, compute, held.description)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network after its training on a set; `train_network` makes it.

    Parameters
    ----------
    network : Network
        The architecture.
    tensors : dict of array
        Its parameters on the backend.
    compute : Compute
        Where they are.
    description : Description
        Of the set that it was trained on, in whose space it takes samples.
    """

    network: Network
    tensors: Tensors
    compute: Compute
    description: Description

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters on the host, by name."""
        return {name: self.compute.backend.to_numpy(x) for name, x in self.tensors.items()}

    def predict(self, x: Any, *, preprocessed: bool = False) -> np.ndarray:
        """Classify samples.

        Parameters
        ----------
        x : array
            Samples (m, ...), raw: the preprocessing of the set is applied to them.
        preprocessed : bool
            True says that they live in the space of the set already.

        Returns
        -------
        numpy.ndarray of int64, shape (m,)
            The largest of the network's outputs.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            If they are no samples like those of the set.
        """
        preprocessed = truth("preprocessed", preprocessed)
        space = Preprocessing() if preprocessed else self.description.preprocessing
        samples = open_samples(x, self.description.shape, self.description.layout, space, "x")
        with self.compute.session():
            return np.asarray(self.scores(samples).argmax(axis=1))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Compute outputs (m, c) for samples on the host, in the space of the set."""
        backend, found = self.compute.backend, []
        for i in range(0, x.shape[0], TEST_BATCH):
            part = self.compute.asarray(x[i : i + TEST_BATCH])
            part = network_input(part, self.description)
            features = self.network.embed(backend, self.tensors, part)
            found.append(backend.to_numpy(predict(self.tensors, features)))
        scores = np.concatenate(found)
        if not np.isfinite(scores).all():
            raise NumericalError("training", "outputs that are not finite", "finite outputs")
        return scores


def chosen_settings(
    protocol: str | EvaluationSettings, network: str | Network | None, width: int | None
) -> EvaluationSettings:
    """Find a protocol, and apply the network and the width that a caller named."""
    chosen = protocol_named(protocol)
    if network is not None:
        chosen = replace(chosen, network=network)
    if width is not None:
        chosen = replace(chosen, width=width)
    return chosen


def training_pair(settings: EvaluationSettings, data: SlimmableDataset, compute: Compute) -> Pair:
    """Bring a set's samples to a backend, and the label rows that a protocol asks for."""
    rows = label_rows(settings, data)
    x, y = samples_on(compute, data)
    return x, y if rows is None else compute.asarray(rows)


def generators_of(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Make the sources of networks and of batches: neither moves the other."""
    seed = whole_number("seed", seed, at_least=0)
    return np.random.default_rng(seed), np.random.default_rng([seed, 1])


def _given(parameters: Mapping[str, Any], like: Tensors, compute: Compute) -> Tensors:
    """Bring a caller's parameters to the backend, if they are those of the network."""
    if not isinstance(parameters, Mapping):
        raise InvalidTypeError("parameters", type(parameters).__name__, "a mapping of arrays")
    host = {name: to_numpy(as_array(x, f"parameters[{name!r}]")) for name, x in parameters.items()}
    found = {name: x.shape for name, x in host.items()}
    expected = {name: tuple(x.shape) for name, x in like.items()}
    if found != expected:
        raise InvalidValueError("parameters", f"arrays of shape {found}", f"{expected}")
    return {name: compute.asarray(host[name]) for name in like}
