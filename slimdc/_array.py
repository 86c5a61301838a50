"""The one place where arrays of frameworks enter and leave slimdc.

Every function copies: no array that slimdc holds or hands out shares memory with the caller's.
(DLPack and ``asarray`` alias memory, so a later write on one side would change the other.)
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = [
    "HostArray",
    "as_array",
    "dtype_name",
    "guarded",
    "library_of",
    "like",
    "named_dtype",
    "namespace",
    "to_numpy",
    "widest_float",
]

HostArray = NDArray[Any]


def namespace(*arrays: Any, argument: str = "data") -> Any:
    """Array-API namespace that all the arrays belong to.

    Parameters
    ----------
    *arrays : array
        Arrays of one framework, on one device.
    argument : str
        Name to blame in an error message.

    Raises
    ------
    InvalidTypeError
        Something is not an array, or the arrays belong to several frameworks.
    InvalidValueError
        The arrays lie on several devices.

    Examples
    --------
    >>> import numpy as np
    >>> namespace(np.ones(2), np.zeros(3)).__name__
    'array_api_compat.numpy'
    """
    try:
        xp = array_api_compat.array_namespace(*arrays)
    except TypeError:
        kinds = sorted({f"{type(a).__module__}.{type(a).__qualname__}" for a in arrays})
        raise InvalidTypeError(
            argument, found=" and ".join(kinds), expected="arrays of one framework"
        ) from None
    if len(arrays) > 1:
        devices = {str(d) for d in map(_device, arrays) if d is not None}
        if len(devices) > 1:
            raise InvalidValueError(
                argument,
                found=f"arrays on {' and '.join(sorted(devices))}",
                expected="arrays on one device",
            )
    return xp


def library_of(array: Any) -> tuple[str, str | None]:
    """Name the library that an array belongs to, and its device in the library's own words.

    The library is ``"numpy"``, ``"torch"``, ``"jax"``, ``"cupy"``, or the name of another import
    package; the device is such as ``"cpu"`` or ``"cuda:0"``, or None where the array does not say.
    What is no array raises an InvalidTypeError.

    Examples
    --------
    >>> import numpy as np
    >>> library_of(np.zeros(1))
    ('numpy', 'cpu')
    """
    name = namespace(array).__name__.removeprefix("array_api_compat.")
    device = _device(array)
    return name.partition(".")[0], None if device is None else str(device)


def as_array(x: Any, argument: str) -> Any:
    """Pass arrays of any framework through; make NumPy arrays of lists and of what acts like one.

    Parameters
    ----------
    x : array_like
        An array, or something that NumPy can read as one.
    argument : str
        Name to blame in an error message.

    Raises
    ------
    InvalidTypeError
        It cannot be read, holds no numbers, or is a masked, a sparse or a nested array.

    Examples
    --------
    >>> as_array([[1, 2]], "x").shape
    (1, 2)
    """
    if isinstance(x, np.ma.MaskedArray):
        raise InvalidTypeError(argument, found="a masked array", expected="an array without mask")
    if not array_api_compat.is_array_api_obj(x):
        try:
            x = np.asarray(x)
        except Exception as error:
            raise InvalidTypeError(
                argument, found=f"{type(x).__name__} ({error})", expected="an array of numbers"
            ) from error
    if array_api_compat.is_torch_array(x) and str(x.layout) != "torch.strided":
        raise InvalidTypeError(argument, found=f"layout {x.layout}", expected="a dense tensor")
    if isinstance(x, np.ndarray) and x.dtype.kind not in "biufcV":
        raise InvalidTypeError(
            argument, found=f"an array of dtype {x.dtype}", expected="an array of numbers"
        )
    try:
        tuple(map(int, x.shape))
    except Exception as error:  # torch's nested tensors, arrays of unknown length, array classes
        kind = f"{type(x).__module__}.{type(x).__qualname__}"
        raise InvalidTypeError(argument, found=kind, expected="an array with a shape") from error
    return x


def to_numpy(x: Any, argument: str = "data") -> HostArray:
    """Copy an array of any framework to the host as a contiguous NumPy array in native byte order.

    Gradients are detached; bfloat16, which NumPy lacks, becomes float32 (exactly).

    Parameters
    ----------
    x : array
        Array of NumPy, torch, JAX, CuPy or array-api-strict, or anything with ``__array__`` or
        DLPack.
    argument : str
        Name to blame in an error message.

    Raises
    ------
    InvalidTypeError
        The framework cannot give a dense array (sparse tensors, traced values).

    Examples
    --------
    >>> import numpy as np
    >>> source = np.arange(3.0)[::-1]
    >>> copy = to_numpy(source)
    >>> bool(copy.flags.c_contiguous), np.shares_memory(copy, source)
    (True, False)
    """
    try:
        host = _host(x)
    except Exception as error:
        raise InvalidTypeError(
            argument,
            found=f"{type(x).__module__}.{type(x).__qualname__} ({error})",
            expected="a dense array that can be copied to the host",
        ) from error
    if host.dtype.name == "bfloat16":
        host = host.astype(np.float32)
    return np.array(host, dtype=host.dtype.newbyteorder("="), order="C", copy=True)


def like(host: HostArray, reference: Any, dtype: Any = None) -> Any:
    """Copy a host array into the namespace and onto the device of another array.

    Parameters
    ----------
    host : numpy.ndarray
        Values to copy.
    reference : array
        Array whose namespace and device are wanted.
    dtype : dtype, optional
        Data type of the namespace, or its name. By default that of `host`, or the widest one that
        the namespace has where it is narrower (JAX without x64 knows 32 bits only).

    Returns
    -------
    array
        A copy.

    Examples
    --------
    >>> import numpy as np
    >>> like(np.ones(2), np.zeros(1, dtype=np.float32), "float32").dtype
    dtype('float32')
    """
    xp = namespace(reference)
    if dtype is None:
        dtype = host.dtype.name
    if isinstance(dtype, str):
        dtype = named_dtype(xp, dtype)
    # A copy of our own first: torch warns of read-only memory and aborts on negative strides.
    owned = np.array(host, order="C", copy=True)
    return xp.asarray(owned, dtype=dtype, device=_device(reference), copy=True)


def named_dtype(xp: Any, name: str) -> Any:
    """Dtype of a namespace by name, or the nearest one that the namespace really has.

    For a 64-bit one that is missing that is its 32-bit sibling, for a half-width one float32.

    Examples
    --------
    >>> import numpy as np
    >>> named_dtype(np, "bfloat16") is np.float32
    True
    """
    if name == "float64":
        return widest_float(xp)
    if name in ("int64", "uint64") and widest_float(xp) == xp.float32:
        return getattr(xp, name.replace("64", "32"))
    found = getattr(xp, name, None)
    return xp.float32 if found is None else found


def widest_float(xp: Any) -> Any:
    """Widest real dtype of a namespace: float64, or float32 where JAX runs without x64.

    Examples
    --------
    >>> import numpy as np
    >>> widest_float(np) is np.float64
    True
    """
    info = getattr(xp, "__array_namespace_info__", None)
    if info is not None and "float64" not in info().dtypes(kind="real floating"):
        return xp.float32
    return xp.float64


def dtype_name(x: Any) -> str:
    """Name of an array's dtype, such as ``"float32"``: the same in every framework.

    Examples
    --------
    >>> import numpy as np
    >>> dtype_name(np.zeros(1))
    'float64'
    """
    name = getattr(x.dtype, "name", None) or str(x.dtype)
    return str(name).rpartition(".")[2]


def guarded(x: Any) -> Any:
    """Give an array to a caller so that no write to it can reach ours.

    It is the array itself where it cannot be written to (JAX's, and NumPy's that are marked
    read-only, as slimdc marks what it holds), otherwise a copy.

    Examples
    --------
    >>> import numpy as np
    >>> held = np.zeros(2)
    >>> held.flags.writeable = False
    >>> guarded(held) is held
    True
    """
    if array_api_compat.is_jax_array(x):
        return x
    if isinstance(x, np.ndarray) and not x.flags.writeable:
        return x
    return namespace(x).asarray(x, copy=True)


def _host(x: Any) -> HostArray:
    if array_api_compat.is_torch_array(x):
        x = x.detach().cpu()
        if dtype_name(x) == "bfloat16":
            x = x.float()
        return np.asarray(x.resolve_conj().resolve_neg().numpy())
    if array_api_compat.is_cupy_array(x):
        return np.asarray(x.get())
    if hasattr(x, "__array__"):
        try:
            return np.asarray(x)
        except RuntimeError:
            # array-api-strict refuses to read its make-believe devices; NumPy never gets here.
            xp = namespace(x)
            return np.asarray(xp.asarray(x, device=xp.Device("CPU_DEVICE"), copy=True))
    return np.from_dlpack(x)


def _device(x: Any) -> Any:
    # Traced values and the tape's variables have no device of their own to compare.
    try:
        return getattr(x, "device", None)
    except Exception:
        return None
