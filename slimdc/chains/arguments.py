"""What a chain is asked for: checks, and the form in which its journal keeps it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from slimdc._array import as_array, to_numpy
from slimdc._checks import shown, values_of, whole_numbers
from slimdc._inputs import open_real
from slimdc.backend import Backend, Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.methods.method import Method
from slimdc.methods.registry import METHODS, slimming
from slimdc.parameterization import Preprocessing
from slimdc.typing import Layout

__all__ = ["check_test", "descending", "digest_of", "plain", "slimming_ways", "where"]


def slimming_ways(method: str, slim_by: Sequence[str] | None) -> tuple[str, ...]:
    """Give the methods that slim: those named, or the method and its learning-free companion."""
    # The journal keeps names: what an object does could change between two runs of one folder.
    given = (method, *(slim_by if isinstance(slim_by, list | tuple) else ()))
    if any(isinstance(way, Method) for way in given):
        raise InvalidTypeError("method", "a Method", f"a name: {', '.join(map(repr, METHODS))}")
    condenses = METHODS.get(method) if isinstance(method, str) else None
    if slim_by is None:
        free = "truncate" if method == "parameter-matching" else "random"
        slims = condenses is not None and condenses.slim is not None
        trains = slims and slimming(method).plan is not None
        slim_by = (method, free) if trains else (free,)
    slim_by = values_of("slim_by", slim_by, "a sequence of methods")
    for way in slim_by:
        slimming(way)
    return tuple(dict.fromkeys(slim_by))


def descending(sizes: Sequence[int]) -> tuple[int, ...]:
    """Check numbers of components."""
    given = whole_numbers("sizes", sizes, at_least=1)
    if not given or list(given) != sorted(set(given), reverse=True):
        raise InvalidValueError("sizes", shown(sizes), "descending numbers of components")
    return given


def check_test(
    x_test: Any, y_test: Any, shape: tuple[int, ...], layout: Layout, classes: int | None
) -> None:
    """Refuse what no set of a chain could be tested on: before one of them is made."""
    _, labels = open_real(x_test, y_test, shape, layout, Preprocessing(), "_test")
    if classes is not None and labels.max() >= classes:
        expected = f"classes below {classes}, those of the set"
        raise InvalidValueError("y_test", f"class {labels.max()}", expected)


def plain(value: Any) -> Any:
    """Write arguments in the form that the journal keeps."""
    if isinstance(value, Preprocessing):
        return value.to_dict()
    if isinstance(value, Backend):
        return plain(Compute(value, "float32").identity)
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: plain(asdict(value))}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def digest_of(*arrays: Any) -> str:
    """Name data by what they hold."""
    digest = hashlib.sha256()
    for given in arrays:
        host = to_numpy(as_array(given, "data"))
        digest.update(f"{host.dtype} {host.shape}".encode())
        digest.update(np.ascontiguousarray(host).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:16]


def where() -> dict[str, str]:
    """Tell what computed, for whoever reads the results."""
    return {
        "slimdc": version("slimdc"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
