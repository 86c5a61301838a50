"""Where the files of data sets are looked for on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from slimdc._checks import path as checked_path
from slimdc.errors import FileError

__all__ = ["DEBIAN", "ENVIRONMENT", "expanded", "is_file", "places"]

ENVIRONMENT = "SLIMDC_DATA"
DEBIAN = Path("/usr/share/datasets")


def places(names: tuple[str, ...], root: str | os.PathLike[str] | None) -> list[Path]:
    """List the places in which a set may lie, in the order in which they are looked at.

    Parameters
    ----------
    names : tuple of str
        What the set is called in a folder of several sets.
    root : str or path, optional
        The only place where it is given: itself, or under one of the names.

    Returns
    -------
    list of pathlib.Path
        Places; nothing need be there.

    Raises
    ------
    InvalidTypeError
        `root` is no path.
    FileError
        `root` or the environment variable begins with the home of a user who has none.

    Examples
    --------
    >>> [place.as_posix() for place in places(("mnist",), "data")]
    ['data', 'data/mnist']
    """
    if root is not None:
        base = expanded("root", checked_path("root", root))
        return [base, *(base / name for name in names)]
    # The files of several sets bear the same names, so a folder of several sets is searched under
    # each set's own names only: MNIST asked for must never be Fashion-MNIST found.
    bases = [DEBIAN]
    if os.environ.get(ENVIRONMENT):
        bases.insert(0, expanded(ENVIRONMENT, Path(os.environ[ENVIRONMENT])))
    with suppress(FileError):  # who has no home has no cache there
        bases.append(expanded("HOME", Path("~/.cache/slimdc")))
    return [base / name for base in bases for name in names]


def expanded(argument: str, path: Path) -> Path:
    """Put a home in the place of ``~``.

    Raises
    ------
    FileError
        There is no such user, or none that has a home.

    Examples
    --------
    >>> expanded("root", Path("data")).name
    'data'
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise FileError(argument, f"{str(path)!r} ({error})", "a folder") from error


def is_file(path: Path) -> bool:
    """Tell whether there is a regular file; False for whatever cannot be looked at.

    Examples
    --------
    >>> is_file(Path(chr(0)))
    False
    """
    return os.path.isfile(path)  # unlike Path.is_file, which raises where it may not look
