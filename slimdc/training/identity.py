"""The digest that identifies a run: two runs share it only if they take the same steps."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import array_api_compat
import numpy as np

from slimdc._array import to_numpy
from slimdc.backend import Compute
from slimdc.networks import Network
from slimdc.parameterization import SlimmableDataset

__all__ = ["identity"]

# A network that holds itself, directly or not, has no end.
_DEEPEST = 20


def identity(compute: Compute, network: Network, data: SlimmableDataset, *arguments: object) -> str:
    """Hash all that changes a bit of a run.

    Parameters
    ----------
    compute : Compute
        Backend with its options, device and dtype.
    network : Network
        The architecture: its class, all its attributes, and what it draws.
    data : SlimmableDataset
        The set that training starts from: factors and description.
    *arguments : object
        Settings, seeds, further arrays.

    Returns
    -------
    str
        A SHA-256 in hexadecimal.

    Examples
    --------
    >>> from slimdc.networks import MLP
    >>> compute = Compute.chosen(np.zeros(1), "numpy", None, None)
    >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])
    >>> len(identity(compute, MLP(4, 2), data, "seed 0"))
    64
    """
    digest = hashlib.sha256()
    drawn = network.draw(np.random.default_rng(0))
    # The metadata, as a file holds it: a whitening matrix may be at hand or not.
    known = data.description.to_metadata()
    whole = (compute.identity, network, drawn, known, data.host_factors(), arguments)
    for piece in _pieces(whole, _DEEPEST):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any, depth: int) -> Iterator[bytes | memoryview]:
    """Write any value as bytes that are the same in every process."""
    kind = type(value)
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    if depth == 0:
        return
    if array_api_compat.is_array_api_obj(value) and not isinstance(value, np.generic):
        value = to_numpy(value)
    if value is None or isinstance(value, str | bytes | int | float | complex | np.generic):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    elif isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield from _all((name, value[name]), depth)
    elif isinstance(value, tuple | list):
        yield from _all(value, depth)
    elif isinstance(value, set | frozenset):
        yield from sorted(b"".join(_pieces(item, depth - 1)) for item in value)
    elif isinstance(value, types.MethodType):
        yield from _all((value.__func__, value.__self__), depth)
    elif isinstance(value, functools.partial):
        yield from _all((value.func, value.args, value.keywords), depth)
    elif isinstance(value, types.FunctionType):
        yield value.__qualname__.encode()
        yield value.__code__.co_code
        constants = (c for c in value.__code__.co_consts if not isinstance(c, types.CodeType))
        yield from _all(constants, depth)
        yield from _all((value.__defaults__, value.__kwdefaults__), depth)
        yield from _all((cell.cell_contents for cell in value.__closure__ or ()), depth)
    elif isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        yield str(getattr(value, "__qualname__", value.__name__)).encode()
    else:
        yield str(getattr(value, "__name__", "")).encode()  # of compiled functions, such as ufuncs
        yield from _all(sorted(_attributes(value).items()), depth)


def _all(values: Iterable[object], depth: int) -> Iterator[bytes | memoryview]:
    for value in values:
        yield from _pieces(value, depth - 1)


def _attributes(value: object) -> dict[str, object]:
    """Attributes of an object, those in slots as well."""
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return held | getattr(value, "__dict__", {})
