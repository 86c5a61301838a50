"""The state of a buffer as one message: its options, and the set that it holds."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from slimdc._checks import shown
from slimdc.errors import FileError, InvalidTypeError
from slimdc.storage.json_text import plain_json
from slimdc.storage.tensor_file import DIGEST, parse_tensors, tensor_bytes

__all__ = ["State", "packed_state", "unpacked_state"]

FORMAT = "slimdc-replay-1"


class State(NamedTuple):
    """What a buffer is made of.

    Attributes
    ----------
    options : dict
        What `ReplayBuffer` was made with.
    added : int
        How many tasks came.
    message : bytes
        The set that is held; empty before the first.
    """

    options: dict[str, Any]
    added: int
    message: bytes


def packed_state(state: State) -> bytes:
    """Write a state as the bytes of a safetensors file with a digest of its contents."""
    held = np.frombuffer(state.message, np.uint8)
    said = {"options": json.dumps(state.options), "added": str(state.added)}
    return tensor_bytes({"set": held}, {"format": FORMAT} | said)


def unpacked_state(name: str, payload: bytes) -> State:
    """Read what `packed_state` wrote.

    Parameters
    ----------
    name : str
        What messages call it.
    payload : bytes
        All of it.

    Raises
    ------
    InvalidTypeError
        These are no bytes.
    FileError
        They are damaged, or no state of this version.
    """
    if not isinstance(payload, bytes):
        raise InvalidTypeError(name, type(payload).__name__, "bytes")
    tensors, said = parse_tensors(name, payload)
    if said.get("format") != FORMAT or DIGEST not in said:
        found = f"one of the format {shown(said.get('format'))}"
        raise FileError(name, found, f"a state of a ReplayBuffer, {FORMAT}")
    try:
        options = plain_json("options", said["options"])
        held, added = tensors["set"], int(said["added"])
        if not isinstance(options, dict) or held.dtype != np.uint8 or added < 0:
            raise ValueError("other fields than such a state has")
    except (LookupError, ValueError) as error:
        raise FileError(name, str(error), "a state as it was written") from None
    return State(options, added, held.tobytes())
