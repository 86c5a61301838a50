"""Strings of bytes that the states of a coder, side by side, write to and read from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slimdc.errors import InvalidValueError

__all__ = ["LOW", "Sink", "Source"]

Integers = NDArray[np.int64]

# No state between two steps is smaller.
LOW = 1 << 16


class Sink:
    """Where states put their low bytes: the string of each lane, from its end on."""

    def __init__(self, steps: int, lanes: int) -> None:
        # Two drains for each step, two bytes at most for each; what was used is picked at the end.
        self._low = np.zeros((2 * steps, lanes), np.uint16)
        self._count = np.zeros((2 * steps, lanes), np.uint8)
        self._drains = 0

    def drain(self, state: Integers, limit: Integers) -> Integers:
        """Move bytes out of states until all are below their limits: two bytes at most."""
        count = (state >= limit).astype(np.int64) + (state >= limit << 8)
        self._low[self._drains, : state.size] = state & 0xFFFF
        self._count[self._drains, : state.size] = count
        self._drains += 1
        return state >> 8 * count

    def strings(self, state: Integers) -> list[bytes]:
        """Close all strings with their states."""
        low, count = (part[: self._drains][::-1].T for part in (self._low, self._count))
        # Of two bytes the high one went out last, so that it is read first.
        pairs = np.stack([low >> 8, low & 255], axis=2).astype(np.uint8)
        used = np.stack([count > 1, count > 0], axis=2)
        return [
            int(x).to_bytes(3, "little") + pair[mask].tobytes()
            for x, pair, mask in zip(state, pairs, used, strict=True)
        ]


class Source:
    """Where states take their bytes from: what a sink wrote."""

    def __init__(self, strings: list[bytes], steps: int) -> None:
        ends = np.cumsum([len(text) for text in strings])
        # Beyond its end a damaged string reads what is there; its place tells so in the end.
        text = np.frombuffer(b"".join(strings) + bytes(4 * steps + 2), np.uint8).astype(np.int64)
        self._pairs = (text[:-1] << 8) | text[1:]
        self._end = np.asarray(ends, np.int64)
        self._next = self._end - [len(text) - 3 for text in strings] if strings else self._end

    def states(self) -> Integers:
        """Read the first three bytes of all strings."""
        parts = [(self._pairs[self._next - 3 + i] >> 8) << (8 * i) for i in range(3)]
        state = np.asarray(sum(parts))
        if state.size and not (state >= LOW).all():
            raise InvalidValueError("coded", "a state that is too small", "what pack wrote")
        return state

    def refill(self, state: Integers) -> Integers:
        """Move bytes into states until none is too small: two bytes at most."""
        count = (state < LOW).astype(np.int64) + (state < LOW >> 8)
        place = self._next[: state.size]
        taken = self._pairs[place] >> (16 - 8 * count)
        place += count
        return (state << 8 * count) | taken

    def check_end(self, state: Integers) -> None:
        """Check that every string came out whole."""
        if not ((self._next == self._end) & (state == LOW)).all():
            raise InvalidValueError("coded", "a string that does not end", "what pack wrote")
