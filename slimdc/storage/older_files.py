"""Slimmable files of versions 1 and 2: four tensors, read whole."""

from __future__ import annotations

from collections.abc import Mapping

from slimdc.errors import FileError, InvalidValueError, SlimdcError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.description import NAMES, Description, Factors
from slimdc.storage.tensor_file import DIGEST, parse_tensors

__all__ = ["OLDER", "parse_older"]

OLDER = ("1", "2")

# Files of version 1 have no digest. They hold just these keys, so that no file of a later version,
# however damaged, passes for one.
_KEYS_OF_VERSION_1 = frozenset(
    {"format", "version", "shape", "layout", "preprocessing", "dtype"}
    | {"labels", "samples", "components"}
)


def parse_older(name: str, payload: bytes) -> SlimmableDataset:
    """Read the bytes of a file of version 1 or 2.

    Parameters
    ----------
    name : str
        What messages call it.
    payload : bytes
        All of it.

    Returns
    -------
    SlimmableDataset

    Raises
    ------
    FileError
        It is truncated, damaged, or lacks the digest that version 2 has.
    """
    tensors, metadata = parse_tensors(name, payload)
    _check_whole(name, metadata)
    try:
        if set(tensors) != set(NAMES):
            raise InvalidValueError("tensors", str(sorted(tensors)), str(sorted(NAMES)))
        return SlimmableDataset(Factors(**tensors), Description.from_metadata(metadata))
    except (SlimdcError, ValueError, TypeError, OverflowError) as error:
        raise FileError(
            name, found=f"a damaged set ({error})", expected="a set that was saved"
        ) from error


def _check_whole(name: str, metadata: Mapping[str, str]) -> None:
    """Refuse a file that lacks the digest that its version has."""
    version = metadata.get("version")
    whole = DIGEST in metadata if version == "2" else set(metadata) == _KEYS_OF_VERSION_1
    if not whole:
        raise FileError(
            name,
            found=f"a damaged set of version {version} (metadata {sorted(metadata)})",
            expected="a set that was saved",
        )
