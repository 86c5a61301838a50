"""Evaluation: fresh networks trained on a set and tested on real data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import as_array, dtype_name, to_numpy
from slimdc._checks import whole_number
from slimdc._inputs import Openable, open_real, open_set
from slimdc.backend import Array, Backend, Groups, Tensors, resolve
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError, SlimdcWarning
from slimdc.networks import Network, fresh, observed, predict, squared_error
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import computed_in, network_for, network_input, samples_on
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.settings import EvaluationSettings
from slimdc.training.monitor import Progress, reporting
from slimdc.training.optimizers import Adam, Pace, cosine

# FRePo's numbers of steps, by number of training samples; between them, see `steps_for`.
STEPS = ((10, 1_000), (100, 2_000), (500, 5_000), (1_000, 10_000), (2_000, 40_000))

TEST_BATCH = 500

_ADAM = Adam()


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


def steps_for(samples: int) -> int:
    """Give the number of training steps for a set of that many samples.

    FRePo's numbers are kept where it gives one: 10 samples 1,000 steps, 100 samples 2,000, 500
    samples 5,000, 1,000 samples 10,000, 2,000 samples 40,000. Between them the logarithm of steps
    is linear in that of samples; below and above, the first and the last number hold.

    Examples
    --------
    >>> [steps_for(n) for n in (1, 10, 50, 100, 500, 10_000)]
    [1000, 1000, 1623, 2000, 5000, 40000]
    """
    known, steps = (np.log([pair[i] for pair in STEPS]) for i in (0, 1))
    return round(math.exp(np.interp(math.log(samples), known, steps)))


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
    opened = open_set(data)
    chosen = EvaluationSettings() if settings is None else settings
    if not isinstance(chosen, EvaluationSettings):
        raise InvalidTypeError("settings", repr(settings), "EvaluationSettings")
    if width is not None:
        chosen = replace(chosen, width=whole_number("width", width, at_least=1))
    count = whole_number("repeats", repeats, at_least=1)
    steps = steps_for(len(opened)) if steps is None else whole_number("steps", steps, at_least=1)
    seed = whole_number("seed", seed, at_least=0)
    space = Preprocessing() if preprocessed else opened.preprocessing
    x_real, classes = open_real(x_test, y_test, opened.shape, opened.layout, space, "_test")
    if classes.max() >= opened.label_entries:
        raise InvalidValueError(
            "y_test",
            f"class {classes.max()}",
            f"classes below {opened.label_entries}, the set's label entries",
        )
    _warn_of_another_space(x_test, x_real, opened, preprocessed)
    ops = resolve(backend, opened.u, device)
    dtype = computed_in(dtype, opened, ops)
    x_real = x_real.astype(dtype)
    with ops.session():
        architecture = network_for(network, opened, chosen, ops)
    # Batches have a generator of their own: they do not change which networks are drawn.
    rng, batches = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    accuracies: list[float] = []
    with ops.session(), reporting(progress, "evaluate") as report:
        x, y = samples_on(ops, opened, dtype)
        step = _step(architecture, ops)
        for _ in range(count):
            parameters = fresh(architecture, ops, rng, dtype)
            parameters = _train(step, parameters, ops, batches, x, y, steps, chosen)
            predicted = _classify(architecture, ops, parameters, x_real, opened)
            accuracies.append(100.0 * float(np.mean(predicted == classes)))
            report(len(accuracies), count, {"accuracy": accuracies[-1]})
    return Evaluation(tuple(accuracies), steps)


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


def _step(network: Network, ops: Backend) -> Callable[..., tuple[Tensors, Tensors, Array]]:
    """Compile a step of Adam once for all networks."""

    def loss(variables: Groups, x: Array, y: Array) -> tuple[Tensors, Tensors]:
        features, statistics = observed(network, ops, variables["network"], x)
        error = squared_error(variables["network"], features, y)
        return {"network": error}, statistics

    gradients = ops.differentiate(loss)

    def stepped(
        parameters: Tensors, moments: Tensors, x: Array, y: Array, pace: Pace
    ) -> tuple[Tensors, Tensors, Array]:
        values, statistics, slopes = gradients({"network": parameters}, x, y)
        learned, moments = _ADAM.moved(parameters, slopes["network"], moments, pace)
        return learned | statistics, moments, values["network"]

    return ops.compile(stepped)


def _train(
    step: Callable[..., tuple[Tensors, Tensors, Array]],
    parameters: Tensors,
    ops: Backend,
    batches: np.random.Generator,
    x: Array,
    y: Array,
    steps: int,
    settings: EvaluationSettings,
) -> Tensors:
    moments = _ADAM.start(parameters)
    samples = x.shape[0]
    batch = min(samples, settings.batch)
    warm_up = min(settings.warm_up, steps // 4)
    xp = array_namespace(x)
    order = np.arange(0)
    for count in range(1, steps + 1):
        part = (x, y)
        if batch < samples:
            # Every sample is seen once before any is seen again.
            if order.size < batch:
                order = np.concatenate([order, batches.permutation(samples)])
            drawn, order = ops.asarray(order[:batch]), order[batch:]
            part = (xp.take(x, drawn, axis=0), xp.take(y, drawn, axis=0))
        rate = settings.rate * cosine(count, steps, floor=settings.rate_floor, warm_up=warm_up)
        parameters, moments, value = step(parameters, moments, *part, _ADAM.pace(count, rate))
    if not math.isfinite(float(ops.to_numpy(value))):
        raise NumericalError("data", "a network whose loss is not finite", "a set to learn from")
    return parameters


def _classify(
    network: Network, ops: Backend, parameters: Tensors, x: np.ndarray, data: SlimmableDataset
) -> np.ndarray:
    """Classes of samples in the set's space, by the largest prediction."""
    predicted = []
    for i in range(0, x.shape[0], TEST_BATCH):
        part = network_input(ops.asarray(x[i : i + TEST_BATCH]), data.shape, data.layout)
        scores = ops.to_numpy(predict(parameters, network.embed(ops, parameters, part)))
        predicted.append(scores.argmax(axis=1))
    return np.concatenate(predicted)
