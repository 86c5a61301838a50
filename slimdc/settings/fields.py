"""Checks of the fields of settings, which are kept in the form that a run needs."""

from __future__ import annotations

from slimdc._checks import MOST, one_of, positive, shown, whole_number
from slimdc.errors import InvalidTypeError
from slimdc.networks.normalization import NORMS

__all__ = ["check_counts", "check_kind", "check_norm", "check_positive", "put"]


def put(settings: object, name: str, value: object) -> None:
    """Set a field of settings, which are frozen for everybody else."""
    object.__setattr__(settings, name, value)


def check_counts(settings: object, **lowest: int) -> None:
    """Check fields that are counts, each at least the number that is given."""
    for name, at_least in lowest.items():
        value = whole_number(name, getattr(settings, name), at_least=at_least, at_most=MOST)
        put(settings, name, value)


def check_positive(settings: object, *names: str) -> None:
    """Check fields that are numbers above zero."""
    for name in names:
        put(settings, name, positive(name, getattr(settings, name)))


def check_kind(settings: object, **kinds: type) -> None:
    """Check fields that are settings of their own."""
    for name, kind in kinds.items():
        value = getattr(settings, name)
        if not isinstance(value, kind):
            raise InvalidTypeError(name, shown(value), kind.__name__)


def check_norm(norm: object) -> None:
    """Check the normalisation that networks are to have; None leaves it to them."""
    if norm is not None:
        one_of("norm", norm, NORMS)
