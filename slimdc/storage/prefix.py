"""Reading the header of a slimmable file and the components that are wanted, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from slimdc._checks import shown, truth, whole_number
from slimdc._warning import warn
from slimdc.errors import FileError, InvalidValueError, SlimdcError
from slimdc.parameterization.truncation import components_after
from slimdc.storage.float_components import sizes_of
from slimdc.storage.header import FORMAT, VERSION, Header, digest_of
from slimdc.storage.json_text import plain_json
from slimdc.storage.older_files import OLDER
from slimdc.storage.sources import SLIMMABLE, Source

__all__ = ["Prefix", "Start", "Wanted", "damaged", "read_prefix", "read_start"]

_LONGEST = 100_000_000  # of a header, as safetensors has it
# The coder takes more than 1/1,600 byte for a number; padding takes numbers that are not there.
_PER_ITEM, _FREE = 4096, 1 << 23


class Wanted(NamedTuple):
    """How much of a file is wanted.

    Attributes
    ----------
    k : int or None
        Components of each class.
    nbytes : int or None
        Bytes of header and components.
    strict : bool
        Whether a file that is cut is refused.
    """

    k: int | None
    nbytes: int | None
    strict: bool

    @classmethod
    def checked(cls, k: object, nbytes: object, strict: object) -> Wanted:
        """Check what a caller gave."""
        return cls(
            None if k is None else whole_number("k", k, at_least=1),
            None if nbytes is None else whole_number("nbytes", nbytes, at_least=1),
            truth("strict", strict),
        )

    @property
    def everything(self) -> bool:
        """Whether nothing is to be left out."""
        return self.k is None and self.nbytes is None


@dataclass(frozen=True)
class Start:
    """The header of a file, and what was read with it.

    Parameters
    ----------
    header : Header
        What it says.
    length : int
        Bytes before the components.
    more : bytes
        What was read beyond them.
    """

    header: Header
    length: int
    more: bytes


@dataclass(frozen=True)
class Prefix:
    """The first components of a file, checked against their digests.

    Parameters
    ----------
    header : Header
        Of the file.
    k : int
        How many components these are.
    data : bytes
        The components.
    """

    header: Header
    k: int
    data: bytes

    @property
    def kept(self) -> tuple[int, ...]:
        """Components of each class."""
        return tuple(min(self.k, held) for held in self.header.held)


def read_start(source: Source, nbytes: int | None = None) -> Start | None:
    """Read the header of a file.

    Parameters
    ----------
    source : Source
        The file.
    nbytes : int, optional
        Bytes that may be read at most, where the source is first asked for more than it takes.

    Returns
    -------
    Start or None
        None for a file of version 1 or 2, which is to be read whole.

    Raises
    ------
    FileError
        It is no slimmable file, or its header is damaged.
    """
    first = source.first if nbytes is None else max(8, min(source.first, nbytes))
    begin = source.read(0, first)
    length = int.from_bytes(begin[:8], "little")
    if len(begin) < 8 or not 2 <= length <= _LONGEST:
        if len(begin) < 8:
            raise _no_safetensors(source, f"{len(begin)} bytes" if begin else "nothing in it")
        raise _no_safetensors(source, f"it begins with {begin[:8]!r}")
    end = 8 + length
    if len(begin) < end:
        begin += source.read(len(begin), end)
    if len(begin) < end:
        raise _no_safetensors(source, f"{len(begin) - 8:,} bytes of a header of {length:,}")
    metadata, tensors = _parsed(source, begin[8:end])
    name, version = metadata.get("format"), metadata.get("version")
    if name != FORMAT or version not in (*OLDER, VERSION):
        known = ", ".join(map(repr, OLDER))
        raise FileError(
            source.name,
            found=f"format {name!r}, version {version!r}",
            expected=f"format {FORMAT!r}, version {known} or {VERSION!r}",
        )
    if version != VERSION:
        return None
    try:
        header = Header.read(metadata, tensors)
        _check_sizes(header)
    except (SlimdcError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _damaged(source.name, error) from error
    return Start(header, end, begin[end:])


def read_prefix(source: Source, start: Start, wanted: Wanted) -> Prefix:
    """Read the components that are wanted.

    Parameters
    ----------
    source : Source
        The file.
    start : Start
        Its header.
    wanted : Wanted
        How much of it.

    Returns
    -------
    Prefix

    Raises
    ------
    InvalidValueError
        The file never held so many components, or so few bytes hold none.
    FileError
        A component is damaged, there is something after the last one, or the file is cut: before
        its first component ends, or anywhere where that is not allowed.

    Warns
    -----
    SlimdcWarning
        The file is cut, it came whole though a part was wanted, or some classes hold fewer
        components.
    """
    header = start.header
    k = header.count if wanted.k is None else max(components_after(wanted.k, header.held))
    if wanted.nbytes is not None:
        fitting = int(np.searchsorted(header.ends, wanted.nbytes - start.length, side="right"))
        if fitting == 0:
            least = f"at least {start.length + header.ends[0]:,}, the header and a component"
            raise InvalidValueError("nbytes", shown(wanted.nbytes), least)
        k = min(k, fitting)
    end = header.ends[k - 1]
    have = start.more[:end]
    data = have + source.read(start.length + len(have), start.length + end)
    whole = int(np.searchsorted(header.ends, len(data), side="right"))
    remarks = []
    if source.whole is not None and source.whole > max(source.first, start.length + end):
        remarks.append(f"the server gives no parts of files: all {source.whole:,} bytes were read")
    if whole < k:
        problem = f"a file that is cut: {whole} of {k} components are whole"
        if wanted.strict or whole == 0:
            raise FileError(source.name, problem, "a file as it was written")
        data = data[: header.ends[whole - 1]]
        k = whole
        remarks.append(problem)
    elif k == header.count and source.holds(start.length + end) is False:
        raise FileError(source.name, "bytes after the last component", "a file as it was written")
    _check_digests(source.name, header, data, k)
    _check_memory(source.name, header, k)
    for remark in remarks:
        warn(f"{source.name}: {remark}")
    return Prefix(header, k, data)


def _check_sizes(header: Header) -> None:
    if header.said.codes is not None:
        return
    expected = sizes_of(header.said, header.held, apart=header.apart)
    if expected != header.sizes:
        raise InvalidValueError("sizes", shown(header.sizes), shown(expected))


def _check_memory(name: str, header: Header, k: int) -> None:
    """Refuse what would fill the memory though the file is small."""
    said, classes = header.said, len(header.held)
    n = k if said.samples is None else max(said.samples)
    numbers = classes * k * (n + said.size + said.entries)
    if said.codes is not None:  # the matrices of the transforms
        numbers += classes * said.entries**2
        numbers += sum(axis**2 for axis in said.shape) if len(said.shape) == 3 else 0
    most = _PER_ITEM * sum(header.sizes[:k]) + _FREE
    if numbers > most:
        error = InvalidValueError("set", f"one of {numbers:,} numbers", f"at most {most:,}")
        raise _damaged(name, error)


def damaged(header: Header, data: bytes, k: int) -> Iterator[int]:
    """Name the components that do not match their digests, the first one first.

    Parameters
    ----------
    header : Header
        Of the file.
    data : bytes
        Its first components.
    k : int
        How many these are.
    """
    view, begin = memoryview(data), 0
    for j, end in enumerate(header.ends[:k]):
        if digest_of(header.head(j), view[begin:end]) != header.digests[j]:
            yield j
        begin = end


def _check_digests(name: str, header: Header, data: bytes, k: int) -> None:
    for j in damaged(header, data, k):
        readable = f"; the {j} before it are whole, k={j} reads them" if j else ""
        raise FileError(
            name,
            found=f"component {j} damaged or edited: it does not match its digest{readable}",
            expected="a file as it was written",
        )


def _parsed(source: Source, text: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Take a header of safetensors apart, to the letter of its description."""
    try:
        header = plain_json("header", text.decode())
    except ValueError as error:
        raise _no_safetensors(source, str(error)) from error
    metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(x, str) for x in metadata.values()):
        raise _no_safetensors(source, "a header that is no table")
    return metadata, header


def _no_safetensors(source: Source, found: str) -> FileError:
    return FileError(
        source.name,
        found=f"a file that is truncated or no safetensors file ({found})",
        expected=SLIMMABLE,
    )


def _damaged(name: str, error: Exception) -> FileError:
    return FileError(name, found=f"a damaged set ({error})", expected="a set that was saved")
