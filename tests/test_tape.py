"""The tape records, walks back only where it must, and forgets; tapes nest."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

from slimdc_backends.tape import Tape, Var, differentiated, raw


@pytest.fixture(params=[array_api_compat.numpy, array_api_strict], ids=["numpy", "strict"])
def plain(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_plain_array_or_number_on_the_left_is_recorded() -> None:
    tape = Tape(array_api_compat.numpy)
    a = tape.variable(np.array([2.0, 5.0]))
    left = np.array([3.0, 4.0])
    for out, slope in (
        (left + a, [1.0, 1.0]),
        (left - a, [-1.0, -1.0]),
        (left * a, [3.0, 4.0]),
        (left / a, [-0.75, -0.16]),
        (left[None, :] @ tape.namespace.reshape(a, (2, 1)), [3.0, 4.0]),
        (np.float64(3.0) * a, [3.0, 3.0]),
    ):
        assert isinstance(out, Var)
        (gradient,) = tape.gradients(tape.namespace.sum(out), [a])
        assert np.allclose(gradient, slope, rtol=1e-15)


def test_a_variable_without_influence_has_a_gradient_of_zero(plain: Any) -> None:
    tape = Tape(plain)
    a, b = tape.variable(plain.asarray([1.0, 2.0])), tape.variable(plain.asarray([[3.0]]))
    gradients = tape.gradients(tape.namespace.sum(a), [a, b])
    assert np.asarray(gradients[0]).tolist() == [1.0, 1.0]
    assert np.asarray(gradients[1]).tolist() == [[0.0]]


def test_gradients_keep_the_dtype_of_their_variables(plain: Any) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray([1.0, 2.0], dtype=plain.float32))
    wide = tape.variable(plain.asarray([3.0, 4.0], dtype=plain.float64))
    xp = tape.namespace
    converted = xp.sum(xp.astype(a, plain.float64) * wide) * 2.0
    # The sum of a float32 and a float64 number is a float64 one, and so is its gradient.
    result = xp.sum(a * a) + converted
    assert result.dtype == plain.float64
    of_a, of_wide = tape.gradients(result, [a, wide])
    assert (of_a.dtype, of_wide.dtype) == (plain.float32, plain.float64)
    assert np.asarray(of_a).tolist() == [2.0 + 6.0, 4.0 + 8.0]
    assert np.asarray(of_wide).tolist() == [2.0, 4.0]


def test_the_narrow_part_of_a_loss_is_differentiated_in_its_own_dtype() -> None:
    tape = Tape(array_api_compat.numpy)
    a = tape.variable(np.ones(3, np.float32))
    seen = []

    def pullback(g: Any, wanted: tuple[bool, ...]) -> tuple[Any]:
        assert wanted == (True,)
        seen.append(g.dtype)
        return (g,)

    narrow = tape.record(a.value * 1, (a,), pullback)
    total = tape.namespace.sum(narrow * narrow) + np.ones((), np.float64)
    assert total.dtype == np.float64
    tape.gradients(total, [a])
    assert seen == [np.float32]


def test_gradients_may_be_taken_twice_from_one_record(plain: Any) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray([1.0, 2.0]))
    result = tape.namespace.sum(a * a)
    for _ in range(2):
        assert np.asarray(tape.gradients(result, [a])[0]).tolist() == [2.0, 4.0]


def test_comparisons_give_plain_arrays(plain: Any) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray([1.0, 3.0]))
    assert np.asarray(a > 2.0).tolist() == [False, True]
    assert np.asarray(a < tape.variable(plain.asarray([2.0, 2.0]))).tolist() == [True, False]
    assert np.asarray(a >= 3.0).tolist() == [False, True]
    assert np.asarray(a <= 1.0).tolist() == [True, False]
    assert np.asarray(a == 3.0).tolist() == [False, True]
    assert np.asarray(a != 3.0).tolist() == [True, False]


def test_branching_on_a_variable_is_refused(plain: Any) -> None:
    one = Tape(plain).variable(plain.asarray(1.0))
    with pytest.raises(TypeError, match="no truth"):
        bool(one)


def test_variables_of_all_tapes_share_one_namespace(plain: Any) -> None:
    outer, inner = Tape(plain), Tape(plain)
    a = outer.variable(plain.asarray([1.0, 2.0]))
    b = inner.variable(a)
    assert array_api_compat.array_namespace(a, b, b * b) is outer.namespace
    assert np.asarray(raw(b)).tolist() == [1.0, 2.0]
    assert inner.lower(b) is a
    assert inner.lower(a) is a
    assert outer.lower(b) is b


def test_a_result_that_is_of_no_tape_or_an_older_one_has_gradients_of_zero(plain: Any) -> None:
    older, newer = Tape(plain), Tape(plain)
    x, y = older.variable(plain.asarray([1.0, 2.0])), newer.variable(plain.asarray([3.0]))
    for result in (older.namespace.sum(x), plain.asarray(2.0)):
        (found,) = newer.gradients(result, [y])
        assert np.asarray(found).tolist() == [0.0]


def test_a_variable_tells_what_its_array_is(plain: Any) -> None:
    value = plain.zeros((2, 3), dtype=plain.float32)
    a = Tape(plain).variable(value)
    assert (a.shape, a.ndim, a.dtype, a.device) == ((2, 3), 2, value.dtype, value.device)


def noted(tape: Tape, asked: list[tuple[bool, ...]], *inputs: Any) -> Var:
    """Record the sum of arrays by a pullback that notes what it is asked for."""

    def pullback(g: Any, wanted: tuple[bool, ...]) -> tuple[Any, ...]:
        asked.append(wanted)
        return tuple(g if one else None for one in wanted)

    return tape.record(sum(raw(x) for x in inputs), inputs, pullback)


def test_pullbacks_are_asked_for_what_is_wanted_only(plain: Any) -> None:
    tape, asked = Tape(plain), []
    a, b, idle = (tape.variable(plain.asarray([x, 1.0])) for x in (1.0, 2.0, 3.0))
    constant = plain.asarray([4.0, 1.0])
    middle = noted(tape, asked, a, constant, idle)
    result = tape.namespace.sum(noted(tape, asked, middle, b, constant))
    for variables, expected in (
        ([a], [(True, False, False), (True, False, False)]),
        ([b], [(False, True, False)]),  # nothing that is wanted lies behind the middle
        ([a, b], [(True, True, False), (True, False, False)]),
        ([], []),
    ):
        asked.clear()
        gradients = tape.gradients(result, variables)
        assert asked == expected
        assert [np.asarray(g).tolist() for g in gradients] == [[1.0, 1.0]] * len(variables)


def test_a_scalar_that_does_not_depend_on_what_is_wanted_asks_for_nothing(plain: Any) -> None:
    tape, asked = Tape(plain), []
    a, b = tape.variable(plain.asarray(1.0)), tape.variable(plain.asarray([2.0, 3.0]))
    (gradient,) = tape.gradients(noted(tape, asked, a), [b])
    assert asked == []
    assert np.asarray(gradient).tolist() == [0.0, 0.0]


def test_constants_and_what_follows_from_them_alone_are_never_asked_for() -> None:
    def pullback(g: Any, wanted: tuple[bool, ...]) -> tuple[Any, ...]:
        raise AssertionError("asked for the gradient of a constant")

    def function(v: dict[str, Any], constant: np.ndarray) -> Any:
        tape = v["some"]["x"].tape
        fixed = tape.record(2.0 * constant, (constant,), pullback)
        return {"some": tape.namespace.sum(v["some"]["x"] * (fixed * fixed))}, {"fixed": fixed}

    x = np.array([3.0, 5.0])
    values, extras, gradients = differentiated(array_api_compat.numpy, function)(
        {"some": {"x": x}}, np.array([1.0, 2.0])
    )
    assert float(values["some"]) == 3.0 * 4.0 + 5.0 * 16.0
    assert type(extras["fixed"]) is np.ndarray
    assert gradients["some"]["x"].tolist() == [4.0, 16.0]


def test_one_record_serves_scalars_each_in_variables_of_its_own(plain: Any) -> None:
    tape, asked = Tape(plain), []
    xp = tape.namespace
    a, b = tape.variable(plain.asarray([1.0, 2.0])), tape.variable(plain.asarray([3.0, 5.0]))
    shared = noted(tape, asked, a * b)
    of_one, of_other = [], []
    one = xp.sum(noted(tape, of_one, shared * a))
    other = xp.sum(noted(tape, of_other, shared * b))
    (of_a,) = tape.gradients(one, [a])
    assert (asked, of_one, of_other) == ([(True,)], [(True,)], [])
    assert np.asarray(of_a).tolist() == [2 * 1.0 * 3.0, 2 * 2.0 * 5.0]
    (of_b,) = tape.gradients(other, [b])
    assert (asked, of_one, of_other) == ([(True,)] * 2, [(True,)], [(True,)])
    assert np.asarray(of_b).tolist() == [2 * 1.0 * 3.0, 2 * 2.0 * 5.0]


def test_nothing_outlives_the_gradients(plain: Any) -> None:
    """Without the collector, which would come late to arrays as large as a set's features."""
    seen: list[weakref.ref[Any]] = []

    def function(v: dict[str, Any], order: Any) -> Any:
        x = v["some"]["x"]
        xp = x.__array_namespace__()
        square = x @ x.mT + 1.0
        parts = [square, 2.0 / square, square[:, 0], xp.take(square, order, axis=0)]
        parts += [xp.linalg.solve(square, x), -square / (square * square) ** 2]
        parts += [xp.permute_dims(square, (1, 0)), xp.astype(square, plain.float32), x]
        seen.extend(weakref.ref(part) for part in parts)
        seen.extend(weakref.ref(part.value) for part in parts[:-1] if plain is not array_api_strict)
        return {"some": sum(xp.sum(part) for part in parts)}, {"all": xp.sum(square, axis=0)}

    gc.disable()
    try:
        x = plain.asarray(np.random.default_rng(0).standard_normal((3, 4)))
        order = plain.asarray([2, 0])
        results = differentiated(plain, function)({"some": {"x": x}}, order)
        alive = [reference() for reference in seen if reference() is not None]
    finally:
        gc.enable()
    assert len(seen) >= 9
    assert alive == []
    assert results[2]["some"]["x"].shape == (3, 4)


def test_a_tape_keeps_what_results_were_computed_from(plain: Any) -> None:
    tape = Tape(plain)
    a = tape.variable(plain.asarray([1.0, 2.0]))
    needed, idle = a * a, a + a
    result, rest = tape.namespace.sum(needed), weakref.ref(idle)
    tape.namespace.sum(idle)
    del idle, needed
    gc.disable()
    try:
        assert rest() is not None
        tape.keep([result])
        assert rest() is None
    finally:
        gc.enable()
    assert np.asarray(tape.gradients(result, [a])[0]).tolist() == [2.0, 4.0]


def test_what_one_scalar_needs_is_freed_before_the_next_is_differentiated(plain: Any) -> None:
    seen: dict[str, weakref.ref[Any]] = {}
    alive = []

    def function(v: dict[str, Any]) -> Any:
        a, b = v["first"]["x"], v["second"]["x"]
        xp, shared = a.__array_namespace__(), a * b
        own = shared * a

        def pullback(g: Any, wanted: tuple[bool, ...]) -> tuple[Any]:
            alive.append([name for name, reference in seen.items() if reference() is not None])
            return (g,)

        other = a.tape.record(shared.value * 1.0, (shared,), pullback)
        seen.update(shared=weakref.ref(shared), own=weakref.ref(own), other=weakref.ref(other))
        return {"first": xp.sum(own), "second": xp.sum(other)}, {}

    variables = {name: {"x": plain.asarray(x)} for name, x in (("first", [2.0]), ("second", [3.0]))}
    gc.disable()
    try:
        _, _, gradients = differentiated(plain, function)(variables)
    finally:
        gc.enable()
    assert alive == [["shared", "other"]]
    assert np.asarray(gradients["first"]["x"]).tolist() == [2 * 2.0 * 3.0]
    assert np.asarray(gradients["second"]["x"]).tolist() == [2.0]


def test_nothing_outlives_gradients_of_gradients(plain: Any) -> None:
    """What an inner tape computed is held by the outer one until that is done, and no longer."""
    seen: list[weakref.ref[Any]] = []

    def inner(v: dict[str, Any], c: Any) -> Any:
        x = v["some"]["x"]
        parts = [x * c, x @ x.mT, x[:, 0] ** 3]
        seen.extend(weakref.ref(part) for part in parts)
        return {"some": sum(x.__array_namespace__().sum(part * part) for part in parts)}, {}

    def outer(v: dict[str, Any]) -> Any:
        x = v["some"]["x"]
        gradient = differentiated(plain, inner)({"some": {"x": x}}, x)[2]["some"]["x"]
        seen.append(weakref.ref(gradient))
        return {"some": x.__array_namespace__().sum(gradient * gradient)}, {}

    gc.disable()
    try:
        x = plain.asarray(np.random.default_rng(0).standard_normal((3, 4)))
        results = differentiated(plain, outer)({"some": {"x": x}})
        alive = [reference() for reference in seen if reference() is not None]
    finally:
        gc.enable()
    assert len(seen) == 4
    assert alive == []
    assert type(results[2]["some"]["x"]) is type(x)
