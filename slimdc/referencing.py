"""What a set is to be held against, under the identical recipe: random samples, all real data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slimdc._checks import MOST, whole_number
from slimdc._inputs import Openable, open_real, open_set
from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidValueError
from slimdc.evaluation import Evaluation, Judge, read_test
from slimdc.learning import chosen_settings, generators_of
from slimdc.networks import Network
from slimdc.notebook.reports import references_as_html
from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.labels import centred_one_hot
from slimdc.parameterization.reconstruction import rows as reconstructed
from slimdc.protocols import label_rows, scale_of, steps_of
from slimdc.settings import EvaluationSettings
from slimdc.training.progress import Progress, reporting
from slimdc.training.strategies import Pair
from slimdc.typing import FactorDtype, NetworkName, ProtocolName

__all__ = ["ReferenceEvaluations", "references"]


@dataclass(frozen=True)
class ReferenceEvaluations:
    """Accuracies to hold that of a set against.

    Parameters
    ----------
    real : Evaluation
        Of as many random real samples of each class.
    rows : Evaluation
        Of random rows of the set itself, as many of each class, with their own label rows: what
        slimming has to beat.
    full : Evaluation
        Of all real data.

    Examples
    --------
    >>> one = Evaluation((70.0, 72.0), 500)
    >>> print(ReferenceEvaluations(one, one, one))
    random real samples: 71.00 ± 1.41 % (2 networks, 500 steps)
    random rows: 71.00 ± 1.41 % (2 networks, 500 steps)
    all real data: 71.00 ± 1.41 % (2 networks, 500 steps)
    """

    real: Evaluation
    rows: Evaluation
    full: Evaluation

    def __str__(self) -> str:
        return (
            f"random real samples: {self.real}\nrandom rows: {self.rows}\n"
            f"all real data: {self.full}"
        )

    def _repr_html_(self) -> str:
        return references_as_html(self)


def references(
    data: Openable,
    x_train: Any,
    y_train: Any,
    x_test: Any,
    y_test: Any,
    *,
    k: int | None = None,
    protocol: ProtocolName | EvaluationSettings = "quick",
    repeats: int | None = None,
    steps: int | None = None,
    full_steps: int | None = None,
    seed: int = 0,
    network: NetworkName | Network | None = None,
    width: int | None = None,
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: FactorDtype | None = None,
    preprocessed: bool = False,
    progress: Progress = None,
) -> ReferenceEvaluations:
    """Train networks, as `slimdc.evaluate` does, on what a set is to be held against.

    Each network is trained on random samples of its own, so that the spread holds that of the
    choice. Real samples have the labels that the protocol asks for: centred one-hot rows for the
    squared error, as `condense` makes them, one-hot rows otherwise.

    Parameters
    ----------
    data : SlimmableDataset, path or pair (samples, labels)
        The set.
    x_train, y_train : array
        Real samples (m, ...), raw, and their classes (m,).
    x_test, y_test : array
        As for `slimdc.evaluate`.
    k : int, optional
        Random samples of each class, all of a class that has fewer; by default as many as the set
        has components per class.
    protocol, repeats, steps, seed, network, width, backend, device, dtype, preprocessed
        As for `slimdc.evaluate`; ``preprocessed`` also says it of the real training samples.
    full_steps : int, optional
        Training steps on all real data; by default as many as on the whole set, which is far from
        all that the data can give: networks see a batch of them in each.
    progress : callable, bool or None
        As for `slimdc.evaluate`, for each of the three by itself.

    Returns
    -------
    ReferenceEvaluations
        Three evaluations.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `slimdc.evaluate`, or if the real samples are not like those of the set.
    MissingBackendError
        If the backend is unknown or its library is not installed.
    FileError
        If a path cannot be read.
    NumericalError
        If a network leaves the finite numbers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(40) % 2
    >>> x = rng.standard_normal((40, 8)) + 3.0 * y[:, None]
    >>> found = references((x[:8], y[:8]), x, y, x, y, k=2, repeats=2, steps=20, width=16)
    >>> len(found.real.accuracies), found.full.steps
    (2, 20)
    """
    held = open_set(data)
    chosen = chosen_settings(protocol, network, width)
    if repeats is not None:
        chosen = replace(chosen, repeats=repeats)
    count = held.components_per_class if k is None else k
    count = whole_number("k", count, at_least=1, at_most=MOST)
    generators_of(seed)
    if full_steps is None:
        full_steps = steps_of(chosen, steps, len(held))
    full_steps = whole_number("full_steps", full_steps, at_least=1, at_most=MOST)
    test = read_test(x_test, y_test, held, preprocessed)
    real = _real_samples(x_train, y_train, held, chosen, preprocessed)
    own = _own_samples(held, chosen)
    compute = Compute.chosen(held.u, backend, device, dtype)
    with compute.session():
        judge = Judge.of(held, chosen, compute, test)

        def judged(
            source: _Source, of_class: int | None, title: str, steps: int | None
        ) -> Evaluation:
            pairs = _Draws(source, of_class, judge, np.random.default_rng([seed, 2]))
            number = steps_of(chosen, steps, pairs.samples)
            with reporting(progress, title) as report:
                return judge.evaluation(pairs, number, generators_of(seed), report)

        return ReferenceEvaluations(
            real=judged(real, count, "random real samples", steps),
            rows=judged(own, count, "random rows", steps),
            full=judged(real, None, "all real data", full_steps),
        )


@dataclass(frozen=True)
class _Source:
    """Samples on the host, in the space of a set, their label rows and their classes."""

    x: np.ndarray
    y: np.ndarray
    classes: np.ndarray


class _Draws(Iterable[Pair]):
    """What each network is trained on: samples of its own draw, or all of them."""

    def __init__(
        self, source: _Source, of_class: int | None, judge: Judge, rng: np.random.Generator
    ) -> None:
        self._source = source
        self._of_class = of_class
        self._judge = judge
        self._rng = rng
        self._members = [np.flatnonzero(source.classes == c) for c in np.unique(source.classes)]

    @property
    def samples(self) -> int:
        """Samples of a draw."""
        if self._of_class is None:
            return self._source.classes.size
        return sum(min(self._of_class, m.size) for m in self._members)

    def __iter__(self) -> Iterator[Pair]:
        repeats = self._judge.settings.repeats
        if self._of_class is None:
            pair = self._placed(np.arange(self.samples))
            yield from itertools.repeat(pair, repeats)
            return
        for _ in range(repeats):
            drawn = [
                self._rng.choice(m, min(self._of_class, m.size), replace=False)
                for m in self._members
            ]
            yield self._placed(np.concatenate(drawn))

    def _placed(self, numbers: np.ndarray) -> Pair:
        enter = self._judge.compute.asarray
        x = network_input(enter(self._source.x[numbers]), self._judge.description)
        return x, enter(self._source.y[numbers])


def _real_samples(
    x: Any, y: Any, data: SlimmableDataset, settings: EvaluationSettings, preprocessed: bool
) -> _Source:
    space = Preprocessing() if preprocessed else data.preprocessing
    host, classes = open_real(x, y, data.shape, data.layout, space, "_train")
    entries = data.label_entries
    if classes.max() >= entries:
        raise InvalidValueError(
            "y_train", f"class {classes.max()}", f"classes below {entries}, the set's label entries"
        )
    if settings.labels == "hard" or settings.loss != "squared":
        return _Source(host, np.eye(entries)[classes], classes)
    scale = scale_of(settings, entries)
    return _Source(host, scale * centred_one_hot(classes, entries), classes)


def _own_samples(data: SlimmableDataset, settings: EvaluationSettings) -> _Source:
    x, y = reconstructed(data.factors, data.description)
    asked = label_rows(settings, data)
    return _Source(x.reshape(-1, *data.shape), y if asked is None else asked, data.members)
