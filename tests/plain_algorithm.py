"""Algorithm 1, plainly: PyTorch in float64, and every loss embedded and differentiated by itself.

An oracle for tests. It shares no code with slimdc but the draws of a network's first parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from slimdc.networks import ConvNet

Tensors = dict[str, torch.Tensor]
Pair = tuple[torch.Tensor, torch.Tensor]
# Features and labels after and before, factors and head -> parts of the loss and their weights.
Objective = Callable[[Pair, Pair, Tensors, torch.Tensor], dict[str, tuple[torch.Tensor, float]]]


@dataclass
class Member:
    """A network of the pool."""

    parameters: Tensors
    adam: Any
    age: int


@dataclass
class Run:
    """What Algorithm 1 is told: T, the rates, M, T' and how many samples a network learns from."""

    network: ConvNet
    rng: np.random.Generator
    steps: int
    rate: float
    floor: float
    size: int
    lifetime: int
    network_rate: float
    at_most: int = 1000

    def member(self, age: int) -> Member:
        drawn = self.network.draw(self.rng)
        parameters = {name: torch.tensor(x, requires_grad=True) for name, x in drawn.items()}
        learned = [x for name, x in parameters.items() if not running(name)]
        return Member(parameters, torch.optim.Adam(learned, lr=self.network_rate), age)


def running(name: str) -> bool:
    return name.endswith((".mean", ".variance"))


def embed(network: ConvNet, parameters: Tensors, x: torch.Tensor, own: bool = False) -> Any:
    """Compute features; in a network's own step also its next running statistics."""
    x, after = x.permute(0, 3, 1, 2), {}
    for i in range(network.depth):
        of = f"norm{i}."
        affine = (
            {}
            if not i or network.norm == "none"
            else {"weight": parameters[of + "scale"], "bias": parameters[of + "shift"], "eps": 1e-5}
        )
        if affine and network.norm == "instance":
            x = functional.instance_norm(x, **affine)
        elif affine and own:
            moments = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            for name, new in zip(("mean", "variance"), moments, strict=True):
                after[of + name] = 0.9 * parameters[of + name].detach() + 0.1 * new.detach()
            x = functional.batch_norm(x, None, None, training=True, **affine)
        elif affine:
            mean, variance = (parameters[of + name].detach() for name in ("mean", "variance"))
            x = functional.batch_norm(x, mean, variance, training=False, **affine)
        weight = parameters[f"conv{i}.weight"].permute(3, 2, 0, 1)
        x = functional.conv2d(x, weight, parameters[f"conv{i}.bias"], padding=1)
        x = functional.avg_pool2d(functional.relu(x), 2)
    features = x.permute(0, 2, 3, 1).flatten(1)
    return (features, after) if own else features


def samples(factors: Tensors, image: tuple[int, int, int]) -> Pair:
    """Compute X = U Σ V_x and Y = U Σ V_y, class by class (Eq. 8); or take samples as they are."""
    if "x" in factors:
        return factors["x"].reshape(-1, *image), factors["y"]
    x, y = [], []
    for u, s, vx, vy in zip(*(factors[name] for name in ("u", "s", "vx", "vy")), strict=True):
        x.append(u @ torch.diag(s) @ vx)
        y.append(u @ torch.diag(s) @ vy)
    return torch.cat(x).reshape(-1, *image), torch.cat(y)


def train(
    run: Run, start: dict[str, np.ndarray], batch: Callable[[], Pair], objective: Objective
) -> tuple[Tensors, list[dict[str, float]]]:
    """Move the factors; return them, and the parts of the loss of every step."""
    factors = {name: torch.tensor(x) for name, x in start.items()}
    first = {name: torch.zeros_like(x) for name, x in factors.items()}
    second = {name: torch.zeros_like(x) for name, x in factors.items()}
    pool = [run.member(i * run.lifetime // run.size) for i in range(run.size)]
    history = []
    for t in range(1, run.steps + 1):
        member = pool[i := int(run.rng.integers(run.size))]
        n, part = len(samples(factors, run.network.image)[0]), None
        if n > run.at_most:
            part = torch.tensor(run.rng.choice(n, run.at_most, replace=False))
        x_before, y_before = batch()

        # Lines 7 and 8: the factors' loss in the network as it is, and their move.
        live = {name: x.clone().requires_grad_() for name, x in factors.items()}
        fixed = {name: x.detach() for name, x in member.parameters.items()}
        x, y = samples(live, run.network.image)
        after = embed(run.network, fixed, x), y
        before = embed(run.network, fixed, x_before), y_before
        parts = objective(after, before, live, fixed["head.weight"])
        sum(weight * value for value, weight in parts.values()).backward()
        history.append({name: float(value.detach()) for name, (value, _) in parts.items()})
        share = 0.5 * (1 + math.cos(math.pi * t / run.steps))
        rate = run.rate * (run.floor + (1 - run.floor) * share)
        moved = {}
        for name, p in factors.items():
            g = on_the_tangent(p, live[name].grad) if name == "u" else live[name].grad
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g * g
            m, v = first[name] / (1 - 0.9**t), second[name] / (1 - 0.999**t)
            direction = -m / (v.sqrt() + 1e-6)
            step = direction * (rate * p.norm() / direction.norm())
            if name == "u":
                a, _, b = torch.linalg.svd(p + on_the_tangent(p, step), full_matrices=False)
                moved[name] = a @ b
            else:
                moved[name] = p + step

        # Line 9: the network's own step, on the set before that move.
        x, y = samples(factors, run.network.image)
        x, y = (x, y) if part is None else (x[part], y[part])
        features, statistics = embed(run.network, member.parameters, x, own=True)
        predicted = features @ member.parameters["head.weight"] + member.parameters["head.bias"]
        member.adam.zero_grad()
        (0.5 * ((predicted - y) ** 2).sum(1).mean()).backward()
        member.adam.step()
        for name, value in statistics.items():
            member.parameters[name] = value
        factors = moved

        # Lines 10 to 12: the network ages, and is drawn anew at the end of its life.
        member.age += 1
        if member.age >= run.lifetime:
            pool[i] = run.member(0)
    return factors, history


def on_the_tangent(u: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    return d - 0.5 * u @ (u.mT @ d + d.mT @ u)


def solution(x: torch.Tensor, y: torch.Tensor, ridge: float) -> torch.Tensor:
    """X†Y, by the inverse of the kernel."""
    kernel = x @ x.T
    return (
        x.T
        @ torch.linalg.inv(
            kernel + ridge * kernel.trace() / len(x) * torch.eye(len(x), dtype=x.dtype)
        )
        @ y
    )


def bases(factors: Tensors) -> Pair:
    return factors["vx"].flatten(0, 1), factors["vy"].flatten(0, 1)


def skewness(factors: Tensors) -> torch.Tensor:
    return torch.stack([1 - s[0] ** 2 / (s**2).sum() for s in factors["s"]]).mean()


def orthogonality(factors: Tensors) -> torch.Tensor:
    vx, vy = bases(factors)
    of_x = ((vx @ vx.T - torch.eye(vx.shape[0], dtype=vx.dtype)) ** 2).sum()
    return of_x + ((vy.T @ vy - torch.eye(vy.shape[1], dtype=vy.dtype)) ** 2).sum()


def matching(ridge: float, weights: dict[str, float]) -> Objective:
    """Eq. 13 of its relative parts: Eqs. 6, 7, 11 and 12."""

    def slope(pair: Pair, w: torch.Tensor) -> torch.Tensor:
        head = w.clone().requires_grad_()
        loss = 0.5 * ((pair[0] @ head - pair[1]) ** 2).sum()  # Eq. 5
        return torch.autograd.grad(loss, head, create_graph=True)[0]

    def parts(after: Pair, before: Pair, factors: Tensors, w: torch.Tensor) -> Any:
        one, other = slope(after, w), slope(before, w)
        first = ((one - other) ** 2).sum() / (other**2).sum()
        one, other = solution(*after, ridge), solution(*before, ridge)
        infinity = ((one - other) ** 2).sum() / (other**2).sum()
        values = first, infinity, skewness(factors), orthogonality(factors)
        names = ("first", "infinity", "skew", "ortho")
        return {name: (x, weights[name]) for name, x in zip(names, values, strict=True)}

    return parts


def performance_alone(ridge: float) -> Objective:
    """Eq. 1, averaged over the batch."""

    def parts(after: Pair, before: Pair, factors: Tensors, w: torch.Tensor) -> Any:
        error = before[0] @ solution(*after, ridge) - before[1]
        return {"performance": ((error**2).sum() / len(error), 1.0)}

    return parts


def performance(ridge: float, skew: float, ortho: float) -> Objective:
    """Eq. 1, averaged over the batch, with Eqs. 11 and 12."""

    def parts(after: Pair, before: Pair, factors: Tensors, w: torch.Tensor) -> Any:
        error = before[0] @ solution(*after, ridge) - before[1]
        return {
            "performance": ((error**2).sum() / len(error), 1.0),
            "skew": (skewness(factors), skew),
            "ortho": (orthogonality(factors), ortho),
        }

    return parts
