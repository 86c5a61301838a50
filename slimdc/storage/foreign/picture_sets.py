"""Sets as folders of pictures, a folder for each class: those of SRe2L and of RDED."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slimdc.datasets.image_folder import listed
from slimdc.datasets.image_stack import encoded, stacked
from slimdc.parameterization import SlimmableDataset
from slimdc.storage.atomic_folder import new_folder
from slimdc.storage.foreign.outgoing import classes_from, pictures
from slimdc.storage.foreign.published import Asked, Published

__all__ = [
    "Folder",
    "fits_rded",
    "fits_sre2l",
    "opened",
    "take_pictures",
    "write_rded",
    "write_sre2l",
]

_NEW = re.compile(r"new(\d+)")
_NUMBER = re.compile(r"(?:new)?(\d+)")
_LONGEST = 18  # digits of a class that int64 holds


class Folder(NamedTuple):
    """A folder of folders.

    Attributes
    ----------
    path : pathlib.Path
        Where it is.
    names : tuple of str
        What is in it, or in its ``train/``.
    """

    path: Path
    names: tuple[str, ...]


def opened(path: Path) -> Folder:
    """List a folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     (Path(root) / "new000").mkdir()
    ...     opened(Path(root)).names
    ('new000',)
    """
    base = path / "train" if (path / "train").is_dir() else path
    return Folder(path, tuple(sorted(p.name for p in base.iterdir() if p.is_dir())))


def fits_sre2l(content: Folder) -> bool:
    """Tell SRe2L's names, ``new000`` and so on."""
    return bool(content.names) and all(_NEW.fullmatch(name) for name in content.names)


def fits_rded(content: Folder) -> bool:
    """Tell any other folders of pictures; RDED's are named ``00000`` and so on."""
    return not fits_sre2l(content)


def take_pictures(content: Folder, _asked: Asked) -> Published:
    """Take pictures class by class, in the order of their names.

    A folder's number is its class where all have one, otherwise its place among the names.
    """
    files, _, names = listed(content.path)
    x = stacked([path for path, _ in files], argument=str(content.path))
    y, layout = np.asarray([label for _, label in files], np.int64), "channels_last"
    numbers = [_NUMBER.fullmatch(name) for name in names]
    if not all(numbers) or max(len(found[1]) for found in numbers if found) > _LONGEST:
        return Published(x, y, layout, len(numbers), names)
    classes = np.asarray([int(found[1]) for found in numbers if found], np.int64)
    return Published(x, classes[y], layout)


def write_sre2l(data: SlimmableDataset, path: Path) -> None:
    """Write PNG pictures into folders named as SRe2L names them."""
    _write(data, path, "new{:03d}", "sre2l")


def write_rded(data: SlimmableDataset, path: Path) -> None:
    """Write PNG pictures into folders named as RDED names them."""
    _write(data, path, "{:05d}", "rded")


def _write(data: SlimmableDataset, path: Path, folders: str, name: str) -> None:
    x, classes = pictures(data), classes_from(data, name)
    digits = max(3, len(str(len(x) - 1)))  # so that names sort as numbers do
    held: dict[int, int] = {}
    with new_folder(path) as folder:
        for pixels, label in zip(x, classes.tolist(), strict=True):
            inside = folder / folders.format(label)
            inside.mkdir(exist_ok=True)
            place = held.get(label, 0)
            held[label] = place + 1
            file = inside / f"class{label:03d}_id{place:0{digits}d}.png"
            file.write_bytes(encoded(pixels))
