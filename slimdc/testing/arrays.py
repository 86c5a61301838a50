"""Checks of how arrays and devices are moved in and out."""

from __future__ import annotations

import numpy as np

from slimdc._array import dtype_name
from slimdc.backend import Backend, BackendFactory
from slimdc.errors import InvalidValueError
from slimdc.testing.comparison import FLOATS, fail

__all__ = ["check_arrays", "check_device"]


def check_arrays(ops: Backend) -> None:
    """Check that arrays enter and leave as copies and keep their dtype, however they lie in memory.

    Where a library has no 64-bit numbers, 32-bit ones stand for them.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If it shares memory, or changes values, shapes or dtypes.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_arrays(backend.get("numpy"))
    """
    for dtype in (*FLOATS, "int64", "uint8", "bool"):
        plain = np.arange(12).reshape(3, 4).astype(dtype)
        fixed = plain.copy()
        fixed.flags.writeable = False
        for host in (plain, fixed, plain.T, plain[::-1, ::2], plain[0, 1], plain[:0]):
            x = ops.asarray(np.asarray(host))
            back = ops.to_numpy(x)
            held = dtype_name(x)
            if held not in (dtype, dtype.replace("64", "32")) or held != back.dtype.name:
                fail(f"asarray and to_numpy to keep {dtype}", f"{held} and {back.dtype}")
            if back.shape != host.shape or not np.array_equal(back, host):
                fail(f"values to survive asarray and to_numpy: {host!r}", repr(back))
        x = ops.asarray(plain)
        first = ops.to_numpy(x).copy()
        plain[...] = 0
        if not np.array_equal(ops.to_numpy(x), first):
            fail("asarray to copy", "an array that shares memory with the caller's")
        taken = ops.to_numpy(x)
        taken[...] = 0
        if not np.array_equal(ops.to_numpy(x), first):
            fail("to_numpy to copy", "an array that shares memory with the backend's")


def check_device(make: BackendFactory) -> None:
    """Check that a backend can be made on its own device, and on none that does not exist.

    Parameters
    ----------
    make : BackendFactory
        Makes the backend.

    Raises
    ------
    AssertionError
        If another error is raised, or none.

    Examples
    --------
    >>> from slimdc.testing.reference import ReferenceBackend
    >>> check_device(ReferenceBackend)
    """
    here = make().device
    if make(here).device != here:
        fail(f"a backend on {here!r}", repr(make(here).device))
    try:
        made = make("no such device")
    except InvalidValueError:
        return
    except Exception as error:
        message = f"expected an InvalidValueError of a device that is none, found {error!r}"
        raise AssertionError(message) from error
    fail("a device that is none to be refused", repr(made.device))
