"""Tables of a command's answer."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of cells under their heads: names to the left, numbers to the right.

    Examples
    --------
    >>> print(table(["file", "bytes"], [["small", "4,009"], ["tiny", "608"]]))
    file   bytes
    small  4,009
    tiny     608
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in (head, *rows)
    )
