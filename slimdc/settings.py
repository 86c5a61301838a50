"""Every default of slimming, condensing and evaluating, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, get_args

from slimdc._checks import MOST, non_negative, one_of, positive, shown, truth, whole_number
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.losses import Form, Weights
from slimdc.networks.normalization import NORMS, Norm

__all__ = [
    "CONDENSE",
    "SLIM",
    "CondenseSettings",
    "EvaluationSettings",
    "PoolSettings",
    "Settings",
    "SlimSettings",
    "chosen",
]

Settings = TypeVar("Settings", "SlimSettings", "CondenseSettings")


def _set(settings: object, name: str, value: object) -> None:
    object.__setattr__(settings, name, value)  # they are frozen for everybody else


def _check_counts(settings: object, **lowest: int) -> None:
    for name, at_least in lowest.items():
        value = whole_number(name, getattr(settings, name), at_least=at_least, at_most=MOST)
        _set(settings, name, value)


def _check_positive(settings: object, *names: str) -> None:
    for name in names:
        _set(settings, name, positive(name, getattr(settings, name)))


def _check_norm(norm: object) -> None:
    if norm is not None:
        one_of("norm", norm, NORMS)


def _check_kind(settings: object, **kinds: type) -> None:
    for name, kind in kinds.items():
        value = getattr(settings, name)
        if not isinstance(value, kind):
            raise InvalidTypeError(name, shown(value), kind.__name__)


@dataclass(frozen=True)
class PoolSettings:
    """The pool of networks (Algorithm 1, lines 2, 6, 9 to 12).

    Parameters
    ----------
    size : int
        M, the number of networks.
    lifetime : int
        T', the number of steps after which a network is drawn anew.
    rate : float
        Adam's rate in the networks' own steps.
    batch : int
        Samples of such a step; a random part of a set that is larger.
    width : int
        Filters of a network's first block, or units of each of the MLP's layers.
    depth : int
        Blocks of a ConvNet, or layers of the MLP; other networks have their own.
    norm : {"none", "instance", "batch"} or None
        Normalisation of a network for images; None is the network's own, none in the ConvNet.

    Examples
    --------
    >>> PoolSettings().size
    10
    """

    size: int = 10
    lifetime: int = 100
    rate: float = 3e-4
    batch: int = 1000
    width: int = 32
    depth: int = 3
    norm: Norm | None = None

    def __post_init__(self) -> None:
        _check_counts(self, size=1, lifetime=1, batch=1, width=1, depth=1)
        _check_positive(self, "rate")
        _check_norm(self.norm)


@dataclass(frozen=True)
class SlimSettings:
    """Settings of learning-based slimming; the defaults end in minutes on two cores.

    Parameters
    ----------
    steps : int
        T, the number of training steps.
    rate : float
        LAMB's rate at the start: each factor moves by this fraction of its norm.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    weights : Weights
        The λs of Eq. 13.
    form : {"relative", "printed"}
        Form of Eqs. 6 and 7.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    centred : bool
        True takes Eq. 12's label term on the c − 1 dimensions of labels that sum to zero.
    pool : PoolSettings
        The networks.

    Examples
    --------
    >>> SLIM["paper"].steps
    30000
    """

    steps: int = 500
    rate: float = 1e-2
    rate_floor: float = 0.1
    weights: Weights = field(default_factory=Weights)
    form: Form = "relative"
    ridge: float = 1e-3
    centred: bool = False
    pool: PoolSettings = field(default_factory=PoolSettings)

    def __post_init__(self) -> None:
        _check_counts(self, steps=0)
        _check_positive(self, "rate", "rate_floor", "ridge")
        one_of("form", self.form, get_args(Form))
        _check_kind(self, weights=Weights, pool=PoolSettings)
        _set(self, "centred", truth("centred", self.centred))


@dataclass(frozen=True)
class CondenseSettings:
    """Settings of condensing real data.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Real samples drawn for a step.
    rate : float
        LAMB's rate at the start.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    skew, ortho : float
        Weights of Eqs. 11 and 12 beside Eq. 1, which is averaged over the batch.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    centred : bool
        True takes Eq. 12's label term on the c − 1 dimensions of labels that sum to zero.
    pool : PoolSettings
        The networks.

    Examples
    --------
    >>> CONDENSE["paper"].batch
    1024
    """

    steps: int = 1500
    batch: int = 256
    rate: float = 1e-2
    rate_floor: float = 0.1
    skew: float = 1e-2
    ortho: float = 1e-4
    ridge: float = 1e-3
    centred: bool = False
    pool: PoolSettings = field(default_factory=PoolSettings)

    def __post_init__(self) -> None:
        _check_counts(self, steps=0, batch=1)
        _check_positive(self, "rate", "rate_floor", "ridge")
        for name in ("skew", "ortho"):
            _set(self, name, non_negative(name, getattr(self, name)))
        _check_kind(self, pool=PoolSettings)
        _set(self, "centred", truth("centred", self.centred))


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of the networks that `slimdc.evaluate` trains, after FRePo's protocol.

    Parameters
    ----------
    rate : float
        Adam's rate after warm-up.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    warm_up : int
        Steps of linear warm-up, at most a quarter of all steps.
    batch : int
        Samples per step, at most all.
    width, depth, norm
        Of the network, where it is named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> EvaluationSettings().batch
    500
    """

    rate: float = 3e-4
    rate_floor: float = 0.01
    warm_up: int = 500
    batch: int = 500
    width: int = 32
    depth: int = 3
    norm: Norm | None = None

    def __post_init__(self) -> None:
        _check_counts(self, warm_up=0, batch=1, width=1, depth=1)
        _check_positive(self, "rate", "rate_floor")
        _check_norm(self.norm)


_PAPER_POOL = PoolSettings(width=128)

SLIM: dict[str, SlimSettings] = {
    "default": SlimSettings(),
    "paper": SlimSettings(
        steps=30_000,
        rate=3e-4,
        weights=Weights(first=1e-2, infinity=1.0, skew=1e-2, ortho=1e-4),
        form="printed",
        ridge=1e-6,
        pool=_PAPER_POOL,
    ),
}

CONDENSE: dict[str, CondenseSettings] = {
    "default": CondenseSettings(),
    "paper": CondenseSettings(steps=500_000, batch=1024, rate=3e-4, ridge=1e-6, pool=_PAPER_POOL),
}


def chosen(
    presets: Mapping[str, Settings],
    preset: str | Settings,
    kind: type[Settings],
    *,
    steps: int | None,
    width: int | None,
) -> Settings:
    """Find a preset by name, or take settings as they are; then apply what the caller named.

    Parameters
    ----------
    presets : mapping
        Presets by name.
    preset : str or settings
        A name, or settings.
    kind : type
        Type of the settings.
    steps, width : int or None
        Override the preset's where not None.

    Returns
    -------
    settings
        Of that kind.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the preset is unknown, or a number cannot be used.

    Examples
    --------
    >>> chosen(SLIM, "default", SlimSettings, steps=7, width=None).steps
    7
    """
    if isinstance(preset, kind):
        settings = preset
    elif isinstance(preset, str) and preset in presets:
        settings = presets[preset]
    else:
        raise InvalidValueError(
            "preset", shown(preset), f"{kind.__name__} or one of {', '.join(map(repr, presets))}"
        )
    if steps is not None:
        settings = replace(settings, steps=steps)
    if width is not None:
        settings = replace(settings, pool=replace(settings.pool, width=width))
    return settings
