"""Values that nobody should pass, by name, and what calls do with them.

What can be used up is made anew each time.
"""

from __future__ import annotations

import decimal
import fractions
import random
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import slimdc
from slimdc.errors import SlimdcError, SlimdcWarning
from slimdc.parameterization import Preprocessing, SlimmableDataset


class Evil:
    """Fails wherever Python asks it for anything."""

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("evil")

    __repr__ = __iter__ = __len__ = __bool__ = __int__ = __float__ = __index__ = _fail
    __array__ = __getitem__ = __eq__ = _fail
    __hash__ = object.__hash__


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def looped() -> list[Any]:
    """A list that holds itself."""
    made: list[Any] = []
    made.append(made)
    return made


# Made once, since nothing changes a list that it refuses: making and freeing it takes longer than
# all the other values together.
BOTTOMLESS = nested(100_000)

VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "zero": lambda: 0,
    "one": lambda: 1,
    "minus one": lambda: -1,
    "three": lambda: 3,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "-2**63": lambda: -(2**63),
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "10**5000": lambda: 10**5000,
    "half": lambda: 0.5,
    "minus half": lambda: -0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "complex": lambda: 1 + 2j,
    "fraction": lambda: fractions.Fraction(10**400, 3),
    "decimal": lambda: decimal.Decimal("0.5"),
    "empty str": lambda: "",
    "word": lambda: "nonsense",
    "'False'": lambda: "False",
    "digit": lambda: "1",
    "null byte": lambda: "a\0b",
    "long str": lambda: "x" * 300,
    "surrogate": lambda: "\ud800",
    "no such user": lambda: "~nosuchuser/x",
    "bytes": lambda: b"1",
    "path": lambda: Path("no such file"),
    "folder": lambda: Path("."),
    "empty list": list,
    "empty lists": lambda: [[], []],
    "ints": lambda: [0, 1],
    "bools": lambda: [True, False],
    "floats": lambda: [0.5, float("nan")],
    "huge ints": lambda: [10**400, 1],
    "words": lambda: ["a", "b"],
    "nones": lambda: [None, None],
    "ragged": lambda: [[1.0], [1.0, 2.0]],
    "deep list": lambda: nested(30),
    "bottomless list": lambda: BOTTOMLESS,
    "looped list": looped,
    "tuple": lambda: (1, 2),
    "triple": lambda: ([[1.0]], [0], "x"),
    "dict": lambda: {"a": 1},
    "set": lambda: {1, 2},
    "range": lambda: range(2),
    "generator": lambda: (i for i in range(2)),
    "object": object,
    "class": lambda: int,
    "array class": lambda: np.ndarray,
    "function": lambda: nested,
    "module": lambda: types,
    "ellipsis": lambda: ...,
    "slice": lambda: slice(1),
    "exception": lambda: ValueError("x"),
    "evil": Evil,
    "np.int64": lambda: np.int64(2),
    "np.uint8": lambda: np.uint8(2),
    "np.float32": lambda: np.float32(0.5),
    "np.float16 nan": lambda: np.float16("nan"),
    "np.longdouble": lambda: np.longdouble("1e4000"),
    "np.bool": lambda: np.bool_(True),
    "np.str": lambda: np.str_("auto"),
    "array ()": lambda: np.asarray(1.0),
    "array (0,)": lambda: np.zeros(0),
    "array (2,)": lambda: np.asarray([1.0, 2.0]),
    "array (2, 2)": lambda: np.eye(2),
    "array of nan": lambda: np.full((6, 4), np.nan),
    "array of inf": lambda: np.full((6, 4), np.inf),
    "array of 1e308": lambda: np.full((6, 4), 1e308),
    "array of 1e-308": lambda: np.full((6, 4), 1e-308),
    "array of bool": lambda: np.ones((6, 4), dtype=bool),
    "array of complex": lambda: np.ones((6, 4), dtype=complex),
    "array of longdouble": lambda: np.full((6, 4), np.longdouble("1e4000")),
    "array of object": lambda: np.full((6, 4), 10**400, dtype=object),
    "array of str": lambda: np.full((6, 4), "a"),
    "array of dates": lambda: np.zeros((6, 4), "M8[s]"),
    "array of records": lambda: np.zeros(6, [("a", "f4"), ("b", "i4")]),
    "array of uint64": lambda: np.full(6, 2**64 - 1, np.uint64),
    "array of 7 axes": lambda: np.zeros((1,) * 7),
    "masked array": lambda: np.ma.masked_less(np.zeros((6, 4)), 1.0),
    "matrix": lambda: np.ones((6, 4)).view(np.matrix),
    "preprocessing": lambda: Preprocessing([0.0] * 9, [1.0] * 9),
    "set of data": lambda: SlimmableDataset.from_arrays(np.eye(3), [0, 1, 0]),
}


def of_torch(torch: Any) -> dict[str, Callable[[], Any]]:
    """Tensors of which torch has more kinds than anybody."""
    parts = [torch.ones(2), torch.ones(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to do without some of them
        strided = torch.nested.nested_tensor(parts)
        jagged = torch.nested.nested_tensor(parts, layout=torch.jagged)
        quantised = torch.quantize_per_tensor(torch.ones((6, 4)), 0.1, 0, torch.quint8)
    return {
        "meta": lambda: torch.ones((6, 4), device="meta"),
        "nested": lambda: strided,
        "jagged": lambda: jagged,
        "sparse": lambda: torch.eye(6).to_sparse(),
        "quantised": lambda: quantised,
        "float8": lambda: torch.ones((6, 4)).to(torch.float8_e4m3fn),
        "leaf": lambda: torch.ones((6, 4), requires_grad=True),
        "bool tensor": lambda: torch.ones(6, dtype=torch.bool),
        "nan tensor": lambda: torch.full((6, 4), float("nan")),
        "tensor ()": lambda: torch.tensor(1.5),
        "device": lambda: torch.device("cpu"),
        "dtype": lambda: torch.float32,
        "layer": lambda: torch.nn.Linear(4, 3),
    }


# What a caller gives as a callable is called, and may fail as it likes.
CALLABLE = {"class", "array class", "function", "layer"}

# Calls by name, each with arguments that it accepts.
Calls: TypeAlias = dict[str, tuple[Callable[..., Any], dict[str, Any]]]


def outcome(call: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """Say what is wrong with what a call did; None where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SlimdcWarning)
        try:
            result = call(**arguments)
        except SlimdcError as error:
            message = str(error)
            fine = ": found " in message and ", expected " in message and len(message) < 6000
            return None if fine else f"an unclear message: {message[:200]}"
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:200]}"
    if isinstance(result, SlimmableDataset):
        checked = SlimmableDataset(result.factors, result.description)
        x, y = checked.arrays()
        if x.shape[0] != y.shape[0] or not all(np.isfinite(a).all() for a in checked.factors):
            return "a set that is none"
    if isinstance(result, slimdc.Evaluation) and not 0 <= result.mean <= 100:
        return f"an accuracy of {result.mean}"
    return None


def odd_calls(
    calls: Calls,
    values: dict[str, Callable[[], Any]],
    few: int | None = None,
) -> Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]:
    """Each call with one argument replaced by each value, or by a few drawn ones."""
    drawn = random.Random(0)
    for name, (call, valid) in calls.items():
        for parameter in valid:
            possible = sorted(
                set(values) - (CALLABLE if parameter in ("progress", "source") else set())
            )
            for odd in drawn.sample(possible, min(few or len(values), len(possible))):
                yield f"{name}({parameter}={odd})", call, valid | {parameter: values[odd]()}


def wrong(calls: Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]) -> dict[str, str]:
    found = {name: outcome(call, arguments) for name, call, arguments in calls}
    return {name: problem for name, problem in found.items() if problem is not None}
