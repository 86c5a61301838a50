"""Which settings a caller means: a preset by name, or settings, and what is named beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self, TypeVar

from slimdc._checks import shown
from slimdc.errors import InvalidValueError

__all__ = ["FREE", "FreeSettings", "Settings", "chosen"]


class _MethodSettings(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def steps(self) -> int: ...

    def of_width(self, width: int) -> Self: ...


Settings = TypeVar("Settings", bound=_MethodSettings)


@dataclass(frozen=True)
class FreeSettings:
    """Settings of a method that trains nothing.

    Parameters
    ----------
    steps : int
        0.

    Raises
    ------
    InvalidValueError
        If it is another number, or a width is asked for.

    Examples
    --------
    >>> FREE["default"]
    FreeSettings(steps=0)
    """

    steps: int = 0

    def __post_init__(self) -> None:
        if self.steps != 0:
            raise InvalidValueError(
                "steps", shown(self.steps), "0 or None: the method is learning-free"
            )

    def of_width(self, width: int) -> Self:
        """Refuse: there are no networks."""
        raise InvalidValueError("width", shown(width), "None: the method trains no networks")


FREE: dict[str, FreeSettings] = {"default": FreeSettings()}


def chosen(
    presets: Mapping[str, Settings],
    preset: str | Settings,
    *,
    steps: int | None,
    width: int | None,
) -> Settings:
    """Find a preset by name, or take settings as they are; then apply what the caller named.

    Parameters
    ----------
    presets : mapping
        Presets by name, ``"default"`` among them.
    preset : str or settings
        A name, or settings.
    steps, width : int or None
        Override the preset's where not None.

    Returns
    -------
    settings
        Of the kind of the presets.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the preset is unknown, or a number cannot be used.

    Examples
    --------
    >>> from slimdc.settings import SLIM
    >>> chosen(SLIM, "default", steps=7, width=None).steps
    7
    """
    kind = type(presets["default"])
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
        settings = settings.of_width(width)
    return settings
