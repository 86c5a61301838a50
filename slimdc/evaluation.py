"""Evaluation: fresh networks trained on a set and tested on real data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slimdc._accuracies import accuracies_of, mean, spread
from slimdc._array import as_array, dtype_name, to_numpy
from slimdc._checks import truth, whole_number
from slimdc._inputs import Openable, open_real, open_set
from slimdc._warning import warn
from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidValueError
from slimdc.learning import TrainedNetwork, chosen_settings, generators_of, training_pair
from slimdc.networks import Network, fresh, network_for
from slimdc.notebook.reports import evaluation_as_html
from slimdc.parameterization import Description, Preprocessing, SlimmableDataset
from slimdc.protocols import steps_of
from slimdc.settings import EvaluationSettings
from slimdc.training.network_training import NetworkTraining
from slimdc.training.progress import Progress, Report, reporting
from slimdc.training.strategies import Pair
from slimdc.typing import FactorDtype, NetworkName, ProtocolName

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Accuracies on real data of networks trained on a set, each at its last step.

    Parameters
    ----------
    accuracies : tuple of float
        One for each network, in percent.
    steps : int
        Training steps that each network took.

    Examples
    --------
    >>> print(Evaluation((70.0, 72.0), 500))
    71.00 ± 1.41 % (2 networks, 500 steps)
    """

    accuracies: tuple[float, ...]
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "accuracies", accuracies_of(self.accuracies))
        object.__setattr__(self, "steps", whole_number("steps", self.steps, at_least=1))

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return mean(self.accuracies)

    @property
    def std(self) -> float:
        """Sample standard deviation over the networks, in points; 0 for a single one."""
        return spread(self.accuracies)

    def __str__(self) -> str:
        count, steps = len(self.accuracies), f"{self.steps} step{'s' * (self.steps != 1)}"
        if count == 1:
            return f"{self.mean:.2f} % (1 network, {steps})"
        return f"{self.mean:.2f} ± {self.std:.2f} % ({count} networks, {steps})"

    def _repr_html_(self) -> str:
        return evaluation_as_html(self)


def evaluate(
    data: Openable,
    x_test: Any,
    y_test: Any,
    *,
    protocol: ProtocolName | EvaluationSettings = "quick",
    repeats: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    network: NetworkName | Network | None = None,
    width: int | None = None,
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: FactorDtype | None = None,
    preprocessed: bool = False,
    progress: Progress = None,
) -> Evaluation:
    """Train fresh networks on a set and test them on real data.

    How they are trained is said by a protocol; figures are comparable within one only. The accuracy
    is that of the last step: the test data choose nothing.

    Parameters
    ----------
    data : SlimmableDataset, path or pair (samples, labels)
        What the networks are trained on; a pair as in `SlimmableDataset.from_arrays`.
    x_test : array
        Real samples (m, ...), raw: the set's own preprocessing is applied to them.
    y_test : array
        Their classes (m,), integers from 0.
    protocol : {"quick", "frepo", "vico", "idc", "ddranking", "ddranking-soft"} or settings
        How networks are trained: a name (docs/protocols.md), or `EvaluationSettings`. "quick" is
        Adam on half the squared error to the set's own labels, at 1e-3 with a short warm-up and a
        cosine, for 150 steps: about a minute on two cores for the set in the package.
    repeats : int, optional
        Number of networks; by default that of the protocol, as with the next ones.
    steps : int, optional
        Training steps of each.
    seed : int
        Seed of every random draw.
    network : str or Network, optional
        As for `slimdc.networks.build`.
    width : int, optional
        Filters of the networks' first block, or units of a layer.
    backend, device, dtype
        As for `slimdc.slim`.
    preprocessed : bool
        True says that ``x_test`` lives in the space of the set already.
    progress : callable, bool or None
        A callable is given (count, steps, terms) now and then, and after each network: the steps
        of all networks that are done, of how many; and ``"loss"``, or at the end of a network its
        ``"accuracy"`` in percent.

    Returns
    -------
    Evaluation
        Mean, spread and the single accuracies, in percent.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used, or the set does not go with the protocol: hard labels where
        a row's largest entry is not that of its class, cross-entropy of rows that are no
        probabilities, augmentation of vectors.
    MissingBackendError
        If the backend is unknown or its library is not installed.
    FileError
        If a path cannot be read.
    NumericalError
        If a network leaves the finite numbers.

    Warns
    -----
    SlimdcWarning
        If the test samples plainly live in another space than the set's.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(40) % 2
    >>> x = rng.standard_normal((40, 8)) + 3.0 * y[:, None]
    >>> evaluate((x[:20], y[:20]), x[20:], y[20:], repeats=2, steps=100, width=16).steps
    100
    """
    judged = open_set(data)
    chosen = chosen_settings(protocol, network, width)
    if repeats is not None:
        chosen = replace(chosen, repeats=repeats)
    steps = steps_of(chosen, steps, len(judged))
    generators = generators_of(seed)
    test = read_test(x_test, y_test, judged, preprocessed)
    compute = Compute.chosen(judged.u, backend, device, dtype)
    with compute.session(), reporting(progress, "evaluate") as report:
        judge = Judge.of(judged, chosen, compute, test)
        pair = training_pair(chosen, judged, compute)
        return judge.evaluation([pair] * chosen.repeats, steps, generators, report)


@dataclass(frozen=True)
class Judge:
    """Trains networks and tests them: on one set again and again, or on one after another.

    Parameters
    ----------
    network : Network
        The architecture.
    settings : EvaluationSettings
        How they are trained.
    compute : Compute
        Where.
    description : Description
        Of the set in whose space the samples are.
    test : pair of numpy.ndarray
        Real samples in that space, and their classes.
    """

    network: Network
    settings: EvaluationSettings
    compute: Compute
    description: Description
    test: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(
        cls,
        data: SlimmableDataset,
        settings: EvaluationSettings,
        compute: Compute,
        test: tuple[np.ndarray, np.ndarray],
    ) -> Judge:
        """Make the network that settings name for a set."""
        network = network_for(settings.network, data, settings, compute)
        return cls(network, settings, compute, data.description, test)

    def evaluation(
        self,
        pairs: Iterable[Pair],
        steps: int,
        generators: tuple[np.random.Generator, np.random.Generator],
        report: Report,
    ) -> Evaluation:
        """Train a network on each pair of samples and label rows, and test it.

        Parameters
        ----------
        pairs : iterable of pairs
            One for each network, of the same shapes.
        steps : int
            Training steps of each network.
        generators : pair of numpy.random.Generator
            They draw networks, and all else.
        report : callable
            Is given the steps of all networks.
        """
        rng, batches = generators
        training = NetworkTraining(self.network, self.compute, self.settings, steps)
        accuracies: list[float] = []
        done, total = 0, self.settings.repeats * steps
        for pair in pairs:
            start = fresh(self.network, self.compute.backend, rng, self.compute.dtype)
            tensors = training.train(start, pair, batches, _shifted(report, done, total))
            trained = TrainedNetwork(self.network, tensors, self.compute, self.description)
            hits = trained.scores(self.test[0]).argmax(axis=1) == self.test[1]
            accuracies.append(100.0 * float(np.mean(hits)))
            done += steps
            report(done, total, {"accuracy": accuracies[-1]})
        return Evaluation(tuple(accuracies), steps)


def _shifted(report: Report, done: int, total: int) -> Report:
    """Count the steps of one network after those of the networks before it."""
    return lambda count, _, terms: report(done + count, total, terms)


def read_test(
    x_test: Any, y_test: Any, data: SlimmableDataset, preprocessed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Read test data into the space of the set, and warn where they seem to be of another."""
    preprocessed = truth("preprocessed", preprocessed)
    space = Preprocessing() if preprocessed else data.preprocessing
    x, classes = open_real(x_test, y_test, data.shape, data.layout, space, "_test")
    if classes.max() >= data.label_entries:
        raise InvalidValueError(
            "y_test",
            f"class {classes.max()}",
            f"classes below {data.label_entries}, the label entries of the set",
        )
    _warn_of_another_space(x_test, x, data, preprocessed)
    return x, classes


def _warn_of_another_space(
    x_test: Any, x_real: np.ndarray, data: SlimmableDataset, preprocessed: bool
) -> None:
    x = to_numpy(data.arrays()[0])
    raw_pixels = dtype_name(as_array(x_test, "x_test")) == "uint8" and not preprocessed
    standardised = data.preprocessing == Preprocessing() and x.min() < -0.25
    if (raw_pixels and standardised) or np.abs(x_real).max() > 10 * max(1.0, np.abs(x).max()):
        warn(
            f"x_test: found values from {x_real.min():.3g} to {x_real.max():.3g} after the set's "
            f"preprocessing, expected the space of the set, {x.min():.3g} to {x.max():.3g}; give "
            "the set its preprocessing (SlimmableDataset.from_arrays), or preprocessed samples "
            "and preprocessed=True",
        )
