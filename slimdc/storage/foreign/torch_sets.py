"""Sets in files of torch: those of VICO (DC, DSA, DM), of MTT and DATM, and of IDC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slimdc._array import HostArray
from slimdc.errors import FileError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.formation import bilinear, enlarged
from slimdc.storage.atomic import replace
from slimdc.storage.atomic_folder import new_folder
from slimdc.storage.foreign.outgoing import classes_from, images_in, pixels, rows_from
from slimdc.storage.foreign.published import Asked, Published, classes_of, images, rows_of
from slimdc.storage.foreign.torch_file import TensorPair, payload, tensor

__all__ = [
    "fits_datm",
    "fits_idc",
    "fits_mtt",
    "fits_vico",
    "take_datm",
    "take_idc",
    "take_mtt",
    "take_vico",
    "write_datm",
    "write_idc",
    "write_mtt",
    "write_vico",
]

_FIRST = "channels_first"


def fits_vico(content: Any) -> bool:
    """Tell a dict of experiments, each a pair of images and labels."""
    return isinstance(content, dict) and isinstance(content.get("data"), list)


def take_vico(content: Any, asked: Asked) -> Published:
    """Take one experiment of VICO's; which, is asked where there are several."""
    experiments, source, number = content["data"], asked.source, asked.experiment
    if not experiments:
        raise FileError(source, "no experiment", "at least one set")
    if number is None and len(experiments) > 1:
        raise InvalidValueError(
            "experiment",
            f"None for a file of {len(experiments)} experiments",
            f"which of them: a number from 0 to {len(experiments) - 1}",
        )
    if number is not None and number >= len(experiments):
        raise InvalidValueError(
            "experiment", str(number), f"a number from 0 to {len(experiments) - 1}"
        )
    return _pair(experiments[number or 0], source)


def write_vico(data: SlimmableDataset, path: Path) -> None:
    """Write a file of one experiment, as VICO's code reads it."""
    if data.preprocessing.then:
        raise InvalidValueError(
            "data",
            f"samples in the space of {data.preprocessing}",
            "standardised ones: format 'vico' knows means and deviations only, and its readers "
            "would evaluate the set in another space",
        )
    x, y = tensor(images_in(data, _FIRST)), tensor(classes_from(data, "vico"))
    replace(path, payload({"data": [[x, y]], "accs_all_exps": {}}))


def fits_mtt(content: Any) -> bool:
    """Tell a pair of files with classes."""
    return isinstance(content, TensorPair) and not _is_soft(content.labels)


def take_mtt(content: Any, asked: Asked) -> Published:
    """Take images and classes."""
    return _pair(content, asked.source)


def write_mtt(data: SlimmableDataset, path: Path) -> None:
    """Write a folder with the files of images and of classes."""
    _write_pair(path, images_in(data, _FIRST), classes_from(data, "mtt"))


def fits_datm(content: Any) -> bool:
    """Tell a pair of files with soft labels."""
    return isinstance(content, TensorPair) and _is_soft(content.labels)


def take_datm(content: Any, asked: Asked) -> Published:
    """Take images and soft rows, which are logits in DATM's sets."""
    x = images(content.images, _FIRST, asked.source)
    return Published(x, rows_of(content.labels, len(x), asked.source), _FIRST)


def write_datm(data: SlimmableDataset, path: Path) -> None:
    """Write a folder with the files of images and of soft rows."""
    _write_pair(path, images_in(data, _FIRST), rows_from(data, 1.0))


def fits_idc(content: Any) -> bool:
    """Tell a list of images and their classes."""
    if not isinstance(content, list | tuple) or isinstance(content, TensorPair):
        return False
    return len(content) == 2 and all(hasattr(part, "dtype") for part in content)


def take_idc(content: Any, asked: Asked) -> Published:
    """Take images and classes, and unpack the f squared samples of each image.

    They come as IDC decodes them: all images' first tile, then all images' second one, and so on,
    tiles counted along rows. Each is enlarged to the size of the image by bilinear interpolation.
    """
    x, y, *_ = _pair(content, asked.source)
    f, (n, _, h, w) = asked.factor, x.shape
    if f == 1:
        return Published(x, y, _FIRST)
    if h % f or w % f:
        raise InvalidValueError("factor", str(f), f"a divisor of the images' sides {h} and {w}")
    tiles = x.reshape(n, -1, f, h // f, f, w // f)  # images, channels, rows of tiles, …
    tiles = tiles.transpose(2, 4, 0, 3, 5, 1).reshape(f * f * n, h // f, w // f, -1)
    large = enlarged(tiles.astype(np.float64), bilinear(h, f), bilinear(w, f))
    large = np.ascontiguousarray(large.transpose(0, 3, 1, 2).astype(x.dtype))
    return Published(large, np.tile(y, f * f), _FIRST)


def write_idc(data: SlimmableDataset, path: Path) -> None:
    """Write a list of images in [0, 1], one sample an image, and their classes."""
    x, y = tensor(pixels(data, _FIRST)), tensor(classes_from(data, "idc"))
    replace(path, payload([x, y]))


def _is_soft(labels: Any) -> bool:
    return "float" in str(getattr(labels, "dtype", ""))


def _pair(pair: Any, source: str) -> Published:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise FileError(source, f"a {type(pair).__name__}", "a pair of images and labels")
    x = images(pair[0], _FIRST, source)
    return Published(x, classes_of(pair[1], len(x), source), _FIRST)


def _write_pair(path: Path, x: HostArray, y: HostArray) -> None:
    files = {"images_best.pt": payload(tensor(x)), "labels_best.pt": payload(tensor(y))}
    with new_folder(path) as folder:
        for name, held in files.items():
            (folder / name).write_bytes(held)
