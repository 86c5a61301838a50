"""Losses, bounds and regression name the argument at fault by what is static, in traces too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from conftest import Space, library, make_space

from slimdc import bounds, losses, regression
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.losses import Weights
from slimdc.regression import Components
from slimdc_backends.tape import Tape, raw

ERRORS = (InvalidTypeError, InvalidValueError)
LINALG_FLOATS = ("float32", "float64")  # that matrices are decomposed in
LOSSES_FLOATS = ("float16", "bfloat16", *LINALG_FLOATS)
# n = 3 samples before, 2 after, f = 4 features, c = 2 labels; B = 3 components, 1 of them removed.
SHAPES = {
    "x": (2, 4), "y": (2, 2), "x_before": (3, 4), "y_before": (3, 2), "w": (4, 2),
    "x_t": (3, 4), "y_t": (3, 2), "x_s": (2, 4), "y_s": (2, 2), "s": (2, 3),
    "vx": (3, 4), "vy": (3, 2),
    "kept.s": (2,), "kept.vx": (2, 4), "kept.vy": (2, 2),
    "removed.s": (1,), "removed.vx": (1, 4), "removed.vy": (1, 2),
    "part.s": (3,), "part.vx": (3, 4), "part.vy": (3, 2),
}  # fmt: skip
BOTH = ("kept.s", "kept.vx", "kept.vy", "removed.s", "removed.vx", "removed.vy")
REMOVED, PART, PAIRS = BOTH[3:], tuple(f"part.{x}" for x in ("s", "vx", "vy")), ("x", "y")
FOUR = (*PAIRS, "x_before", "y_before")

# Function, its arrays, and its other arguments by kind with a good value each.
CALLS: dict[str, tuple[Callable[..., Any], tuple[str, ...], dict[str, Any]]] = {
    "training_loss": (losses.training_loss, (*PAIRS, "w"), {}),
    "head_gradient": (losses.head_gradient, (*PAIRS, "w"), {}),
    "ridge_solution": (losses.ridge_solution, PAIRS, {"ridge": 0.1}),
    "performance_matching": (
        losses.performance_matching,
        ("x_t", "y_t", "x_s", "y_s"),
        {"ridge": 0.1},
    ),
    "first_order": (losses.first_order, (*FOUR, "w"), {"form": "relative"}),
    "infinity_order": (losses.infinity_order, FOUR, {"ridge": 0.1, "form": "printed"}),
    "skewness": (losses.skewness, ("s",), {}),
    "orthogonality": (losses.orthogonality, ("vx", "vy"), {}),
    "first_order_distance": (
        bounds.first_order_distance,
        (*REMOVED, "w"),
        {"eta": 0.5, "norm": "spectral"},
    ),
    "equation_9": (
        bounds.equation_9,
        (*BOTH, "w"),
        {"eta": 0.5, "significance": 2.0, "norm": "frobenius"},
    ),
    "first_order_bound": (
        bounds.first_order_bound,
        (*BOTH, "w"),
        {"eta": 0.5, "norm": "frobenius"},
    ),
    "infinity_order_distance": (
        bounds.infinity_order_distance,
        BOTH,
        {"norm": "frobenius"},
    ),
    "infinity_order_bound": (bounds.infinity_order_bound, BOTH, {}),
    "kept_ratio": (bounds.kept_ratio, BOTH, {}),
    "equation_10_distance": (bounds.equation_10_distance, REMOVED, {}),
    "loss_gradient": (regression.loss_gradient, (*PART, "w"), {}),
    "linear_solution": (regression.linear_solution, PART, {}),
    "row_independence": (lambda vx: regression.row_independence(vx)[0], ("vx",), {}),
    "full_row_rank": (regression.full_row_rank, ("vx",), {}),
    "orthonormality_defect": (regression.orthonormality_defect, ("vx",), {}),
}
NUMBERS = ("ridge", "eta", "significance")
NO_NUMBERS = (
    None,
    True,
    "1",
    1j,
    [0.1],
    -1,
    -1e-300,
    np.nan,
    np.inf,
    -np.inf,
    10**400,
    np.bool_(1),
)
WORDS = ("form", "norm")
NO_WORDS = ("", "Frobenius", "Printed", "fro", None, 2, b"printed", ["frobenius"], True)
PARAMETERS = [(call, name) for call, (_, arrays, _) in CALLS.items() for name in arrays]
OPTIONS = [(call, name) for call, (_, _, options) in CALLS.items() for name in options]


def host(name: str) -> np.ndarray:
    return np.random.default_rng(sorted(SHAPES).index(name)).normal(size=SHAPES[name])


def called(call: str, arrays: dict[str, Any], options: dict[str, Any]) -> Any:
    """Call with components put together from their parts."""
    function, names, _ = CALLS[call]
    arguments: dict[str, Any] = {}
    for name in names:  # JAX sorts dictionaries
        array = arrays[name]
        group, _, part = name.rpartition(".")
        if group:
            arguments.setdefault(group, {})[part] = array
        else:
            arguments[name] = array
    given = [Components(**a) if isinstance(a, dict) else a for a in arguments.values()]
    return function(*given, **options)


def good(space: Space, call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    _, names, options = CALLS[call]
    return {name: space.array(host(name), "float32") for name in names}, dict(options)


def blamed(error: Any, name: str) -> bool:
    """Whether an error names the argument, or one that its shape or dtype was held against."""
    assert str(error).startswith(f"{error.argument}: found ")
    return name in error.argument.split(", ")


@pytest.mark.parametrize("call", CALLS)
def test_the_right_arguments_are_taken(space: Space, call: str) -> None:
    arrays, options = good(space, call)
    found = called(call, arrays, options)
    assert array_namespace(found) is array_namespace(next(iter(arrays.values())))
    assert np.isfinite(space.host(found)).all()


@pytest.mark.parametrize(("call", "name"), PARAMETERS)
def test_what_is_no_array_is_named(space: Space, call: str, name: str) -> None:
    arrays, options = good(space, call)
    for wrong in (None, 1.0, host(name).tolist(), "1", object()):
        with pytest.raises(InvalidTypeError) as caught:
            called(call, arrays | {name: wrong}, options)
        assert blamed(caught.value, name)


@pytest.mark.parametrize(("call", "name"), PARAMETERS)
def test_other_dtypes_are_named(space: Space, call: str, name: str) -> None:
    arrays, options = good(space, call)
    dtypes = ["int32", "bool", "complex64", *(d for d in space.dtypes if d != "float32")]
    for dtype in dtypes:
        wrong = space.array(np.ones(SHAPES[name]), dtype)
        if len(arrays) == 1 and "float" in dtype:
            continue
        with pytest.raises(InvalidTypeError) as caught:
            called(call, arrays | {name: wrong}, options)
        # The first one's dtype is what the others are held against, if it is one that is taken.
        first, *others = arrays
        taken = LOSSES_FLOATS if call in losses.__all__ else LINALG_FLOATS
        second = name == first and dtype in taken
        assert caught.value.argument == (others[0] if second else name)


@pytest.mark.parametrize(("call", "name"), PARAMETERS)
def test_other_shapes_are_named(space: Space, call: str, name: str) -> None:
    arrays, options = good(space, call)
    shape = SHAPES[name]
    wrong_shapes = [(), (*shape, 1), (1, *shape), (*shape[:-1], 0)]
    if len(arrays) > 1:
        wrong_shapes.append((7, *shape[1:]))
    for wrong in wrong_shapes:
        if wrong == (0,):
            continue  # no component at all is one of the right shapes
        with pytest.raises(InvalidValueError, match="shape") as caught:
            called(call, arrays | {name: space.array(np.ones(wrong), "float32")}, options)
        assert "expected shape (" in str(caught.value)


@pytest.mark.parametrize("call", [c for c, (_, arrays, _) in CALLS.items() if len(arrays) > 1])
def test_mixed_frameworks_are_refused(space: Space, call: str) -> None:
    other = make_space("array_api_strict" if space.name == "numpy" else "numpy")
    arrays, options = good(space, call)
    for name in arrays:
        wrong = other.array(host(name), "float32")
        with pytest.raises(InvalidTypeError, match="arrays of one framework") as caught:
            called(call, arrays | {name: wrong}, options)
        assert blamed(caught.value, name)


@pytest.mark.parametrize(("call", "name"), OPTIONS)
def test_nonsense_options_are_named(space: Space, call: str, name: str) -> None:
    arrays, options = good(space, call)
    wrong_ones = NO_NUMBERS if name in NUMBERS else NO_WORDS
    for wrong in wrong_ones:
        if wrong is None and name == "significance":
            continue
        with pytest.raises(ERRORS) as caught:
            called(call, arrays, options | {name: wrong})
        assert caught.value.argument == name
        kind = InvalidValueError if isinstance(wrong, str) == (name in WORDS) else InvalidTypeError
        if isinstance(wrong, str):
            assert isinstance(caught.value, kind)
    if name in NUMBERS:
        for array, dtype in ((np.ones(1), "float32"), (1.0, "complex64"), (1.0, "bool")):
            with pytest.raises(ERRORS) as caught:
                called(call, arrays, options | {name: space.array(array, dtype)})
            assert caught.value.argument == name
        foreign = make_space("array_api_strict" if space.name == "numpy" else "numpy")
        with pytest.raises(InvalidTypeError, match="arrays of one framework"):
            called(call, arrays, options | {name: foreign.array(0.5, "float32")})


@pytest.mark.parametrize(("call", "name"), [o for o in OPTIONS if o[1] in NUMBERS])
def test_numbers_of_any_kind_leave_dtype_and_value(space: Space, call: str, name: str) -> None:
    arrays, options = good(space, call)
    expected = called(call, arrays, options | {name: 2.0})
    numbers = [2, np.float64(2), np.float32(2), np.int64(2), Fraction(2)]
    numbers += [space.array(2, dtype) for dtype in ("int32", "float32")]
    for number in numbers:
        found = called(call, arrays, options | {name: number})
        assert found.dtype == expected.dtype
        assert np.array_equal(space.host(found), space.host(expected))
    assert np.isfinite(space.host(called(call, arrays, options | {name: 0}))).all()


@pytest.mark.parametrize("call", CALLS)
def test_values_are_not_looked_at(space: Space, call: str) -> None:
    arrays, options = good(space, call)
    without_s = CALLS[call][1] in (BOTH, REMOVED)  # of infinity order
    for name in arrays:
        if without_s and name.endswith(".s"):
            continue
        broken = host(name)
        broken.flat[0] = np.nan
        with np.errstate(all="ignore"):
            found = called(call, arrays | {name: space.array(broken, "float32")}, options)
        if call != "full_row_rank":
            assert not np.isfinite(space.host(found)).all()
        else:
            assert not bool(found)


@pytest.mark.parametrize("call", CALLS)
def test_all_of_it_compiles_under_jax(call: str) -> None:
    jax, space = library("jax"), make_space("jax")
    arrays, options = good(space, call)
    words = {name: value for name, value in options.items() if name in WORDS}
    numbers = {name: value for name, value in options.items() if name not in WORDS}
    # Numbers are traced as well, whose values nobody knows then.
    compiled = jax.jit(lambda a, n: called(call, a, n | words))
    expected = space.host(called(call, arrays, options))
    assert np.allclose(space.host(compiled(arrays, numbers)), expected, rtol=1e-4, atol=1e-6)
    name = next(iter(arrays))
    with pytest.raises(InvalidTypeError, match=f"{name}: found"):
        compiled(arrays | {name: jax.numpy.ones(SHAPES[name], dtype=int)}, numbers)


@pytest.mark.parametrize("call", [c for c in CALLS if hasattr(losses, c)])
def test_variables_on_a_tape_may_stand_beside_plain_arrays(call: str) -> None:
    space = make_space("numpy")
    arrays, options = good(space, call)
    expected = called(call, arrays, options)
    for live in arrays:
        tape = Tape(array_namespace(np.zeros(1)))
        mixed = arrays | {live: tape.variable(arrays[live])}
        assert np.array_equal(raw(called(call, mixed, options)), expected)
        if len(arrays) > 1:
            other = next(name for name in arrays if name != live)
            with pytest.raises(InvalidValueError, match="found shape"):
                called(call, mixed | {other: np.ones((9, 9), np.float32)}, options)


@pytest.mark.parametrize("name", ["first", "infinity", "skew", "ortho"])
def test_weights_are_numbers_of_at_least_zero(name: str) -> None:
    for wrong in NO_NUMBERS:
        with pytest.raises(ERRORS) as caught:
            Weights(**{name: wrong})
        assert caught.value.argument == name
    for right in (0, 1, 2.5, np.float32(2.5), Fraction(1, 2)):
        found = getattr(Weights(**{name: right}), name)
        assert type(found) is float
        assert found == right


def test_the_default_weights_are_those_of_the_relative_form() -> None:
    assert Weights() == Weights(first=1.0, infinity=1.0, skew=1e-2, ortho=1e-4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Weights().first = 2.0  # type: ignore[misc]


def test_the_weighted_sum_takes_four_scalars() -> None:
    parts = dict.fromkeys(("first", "infinity", "skew", "ortho"), np.asarray(1.0, np.float32))
    assert losses.weighted_sum(parts, Weights(np.float64(1), 1, 1, 1)).dtype == np.float32
    for wrong, error, named in (
        ([1.0] * 4, InvalidTypeError, "parts"),
        ({}, InvalidValueError, "parts"),
        ({k: v for k, v in parts.items() if k != "skew"}, InvalidValueError, "parts"),
        (parts | {"other": 1.0}, InvalidValueError, "parts"),
        (parts | {"skew": np.ones(1)}, InvalidTypeError, "parts['skew']"),
        (parts | {"skew": "1"}, InvalidTypeError, "parts['skew']"),
        (parts | {"skew": None}, InvalidTypeError, "parts['skew']"),
    ):
        with pytest.raises(error) as caught:
            losses.weighted_sum(wrong, Weights())  # type: ignore[arg-type]
        assert caught.value.argument == named
    for weights in (None, (1, 1, 1, 1), {"first": 1.0}):
        with pytest.raises(InvalidTypeError, match="weights: found"):
            losses.weighted_sum(parts, weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 1, "yes", np.ones(())])
def test_centred_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(InvalidTypeError, match="centred: found"):
        losses.orthogonality(host("vx"), host("vy"), centred=wrong)


def test_a_split_is_within_the_components(space: Space) -> None:
    part = Components(*(space.array(host(name), "float32") for name in PART))
    for k in (0, 1, 3, np.int64(2)):
        kept, removed = part.split(k)
        assert (kept.vx.shape, removed.vx.shape) == ((k, 4), (3 - k, 4))
        assert (kept.vy.shape, removed.vy.shape) == ((k, 2), (3 - k, 2))
    for wrong in (-1, 4, 10**400, 1.0, None, True, "1"):
        with pytest.raises(ERRORS, match="k: found"):
            part.split(wrong)
    with pytest.raises(InvalidValueError, match="vx: found shape"):
        part._replace(vx=part.vx[:2, :]).split(1)


def test_cutoffs_and_precisions_are_checked(space: Space) -> None:
    part = Components(*(space.array(host(name), "float32") for name in PART))
    for wrong in (-1e-9, np.nan, 1.0, 2, 10**400, "0", 1j, True, part.s):
        with pytest.raises(ERRORS, match="cutoff: found"):
            regression.linear_solution(part, cutoff=wrong)
    for function in (regression.row_independence, regression.full_row_rank):
        for wrong in (0, -1.0, np.nan, np.inf, "0", 1j, True):
            with pytest.raises(ERRORS, match="eps: found"):
                function(part.vx, eps=wrong)
    for wrong in (None, tuple(part), [part]):
        with pytest.raises(InvalidTypeError, match=r"part: found .*expected Components"):
            regression.linear_solution(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidTypeError, match=r"kept: found .*expected Components"):
            bounds.kept_ratio(wrong, part)  # type: ignore[arg-type]


def test_a_singular_kernel_without_ridge_is_our_error(space: Space) -> None:
    x, y = space.array(np.ones((2, 3)), "float32"), space.array(np.ones((2, 1)), "float32")
    if space.name == "jax":  # cannot tell
        assert not np.isfinite(space.host(losses.ridge_solution(x, y, 0.0))).all()
        return
    with pytest.raises(NumericalError, match=r"ridge: found 0\.0 and a singular kernel"):
        losses.ridge_solution(x, y, 0.0)


def test_other_errors_of_a_framework_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(a: Any, b: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(array_namespace(np.ones(1)).linalg, "solve", fails)
    with pytest.raises(MemoryError):
        losses.ridge_solution(host("x"), host("y"), 0.1)


def test_no_component_at_all(space: Space) -> None:
    empty = Components(*(space.array(host(name), "float32") for name in PART)).split(0)[0]
    w = space.array(host("w"), "float32")
    for found in (regression.linear_solution(empty), regression.loss_gradient(empty, w)):
        assert found.shape == (4, 2)
        assert not space.host(found).any()
    assert float(regression.orthonormality_defect(empty.vx)) == 0
    smallest, limit = regression.row_independence(empty.vx)
    assert (float(smallest), limit) == (1.0, 0.0)


def test_two_devices_are_refused() -> None:
    space = make_space("array_api_strict")
    for call in ("first_order", "first_order_bound"):
        arrays, options = good(space, call)
        other = space.xp.asarray(arrays["w"], device=space.xp.Device("device1"))
        with pytest.raises(InvalidValueError, match="expected arrays on one device"):
            called(call, arrays | {"w": other}, options)


def test_signs_of_s_are_of_no_account(space: Space) -> None:
    for call, (_, names, _) in CALLS.items():
        arrays, options = good(space, call)
        expected = space.host(called(call, arrays, options))
        for name in names:
            if name.endswith(".s"):
                found = called(call, arrays | {name: -arrays[name]}, options)
                assert np.allclose(space.host(found), expected, rtol=1e-5)
