"""JSON as files hold it: without spaces, and of one meaning."""

from __future__ import annotations

import json
from typing import Any

from slimdc.errors import InvalidValueError

__all__ = ["compact", "plain_json"]


def compact(value: object) -> str:
    """Write JSON without spaces; numbers come back to the bit.

    Examples
    --------
    >>> compact({"shape": (28, 28), "step": 0.1})
    '{"shape":[28,28],"step":0.1}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def plain_json(name: str, text: str) -> Any:
    """Read JSON, and name what it is of where it is none.

    Raises
    ------
    InvalidValueError
        It is no JSON, or has a key twice: one reader takes the first, one the last.

    Examples
    --------
    >>> plain_json("sizes", "[3,2]")
    [3, 2]
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(name, f"no JSON ({error})", "JSON") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key that appears twice")
    return found
