"""Sets in archives of NumPy: those of KIP, RFAD and FRePo."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slimdc.parameterization import SlimmableDataset
from slimdc.storage.atomic import replace
from slimdc.storage.foreign.npz_file import Archive, payload
from slimdc.storage.foreign.outgoing import images_in, rows_from
from slimdc.storage.foreign.published import Asked, Published, channels_fit, images, rows_of

__all__ = [
    "fits_frepo",
    "fits_kip",
    "fits_rfad",
    "take_frepo",
    "take_kip",
    "take_rfad",
    "write_frepo",
    "write_kip",
    "write_rfad",
]

_FIRST, _LAST = "channels_first", "channels_last"
_OF_RFAD = ("valid_loss", "k", "jit")


def fits_kip(content: Archive) -> bool:
    """Tell images with channels last and labels, and nothing that RFAD writes beside."""
    mine = not any(name in content.shapes for name in _OF_RFAD)
    return mine and _fits(content, "images", "labels", _LAST)


def take_kip(content: Archive, asked: Asked) -> Published:
    """Take images and soft rows; those of hard labels are centred one-hot rows."""
    return _taken(content, ("images", "labels"), _LAST, asked.source)


def write_kip(data: SlimmableDataset, path: Path) -> None:
    """Write images and rows; hard labels become centred one-hot rows."""
    x, y = images_in(data, _LAST), rows_from(data, 1.0)
    replace(path, payload({"images": x, "labels": y}))


def fits_rfad(content: Archive) -> bool:
    """Tell images with channels first and labels."""
    return _fits(content, "images", "labels", _FIRST)


def take_rfad(content: Archive, asked: Asked) -> Published:
    """Take images and soft rows; what it says of its own run beside is passed over."""
    return _taken(content, ("images", "labels"), _FIRST, asked.source)


def write_rfad(data: SlimmableDataset, path: Path) -> None:
    """Write images and rows; hard labels become -0.1 and 0.9 for ten classes."""
    x, y = images_in(data, _FIRST), rows_from(data, 1.0)
    replace(path, payload({"images": x, "labels": y}))


def fits_frepo(content: Archive) -> bool:
    """Tell images with channels last and labels, under FRePo's names."""
    return _fits(content, "image", "label", _LAST)


def take_frepo(content: Archive, asked: Asked) -> Published:
    """Take images and soft rows."""
    return _taken(content, ("image", "label"), _LAST, asked.source)


def write_frepo(data: SlimmableDataset, path: Path) -> None:
    """Write images and rows; hard labels become centred one-hot rows over sqrt(c/10)."""
    scale = 1.0 / np.sqrt(data.label_entries / 10.0)
    x, y = images_in(data, _LAST), rows_from(data, float(scale))
    replace(path, payload({"image": x, "label": y}))


def _fits(content: Archive, x: str, y: str, layout: str) -> bool:
    shapes = content.shapes
    return x in shapes and y in shapes and channels_fit(shapes[x], layout)


def _taken(content: Archive, names: tuple[str, str], layout: str, source: str) -> Published:
    x = images(content.array(names[0]), layout, source)
    return Published(x, rows_of(content.array(names[1]), len(x), source), layout)
