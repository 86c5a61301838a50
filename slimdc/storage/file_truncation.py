"""Truncation of a slimmable file, without decoding it."""

from __future__ import annotations

import os
from typing import NamedTuple

from slimdc.errors import InvalidValueError
from slimdc.storage.atomic import write_whole
from slimdc.storage.content import dumped, fitting, truncated
from slimdc.storage.older_files import parse_older
from slimdc.storage.prefix import Prefix, Wanted, read_prefix, read_start
from slimdc.storage.sources import MemorySource, Source, opened

__all__ = ["Truncated", "truncate_file"]


class Truncated(NamedTuple):
    """What `truncate_file` did.

    Attributes
    ----------
    components_before, components : int
        Components of the largest class in both files.
    nbytes_before, nbytes : int
        Bytes of all components in both files, headers left out.
    """

    components_before: int
    components: int
    nbytes_before: int
    nbytes: int


def truncate_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    k: int | None = None,
    nbytes: int | None = None,
) -> Truncated:
    """Write the most significant components of a file to another one, without decoding them.

    The header and these components are read, compared with their digests and written: this takes
    little longer than to copy them. `load` of the target gives what ``load(source, k=k)`` gives.

    Parameters
    ----------
    source : str or path
        The file, or its URL; see `load`.
    target : str or path
        Where to write; see `save`. It may be the source itself.
    k : int, optional
        Components of each class to keep.
    nbytes : int, optional
        Bytes that the target may have at most. One of both is needed; the smaller holds.

    Returns
    -------
    Truncated
        Components and bytes before and after.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Neither is given, or as in `load`.
    FileError, MissingLibraryError
        As in `load` and `save`.

    Warns
    -----
    SlimdcWarning
        As in `load`.

    Examples
    --------
    >>> import numpy as np, slimdc, tempfile, pathlib
    >>> data = slimdc.SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "set.safetensors"
    ...     slimdc.save(data, path)
    ...     done = truncate_file(path, path, k=1)
    ...     done.components_before, done.components, slimdc.load(path).components
    (2, 1, (1, 1))
    """
    if k is None and nbytes is None:
        raise InvalidValueError("k, nbytes", "neither", "one of them")
    wanted = Wanted.checked(k, nbytes, False)
    with opened(source) as file:
        prefix = _prefix(file, wanted)
    payload = truncated(os.fspath(source), prefix)
    write_whole(target, payload)
    header, ends = prefix.header, (0, *prefix.header.ends)
    return Truncated(header.count, prefix.k, ends[-1], ends[prefix.k])


def _prefix(source: Source, wanted: Wanted) -> Prefix:
    start = read_start(source)
    if start is None:
        older = dumped(parse_older(source.name, source.read(0)))
        return _prefix(MemorySource(source.name, older), wanted)
    k = fitting(start.header, wanted)
    return read_prefix(source, start, wanted._replace(k=k, nbytes=None))
