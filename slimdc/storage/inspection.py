"""Telling what a file holds, reading no more of it than that takes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from slimdc._array import HostArray
from slimdc._checks import one_of, shown, whole_number
from slimdc._checks import path as checked_path
from slimdc.errors import FileError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.storage.content import content_of, dumped
from slimdc.storage.file_report import Depth, FileReport
from slimdc.storage.float_components import significances
from slimdc.storage.foreign import FORMATS, NAMES, read, recognised
from slimdc.storage.foreign.reading import are_pixels
from slimdc.storage.header import VERSION, Header
from slimdc.storage.json_text import plain_json
from slimdc.storage.older_files import parse_older
from slimdc.storage.prefix import Start, Wanted, damaged, read_prefix, read_start
from slimdc.storage.sources import LocalSource, MemorySource, Source, is_url, opened
from slimdc.typing import FormatName

__all__ = ["inspect"]

_DEPTHS = ("header", "components", "set")
_STORED: dict[str, Any] = {"F32": "float32", "F64": "float64", "U8": "codes"}
_OWN = "slimdc"


def inspect(
    file: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    depth: Depth | None = None,
    format: FormatName | Literal["auto"] = "auto",  # noqa: A002 - the word that users know
    experiment: int | None = None,
    factor: int = 1,
    classes: int | None = None,
) -> FileReport:
    """Tell what a file holds: classes, components, bytes, spectrum, and whether it is whole.

    Parameters
    ----------
    file : str, path or bytes
        A slimmable file, its URL or its bytes; or a file or folder that `slimdc.read` knows.
    depth : {"header", "components", "set"}, optional
        How far a slimmable file is read: its header, some hundred bytes; its components, to
        compare them with their digests and to take the significances out of them, while samples
        are not decoded unless components are of few bits; or the set itself, which is built.
        By default the header of a URL and the components of all else.
    format : str
        The format that it must have; by default the one that it fits. See `slimdc.read`.
    experiment, factor, classes : optional
        As for `slimdc.read`, for formats of others.

    Returns
    -------
    FileReport
        A file that is cut, or of which components are damaged, is described as its header has it.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        An argument cannot be used, or does not go with the format.
    FileError
        There is no such file, it is none of the formats, or its header is damaged: nothing can be
        told then. A set of others, or a file of version 1 or 2, is damaged anywhere.
    MissingLibraryError
        It takes a library that is not installed.

    Examples
    --------
    >>> import numpy as np, slimdc
    >>> data = slimdc.SlimmableDataset.from_arrays(np.diag([2.0, 1.0]), [0, 0])
    >>> report = inspect(slimdc.dumps(data))
    >>> [round(share, 3) for share in report.energy], report.damaged
    ([0.8, 0.2], ())
    """
    if depth is not None:
        one_of("depth", depth, _DEPTHS)
    one_of("format", format, ("auto", *NAMES))
    others = {"experiment": experiment, "factor": factor, "classes": classes}
    if isinstance(file, bytes | bytearray | memoryview):
        _check_ours(format, others)
        return _report(MemorySource("file", file), depth)
    if is_url(file):
        _check_ours(format, others)
        with opened(file) as source:
            return _report(source, depth or "header")
    target = checked_path("file", file)
    if format == _OWN or (format == "auto" and _looks_ours(target)):
        _check_ours(format, others)
        with opened(target) as source:
            return _report(source, depth)
    name = recognised(target, format)
    data = read(
        target,
        format=name,
        preprocessing="none",
        experiment=experiment,
        factor=factor,
        classes=classes,
    )
    told = _report(MemorySource(str(target), dumped(data)), "components")
    return replace(
        told,
        format=name,
        version=None,
        nbytes=None if target.is_dir() else target.stat().st_size,
        space_said=FORMATS[name].pixels and are_pixels(data.arrays()[0]),
        damaged=None,
    )


def _check_ours(format_: str, others: dict[str, Any]) -> None:
    """Refuse what is only said of sets of others; these are files and folders on this machine."""
    if format_ not in ("auto", _OWN):
        raise InvalidValueError("format", shown(format_), f"'auto' or {_OWN!r} for URLs and bytes")
    packed = whole_number("factor", others["factor"], at_least=1) != 1
    for name, usual, said in (
        ("experiment", None, others["experiment"] is not None),
        ("factor", 1, packed),
        ("classes", None, others["classes"] is not None),
    ):
        if said:
            expected = f"{usual}: a slimmable file says all of it"
            raise InvalidValueError(name, shown(others[name]), expected)


def _looks_ours(path: Path) -> bool:
    """Tell whether a file begins as safetensors do; one that is not there is refused later."""
    if os.path.isdir(path):  # False of names that are too long
        return False
    with opened(path) as source:
        return source.read(0, 9)[8:] == b"{"


def _report(source: Source, depth: Depth | None) -> FileReport:
    start = read_start(source)
    if start is None:
        return _older(source)
    header, depth = start.header, depth or "components"
    end = start.length + header.ends[-1]
    holds = source.holds(end)
    report = FileReport(
        source.name,
        _OWN,
        VERSION,
        depth,
        end,
        header.description,
        header.said.entries,
        _STORED[header.dtype],
        header.said.rows,
        _numbers(header),
        tuple(start.length + n for n in header.ends),
        header.ends[-1],
        whole=header.count if holds else None,
    )
    if depth == "header":
        # A file on this disk says its length; the header alone says what it should be.
        cut = isinstance(source, LocalSource) and holds is False
        return replace(report, problem="not as long as its header says") if cut else report
    return _with_components(report, source, start)


def _with_components(report: FileReport, source: Source, start: Start) -> FileReport:
    header = start.header
    data = start.more + source.read(start.length + len(start.more))
    whole = int(np.searchsorted(header.ends, len(data), side="right"))
    bad = tuple(damaged(header, data, whole))
    readable = bad[0] if bad else whole
    report = replace(report, whole=whole, damaged=bad)
    if len(data) > header.ends[-1]:
        report = replace(report, problem="bytes after the last component")
    if not readable:
        return report
    blocks = None
    if header.said.codes is None:
        blocks = significances(data[: header.ends[readable - 1]], header, readable)
    if blocks is None or report.depth == "set":
        try:
            built = _built(source.name, start, data, readable)
        except FileError as error:
            return replace(report, problem=error.found)
        s = np.abs(built.host_factors("float64").s)
        blocks = blocks or [np.asarray(column) for column in s.T]
    return replace(report, energy=_shares(blocks))


def _built(name: str, start: Start, data: bytes, k: int) -> SlimmableDataset:
    """Build the set of the first components that are whole."""
    end = start.length + start.header.ends[k - 1]
    whole = MemorySource(name, b"\0" * start.length + data[: start.header.ends[k - 1]])
    # By bytes: of k components it would be told which classes hold fewer.
    prefix = read_prefix(whole, replace(start, more=b""), Wanted(None, end, False))
    return content_of(name, prefix, original=False).made(None)


def _shares(blocks: list[HostArray]) -> tuple[float, ...] | None:
    """Give the share of each component in the squares of all significances.

    Where all classes share s they hold equally many components, so that one block is enough.
    """
    largest = max(float(np.abs(block).max()) for block in blocks)
    if not 0 < largest < np.inf:
        return None
    squares = [float(((block / largest) ** 2).sum()) for block in blocks]
    return tuple(square / sum(squares) for square in squares)


def _numbers(header: Header) -> int:
    """Count the numbers of the factors, as `SlimmableDataset.numbers` does."""
    known, shared = header.description, header.said.shared
    left = [n * k for n, k in zip(known.samples, known.components, strict=True)]
    middle = known.components[: 1 if "s" in shared else None]
    right = sum(known.components) * (known.size + header.said.entries)
    return right + sum(left[: 1 if "u" in shared else None]) + sum(middle)


def _older(source: Source) -> FileReport:
    """Describe a file of version 1 or 2, which is read whole whatever is wanted of it."""
    payload = source.read(0)
    told = _report(MemorySource(source.name, dumped(parse_older(source.name, payload))), "set")
    size, end = len(payload), 8 + int.from_bytes(payload[:8], "little")
    version = plain_json("header", payload[8:end].decode())["__metadata__"]["version"]
    # Those of version 1 have no digest that could be compared.
    bad = () if version == "2" else None
    sizes = (size,) * told.components
    return replace(told, version=version, nbytes=size, prefixes=sizes, damaged=bad)
