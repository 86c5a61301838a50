"""The tape's rules are central differences, once and twice, over NumPy and array-api-strict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest
from differences import central_differences, relative

from slimdc_backends.tape import Tape, Var, differentiated, raw

Function = Callable[..., Any]


@pytest.fixture(params=[array_api_compat.numpy, array_api_strict], ids=["numpy", "strict"])
def plain(request: pytest.FixtureRequest) -> Any:
    return request.param


def draw(*shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Draw arrays a, b, … with entries of size 1 to 2, which can be divided by."""
    rng = np.random.default_rng(0)
    signs = np.array([-1.0, 1.0])
    return {
        name: rng.uniform(1, 2, shape) * rng.choice(signs, shape)
        for name, shape in zip("abc", shapes, strict=False)
    }


# (what is computed, shapes of its operands)
OPERATIONS: dict[str, tuple[Function, tuple[tuple[int, ...], ...]]] = {
    "a + b": (lambda xp, a, b: a + b, ((2, 3), (2, 3))),
    "a + b, broadcast": (lambda xp, a, b: a + b, ((2, 3), (3,))),
    "a + b, both broadcast": (lambda xp, a, b: a + b, ((2, 1, 3), (4, 1))),
    "a + 2": (lambda xp, a: a + 2.0, ((2, 3),)),
    "2 + a": (lambda xp, a: 2.0 + a, ((2, 3),)),
    "a - b": (lambda xp, a, b: a - b, ((2, 3), (1, 3))),
    "2 - a": (lambda xp, a: 2.0 - a, ((2, 3),)),
    "a - 2": (lambda xp, a: a - 2.0, ((2, 3),)),
    "-a": (lambda xp, a: -a, ((2, 3),)),
    "a * b": (lambda xp, a, b: a * b, ((2, 3), (2, 3))),
    "a * b, broadcast": (lambda xp, a, b: a * b, ((3,), (2, 3))),
    "a * a": (lambda xp, a: a * a, ((2, 3),)),
    "2 * a": (lambda xp, a: 2.0 * a, ((2, 3),)),
    "a / b": (lambda xp, a, b: a / b, ((2, 3), (2, 1))),
    "a / b, broadcast": (lambda xp, a, b: a / b, ((2, 1), (2, 3))),
    "a / 2": (lambda xp, a: a / 2.0, ((2, 3),)),
    "2 / a": (lambda xp, a: 2.0 / a, ((2, 3),)),
    "a ** 3": (lambda xp, a: a**3, ((2, 3),)),
    "a @ b": (lambda xp, a, b: a @ b, ((2, 3), (3, 4))),
    "a @ b, batched": (lambda xp, a, b: a @ b, ((5, 2, 3), (5, 3, 4))),
    "a @ b, left shared": (lambda xp, a, b: a @ b, ((2, 3), (5, 3, 4))),
    "a @ b, right shared": (lambda xp, a, b: xp.matmul(a, b), ((5, 2, 3), (1, 3, 4))),
    "a.mT": (lambda xp, a: a.mT, ((5, 2, 3),)),
    "permute_dims": (lambda xp, a: xp.permute_dims(a, (2, 0, 1)), ((5, 2, 3),)),
    "reshape": (lambda xp, a: xp.reshape(a, (3, -1)), ((2, 3, 2),)),
    "sum": (lambda xp, a: xp.sum(a), ((2, 3),)),
    "sum, axis": (lambda xp, a: xp.sum(a, axis=1), ((2, 3, 4),)),
    "sum, last axis": (lambda xp, a: xp.sum(a, axis=-1), ((2, 3, 4),)),
    "sum, axes": (lambda xp, a: xp.sum(a, axis=(-2, 0)), ((2, 3, 4),)),
    "sum, kept": (lambda xp, a: xp.sum(a, axis=(0, 2), keepdims=True), ((2, 3, 4),)),
    "take": (lambda xp, a: xp.take(a, INDICES[xp], axis=0), ((5, 3),)),
    "take, axis": (lambda xp, a: xp.take(a, INDICES[xp], axis=1), ((3, 4, 2),)),
    "a[:, 0]": (lambda xp, a: a[:, 0], ((2, 3),)),
    "a[1:, None, ::2]": (lambda xp, a: a[1:, None, ::2], ((3, 4),)),
    "a[..., 1]": (lambda xp, a: a[..., 1], ((2, 3, 2),)),
    "solve": (lambda xp, a, b: xp.linalg.solve(a @ a.mT + a @ a.mT, b), ((3, 4), (3, 2))),
    "solve, not symmetric": (lambda xp, a, b: xp.linalg.solve(a, b), ((3, 3), (3, 2))),
    "solve, batched": (lambda xp, a, b: xp.linalg.solve(a, b), ((2, 3, 3), (2, 3, 2))),
    "solve, one matrix": (lambda xp, a, b: xp.linalg.solve(a, b), ((3, 3), (2, 3, 2))),
    "exp": (lambda xp, a: xp.exp(a), ((2, 3),)),
    "log": (lambda xp, a: xp.log(a * a), ((2, 3),)),
    "sqrt": (lambda xp, a: xp.sqrt(a * a), ((2, 3),)),
    "tanh": (lambda xp, a: xp.tanh(a), ((2, 3),)),
    "acos": (lambda xp, a: xp.acos(xp.tanh(a)), ((2, 3),)),
    "abs": (lambda xp, a: xp.abs(a) * a, ((2, 3),)),
    "a ** -0.5": (lambda xp, a: (a * a) ** -0.5, ((2, 3),)),
    "a ** 2": (lambda xp, a: a**2, ((2, 3),)),
    "a ** 0": (lambda xp, a: a**0 * a, ((2, 3),)),
    "where": (lambda xp, a, b: xp.where(a * a > 2.5, a * a, b * b), ((2, 3), (3,))),
    "where, of a number": (lambda xp, a: xp.where(a * a > 2.5, a * a, 2.0), ((2, 3),)),
    "maximum": (lambda xp, a, b: xp.maximum(a, b) * a, ((2, 3), (2, 1))),
    "maximum, of a number": (lambda xp, a: xp.maximum(a, 0.5) * a, ((2, 3),)),
    "max": (lambda xp, a: xp.max(a) * a, ((2, 3),)),
    "max, axis": (lambda xp, a: xp.max(a * a, axis=1), ((2, 3, 4),)),
    "max, kept": (lambda xp, a: xp.max(a * a, axis=(0, -1), keepdims=True), ((2, 3, 4),)),
    "mean": (lambda xp, a: xp.mean(a * a), ((2, 3),)),
    "mean, axes": (lambda xp, a: xp.mean(a * a, axis=(0, -1)), ((2, 3, 4),)),
    "mean, kept": (lambda xp, a: xp.mean(a * a, axis=1, keepdims=True), ((2, 3, 4),)),
    "concat": (lambda xp, a, b: xp.concat([a, b, a], axis=0) ** 2, ((2, 3), (1, 3))),
    "concat, last axis": (lambda xp, a, b: xp.concat([a, b], axis=-1) ** 2, ((2, 3), (2, 1))),
    "concat, flat": (lambda xp, a, b: xp.concat([a, b], axis=None) ** 2, ((2, 3), (4,))),
    "stack": (lambda xp, a, b: xp.stack([a, b, a], axis=1) ** 2, ((2, 3), (2, 3))),
    "stack, last axis": (lambda xp, a, b: xp.stack([a, b], axis=-1) ** 2, ((2, 3), (2, 3))),
    "broadcast_to": (lambda xp, a: xp.broadcast_to(a, (4, 2, 3)) ** 2, ((2, 1),)),
    "expand_dims": (lambda xp, a: xp.expand_dims(a, axis=1) ** 2, ((2, 3),)),
    "expand_dims, last": (lambda xp, a: xp.expand_dims(a, axis=-1) ** 2, ((2, 3),)),
    "squeeze": (lambda xp, a: xp.squeeze(a, axis=(0, -1)) ** 2, ((1, 3, 1),)),
    "flip": (lambda xp, a: xp.flip(a, axis=1) ** 2, ((2, 3),)),
    "flip, all": (lambda xp, a: xp.flip(a) ** 2, ((2, 3),)),
    "vecdot": (lambda xp, a, b: xp.vecdot(a, b) ** 2, ((2, 3), (2, 3))),
    "vecdot, axis": (lambda xp, a, b: xp.vecdot(a, b, axis=0), ((2, 3), (2, 1))),
    "take, repeated": (lambda xp, a: xp.take(a, REPEATED[xp], axis=0) ** 2, ((4, 3),)),
    "take, last axis": (lambda xp, a: xp.take(a, REPEATED[xp], axis=-1) ** 2, ((2, 3, 4),)),
    "logsumexp": (lambda xp, a: logsumexp(xp, 3.0 * a), ((2, 3),)),
    "branches that meet": (lambda xp, a, b: (a + b) * a - a / b, ((2, 3), (2, 3))),
}
INDICES: dict[Any, Any] = {}
REPEATED: dict[Any, Any] = {}


def logsumexp(xp: Any, a: Any) -> Any:
    """Compose what cross-entropy needs, by what no entry is large beside."""
    largest = xp.max(a, axis=1, keepdims=True)
    return xp.log(xp.sum(xp.exp(a - largest), axis=1, keepdims=True)) + largest


def score(
    plain: Any, xp: Any, function: Function, operands: list[Any], convert: Callable[[Any], Any]
) -> Any:
    """Weigh what an operation computes by numbers of different size, and sum."""
    INDICES[xp] = plain.asarray([3, 0, 2])
    REPEATED[xp] = plain.asarray([1, 3, 1, 1, 0, 3, 1])
    out = function(xp, *operands)
    weights = np.cos(np.arange(float(np.prod(out.shape)))).reshape(out.shape)
    return xp.sum(out * convert(weights))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("live", ["all", "first", "last"])
def test_gradients_are_central_differences(name: str, live: str, plain: Any) -> None:
    function, shapes = OPERATIONS[name]
    if live == "last" and plain is array_api_strict and len(shapes) > 1:
        pytest.skip("a strict array refuses any other kind of operand on its right")
    host = draw(*shapes)
    names = list(host)
    wanted = {"all": names, "first": names[:1], "last": names[-1:]}[live]

    tape = Tape(plain)
    operands = {
        k: tape.variable(plain.asarray(x)) if k in wanted else plain.asarray(x)
        for k, x in host.items()
    }
    result = score(plain, tape.namespace, function, list(operands.values()), plain.asarray)
    found = tape.gradients(result, [operands[k] for k in wanted])

    def value(variables: dict[str, np.ndarray]) -> float:
        xp = array_api_compat.numpy
        everything = list((host | variables).values())
        return float(score(np, xp, function, everything, np.asarray))

    assert np.isclose(float(raw(result)), value({}), rtol=1e-12)
    expected = central_differences(value, {k: host[k] for k in wanted})
    for gradient, k in zip(found, wanted, strict=True):
        assert type(gradient) is type(plain.asarray([1.0]))
        assert relative(np.asarray(gradient), expected[k]) < 1e-7


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_of_gradients_are_central_differences(name: str, plain: Any) -> None:
    """In all operands, of the gradients in all operands, each weighed and squared."""
    function, shapes = OPERATIONS[name]
    host = draw(*shapes)

    def loss(v: dict[str, Any]) -> Any:
        operands = v["all"]
        xp = operands["a"].__array_namespace__()
        out = score(plain, xp, function, list(operands.values()), plain.asarray)
        return {"all": out + xp.sum(out * out)}, {}

    by_tape = differentiated(plain, loss)

    def squares(v: dict[str, Any]) -> Any:
        _, _, gradients = by_tape(v)
        xp = v["all"]["a"].__array_namespace__()
        total = sum(xp.sum(g * g) for g in gradients["all"].values())
        return {"all": total}, {}

    entered = {"all": {k: plain.asarray(x) for k, x in host.items()}}
    _, _, found = differentiated(plain, squares)(entered)

    def value(variables: dict[str, np.ndarray]) -> float:
        moved = {"all": {k: plain.asarray(x) for k, x in variables.items()}}
        _, _, gradients = by_tape(moved)
        return sum(float(np.sum(np.asarray(g) ** 2)) for g in gradients["all"].values())

    for k, expected in central_differences(value, host).items():
        assert type(found["all"][k]) is type(plain.asarray([1.0]))
        assert relative(np.asarray(found["all"][k]), expected) < 1e-6


def test_what_has_no_rule_is_refused_by_name(plain: Any) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray([1.0, 3.0]))
    with pytest.raises(TypeError, match="no rule to differentiate 'sin'"):
        tape.namespace.sin(a)
    with pytest.raises(TypeError, match="no rule to differentiate 'clip'"):
        tape.namespace.clip(plain.asarray([1.0]), max=a)
    with pytest.raises(TypeError, match="indexing by an array"):
        a[plain.asarray([0, 0])]
    with pytest.raises(TypeError, match="no rule to differentiate 'meshgrid'"):
        tape.namespace.meshgrid(plain.asarray([1.0]), a)
    with pytest.raises(TypeError, match="no rule to differentiate 'broadcast_arrays'"):
        tape.namespace.broadcast_arrays(*[a, a])
    with pytest.raises(TypeError, match="no rule to differentiate 'svd'"):
        tape.namespace.linalg.svd(a)
    with pytest.raises(TypeError, match="no rule to differentiate 'matmul' of vectors"):
        a @ a
    with pytest.raises(TypeError, match="no rule to differentiate 'solve' of vectors"):
        tape.namespace.linalg.solve(plain.asarray([[1.0, 0.0], [0.0, 1.0]]), a)
    for exponent in (a, plain.asarray([1.0, 2.0])):
        with pytest.raises(TypeError, match="no rule to differentiate powers by anything but"):
            a**exponent
    with pytest.raises(AttributeError, match="no_such_function"):
        tape.namespace.no_such_function(a)
    assert np.asarray(tape.namespace.sin(plain.asarray([0.0]))).tolist() == [0.0]
    identity = plain.asarray([[1.0, 0.0], [0.0, 1.0]])
    assert np.asarray(tape.namespace.linalg.svdvals(identity)).tolist() == [1.0, 1.0]


def test_plain_arrays_have_the_functions_of_their_own_namespace(plain: Any) -> None:
    xp, x = Tape(plain).namespace, plain.asarray([[1.0, 3.0], [2.0, 2.0]])
    for name, options in {
        "concat": {"axis": 1},
        "expand_dims": {"axis": 0},
        "flip": {"axis": 0},
        "max": {"axis": 1},
        "mean": {"keepdims": True},
        "stack": {"axis": 0},
        "sum": {"dtype": plain.float64},
        "tanh": {},
    }.items():
        given = [x, x] if name in ("concat", "stack") else x
        found, expected = (getattr(space, name)(given, **options) for space in (xp, plain))
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        assert np.array_equal(np.asarray(found), np.asarray(expected))
    assert xp.astype(x, plain.float32, copy=False).dtype == plain.float32
    for name in ("matmul", "maximum", "vecdot"):
        found, expected = (getattr(space, name)(x, x) for space in (xp, plain))
        assert np.array_equal(np.asarray(found), np.asarray(expected))
    assert np.array_equal(np.asarray(xp.where(x > 2.0, x, -x)), np.where(x > 2.0, x, -x))
    assert np.array_equal(np.asarray(xp.linalg.solve(x, x)), np.asarray(plain.linalg.solve(x, x)))


def slope(plain: Any, function: Callable[[Any, Any], Any], *values: Any) -> list[list[float]]:
    """Differentiate the sum of what a function gives, in each of its operands."""
    tape = Tape(plain)
    operands = [tape.variable(plain.asarray(x)) for x in values]
    out = function(tape.namespace, *operands)
    found = tape.gradients(tape.namespace.sum(out), operands)
    return [np.asarray(g).tolist() for g in found]


def test_ties_and_kinks_have_the_gradients_that_are_documented(plain: Any) -> None:
    """As those of JAX and of torch: equal entries share a maximum's gradient, the rest is 0."""
    tied = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    assert slope(plain, lambda xp, a: xp.max(a, axis=1), tied) == [
        [[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]
    ]
    assert slope(plain, lambda xp, a: xp.max(a), tied) == [[[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]]
    both = ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert slope(plain, lambda xp, a, b: xp.maximum(a, b), *both) == [
        [0.0, 0.5, 1.0],
        [1.0, 0.5, 0.0],
    ]
    assert slope(plain, lambda xp, a: xp.abs(a), [-2.0, 0.0, 3.0]) == [[-1.0, 0.0, 1.0]]
    assert slope(plain, lambda xp, a: a**0, [0.0, 2.0]) == [[0.0, 0.0]]


@pytest.mark.parametrize("indices", [[], [0], [2, 2], [1, -1, 1, 0, 1], list(range(4)) * 5])
def test_what_is_taken_several_times_has_the_sum_of_gradients(
    indices: list[int], plain: Any
) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray(np.arange(8.0).reshape(4, 2)))
    order = plain.asarray(np.asarray(indices, dtype=np.int64))
    weights = np.random.default_rng(0).standard_normal((len(indices), 2))
    out = tape.namespace.take(a, order, axis=0) * plain.asarray(weights)
    (found,) = tape.gradients(tape.namespace.sum(out), [a])
    expected = np.zeros((4, 2))
    np.add.at(expected, indices, weights) if indices else None
    assert np.allclose(np.asarray(found), expected, rtol=1e-14, atol=1e-15)


def test_what_is_not_taken_has_no_gradient_though_what_is_taken_is_not_finite(plain: Any) -> None:
    order = plain.asarray([1])
    assert slope(plain, lambda xp, a: xp.take(a, order, axis=0) * float("inf"), [1.0, 2.0]) == [
        [0.0, float("inf")]
    ]


@pytest.mark.parametrize("name", ["a + b", "a - b", "a * b", "a / b", "a @ b", "maximum"])
def test_operands_of_two_tapes_are_recorded_on_the_newer_one(name: str, plain: Any) -> None:
    """In either order: what the older one wraps is a constant of the newer."""
    function = OPERATIONS[name][0]
    older, newer = Tape(plain), Tape(plain)
    values = np.asarray([[1.0, 2.0], [3.0, 5.0]]), np.asarray([[2.0, 1.0], [4.0, 7.0]])
    # A strict array refuses any other kind of operand on its right.
    for swapped in (False,) if plain is array_api_strict else (False, True):
        a, b = older.variable(plain.asarray(values[0])), newer.variable(plain.asarray(values[1]))
        operands = (b, a) if swapped else (a, b)
        out = function(newer.namespace, *operands)
        assert out.tape is newer
        (of_b,) = newer.gradients(newer.namespace.sum(out), [b])
        assert isinstance(of_b, Var)
        assert of_b.tape is older
        host = values[::-1] if swapped else values

        def value(v: dict[str, np.ndarray], host: Any = host, swapped: bool = swapped) -> float:
            pair = (v["b"], host[1]) if swapped else (host[0], v["b"])
            return float(np.sum(function(array_api_compat.numpy, *pair)))

        expected = central_differences(value, {"b": values[1]})["b"]
        assert relative(np.asarray(raw(of_b)), expected) < 1e-7
