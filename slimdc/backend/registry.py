"""The registry that finds a backend by name or by the caller's arrays."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimdc._array import library_of
from slimdc._checks import shown
from slimdc.backend.protocol import Array, Backend
from slimdc.errors import InvalidTypeError, InvalidValueError, MissingBackendError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINTS", "get", "missing", "names", "resolve"]

ENTRY_POINTS = "slimdc.backends"


@dataclass(frozen=True)
class _BuiltIn:
    module: str
    factory: str
    library: str
    install: str
    # Whether the library, which computes nowhere else, finds a GPU.
    has_gpu: Callable[[], bool] | None = None


def _cupy_has_gpu() -> bool:
    try:
        return bool(importlib.import_module("cupy").cuda.is_available())
    except ImportError:  # it explains itself where it is imported to be used
        return True


_BUILT_IN = {
    "numpy": _BuiltIn("slimdc_backends.numpy", "NumpyBackend", "numpy", "pip install slimdc"),
    "torch": _BuiltIn(
        "slimdc_backends.torch", "TorchBackend", "torch", "pip install 'slimdc[torch]'"
    ),
    "jax": _BuiltIn("slimdc_backends.jax", "JaxBackend", "jax", "pip install 'slimdc[jax]'"),
    "cupy": _BuiltIn(
        "slimdc_backends.cupy",
        "CupyBackend",
        "cupy",
        "pip install 'slimdc[cupy-cuda12x]', or 'slimdc[cupy-cuda13x]' for CUDA 13",
        _cupy_has_gpu,
    ),
}


_GPU = "an NVIDIA GPU and its driver"


def names() -> tuple[str, ...]:
    """Names of the backends known here: the built-in ones, then third parties' by entry point.

    Returns
    -------
    tuple of str
        Known is not usable: `get` tells what is missing, if anything.

    Raises
    ------
    InvalidValueError
        If an installed package registers a backend under a built-in name.

    Examples
    --------
    >>> "numpy" in names()
    True
    """
    return (*_BUILT_IN, *_third_parties())


def missing(name: str) -> str | None:
    """Say what keeps a known backend from being used here.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    str or None
        The command that installs what is missing, or the hardware that it needs and does not
        find; None where nothing is missing.

    Raises
    ------
    InvalidTypeError
        If the name is no str.

    Examples
    --------
    >>> missing("numpy") is None
    True
    """
    built_in = _BUILT_IN.get(_checked_name(name))
    if built_in is None:
        return None
    if importlib.util.find_spec(built_in.library) is None:
        return built_in.install
    return None if built_in.has_gpu is None or built_in.has_gpu() else _GPU


def get(name: str, device: str | None = None, **options: Any) -> Backend:
    """Make the backend of that name.

    Parameters
    ----------
    name : str
        One of `names`.
    device : str, optional
        A device in the library's own words, such as ``"cuda:0"``; its default where None.
    **options
        What else the backend's class takes.

    Returns
    -------
    Backend

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If name or device are no str, or the backend has no such device or option.
    MissingBackendError
        If no such backend is known, its library is not installed, or it finds no GPU and needs
        one; the message names what is missing.

    Examples
    --------
    >>> get("numpy").name
    'numpy'
    """
    _check_device(device)
    remedy = missing(name)
    if remedy == _GPU:
        raise MissingBackendError("backend", f"{name!r}, whose library finds no GPU", remedy)
    if remedy is not None:
        raise MissingBackendError(
            "backend", f"{name!r}, whose library is not installed", f"it installed: {remedy}"
        )
    if name in _BUILT_IN:
        built_in = _BUILT_IN[name]
        factory: Callable[..., Backend] = getattr(
            importlib.import_module(built_in.module), built_in.factory
        )
        return _made(factory, name, device, options)
    third_parties = _third_parties()
    if name not in third_parties:
        raise MissingBackendError("backend", shown(name), f"one of {', '.join(map(repr, names()))}")
    return _made(_loaded(third_parties[name]), name, device, options)


def resolve(backend: str | Backend, array: Array, device: str | None = None) -> Backend:
    """Make the backend of that name, or with ``"auto"`` the one of the caller's array.

    Parameters
    ----------
    backend : str or Backend
        ``"auto"``, one of `names`, or a backend that `get` made, which is passed through.
    array : array
        One of the caller's arrays; where its library is the backend's, its device is used.
    device : str, optional
        Another device, in the words of the backend's library.

    Returns
    -------
    Backend

    Raises
    ------
    InvalidTypeError
        If it is neither a name nor a backend.
    InvalidValueError
        If there is no such device, or one is named beside a backend that has its own.
    MissingBackendError
        As `get`; with ``"auto"`` also where no backend computes on the array's library.

    Examples
    --------
    >>> import numpy as np
    >>> resolve("auto", np.zeros(3)).name
    'numpy'
    """
    if not isinstance(backend, str):
        if not isinstance(backend, Backend) or isinstance(backend, type):
            raise InvalidTypeError("backend", shown(backend), "the name of a backend, or a Backend")
        _check_device(device)
        if device is not None and device != backend.device:
            raise InvalidValueError(
                "device", shown(device), f"{backend.device!r}, that of the backend, or none"
            )
        return backend
    _check_device(device)
    library, where = library_of(array)
    if backend != "auto":
        return get(backend, where if device is None and backend == library else device)
    if library not in names():
        raise MissingBackendError(
            "backend",
            f"'auto' with arrays of {library}, on which no installed backend computes",
            f"one of {', '.join(map(repr, names()))}; results come back as {library} arrays",
        )
    return get(library, where if device is None else device)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidTypeError("backend", shown(name), "the name of a backend")
    return name


def _check_device(device: object) -> None:
    if device is not None and not isinstance(device, str):
        raise InvalidTypeError("device", shown(device), "a str, or None")


def _made(
    factory: Callable[..., Backend], name: str, device: str | None, options: dict[str, Any]
) -> Backend:
    known = set(inspect.signature(factory).parameters) - {"device"}
    if not set(options) <= known:
        expected = f"some of {sorted(known)}" if known else "none"
        raise InvalidTypeError(f"options of backend {name!r}", str(sorted(options)), expected)
    return factory(device, **options)


def _loaded(entry: EntryPoint) -> Callable[..., Backend]:
    try:
        factory: Callable[..., Backend] = entry.load()
    except Exception as error:  # of another package: it may fail in any way
        found = f"{entry.name!r}, whose package cannot be imported ({error})"
        raise MissingBackendError("backend", found, f"{entry.value} to be there") from error
    return factory


def _third_parties() -> dict[str, EntryPoint]:
    import importlib.metadata  # a third of slimdc's own import time, and seldom needed

    found = {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    for name, entry in found.items():
        if name in _BUILT_IN:
            raise InvalidValueError(
                f"entry point {ENTRY_POINTS}",
                f"{entry.value!r} under the built-in name {name!r}",
                "a name of its own",
            )
    return found
