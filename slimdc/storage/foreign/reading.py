"""``slimdc.read``: a set from any of the files that condensed sets are published in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, cast

import numpy as np

from slimdc._array import HostArray
from slimdc._checks import MOST, one_of, shown, whole_number
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.description import class_names
from slimdc.parameterization.layout import check_layout
from slimdc.parameterization.preprocessing import Preprocessing
from slimdc.parameterization.preprocessing.standardisation import STATISTICS
from slimdc.storage.foreign import containers
from slimdc.storage.foreign.formats import FORMATS, NAMES, OWN_NAME
from slimdc.storage.foreign.published import Asked
from slimdc.storage.slimmable_file import load
from slimdc.typing import FormatName

__all__ = ["are_pixels", "read", "recognised"]

# Of what rounding and interpolation leave outside of 0 to 1; standardised samples are far outside.
_ROOM = 0.1
_NAMES_OF_SPACES = ("none", *STATISTICS)

# What a container holds where one of the formats is in it.
_NEEDED = {
    "npz": "arrays images, of 4 axes, and labels, or image and label",
    "parquet": "the columns image and label",
    "torch": "a dict whose data is a list of experiments, a list of images and classes, or a "
    "folder of images_….pt and labels_….pt",
}
_ELSE = "; SlimmableDataset.from_arrays makes a set of arrays of any names"


def read(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    format: FormatName | Literal["auto"] = "auto",  # noqa: A002 - the word that users know
    preprocessing: Preprocessing | str = "auto",
    experiment: int | None = None,
    factor: int = 1,
    classes: int | None = None,
) -> SlimmableDataset:
    """Read a condensed set as others publish it, or one of ours.

    What a file is, is told by what is in it. Nothing in a file is ever executed: a pickle that
    holds more than tensors, lists, dicts and numbers is refused.

    Parameters
    ----------
    path : str, path, or list of them
        The file or the folder (docs/formats.md); several where a set of MTT's kind or a table came
        in parts, which are joined in that order.
    format : {"auto", "slimdc", "vico", "mtt", "datm", "idc", "kip", "rfad", "frepo", "sre2l", \
"rded", "parquet"}
        The format that it must have; by default the one that it fits.
    preprocessing : Preprocessing or str
        Where a format holds pixels ("idc", "sre2l", "rded", "parquet"): what they are brought into;
        by default nothing. In the others, and where its numbers are not from 0 to 1: what brought
        the samples into their space, which the files do not say and which is asked for: ``"none"``,
        a name of `Preprocessing.named`, or a `Preprocessing`, such as one of `Preprocessing.zca`.
    experiment : int, optional
        Which set of a file that holds several ("vico"), counted from 0.
    factor : int
        f where each image packs f by f samples ("idc"), which the file does not say.
    classes : int, optional
        Number of classes of hard labels, needed where some have no sample.

    Returns
    -------
    SlimmableDataset
        The whole set, of NumPy arrays. ``arrays("given")`` gives samples and labels in the order
        of the file, ``members[numpy.argsort(order)]`` their classes in that order. Hard labels
        become centred one-hot rows, soft ones stay as they are.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        An argument cannot be used or does not go with the format; the space of the samples, or the
        experiment, is to be said; or classes have gaps.
    FileError
        There is nothing, it is none of the formats, is damaged, or holds code, objects or shapes
        that are no set.
    MissingLibraryError
        The file needs PyTorch, Pillow or pyarrow, which is not installed.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> x, y = np.ones((4, 8, 8, 3), np.float32), np.eye(2, dtype=np.float32)[[1, 0, 1, 0]] - 0.5
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(pathlib.Path(folder) / "set.npz", images=x, labels=y)
    ...     data = read(pathlib.Path(folder) / "set.npz", preprocessing="cifar10")
    >>> data
    SlimmableDataset(classes=2, components=2, samples=4, shape=(8, 8, 3), dtype=float32)
    >>> data.members[np.argsort(data.order)]
    array([1, 0, 1, 0])
    """
    _check(format, experiment, factor)
    paths = containers.paths_of(path)
    container, content = _opened(paths)
    name = _recognised(container, content, format, str(paths[0]))
    _check_fit(name, experiment, factor, classes)
    if name == OWN_NAME:
        return _own(content, preprocessing)
    known = FORMATS[name]
    if not known.pixels:  # asked for before anything is taken apart
        _space(preprocessing, name, pixels=False)
    taken = known.take(content, Asked(str(paths[0]), experiment, factor))
    x, layout = taken.x, check_layout(taken.layout)
    pixels = known.pixels and are_pixels(x)
    space = _space(preprocessing, name, pixels=pixels)
    if pixels and x.dtype != np.uint8:  # those are brought there by `from_arrays`
        x = np.asarray(space.apply(x, layout))
    made = SlimmableDataset.from_arrays(
        x,
        taken.y,
        classes=taken.classes if classes is None else classes,
        layout=layout,
        preprocessing=space,
    )
    return made.named(taken.names) if _are_names(taken.names) else made


def recognised(
    path: str | os.PathLike[str],
    format: FormatName | Literal["auto"] = "auto",  # noqa: A002 - the word that users know
) -> FormatName:
    """Tell the format of a set; see `read`.

    Parameters
    ----------
    path : str, path, or list of them
        The file or the folder.
    format : str
        The format that it must have.

    Returns
    -------
    str
        Its name.

    Raises
    ------
    InvalidTypeError, InvalidValueError, FileError, MissingLibraryError
        See `read`.

    Examples
    --------
    >>> recognised("missing")
    Traceback (most recent call last):
    slimdc.errors.FileError: missing: found no such file, expected a file or a folder to read
    (see docs/...)
    """
    one_of("format", format, ("auto", *NAMES))
    paths = containers.paths_of(path)
    return cast(FormatName, _recognised(*_opened(paths), format, str(paths[0])))


def are_pixels(x: HostArray) -> bool:
    """Tell whether samples can be pixels: bytes, or numbers from 0 to 1.

    Examples
    --------
    >>> are_pixels(np.asarray([0.0, 1.0])), are_pixels(np.asarray([-2.1, 2.6]))
    (True, False)
    """
    return x.dtype == np.uint8 or bool(x.size and x.min() >= -_ROOM and x.max() <= 1.0 + _ROOM)


def _check(format_: object, experiment: object, factor: object) -> None:
    one_of("format", format_, ("auto", *NAMES))
    if experiment is not None:
        whole_number("experiment", experiment, at_least=0, at_most=MOST)
    whole_number("factor", factor, at_least=1, at_most=MOST)


def _opened(paths: tuple[Any, ...]) -> tuple[str, Any]:
    found = [containers.container_of(path) for path in paths]
    container, source = found[0], str(paths[0])
    if set(found) != {container}:
        raise FileError(source, f"parts of the kinds {sorted(set(found))}", "parts of one kind")
    if container == containers.OWN:
        if len(paths) > 1:
            raise InvalidValueError("path", f"{len(paths)} paths", "one: a slimmable file is whole")
        return container, paths[0]
    contents = [containers.opened(path, container) for path in paths]
    return container, containers.joined(contents, container, source)


def _recognised(container: str, content: Any, wanted: str, source: str) -> str:
    if container == containers.OWN:
        fitting = [OWN_NAME]
    else:
        candidates = {name: f for name, f in FORMATS.items() if f.container == container}
        fitting = [name for name, known in candidates.items() if known.fits(content)]
    held = containers.described(content) if container != containers.OWN else "a safetensors file"
    if wanted == "auto":
        if len(fitting) > 1:
            found = f"'auto' for {held}, which fits {' and '.join(map(repr, fitting))}"
            raise InvalidValueError("format", found, "one of these")
        if not fitting:
            names = " or ".join(repr(name) for name in candidates)
            needed = f"{_NEEDED[container]}{_ELSE}"
            raise FileError(source, held, f"a set of format {names}: {needed}")
        return fitting[0]
    if wanted not in fitting:
        fits = f", which fits {' and '.join(map(repr, fitting))}" if fitting else ""
        raise FileError(source, f"{held}{fits}", f"a set of format {wanted!r}")
    return wanted


def _check_fit(name: str, experiment: object, factor: object, classes: object) -> None:
    known = FORMATS.get(name)
    if experiment is not None and not (known and known.several):
        raise InvalidValueError(
            "experiment", shown(experiment), f"None: a set of format {name!r} is the only one"
        )
    if factor != 1 and not (known and known.packed):
        raise InvalidValueError("factor", shown(factor), f"1: format {name!r} packs no samples")
    if classes is not None and known is None:
        raise InvalidValueError("classes", shown(classes), "None: a slimmable file says it")


def _space(asked: object, name: str, *, pixels: bool) -> Preprocessing:
    if isinstance(asked, Preprocessing):
        return asked
    if not isinstance(asked, str):
        raise InvalidTypeError("preprocessing", type(asked).__name__, "a str or a Preprocessing")
    if asked == "none" or (asked == "auto" and pixels):
        return Preprocessing()
    if asked in STATISTICS:
        return Preprocessing.named(asked)
    spaces = (
        f"one of {', '.join(map(repr, _NAMES_OF_SPACES))}, or a Preprocessing, such as "
        "Preprocessing.standardise(x_train) or Preprocessing.zca(x_train, layout, recipe=...)"
    )
    if asked != "auto":
        raise InvalidValueError("preprocessing", shown(asked), spaces)
    raise InvalidValueError(
        "preprocessing",
        f"'auto' for a set of format {name!r}, which does not hold pixels from 0 to 1, and whose "
        "file does not say what its samples were standardised or whitened by",
        f"the answer of those who made it: {spaces}",
    )


def _are_names(names: Sequence[str]) -> bool:
    """Whether a file's names can be those of classes: the set matters more than these."""
    with suppress(InvalidTypeError, InvalidValueError):
        return bool(class_names(names, len(names)))
    return False


def _own(path: Any, asked: object) -> SlimmableDataset:
    data = load(path, strict=True)
    if isinstance(asked, str) and asked == "auto":
        return data
    # An equal one is welcome: it may bring the matrix of a whitening, which files do not hold.
    if isinstance(asked, Preprocessing) and asked == data.preprocessing:
        return data.with_preprocessing(asked)
    raise InvalidValueError(
        "preprocessing",
        shown(asked),
        f"'auto', or the one that the file says: {shown(data.preprocessing)}",
    )
