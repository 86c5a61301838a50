"""Gradients of gradients through a small network: the loss of gradient matching, in its images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gradient_matching
import numpy as np
import pytest
from conftest import library
from differences import relative

from slimdc import backend
from slimdc.backend import Array, Tensors, value_and_grad

# No step crosses a kink of ReLU: what is rectified lies ten times as far from zero.
STEP = 1e-4


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """Differences of the loss, itself made of NumPy's gradients, of fourth order in the step."""
    ops = backend.get("numpy")
    variables, networks, *others = gradient_matching.entered(ops)
    loss, x = gradient_matching.distance(ops), variables["x"]
    real = others[1]
    for images in (x, real):
        for z in gradient_matching.rectified(ops, networks, images)[:-1]:
            assert np.abs(z).min() > 10 * STEP

    def at(place: tuple[int, ...], step: float) -> float:
        moved = x.copy()
        moved[place] += step
        return float(loss({"x": moved}, networks, *others)[0])

    slope = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        one = at(place, STEP) - at(place, -STEP)
        two = at(place, 2 * STEP) - at(place, -2 * STEP)
        slope[place] = (8 * one - two) / (12 * STEP)
    return slope


def in_float64_by_jax(folder: Path) -> np.ndarray:
    """Differentiate in a process of its own: x64 is a switch of the whole process."""
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), str(root / "backends")])
    script = Path(gradient_matching.__file__)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), "jax", str(folder / "gradient.npy")],
        env=os.environ | {"JAX_ENABLE_X64": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = np.load(folder / "gradient.npy")
    assert found.dtype == np.float64
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_gradient_matching_is_differentiated_in_its_images(
    name: str, expected: np.ndarray, tmp_path: Path
) -> None:
    library(name)
    by_numpy = gradient_matching.gradient(backend.get("numpy"))
    assert relative(by_numpy, expected) < 1e-9
    if name == "jax":
        found = in_float64_by_jax(tmp_path)
    else:
        found = gradient_matching.gradient(backend.get(name))
    assert relative(found, expected) < 1e-9
    assert relative(found, by_numpy) < 1e-12


def test_torch_traces_a_gradient_of_gradients_into_one_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = library("torch")
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    ops = backend.get("torch", compiled=True)
    step = ops.compile(value_and_grad(ops, gradient_matching.distance(ops)))
    with ops.session():
        _, _, found = step(*gradient_matching.entered(ops))
    assert np.array_equal(ops.to_numpy(found["x"]), gradient_matching.gradient(ops))


def test_torch_gives_plain_tensors_out_of_the_outermost_differentiation_only() -> None:
    torch = library("torch")
    ops = backend.get("torch")
    seen = []

    def inner(v: Tensors) -> tuple[Array, Tensors]:
        return (v["y"] ** 3).sum(), {"cube": v["y"] ** 3}

    def outer(v: Tensors) -> tuple[Array, Tensors]:
        value, extras, gradients = value_and_grad(ops, inner)({"y": v["x"]})
        seen.extend([value, extras["cube"], gradients["y"]])
        return gradients["y"].sum(), extras

    value, extras, gradients = value_and_grad(ops, outer)({"x": torch.ones(3)})
    assert all(x.requires_grad for x in seen)
    assert not any(x.requires_grad for x in (value, extras["cube"], gradients["x"]))
    with pytest.raises(ZeroDivisionError):
        value_and_grad(ops, lambda _: 1 / 0)({"x": torch.ones(3)})
    # An error leaves no trace: the next call is an outermost one again.
    assert not value_and_grad(ops, inner)({"y": torch.ones(3)})[2]["y"].requires_grad
