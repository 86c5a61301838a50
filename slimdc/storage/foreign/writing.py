"""``slimdc.write``: a set in any of the forms that condensed sets are published in."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np

from slimdc._checks import one_of
from slimdc._checks import path as checked_path
from slimdc.errors import FileError, InvalidTypeError, SlimdcError
from slimdc.parameterization import SlimmableDataset
from slimdc.storage.foreign.formats import FORMATS, NAMES, OWN_NAME
from slimdc.storage.slimmable_file import save
from slimdc.typing import FormatName

__all__ = ["write"]


def write(
    data: SlimmableDataset,
    path: str | os.PathLike[str],
    *,
    format: FormatName,  # noqa: A002 - the word that users know
    labels: Literal["rows", "classes"] = "rows",
) -> None:
    """Write a set as others publish theirs, so that their code reads it.

    Samples are written in the order in which they came, in the space of the set; formats that hold
    pixels ("idc", "sre2l", "rded", "parquet") get them with the preprocessing undone, pictures
    clipped to [0, 1] and rounded to 8 bits as PNG. What is written is whole or not there at all.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    path : str or path
        A file, which is replaced if it exists; or a folder that does not exist or is empty, for
        "mtt", "datm", "sre2l" and "rded".
    format : {"slimdc", "vico", "mtt", "datm", "idc", "kip", "rfad", "frepo", "sre2l", "rded", \
"parquet"}
        The format; "slimdc" is what `save` writes, the only one that keeps factors and the space.
        It and "parquet" keep names of classes.
        Those that hold classes ("vico", "mtt", "idc", "sre2l", "rded", "parquet") take one-hot
        rows of any scale and offset. In "datm", "kip", "rfad" and "frepo" soft rows stay as they
        are, and one-hot rows get the scale of the format.
    labels : {"rows", "classes"}
        What is written of the labels: the rows that the set holds, or of each sample its class
        alone, as a one-hot row; soft rows of a slimmed set then go into formats of classes.

    Raises
    ------
    InvalidTypeError
        `data` is no set, or `path` no path.
    InvalidValueError
        The format is unknown, samples are no images, labels are soft where classes are held, or
        the space is one that the format does not know; or a whitening lacks its matrix.
    FileError
        It cannot be written there.
    MissingLibraryError
        The format needs PyTorch, Pillow or pyarrow, which is not installed.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from slimdc import read
    >>> data = SlimmableDataset.from_arrays(np.ones((4, 8, 8)), [2, 0, 1, 2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(data, pathlib.Path(folder) / "set.npz", format="kip")
    ...     read(pathlib.Path(folder) / "set.npz", preprocessing="none").samples
    (1, 1, 2)
    """
    if not isinstance(data, SlimmableDataset):
        raise InvalidTypeError("data", type(data).__name__, "a SlimmableDataset")
    one_of("format", format, NAMES)
    one_of("labels", labels, ("rows", "classes"))
    target = checked_path("path", path)
    if labels == "classes":
        data = _of_classes(data)
    if format == OWN_NAME:
        save(data, target)
        return
    try:
        FORMATS[format].write(data, target)
    except SlimdcError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileError(str(target), str(error), "a place that can be written to") from error


def _of_classes(data: SlimmableDataset) -> SlimmableDataset:
    """Take one-hot rows in the place of those held."""
    x, _ = data.arrays("given")
    made = SlimmableDataset.from_arrays(
        x,
        data.members[np.argsort(data.order)],
        classes=data.label_entries,
        layout=data.layout,
        preprocessing=data.preprocessing,
    )
    return made.named(data.description.named or None)
