"""Settings of the networks that judge a set: all that a protocol of evaluation says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from slimdc._checks import one_of, shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.networks.normalization import Norm
from slimdc.networks.protocol import Network
from slimdc.settings.fields import check_counts, check_norm, check_positive, put
from slimdc.training.augmentation import Augmentation
from slimdc.training.optimizers import Adam, Lamb, Optimizer, Sgd
from slimdc.training.schedules import Cosine, RateSchedule

__all__ = ["EvaluationSettings", "Labels", "Loss"]

Loss: TypeAlias = Literal["squared", "cross-entropy"]
Labels: TypeAlias = Literal["scaled", "own", "hard"]

_OPTIMIZERS: dict[str, type[Adam] | type[Lamb] | type[Sgd]] = {
    "adam": Adam,
    "lamb": Lamb,
    "sgd": Sgd,
}


@dataclass(frozen=True)
class EvaluationSettings:
    """How `slimdc.evaluate` trains networks; the defaults are those of the protocol "quick".

    Parameters
    ----------
    network : str or Network
        As for `slimdc.networks.build`.
    width, depth, norm
        Of the network, where it is named; see `PoolSettings`.
    repeats : int
        Number of networks.
    optimizer : {"adam", "sgd", "lamb"} or Optimizer
        A name stands for the optimiser with its defaults.
    rate : float
        Its rate after warm-up.
    schedule : Cosine, Drops or another RateSchedule
        How the rate goes on.
    warm_up : int
        Steps of linear warm-up, at most a quarter of all steps.
    steps, epochs : int or None
        Steps of each network, or epochs: in each, every sample is seen once, the last batch is
        smaller where they do not fit. None of both is `slimdc.protocols.steps_for` the number of
        samples.
    batch : int
        Samples per step, at most all.
    loss : {"squared", "cross-entropy"}
        Half the squared error, or the cross-entropy of the softmax, for which label rows must be
        probabilities.
    labels : {"scaled", "own", "hard"}
        The set's own label rows, or one-hot rows of the class of each row. Scaled are own rows that
        are, for the squared error, multiplied by sqrt(c / 10) where they have more than ten entries
        c: those of many classes are short, and what networks say at first would drown them.
    augmentation : Augmentation or None
        What happens to the images of a batch.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a field cannot be used, or both steps and epochs are given.

    Examples
    --------
    >>> EvaluationSettings().rate
    0.001
    >>> EvaluationSettings(optimizer="sgd").optimizer
    Sgd(momentum=0.0, weight_decay=0.0)
    """

    network: str | Network = "auto"
    width: int = 32
    depth: int = 3
    norm: Norm | None = None
    repeats: int = 5
    optimizer: str | Optimizer = field(default_factory=Adam)
    rate: float = 1e-3
    schedule: RateSchedule = field(default_factory=Cosine)
    warm_up: int = 20
    steps: int | None = 150
    epochs: int | None = None
    batch: int = 500
    loss: Loss = "squared"
    labels: Labels = "scaled"
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        check_counts(self, width=1, depth=1, repeats=1, warm_up=0, batch=1)
        for name in ("steps", "epochs"):
            if getattr(self, name) is not None:
                check_counts(self, **{name: 1})
        if self.steps is not None and self.epochs is not None:
            raise InvalidValueError(
                "epochs", f"{self.epochs}, and {self.steps} steps", "epochs or steps, not both"
            )
        check_positive(self, "rate")
        check_norm(self.norm)
        one_of("loss", self.loss, get_args(Loss))
        one_of("labels", self.labels, get_args(Labels))
        put(self, "optimizer", _optimizer(self.optimizer))
        if isinstance(self.schedule, type) or not hasattr(self.schedule, "fraction"):
            raise InvalidTypeError("schedule", shown(self.schedule), "Cosine or Drops")
        if not isinstance(self.augmentation, Augmentation | None):
            raise InvalidTypeError(
                "augmentation", shown(self.augmentation), "an Augmentation or None"
            )


def _optimizer(given: object) -> object:
    if isinstance(given, str):
        one_of("optimizer", given, tuple(_OPTIMIZERS))
        return _OPTIMIZERS[given]()
    whole = all(hasattr(given, name) for name in ("start", "step_size", "step"))
    if isinstance(given, type) or not whole:
        raise InvalidTypeError(
            "optimizer", shown(given), f"an Optimizer or one of {', '.join(map(repr, _OPTIMIZERS))}"
        )
    return given
