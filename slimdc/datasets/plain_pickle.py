"""Pickles of plain data, read without unpickling: nothing in a file is ever called.

The published archives of CIFAR are pickles of a dict of lists, strings and one array. A small
machine reads the operations that such files consist of, and knows three names only: NumPy's array
and dtype, which it stands in for itself, and Python 3's way of writing bytes. Any other name or
operation is refused, and so is what would make memory grow beyond the file.
"""

from __future__ import annotations

import pickletools
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc._checks import shown
from slimdc.errors import FileError

__all__ = ["PlainArray", "read_plain"]

_ARRAY = ("numpy", "ndarray")
_DTYPE = ("numpy", "dtype")
_EMPTY_ARRAY = tuple((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core"))
_ENCODE = ("_codecs", "encode")
_KNOWN = (_ARRAY, _DTYPE, *_EMPTY_ARRAY, _ENCODE)

_DTYPES = tuple(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))
# What a dtype's state says of the order of bytes.
_ORDERS = ("<", ">", "|", "=")

_VALUES = frozenset(
    f"{size}{kind}"
    for kind, sizes in {
        "INT": ("", "BIN"),
        "LONG": ("",),
        "STRING": ("BIN", "SHORT_BIN"),
        "UNICODE": ("", "BIN", "SHORT_BIN"),
        "BYTES": ("BIN", "SHORT_BIN"),
    }.items()
    for size in sizes
) | {"BININT1", "BININT2", "LONG1", "LONG4", "BINUNICODE8", "BINBYTES8"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PlainArray:
    """Stands in for an array of a file until it is asked for.

    Examples
    --------
    >>> import pickle
    >>> held = read_plain(pickle.dumps(np.arange(3, dtype=np.uint8), 2), "file")
    >>> held.to_numpy()
    array([0, 1, 2], dtype=uint8)
    """

    def __init__(self) -> None:
        self.state: Any = None

    def to_numpy(self) -> NDArray[Any]:
        """Make the array, of integers.

        Raises
        ------
        ValueError
            The file gives it no state, or one that is none of an array of integers.
        """
        state = self.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise ValueError("an array without a state")
        shape, dtype, in_columns, data = state[-4:]
        if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
            raise ValueError("an array of no shape")
        if not isinstance(dtype, _DType) or not isinstance(data, str | bytes):
            raise ValueError("an array that is not of integers")
        raw = data.encode("latin-1") if isinstance(data, str) else data
        kind = dtype.to_numpy()
        if len(shape) > 8 or prod(shape) * kind.itemsize != len(raw):
            raise ValueError(f"an array of {len(raw)} bytes for the shape {shown(shape)}")
        flat = np.frombuffer(raw, kind)
        return flat.reshape(shape, order="F" if in_columns is True or in_columns == 1 else "C")


class _DType:
    """Stands in for a dtype."""

    def __init__(self, code: object) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or text.lstrip("<>|=") not in _DTYPES:
            raise ValueError("an array that is not of integers")
        self.code = text.lstrip("<>|=")
        self.state: Any = None

    def to_numpy(self) -> np.dtype[Any]:
        given = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        order = given.decode("latin-1") if isinstance(given, bytes) else given
        if order not in _ORDERS:
            raise ValueError("a dtype without an order of bytes")
        return np.dtype(f"{order}{self.code}")


class _Name(tuple[str, str]):
    """A known name that a file refers to."""

    __slots__ = ()


def read_plain(payload: bytes, argument: str) -> object:
    """Read a pickle of plain data.

    Parameters
    ----------
    payload : bytes
        The pickle, of protocol 0 to 4 where it holds arrays.
    argument : str
        Name to blame in an error message, such as the file's.

    Returns
    -------
    object
        Dicts with keys of str, lists, tuples, int, bool, None, str, bytes and `PlainArray`. Strings
        of Python 2 are str, as if they were latin-1.

    Raises
    ------
    FileError
        It is truncated, damaged or no pickle, or it holds anything else.

    Examples
    --------
    >>> import os, pickle
    >>> read_plain(pickle.dumps({"labels": [3, 8]}, 2), "file")
    {'labels': [3, 8]}
    >>> read_plain(pickle.dumps(os.getcwd), "file")
    Traceback (most recent call last):
    slimdc.errors.FileError: file: found damaged or foreign content (the name 'posix.getcwd'), ...
    """
    try:
        return _Machine().run(payload)
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError, Warning) as error:
        # Warning: what the standard library deprecates in strings, where a caller forbids warnings.
        raise FileError(
            argument,
            f"damaged or foreign content ({error})",
            "a pickle of numbers, strings, lists, dicts and arrays of integers",
        ) from error


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, payload: bytes) -> object:
        for opcode, argument, _ in pickletools.genops(payload):
            self._step(opcode.name, argument)
        if len(self.stack) != 1 or self.marks:
            raise ValueError("more or less than one value")
        return self.stack[0]

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in _TUPLES:
            stack.append(tuple(self._popped(_TUPLES[name])))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("TUPLE", "LIST"):
            values = self._marked()
            stack.append(tuple(values) if name == "TUPLE" else values)
        elif name == "DICT":
            stack.append(_filled({}, self._marked()))
        elif name in ("APPEND", "APPENDS"):
            values = self._popped(1) if name == "APPEND" else self._marked()
            _of(list, stack).extend(values)
        elif name in ("SETITEM", "SETITEMS"):
            values = self._popped(2) if name == "SETITEM" else self._marked()
            _filled(_of(dict, stack), values)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            words = argument.split(" ", 1) if name == "GLOBAL" else self._popped(2)
            stack.append(_known(words))
        elif name == "REDUCE":
            stack.append(_called(*self._popped(2)))
        elif name == "BUILD":
            (state,) = self._popped(1)
            _of((PlainArray, _DType), stack).state = state
        else:
            raise ValueError(f"the operation {name}")

    def _popped(self, count: int) -> list[Any]:
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) - count < floor:
            raise ValueError("fewer values than an operation takes")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def _marked(self) -> list[Any]:
        mark = self.marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken


def _of(kind: Any, stack: list[Any]) -> Any:
    if not isinstance(stack[-1], kind):
        raise ValueError("an operation on a value of another type")
    return stack[-1]


def _filled(held: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    if len(values) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        # No other key: the hash of tuples nested deep enough would end the process.
        if not isinstance(key, str | bytes):
            raise ValueError("a key that is no string")
        held[key.decode("latin-1") if isinstance(key, bytes) else key] = value
    return held


def _known(words: list[Any]) -> _Name:
    if len(words) != 2 or not all(isinstance(word, str) for word in words):
        raise ValueError("a name that is no name")
    if tuple(words) not in _KNOWN:
        raise ValueError(f"the name {shown('.'.join(words))}")
    return _Name(words)


def _called(name: object, arguments: object) -> object:
    """Stand in for a call of a known name."""
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        raise ValueError("a call of what is no name")
    if name == _DTYPE and arguments:
        return _DType(arguments[0])
    if name in _EMPTY_ARRAY and arguments and arguments[0] == _Name(_ARRAY):
        return PlainArray()
    if name == _ENCODE and arguments and isinstance(arguments[0], str):
        # Left as it is: strings are read as latin-1 too, and copies of one would fill the memory.
        return arguments[0]
    raise ValueError(f"a call of {'.'.join(name)}")
