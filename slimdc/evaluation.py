"""Evaluation: fresh networks trained on a set and tested on real data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc._array import as_array, dtype_name, to_numpy
from slimdc._checks import MOST, truth, whole_number
from slimdc._inputs import Openable, open_real, open_set
from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidValueError, SlimdcWarning
from slimdc.learning import TrainedNetwork, checked_steps, chosen_settings, generators_of
from slimdc.networks import Network, fresh, network_for
from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.parameterization.factors import samples_on
from slimdc.settings import EvaluationSettings
from slimdc.training.network_training import NetworkTraining
from slimdc.training.progress import Progress, reporting

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

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Sample standard deviation over the networks, in points; 0 for a single one."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0

    def __str__(self) -> str:
        count = len(self.accuracies)
        if count == 1:
            return f"{self.mean:.2f} % (1 network, {self.steps} steps)"
        return f"{self.mean:.2f} ± {self.std:.2f} % ({count} networks, {self.steps} steps)"


def evaluate(
    data: Openable,
    x_test: Any,
    y_test: Any,
    *,
    repeats: int = 5,
    steps: int | None = None,
    seed: int = 0,
    network: str | Network = "auto",
    width: int | None = None,
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: str | None = None,
    preprocessed: bool = False,
    settings: EvaluationSettings | None = None,
    progress: Progress = None,
) -> Evaluation:
    """Train fresh networks on a set and test them on real data.

    After FRePo's protocol: Adam on half the squared error to the set's own labels, linear warm-up,
    a cosine to 1 % of the rate, at most 500 samples a step, no augmentation. The accuracy is that
    of the last step: the test data choose nothing.

    Parameters
    ----------
    data : SlimmableDataset, path or pair (samples, labels)
        What the networks are trained on; a pair as in `SlimmableDataset.from_arrays`.
    x_test : array
        Real samples (m, ...), raw: the set's own preprocessing is applied to them.
    y_test : array
        Their classes (m,), integers from 0.
    repeats : int
        Number of networks.
    steps : int, optional
        Training steps of each; by default `steps_for` the number of samples.
    seed : int
        Seed of every random draw.
    network, width, backend, device, dtype
        As for `slimdc.slim`.
    preprocessed : bool
        True says that ``x_test`` lives in the space of the set already.
    settings : EvaluationSettings, optional
        Rates, batch and size of the networks.
    progress : callable, bool or None
        A callable is given (count, steps, terms) after each network.

    Returns
    -------
    Evaluation
        Mean, spread and the single accuracies, in percent.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used.
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
    chosen = chosen_settings(settings, width)
    count = whole_number("repeats", repeats, at_least=1, at_most=MOST)
    steps = checked_steps(steps, len(judged))
    rng, batches = generators_of(seed)
    x_real, classes = _test_data(x_test, y_test, judged, preprocessed)
    compute = Compute.chosen(judged.u, backend, device, dtype)
    with compute.session(), reporting(progress, "evaluate") as report:
        architecture = network_for(network, judged, chosen, compute)
        training = NetworkTraining(architecture, compute, chosen, steps)
        pair = samples_on(compute, judged)
        accuracies: list[float] = []
        for _ in range(count):
            start = fresh(architecture, compute.backend, rng, compute.dtype)
            trained = TrainedNetwork(
                architecture, training.train(start, pair, batches), compute, judged.description
            )
            hits = trained.scores(x_real).argmax(axis=1) == classes
            accuracies.append(100.0 * float(np.mean(hits)))
            report(len(accuracies), count, {"accuracy": accuracies[-1]})
    return Evaluation(tuple(accuracies), steps)


def _test_data(
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
        warnings.warn(
            f"x_test: found values from {x_real.min():.3g} to {x_real.max():.3g} after the set's "
            f"preprocessing, expected the space of the set, {x.min():.3g} to {x.max():.3g}; give "
            "the set its preprocessing (SlimmableDataset.from_arrays), or preprocessed samples "
            "and preprocessed=True",
            SlimdcWarning,
            stacklevel=3,
        )
