"""Checks of compilation: whole steps, and whatever trees of arguments they take."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Tensors
from slimdc.parameterization.stiefel import retract, tangent
from slimdc.testing.comparison import FLOATS, VALUE, Host, close, enter, fail, held
from slimdc.training.optimizers import Lamb, StepSize

__all__ = ["check_compile"]


def check_compile(ops: Backend) -> None:
    """Check that compiled functions compute what the functions do, and change nothing given.

    One is steps of LAMB on U and V, another takes floats, None, and dicts and tuples in each other.
    Floats are not of a dtype: they neither widen arrays nor stay what they were at the first call.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a result differs from NumPy's, or an argument from what it was.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_compile(backend.get("numpy"))
    """
    for dtype in FLOATS:
        _check_lamb(ops, dtype)
        _check_trees(ops, dtype)


def _check_lamb(ops: Backend, dtype: str) -> None:
    def move(v: Tensors, g: Tensors, state: Tensors, size: StepSize) -> Tensors:
        changes, state = Lamb().step(v, g | {"u": tangent(v["u"], g["u"])}, state, size)
        moved = {"u": retract(v["u"], tangent(v["u"], changes["u"])), "v": v["v"] + changes["v"]}
        return moved | state

    rng = np.random.default_rng(0)
    drawn = {"u": rng.standard_normal((2, 4, 3)), "v": rng.standard_normal((2, 3, 5))}
    slopes = {name: rng.standard_normal(x.shape) for name, x in drawn.items()}
    drawn["u"] = np.linalg.qr(drawn["u"])[0]
    v, g = ({k: x.astype(dtype) for k, x in part.items()} for part in (drawn, slopes))
    state = Lamb().start(v)
    compiled = ops.compile(move)
    for count in (1, 2):
        size = Lamb().step_size(count, 0.1)
        found = compiled(enter(ops, v), enter(ops, g), enter(ops, state), size)
        for name, expected in move(v, g, state, size).items():
            close(ops, found[name], expected, 10 * VALUE[held(ops, dtype)], f"{name} of LAMB")


def _check_trees(ops: Backend, dtype: str) -> None:
    def function(
        tree: dict[str, Any], given: tuple[Array, Array | None], size: StepSize
    ) -> tuple[dict[str, Tensors], tuple[Any, ...]]:
        x, (order, factor) = tree["some"]["x"], given
        xp = array_namespace(x)
        some = xp.take(x if factor is None else x * factor, order, axis=0)
        vector = some * tree["rate"] - tree["more"][0]["y"]
        scalar = xp.sum(x) * size.rate + size.first
        both = vector * scalar * size.second
        results = {"vector": vector, "scalar": scalar, "both": both}
        return {"results": results}, (None, size.rate * tree["rate"], (order,))

    def arguments(v: Tensors, with_factor: bool, size: StepSize) -> tuple[Any, ...]:
        tree = {"some": {"x": v["x"]}, "more": ({"y": v["y"]}, None), "rate": 2.0 - size.rate}
        return tree, (v["order"], v["factor"] if with_factor else None), size

    rng = np.random.default_rng(0)
    compiled = ops.compile(function)
    for count in range(4):
        host: Host = {
            name: rng.standard_normal(n).astype(dtype)
            for name, n in (("x", 4), ("factor", 4), ("y", 2))
        }
        host["order"] = rng.permutation(4)[:2]
        size = StepSize(*rng.uniform(0.5, 1.5, 3).tolist())
        entered = enter(ops, host)
        before = {name: ops.to_numpy(x).copy() for name, x in entered.items()}
        expected, others = function(*arguments(host, count % 2 == 0, size))
        found, rest = compiled(*arguments(entered, count % 2 == 0, size))
        for name, x in expected["results"].items():
            y, of = found["results"][name], f"{name} of a compiled function, call {count},"
            if dtype_name(y) != held(ops, dtype):
                fail(f"{of} to be {held(ops, dtype)}", dtype_name(y))
            close(ops, y, np.asarray(x), 100 * VALUE[held(ops, dtype)], of)
        if rest[0] is not None or not np.array_equal(ops.to_numpy(rest[2][0]), host["order"]):
            fail(f"None and the order {host['order']} as they were given", repr(rest))
        if not abs(float(rest[1]) - others[1]) <= 1e-6:
            fail(f"the float {others[1]} in call {count}", repr(rest[1]))
        if any(not np.array_equal(ops.to_numpy(entered[name]), x) for name, x in before.items()):
            fail("a compiled function to leave its arguments as they are", "others")
