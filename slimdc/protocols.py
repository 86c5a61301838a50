"""Protocols of evaluation by name: how networks are trained on a set, in numbers.

Figures are comparable only within one protocol. Where our reading of a protocol differs from what
its authors' code does, the difference is named here and on the page about protocols.
"""

from __future__ import annotations

import math

import numpy as np

from slimdc._checks import MOST, shown, whole_number
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.reconstruction import rows as reconstructed
from slimdc.settings import EvaluationSettings
from slimdc.training.augmentation import DSA, Augmentation
from slimdc.training.optimizers import Adam, Sgd
from slimdc.training.schedules import Cosine, Drops

__all__ = ["PROTOCOLS", "label_rows", "protocol_named", "scale_of", "steps_for", "steps_of"]

# FRePo's numbers of steps, by number of training samples; between them, see `steps_for`.
_STEPS = ((10, 1_000), (100, 2_000), (500, 5_000), (1_000, 10_000), (2_000, 40_000))
# How far rows of probabilities may be from a sum of 1: rows in float32, gone through an SVD.
_TOLERANCE = 1e-3
# Entries of a row that differ by no more of its largest are equal: factors are float32.
_TIE = 1e-5

_FREPO = EvaluationSettings(
    width=128,
    labels="own",
    rate=3e-4,
    warm_up=500,
    steps=None,
    augmentation=Augmentation(
        ("flip", "color", "zoom", "rotate", "translate", "hole"),
        brightness=0.25,
        saturation=(math.exp(-0.25), math.exp(0.25)),
        contrast=(math.exp(-0.25), math.exp(0.25)),
    ),
)
_VICO = EvaluationSettings(
    network="convnet-in",
    width=128,
    repeats=20,
    optimizer=Sgd(0.9, 5e-4),
    rate=1e-2,
    schedule=Drops((0.5,), 0.1),
    warm_up=0,
    steps=None,
    epochs=1000,
    batch=256,
    loss="cross-entropy",
    labels="hard",
    augmentation=Augmentation(DSA),
)
_IDC = EvaluationSettings(
    network="convnet-in",
    width=128,
    repeats=3,
    optimizer=Sgd(0.9, 5e-4),
    rate=1e-2,
    schedule=Drops((2 / 3, 5 / 6), 0.2),
    warm_up=0,
    steps=None,
    epochs=1000,
    batch=64,
    loss="cross-entropy",
    labels="hard",
    augmentation=Augmentation(("crop", "scale", "rotate"), always=("color", "flip"), cutmix=0.5),
)
_DDRANKING = EvaluationSettings(
    network="convnet-in",
    width=128,
    optimizer=Sgd(0.9, 5e-4),
    rate=1e-2,
    schedule=Drops((0.5,), 0.1),
    warm_up=0,
    steps=None,
    epochs=1000,
    batch=128,
    loss="cross-entropy",
    labels="hard",
    augmentation=Augmentation(DSA),
)
_DDRANKING_SOFT = EvaluationSettings(
    network="resnet18",
    width=64,
    norm="batch",
    optimizer=Adam(weight_decay=1e-2),
    rate=1e-3,
    schedule=Cosine(0.0),
    warm_up=0,
    steps=None,
    epochs=300,
    batch=1024,
    loss="cross-entropy",
    labels="own",
    augmentation=Augmentation((), cutmix=1.0),
)

PROTOCOLS: dict[str, EvaluationSettings] = {
    "quick": EvaluationSettings(),
    "frepo": _FREPO,
    "vico": _VICO,
    "idc": _IDC,
    "ddranking": _DDRANKING,
    "ddranking-soft": _DDRANKING_SOFT,
}


def protocol_named(protocol: str | EvaluationSettings) -> EvaluationSettings:
    """Find a protocol by name, or take settings as they are.

    Parameters
    ----------
    protocol : str or EvaluationSettings
        One of `PROTOCOLS`, or settings.

    Returns
    -------
    EvaluationSettings

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is neither.

    Examples
    --------
    >>> protocol_named("vico").epochs
    1000
    """
    if isinstance(protocol, EvaluationSettings):
        return protocol
    names = ", ".join(map(repr, PROTOCOLS))
    if not isinstance(protocol, str):
        raise InvalidTypeError("protocol", shown(protocol), f"EvaluationSettings or one of {names}")
    if protocol not in PROTOCOLS:
        raise InvalidValueError(
            "protocol", shown(protocol), f"EvaluationSettings or one of {names}"
        )
    return PROTOCOLS[protocol]


def steps_for(samples: int) -> int:
    """Give FRePo's number of training steps for a set of that many samples.

    FRePo's numbers are kept where it gives one: 10 samples 1,000 steps, 100 samples 2,000, 500
    samples 5,000, 1,000 samples 10,000, 2,000 samples 40,000. Between them the logarithm of steps
    is linear in that of samples; below and above, the first and the last number hold.

    Examples
    --------
    >>> [steps_for(n) for n in (1, 10, 50, 100, 500, 10_000)]
    [1000, 1000, 1623, 2000, 5000, 40000]
    """
    known, steps = (np.log([pair[i] for pair in _STEPS]) for i in (0, 1))
    return round(math.exp(np.interp(math.log(samples), known, steps)))


def steps_of(settings: EvaluationSettings, steps: int | None, samples: int) -> int:
    """Give the training steps of a network: a caller's own number, or what the settings say.

    Examples
    --------
    >>> steps_of(PROTOCOLS["vico"], None, 500), steps_of(PROTOCOLS["frepo"], None, 500)
    (2000, 5000)
    """
    if steps is not None:
        return whole_number("steps", steps, at_least=1, at_most=MOST)
    if settings.epochs is not None:
        return settings.epochs * -(-samples // settings.batch)
    return steps_for(samples) if settings.steps is None else settings.steps


def label_rows(settings: EvaluationSettings, data: SlimmableDataset) -> np.ndarray | None:
    """Make the label rows (n, c) that a protocol asks for; None where they are the set's own.

    Parameters
    ----------
    settings : EvaluationSettings
        The protocol.
    data : SlimmableDataset
        The set.

    Returns
    -------
    numpy.ndarray or None
        In the order of the set: one-hot rows of the class of each row, or own rows, scaled.

    Raises
    ------
    InvalidValueError
        If hard labels are asked for where a row of the set has a larger entry than that of its own
        class; or the cross-entropy of its own rows, where these are no probabilities.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
    >>> label_rows(PROTOCOLS["vico"], data).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    soft, scale = settings.labels != "hard", scale_of(settings, data.label_entries)
    if soft and settings.loss == "squared" and scale == 1.0:
        return None
    rows = reconstructed(data.factors, data.description)[1]
    if soft and settings.loss == "squared":
        return scale * rows
    if soft:
        _require_probabilities(rows)
        return None
    own = rows[np.arange(len(rows)), data.members]
    # To rounding: the factors of a row that names two classes alike do not give both to the bit.
    least = rows.max(axis=1) - _TIE * np.abs(rows).max(axis=1)
    other = int((own < least).sum())
    if other:
        raise InvalidValueError(
            "protocol",
            f"hard labels for a set in which {other} of {len(rows)} label rows are largest at "
            "another class than their own",
            "a protocol of own labels, such as 'quick' or 'frepo'",
        )
    return np.eye(data.label_entries)[data.members]


def scale_of(settings: EvaluationSettings, entries: int) -> float:
    """Tell what a protocol multiplies own label rows of so many entries by.

    Centred one-hot rows of c classes have the length sqrt(10 / c), nearly, and what a network says
    before it is trained does not grow less with c. Multiplied by sqrt(c / 10), rows of many classes
    are as long as those of ten.

    Examples
    --------
    >>> [scale_of(PROTOCOLS[name], c) for name, c in (("quick", 10), ("quick", 40), ("frepo", 40))]
    [1.0, 2.0, 1.0]
    """
    scaled = settings.labels == "scaled" and settings.loss == "squared"
    return math.sqrt(max(entries, 10) / 10) if scaled else 1.0


def _require_probabilities(rows: np.ndarray) -> None:
    off = float(np.abs(rows.sum(axis=1) - 1.0).max())
    if rows.min() < -_TOLERANCE or off > _TOLERANCE:
        raise InvalidValueError(
            "protocol",
            f"cross-entropy of label rows with entries from {rows.min():.3g} to {rows.max():.3g} "
            f"and sums up to {off:.3g} away from 1",
            "rows that are probabilities, or settings with labels='hard' or loss='squared'",
        )
