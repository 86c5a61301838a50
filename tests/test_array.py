"""Arrays cross the border as copies, and what cannot cross is refused in our words."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from conftest import NAMESPACES, Space, library, make_space

from slimdc import _array
from slimdc.errors import InvalidTypeError, InvalidValueError


def test_namespace_is_that_of_the_arrays(space: Space) -> None:
    a = space.array(np.arange(3.0, dtype=np.float32))
    assert _array.namespace(a, a).asarray([1.0]).shape == (1,)
    assert space.owns(_array.namespace(a).asarray([1.0]))


@pytest.mark.parametrize(("one", "other"), list(combinations(NAMESPACES, 2)))
def test_mixed_frameworks_are_refused(one: str, other: str) -> None:
    a, b = (make_space(name).array(np.ones(2, dtype=np.float32)) for name in (one, other))
    with pytest.raises(InvalidTypeError, match=r"x, y: found .* expected arrays of one framework"):
        _array.namespace(a, b, argument="x, y")


def test_things_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"data: found builtins\.list"):
        _array.namespace([1.0, 2.0])


def test_mixed_devices_are_refused() -> None:
    strict = library("array_api_strict")
    here = strict.asarray([1.0])
    there = strict.asarray([1.0], device=strict.Device("device1"))
    with pytest.raises(InvalidValueError, match=r"device1.*expected arrays on one device"):
        _array.namespace(here, there)


def test_to_numpy_copies_values_and_memory(space: Space) -> None:
    for dtype in (*space.dtypes, "int32", "uint8"):
        source = space.array(np.arange(6).reshape(2, 3), dtype)
        host = _array.to_numpy(source)
        expected = "float32" if dtype == "bfloat16" else dtype
        assert host.dtype.name == expected
        assert host.tolist() == [[0, 1, 2], [3, 4, 5]]
        host[...] = 7
        assert space.host(source).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_like_gives_namespace_dtype_and_fresh_memory(space: Space) -> None:
    reference = space.array(np.zeros(1, dtype=np.float32))
    for dtype in space.dtypes:
        host = np.arange(4.0)
        made = _array.like(host, reference, dtype)
        host[...] = -1.0
        assert space.owns(made)
        assert space.dtype(made) == dtype
        assert space.host(made).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_like_takes_read_only_and_backward_memory(space: Space) -> None:
    reference = space.array(np.zeros(1, dtype=np.float32))
    host = np.arange(4.0, dtype=np.float32)
    host.flags.writeable = False
    assert space.host(_array.like(host[::-1], reference)).tolist() == [3.0, 2.0, 1.0, 0.0]


def test_like_keeps_the_device() -> None:
    strict = library("array_api_strict")
    there = strict.asarray([1.0], device=strict.Device("device1"))
    made = _array.like(np.asarray([2.0]), there)
    assert made.device == there.device
    assert _array.to_numpy(made).tolist() == [2.0]


def test_widest_float_is_one_that_the_namespace_really_has(space: Space) -> None:
    wide = _array.widest_float(space.xp)
    assert wide == getattr(space.xp, "float32" if space.name == "jax" else "float64")
    assert space.xp.asarray([1.0], dtype=wide).dtype == wide


def test_guarded_arrays_cannot_reach_ours(space: Space) -> None:
    held = space.array(np.zeros(3, dtype=np.float32))
    if isinstance(held, np.ndarray):
        held.flags.writeable = False
    given = _array.guarded(held)
    try:
        given[0] = 1.0
    except (ValueError, TypeError):
        pass  # NumPy: read-only; JAX: never writable
    else:
        assert space.name in ("torch", "array_api_strict")
    assert space.host(held).tolist() == [0.0, 0.0, 0.0]


def test_library_of_names_library_and_device(space: Space) -> None:
    name, device = _array.library_of(space.array(np.zeros(1, dtype=np.float32)))
    assert name == space.name
    assert device is not None
    assert "cpu" in device.lower()


def test_torch_gradients_conjugates_and_strides_are_resolved() -> None:
    torch = library("torch")
    leaf = torch.ones((2, 3), requires_grad=True)
    assert _array.to_numpy(leaf.mT).shape == (3, 2)
    negative = torch.full((2,), 1 + 2j, dtype=torch.complex64).conj().imag
    assert _array.to_numpy(negative).tolist() == [-2.0, -2.0]


def test_sparse_tensors_are_refused() -> None:
    torch = library("torch")
    with pytest.raises(InvalidTypeError, match="expected a dense array"):
        _array.to_numpy(torch.eye(2).to_sparse(), "x")


def test_jax_tracers_have_a_namespace() -> None:
    jax = library("jax")

    def double(x: object) -> object:
        return _array.namespace(x, x).multiply(x, 2.0)

    assert float(jax.jit(double)(1.5)) == 3.0


@pytest.mark.parametrize(
    "x", [["a", "b"], [object()], [[1.0], [2.0, 3.0]], np.ma.masked_array([1.0], [True]), None]
)
def test_what_is_no_array_of_numbers_is_refused(x: object) -> None:
    with pytest.raises(InvalidTypeError, match="x: found"):
        _array.as_array(x, "x")


def test_importing_the_core_imports_no_framework() -> None:
    code = (
        "import sys, slimdc, slimdc.parameterization, slimdc.storage\n"
        "print(*{'torch', 'jax', 'cupy', 'matplotlib', 'tqdm'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert run.stdout.strip() == ""


def test_a_missing_library_is_skipped_unless_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("SLIMDC_REQUIRE", "jax")
    with pytest.raises(pytest.skip.Exception, match="torch is not installed"):
        library("torch")
    monkeypatch.setenv("SLIMDC_REQUIRE", "torch,jax")
    with pytest.raises(ImportError):
        library("torch")
    monkeypatch.setenv("SLIMDC_REQUIRE", "trch")
    with pytest.raises(pytest.UsageError, match="trch"):
        library("torch")
