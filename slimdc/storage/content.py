"""What a slimmable file holds, from a set to bytes and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, cast

from slimdc._array import like as in_library_of
from slimdc.errors import FileError, InvalidValueError, SlimdcError
from slimdc.parameterization import Description, Factors, SlimmableDataset
from slimdc.parameterization.quantization import Codes
from slimdc.parameterization.validation import check_finite
from slimdc.storage.float_components import packed, places_of, sizes_of, unpacked
from slimdc.storage.header import Header, digest_of
from slimdc.storage.prefix import Prefix, Wanted
from slimdc.storage.said import Said

__all__ = [
    "Content",
    "content_of",
    "dumped",
    "fitting",
    "header_bytes",
    "in_framework_of",
    "sealed",
    "truncated",
]


class Content(NamedTuple):
    """A set before it is built.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    said : Said
        What its file says of it.
    description : Description
        Of what was read.
    held : Factors or Codes
        What was read.
    """

    name: str
    said: Said
    description: Description
    held: Factors | Codes

    def made(self, like: Any) -> SlimmableDataset:
        """Build the set, in the framework of an array, or in NumPy.

        Raises
        ------
        FileError
            It is none: the file was made by hand.
        """
        try:
            if isinstance(self.held, Codes):
                data = SlimmableDataset.from_codes(
                    self.held,
                    self.description,
                    self.said.entries,
                    dtype=cast(Literal["float32", "float64"], self.said.factors),
                    like=like,
                )
                for name, factor in data.host_factors()._asdict().items():
                    check_finite(name, factor)
                return data
            data = SlimmableDataset(self.held, self.description)
        except MemoryError as error:
            raise FileError(self.name, "more than memory can hold", "a smaller file") from error
        except (SlimdcError, ValueError, OverflowError) as error:
            found = f"a damaged set ({error})"
            raise FileError(self.name, found, "a set that was saved") from error
        return data if like is None else in_framework_of(data, like)


def in_framework_of(data: SlimmableDataset, reference: Any) -> SlimmableDataset:
    """Bring a set of floats into the framework of an array."""
    return data.with_factors(*(in_library_of(factor, reference) for factor in data.factors))


def content_of(name: str, prefix: Prefix, *, original: bool) -> Content:
    """Take the components of a file apart.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    prefix : Prefix
        The components.
    original : bool
        Whether they are wanted in the order that they had before they were sorted by size.
    """
    header, k, said = prefix.header, prefix.k, prefix.header.said
    description = header.description
    if said.codes is None:
        factors = unpacked(prefix.data, header, k, original=original)
        return Content(name, said, description.truncated(prefix.kept), factors)
    ends = (0, *header.ends)
    blobs = tuple(prefix.data[ends[j] : ends[j + 1]] for j in range(k))
    codes = replace(said.codes, components=blobs)
    if k < header.count:
        description = codes.described(description, prefix.kept)
    return Content(name, said, description, codes)


def dumped(data: SlimmableDataset) -> bytes:
    """Write a set as the bytes of a file.

    Parameters
    ----------
    data : SlimmableDataset
        The set.

    Returns
    -------
    bytes
    """
    said, codes, held = Said.of(data), data.codes, data.components
    order = data.description.order if said.rows else None
    if codes is not None:
        sizes = tuple(map(len, codes.components))
        header = Header("U8", said, said.text(), held, None, order, sizes)
        return sealed(header, codes.components)
    dtype = "F64" if data.factor_dtype == "float64" else "F32"
    factors = data.host_factors()
    places = places_of(factors.s, held)
    header = Header(dtype, said, said.text(), held, places, None, ())
    header = replace(header, sizes=sizes_of(said, held, apart=header.apart))
    return sealed(header, [x.data.cast("B") for x in packed(factors, header)])


def header_bytes(data: SlimmableDataset, *, rows: bool) -> int:
    """Count the bytes before the components of a set, were it one of few bits.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    rows : bool
        Whether its components are samples.

    Returns
    -------
    int
        With steps of as many digits as they mostly have, and components of five.

    Examples
    --------
    >>> import numpy as np
    >>> data = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2)
    >>> few = data.quantize(16)
    >>> 0 <= header_bytes(data, rows=False) - (len(dumped(few)) - few.nbytes) < 40
    True
    """
    steps = Codes(1 / 7, 1 / 7, rows, ())
    said = replace(
        Said.of(data),
        samples=None if rows else data.samples,
        order=None if rows else data.description.order,
        shared="",
        codes=steps,
        factors=data.factor_dtype,
    )
    order = data.description.order if rows else None
    sizes = (99_999,) * max(data.components)
    return len(Header("U8", said, said.text(), data.components, None, order, sizes).written())


def fitting(header: Header, wanted: Wanted) -> int:
    """Find how many components a file may have that takes so many bytes at most.

    Parameters
    ----------
    header : Header
        Of the file that it is cut from.
    wanted : Wanted
        Components and bytes.

    Returns
    -------
    int
        `Wanted.k` where no bytes are said, or it is beyond what the file holds.

    Raises
    ------
    InvalidValueError
        So many bytes hold no component.
    """
    k = header.count if wanted.k is None else wanted.k
    if wanted.nbytes is None or k > header.count:
        return k  # too many are refused where they are read
    for fewer in range(k, 0, -1):
        size = len(header.truncated(fewer).written()) + header.ends[fewer - 1]
        if size <= wanted.nbytes:
            return fewer
    raise InvalidValueError("nbytes", f"{wanted.nbytes}", f"at least {size:,} for a component")


def truncated(name: str, prefix: Prefix) -> bytes:
    """Write the first components of a file as a file.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    prefix : Prefix
        The components.

    Returns
    -------
    bytes
        What `dumped` gives for the truncated set.
    """
    header, ends = prefix.header, (0, *prefix.header.ends)
    if header.apart:  # what all classes share is to be written once again
        return dumped(content_of(name, prefix, original=False).made(None))
    view = memoryview(prefix.data)
    parts = [view[ends[j] : ends[j + 1]] for j in range(prefix.k)]
    return sealed(header.truncated(prefix.k), parts)


def sealed(header: Header, components: Sequence[bytes | memoryview]) -> bytes:
    """Join a header and its components, with digests where it lacks them.

    Parameters
    ----------
    header : Header
        What it says of them.
    components : sequence of bytes
        The components.

    Returns
    -------
    bytes
        A file.
    """
    if not header.digests:
        digests = (digest_of(header.head(j), part) for j, part in enumerate(components))
        header = replace(header, digests=tuple(digests))
    return b"".join((header.written(), *components))
