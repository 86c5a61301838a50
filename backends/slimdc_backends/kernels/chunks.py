"""Images taken a few at a time, and shared among threads, on NumPy arrays.

Chunks have a fixed size, and so have their groups, so that results do not depend on how many
threads share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

__all__ = ["CHUNK", "GROUPS", "Map", "chunks", "groups"]

# Four 16 x 16 images of 32 channels have patches of 1.2 MB: they stay in a core's cache.
CHUNK = 4
# Chunks are shared among threads in at most this many groups, each with buffers of its own.
GROUPS = 8

Map: TypeAlias = Callable[[Callable[[slice], Any], Iterable[slice]], Iterable[Any]]


def groups(images: int) -> Iterator[slice]:
    """Split images into groups of chunks, one for each task that threads are given."""
    return _split(slice(0, images), CHUNK * max(1, -(-images // (CHUNK * GROUPS))))


def chunks(images: slice, memory: Callable[[int], Any]) -> Iterator[tuple[slice, Any]]:
    """Yield a few images at a time, with memory for so many: fresh memory costs as a copy does."""
    count, held = 0, None
    for part in _split(images, CHUNK):
        if part.stop - part.start != count:
            count = part.stop - part.start
            held = memory(count)
        yield part, held


def _split(images: slice, size: int) -> Iterator[slice]:
    for i in range(images.start, images.stop, size):
        yield slice(i, min(i + size, images.stop))
