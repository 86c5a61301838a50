"""The header of a slimmable file, version 3: a few hundred bytes of JSON before the components."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from slimdc._checks import shown, whole_numbers
from slimdc.errors import InvalidValueError
from slimdc.parameterization import Description
from slimdc.storage.json_text import compact, plain_json
from slimdc.storage.said import Said

__all__ = ["FORMAT", "ITEMS", "TENSOR", "VERSION", "Header", "digest_of"]

FORMAT, VERSION, TENSOR = "slimdc", "3", "components"
# Bytes of an item of the one tensor, by the names that safetensors has for dtypes.
ITEMS = {"U8": 1, "F32": 4, "F64": 8}

_DIGITS = 12  # of each digest
# A few digits may say a number that would fill the memory.
_PER_ITEM, _MOST_CLASSES = 4096, 1 << 17
_KEYS = {"format", "version", "set", "sizes", "digests"}
_MORE = {"components", "places", "order"}


@dataclass(frozen=True)
class Header:
    """What stands before the components of a file.

    Parameters
    ----------
    dtype : {"U8", "F32", "F64"}
        Of the components: bytes of codes, or floats.
    said : Said
        What is said of the set, whatever is cut off.
    text : str
        The same as it is written.
    held : tuple of int
        Components of each class.
    places : tuple of tuple of int, or None
        For each block of s, where its components stood before they were sorted by size; None where
        they came sorted.
    order : tuple of int, or None
        Of the rows where these are components; see `Description`.
    sizes : tuple of int
        Items of each component.
    digests : tuple of str
        Of each component; empty where they are still to be made.
    """

    dtype: str
    said: Said
    text: str
    held: tuple[int, ...]
    places: tuple[tuple[int, ...], ...] | None
    order: tuple[int, ...] | None
    sizes: tuple[int, ...]
    digests: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.sizes)

    @property
    def ends(self) -> tuple[int, ...]:
        """Bytes of components up to the end of each."""
        return tuple(np.cumsum([size * ITEMS[self.dtype] for size in self.sizes]).tolist())

    @cached_property
    def description(self) -> Description:
        """The set with all of its components."""
        return self.said.description(self.held, self.order)

    @property
    def apart(self) -> bool:
        """Whether a U that all classes share is written for each: they sort it differently."""
        return "u" in self.said.shared and self.places is not None and len(set(self.places)) > 1

    def head(self, j: int) -> bytes:
        """Give what goes into the digest of a component before its bytes."""
        classes = [c for c, held in enumerate(self.held) if held > j]
        places = order = None
        if self.places is not None:
            places = [block[j] for block in self.places if len(block) > j]
        if self.order is not None:
            first = np.cumsum((0, *self.held)).tolist()
            order = [self.order[first[c] + j] for c in classes]
        return f"{compact([3, self.dtype, j, classes, places, order])}\n{self.text}\n".encode()

    def truncated(self, k: int) -> Header:
        """Describe the first k components; digests that would be others are missing."""
        kept = tuple(min(k, held) for held in self.held)
        order = self.order
        if self.order is not None and self.said.codes is not None:
            order = self.said.codes.described(self.description, kept).order
        lost = self.places is not None or self.order is not None
        digests = () if lost else self.digests[:k]
        sizes = self.sizes[:k]
        return replace(self, held=kept, places=None, order=order, sizes=sizes, digests=digests)

    def written(self) -> bytes:
        """Write it, with its length before it and, for floats, spaces up to a multiple of 8."""
        metadata = {"format": FORMAT, "version": VERSION, "set": self.text}
        if min(self.held) < self.count:
            metadata["components"] = compact(self.held)
        if self.places is not None:
            metadata["places"] = compact(self.places)
        if self.order is not None:
            metadata["order"] = compact(self.order)
        digests = "".join(self.digests) or "0" * (_DIGITS * self.count)
        metadata |= {"sizes": compact(self.sizes), "digests": digests}
        tensor = {
            "dtype": self.dtype,
            "shape": [sum(self.sizes)],
            "data_offsets": [0, sum(self.sizes) * ITEMS[self.dtype]],
        }
        text = compact({"__metadata__": metadata, TENSOR: tensor}).encode()
        if self.dtype != "U8":
            text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text

    @classmethod
    def read(cls, metadata: dict[str, str], tensors: dict[str, Any]) -> Header:
        """Undo `written`.

        Parameters
        ----------
        metadata : dict of str to str
            Of the file.
        tensors : dict
            The rest of the header, by name.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            It is none that `written` writes.
        """
        if not _KEYS <= set(metadata) <= _KEYS | _MORE:
            expected = f"{sorted(_KEYS)}, and {sorted(_MORE)} where needed"
            raise InvalidValueError("metadata", shown(sorted(metadata)), expected)
        sizes = whole_numbers("sizes", plain_json("sizes", metadata["sizes"]), at_least=1)
        if not sizes:
            raise InvalidValueError("sizes", "no component", "at least one")
        dtype = _dtype(tensors, sum(sizes))
        # Each class has a label entry of its own, and each number takes 1/1,600 byte at least.
        most = min(math.isqrt(_PER_ITEM * sizes[0]), _MOST_CLASSES)
        said = Said.read(metadata["set"], most_classes=most)
        if (said.codes is not None) != (dtype == "U8"):
            raise InvalidValueError("dtype", dtype, "U8 for codes, F32 or F64 for floats")
        held = (len(sizes),) * len(said.labels)
        if "components" in metadata:
            plain = plain_json("components", metadata["components"])
            held = whole_numbers("components", plain, at_least=1)
            if len(held) != len(said.labels) or max(held) != len(sizes):
                raise InvalidValueError("components", shown(held), "what sizes and labels say")
        places = _places(metadata, said, held) if "places" in metadata else None
        order = None
        if "order" in metadata:
            if not said.rows:
                raise InvalidValueError("order", "one of rows", "none: components are no rows")
            order = whole_numbers("order", plain_json("order", metadata["order"]), at_least=0)
        digests = _digests(metadata["digests"], len(sizes))
        header = cls(dtype, said, metadata["set"], held, places, order, sizes, digests)
        if header.description.order != (order if said.rows else said.order):
            raise InvalidValueError("order", "one that changes nothing", "none")
        return header


def digest_of(head: bytes, component: bytes | memoryview) -> str:
    """Hash a component and what is said of it.

    Parameters
    ----------
    head : bytes
        See `Header.head`.
    component : bytes
        As it lies in the file.

    Returns
    -------
    str
        The first 12 digits of a SHA-256 in hexadecimal.

    Examples
    --------
    >>> digest_of(b"head", b"component")
    'e0563cc70206'
    """
    found = hashlib.sha256(head)
    found.update(component)
    return found.hexdigest()[:_DIGITS]


def _dtype(tensors: dict[str, Any], items: int) -> str:
    tensor = tensors.get(TENSOR)
    if len(tensors) != 1 or not isinstance(tensor, dict):
        raise InvalidValueError("tensors", shown(sorted(tensors)), f"one, {TENSOR!r}")
    dtype = tensor.get("dtype")
    size = ITEMS.get(dtype) if isinstance(dtype, str) else None
    if size is None:
        raise InvalidValueError("dtype", shown(dtype), f"one of {', '.join(ITEMS)}")
    expected = {"dtype": dtype, "shape": [items], "data_offsets": [0, items * size]}
    if tensor != expected:
        raise InvalidValueError(TENSOR, shown(tensor), shown(expected))
    return str(dtype)


def _places(
    metadata: dict[str, str], said: Said, held: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    plain = plain_json("places", metadata["places"])
    expected = held[:1] if "s" in said.shared else held
    if not isinstance(plain, list) or len(plain) != len(expected) or said.codes is not None:
        raise InvalidValueError("places", shown(plain), "a list for each block of s")
    blocks = tuple(whole_numbers("places", block, at_least=0) for block in plain)
    for block, count in zip(blocks, expected, strict=True):
        if len(block) != count or sorted(block) != list(range(count)):
            raise InvalidValueError("places", shown(block), f"each number below {count} once")
    return blocks


def _digests(text: str, count: int) -> tuple[str, ...]:
    if len(text) != _DIGITS * count or not set(text) <= set("0123456789abcdef"):
        raise InvalidValueError("digests", shown(text), f"{count} times {_DIGITS} digits")
    return tuple(text[i : i + _DIGITS] for i in range(0, len(text), _DIGITS))
