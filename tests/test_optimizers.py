"""Optimisers against torch and against what their papers promise; steps of U against an SVD."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from conftest import Space, library
from differences import relative

from slimdc.parameterization.stiefel import retract, tangent
from slimdc.training.optimizers import Adam, Lamb, cosine

PARAMETERS = {"a": (3, 4), "b": (5,)}


def draw(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: scale * rng.standard_normal(shape) for name, shape in PARAMETERS.items()}


def run(optimizer: Adam | Lamb, rates: list[float]) -> list[dict[str, np.ndarray]]:
    """Parameters after each step, on gradients of sizes that change."""
    parameters = draw(0)
    state = optimizer.start(parameters)
    path = []
    for count, rate in enumerate(rates, 1):
        gradients = draw(count, scale=10.0 ** (count - 3))
        changes, state = optimizer.step(
            parameters, gradients, state, optimizer.step_size(count, rate)
        )
        parameters = {name: x + changes[name] for name, x in parameters.items()}
        path.append(parameters)
    return path


@pytest.mark.parametrize("settings", [(0.9, 0.999, 1e-8), (0.5, 0.7, 1e-2)])
def test_adam_is_torchs(settings: tuple[float, float, float]) -> None:
    torch = library("torch")
    rates = [0.1, 0.1, 0.03, 0.02, 0.01]
    held = {name: torch.tensor(x, requires_grad=True) for name, x in draw(0).items()}
    peer = torch.optim.Adam(held.values(), lr=1.0, betas=settings[:2], eps=settings[2])
    for count, (rate, found) in enumerate(zip(rates, run(Adam(*settings), rates), strict=True), 1):
        for name, gradient in draw(count, scale=10.0 ** (count - 3)).items():
            held[name].grad = torch.tensor(gradient)
        peer.param_groups[0]["lr"] = rate
        peer.step()
        for name, x in held.items():
            assert relative(found[name], x.detach().numpy()) < 1e-13


def test_defaults_are_those_of_the_papers() -> None:
    assert Adam() == Adam(beta1=0.9, beta2=0.999, epsilon=1e-8)
    assert Lamb() == Lamb(Adam(beta1=0.9, beta2=0.999, epsilon=1e-6))


def test_adam_does_not_depend_on_the_scale_of_gradients() -> None:
    w = draw(0)
    adam = Adam(epsilon=0.0)
    changes = []
    for scale in (1.0, 1e6):
        state, change = adam.start(w), {}
        for count in (1, 2, 3):
            change, state = adam.step(w, draw(count, scale), state, adam.step_size(count, 0.1))
        changes.append(change["a"])
    assert relative(changes[0], changes[1]) < 1e-12


def test_lamb_moves_each_tensor_by_a_fraction_of_its_norm() -> None:
    parameters = draw(0) | {"b": 1e-3 * draw(0)["b"]}
    lamb, adam = Lamb(), Lamb().adam
    state, own = lamb.start(parameters), adam.start(parameters)
    for count in (1, 2, 3):
        gradients = draw(count, scale=10.0**count)
        changes, state = lamb.step(parameters, gradients, state, lamb.step_size(count, 0.01))
        along, own = adam.step(parameters, gradients, own, adam.step_size(count, 1.0))
        for name, change in changes.items():
            norm = np.linalg.norm(change)
            assert norm == pytest.approx(0.01 * np.linalg.norm(parameters[name]), rel=1e-12)
            cosine_of_angle = np.sum(change * along[name]) / (norm * np.linalg.norm(along[name]))
            assert cosine_of_angle == pytest.approx(1.0, rel=1e-12)
        assert all(np.array_equal(state[name], own[name]) for name in own)


def test_lamb_moves_a_zero_tensor_as_adam_does() -> None:
    w = {"a": np.zeros((3, 4))}
    gradients = {"a": draw(1)["a"]}
    lamb = Lamb()
    changes, _ = lamb.step(w, gradients, lamb.start(w), lamb.step_size(1, 0.01))
    expected, _ = lamb.adam.step(w, gradients, lamb.adam.start(w), lamb.adam.step_size(1, 0.01))
    assert relative(changes["a"], expected["a"]) < 1e-14


def test_lamb_stays_where_there_is_no_gradient() -> None:
    w = {"a": draw(0)["a"]}
    lamb = Lamb()
    changes, _ = lamb.step(w, {"a": np.zeros((3, 4))}, lamb.start(w), lamb.step_size(1, 0.01))
    assert not changes["a"].any()


def test_steps_change_none_of_their_arguments() -> None:
    for optimizer in (Adam(), Lamb()):
        w, g = draw(0), draw(1)
        state = optimizer.start(w)
        before = [x.copy() for part in (w, g, state) for x in part.values()]
        optimizer.step(w, g, state, optimizer.step_size(1, 0.1))
        after = [x for part in (w, g, state) for x in part.values()]
        assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_optimisers_run_in_every_namespace(space: Space) -> None:
    for optimizer in (Adam(), Lamb()):
        rates, host, held = [0.1, 0.05], draw(0), {}
        held = {name: space.array(x, "float32") for name, x in host.items()}
        state = optimizer.start(held)
        for count, rate in enumerate(rates, 1):
            raw = draw(count, scale=10.0 ** (count - 3))
            gradients = {name: space.array(x, "float32") for name, x in raw.items()}
            changes, state = optimizer.step(
                held, gradients, state, optimizer.step_size(count, rate)
            )
            held = {name: x + changes[name] for name, x in held.items()}
        for name, x in run(optimizer, rates)[-1].items():
            assert space.dtype(held[name]) == "float32"
            assert relative(space.host(held[name]), x) < 1e-5


def orthonormal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal(shape))[0])


def direction(u: np.ndarray, size: float, seed: int = 1) -> np.ndarray:
    """A tangent direction at U of a given Frobenius norm, by its definition: UᵀD is skew."""
    rng = np.random.default_rng(seed)
    n, b = u.shape[-2:]
    skew = rng.standard_normal((*u.shape[:-2], b, b))
    skew = skew - np.swapaxes(skew, -1, -2)
    rest = rng.standard_normal(u.shape)
    outside = np.eye(n) - u @ np.swapaxes(u, -1, -2)
    d = u @ skew + outside @ rest
    return np.asarray(d * size / np.linalg.norm(d, axis=(-2, -1), keepdims=True))


def polar(a: np.ndarray) -> np.ndarray:
    p, values, q = np.linalg.svd(a, full_matrices=False)
    return np.asarray((p * (values > 1e-9)[..., None, :]) @ q)


@pytest.mark.parametrize("shape", [(2, 5, 3), (4, 4), (3, 6, 1), (1, 1)])
def test_tangents_leave_no_symmetric_part(shape: tuple[int, ...]) -> None:
    u = orthonormal(*shape)
    free = np.random.default_rng(2).standard_normal(shape)
    d = tangent(u, free)
    symmetric = u.mT @ d + d.mT @ u
    assert np.abs(symmetric).max() < 1e-13
    # It is the projection: what is taken away is U times a symmetric matrix.
    assert np.sum(d * (free - d)) == pytest.approx(0.0, abs=1e-12)
    assert np.allclose(tangent(u, d), d, atol=1e-13)
    inner = u.mT @ (free - d)
    assert np.allclose(inner, inner.mT, atol=1e-13)
    along = direction(u, 1.0) if u.shape != (1, 1) else np.zeros((1, 1))
    assert np.allclose(tangent(u, along), along, atol=1e-13)


@pytest.mark.parametrize("size", [0.0, 1e-3, 0.1, 1.0, 3.0, 5.0])
@pytest.mark.parametrize("shape", [(2, 5, 3), (10, 10, 5), (4, 4), (50, 50), (3, 6, 1)])
def test_retraction_is_the_polar_factor(shape: tuple[int, ...], size: float) -> None:
    u = orthonormal(*shape)
    step = direction(u, size)
    found = retract(u, step)
    assert relative(found, polar(u + step)) < 1e-9
    assert np.abs(found.mT @ found - np.eye(shape[-1])).max() < 1e-9


def test_retraction_agrees_with_the_step_to_first_order() -> None:
    u = orthonormal(5, 3)
    for size in (1e-2, 1e-3):
        step = direction(u, size)
        assert np.linalg.norm(retract(u, step) - u - step) < size**2


def test_padding_stays_zero() -> None:
    u = np.zeros((2, 6, 4))
    u[0, :, :] = orthonormal(6, 4)
    u[1, :4, :2] = orthonormal(4, 2, seed=3)
    step = np.zeros_like(u)
    step[0] = direction(u[0], 0.7)
    step[1, :4, :2] = direction(u[1, :4, :2], 0.7)
    free = np.random.default_rng(5).standard_normal(u.shape) * (np.abs(u) > 0)
    for moved in (retract(u, step), tangent(u, free)):
        assert not moved[1, 4:].any()
        assert not moved[1, :, 2:].any()
    found = retract(u, step)
    assert relative(found, polar(u + step)) < 1e-9
    assert np.allclose(found[1, :, :2].T @ found[1, :, :2], np.eye(2), atol=1e-9)


def test_many_steps_keep_u_orthonormal_in_float32() -> None:
    u = orthonormal(3, 8, 4).astype(np.float32)
    rng = np.random.default_rng(0)
    for _ in range(200):
        drift = rng.standard_normal(u.shape).astype(np.float32)
        u = retract(u, tangent(u, np.float32(0.05) * drift))
    assert u.dtype == np.float32
    assert np.abs(u.mT @ u - np.eye(4)).max() < 2e-6


def test_steps_of_u_run_in_every_namespace(space: Space) -> None:
    u, free = orthonormal(2, 5, 3), np.random.default_rng(2).standard_normal((2, 5, 3))
    held, other = space.array(u, "float32"), space.array(free, "float32")
    projected = tangent(held, other)
    assert relative(space.host(projected), tangent(u, free)) < 1e-6
    moved = retract(held, 0.3 * projected)
    assert space.dtype(moved) == "float32"
    assert relative(space.host(moved), polar(u + 0.3 * tangent(u, free))) < 2e-6


def test_cosine_begins_at_one_and_ends_at_its_floor() -> None:
    steps = 50
    path = [cosine(i, steps, floor=0.1) for i in range(1, steps + 1)]
    assert path[0] == pytest.approx(1.0, abs=1e-3)
    assert path[-1] == pytest.approx(0.1, rel=1e-12)
    assert path[steps // 2 - 1] == pytest.approx(0.55, rel=1e-12)
    assert all(a > b for a, b in pairwise(path))
    quarter = 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2
    assert cosine(25, 100, floor=0.1) == pytest.approx(quarter, rel=1e-12)


def test_warm_up_is_linear_and_ends_at_one() -> None:
    assert [cosine(i, 10, floor=0.0, warm_up=4) for i in (1, 2, 3, 4)] == [0.25, 0.5, 0.75, 1.0]
    assert cosine(7, 10, floor=0.2, warm_up=4) == pytest.approx(0.6, rel=1e-12)
    assert cosine(10, 10, floor=0.2, warm_up=4) == pytest.approx(0.2, rel=1e-12)
    assert cosine(1, 1, floor=0.3) == pytest.approx(0.3, rel=1e-12)
    assert cosine(5, 5, floor=0.3, warm_up=5) == 1.0
