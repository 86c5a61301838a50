"""DC and IDC, plainly: PyTorch in float64, a loop over classes, and one over output units.

An oracle for tests. It shares no code with slimdc but the draws of a network's first parameters,
and augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from slimdc.networks import ConvNet
from slimdc.training.augmentation import Augmentation, augmented, mixed

Tensors = dict[str, torch.Tensor]
Distance = Callable[[np.ndarray, np.ndarray], Any]


def scores(network: ConvNet, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    """Compute the scores of a ConvNet with instance normalisation, of images (n, h, w, c)."""
    z = x.permute(0, 3, 1, 2)
    for i in range(network.depth):
        if i:
            z = functional.instance_norm(z, weight=p[f"norm{i}.scale"], bias=p[f"norm{i}.shift"])
        weight = p[f"conv{i}.weight"].permute(3, 2, 0, 1)
        z = functional.conv2d(z, weight, p[f"conv{i}.bias"], padding=1)
        z = functional.avg_pool2d(torch.relu(z), 2)
    features = z.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
    return features @ p["head.weight"] + p["head.bias"]


def cosines(own: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """1 − cosine of each output unit, which is the last axis of a weight."""
    total = torch.zeros((), dtype=torch.float64)
    for unit in range(own.shape[-1]):
        g, h = own[..., unit].reshape(-1), real[..., unit].reshape(-1)
        total = total + 1 - g @ h / torch.sqrt((g @ g) * (h @ h) + 1e-12)
    return total


def squares(own: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Sum of squared differences."""
    return ((own - real) ** 2).sum()


def sizes(own: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Sum of absolute differences."""
    return (own - real).abs().sum()


@dataclass
class Matching:
    """The loss: which weights are compared, and how."""

    network: ConvNet
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    head: bool

    def loss(
        self,
        p: Tensors,
        x: torch.Tensor,
        own: Any,
        real: list[torch.Tensor],
        augment: Sequence[Callable[[torch.Tensor], torch.Tensor]] = (),
    ) -> torch.Tensor:
        """Add up the distances; ``own`` is the class of each image, ``real`` images by class."""
        names = [f"conv{i}.weight" for i in range(self.network.depth)]
        names += ["head.weight"] if self.head else []
        total = torch.zeros((), dtype=torch.float64)
        for label, images in enumerate(real):
            mine = torch.tensor(np.flatnonzero(own == label))
            pairs = []
            for part in (x[mine], images):
                seen = augment[label](part) if augment else part
                wanted = torch.full((part.shape[0],), label)
                error = functional.cross_entropy(scores(self.network, p, seen), wanted)
                slopes = torch.autograd.grad(error, [p[n] for n in names], create_graph=True)
                pairs.append(slopes)
            for g, h in zip(*pairs, strict=True):
                total = total + self.distance(g, h.detach())
        return total


@dataclass
class Run:
    """A run: the loss, the real data, and the numbers of its loops."""

    matching: Matching
    real: torch.Tensor
    classes: np.ndarray
    own: np.ndarray
    rng: np.random.Generator
    batch: int
    rate: float
    lifetime: int
    lessons: int
    from_set: bool
    lesson_batch: int
    network_rate: float
    network_momentum: float = 0.0
    weight_decay: float = 0.0
    augmentation: Augmentation | None = None
    lesson_augmentation: Augmentation | None = None
    clip: bool = False

    def drawn(self, augmentation: Augmentation, count: int) -> dict[str, torch.Tensor]:
        """Draw for so many images."""
        h, w, c = self.matching.network.image
        drawn = augmentation.draw(self.rng, (h, w, c), count)
        return {name: torch.tensor(x) for name, x in drawn.items()}

    def fresh(self) -> tuple[Tensors, Any]:
        """Draw a network and its optimiser."""
        drawn = self.matching.network.draw(self.rng)
        p = {name: torch.tensor(x, requires_grad=True) for name, x in drawn.items()}
        sgd = torch.optim.SGD(
            p.values(), self.network_rate, self.network_momentum, weight_decay=self.weight_decay
        )
        return p, sgd

    def lesson(self, x: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        """Give samples and classes of a network's own step."""
        if not self.from_set:
            drawn = self.rng.integers(len(self.classes), size=self.lesson_batch)
            return self.real[drawn], self.classes[drawn]
        if len(self.own) <= self.lesson_batch:
            return x.detach(), self.own
        drawn = self.rng.choice(len(self.own), self.lesson_batch, replace=False)
        return x.detach()[drawn], self.own[drawn]

    def train(
        self, x: torch.Tensor, steps: int, momentum: float, made: Callable[..., Any]
    ) -> list[float]:
        """Train images, or what ``made`` makes images of, in place; return the losses."""
        p, sgd = self.fresh()
        mover = torch.optim.SGD([x], self.rate, momentum)
        age, losses = 0, []
        for _ in range(steps):
            for _ in range(self.lessons if age else 0):
                images, wanted = self.lesson(made(x))
                rows = torch.eye(int(self.classes.max()) + 1, dtype=torch.float64)[wanted]
                if self.lesson_augmentation is not None:
                    drawn = self.drawn(self.lesson_augmentation, len(wanted))
                    images, rows = mixed(augmented(images, drawn), rows, drawn)
                error = functional.cross_entropy(scores(self.matching.network, p, images), rows)
                sgd.zero_grad()
                error.backward()
                sgd.step()
            real = []
            for label in range(int(self.classes.max()) + 1):
                members = np.flatnonzero(self.classes == label)
                few = members.size <= self.batch
                drawn = members if few else self.rng.choice(members, self.batch, replace=False)
                real.append(self.real[drawn])
            siamese = self.augmentation
            augment = [
                partial(augmented, drawn=self.drawn(siamese, 1)) for _ in (real if siamese else [])
            ]
            loss = self.matching.loss(p, made(x), self.own, real, augment)
            mover.zero_grad()
            loss.backward()
            mover.step()
            if self.clip:
                with torch.no_grad():
                    low, high = self.real.amin((0, 1, 2)), self.real.amax((0, 1, 2))
                    for channel in range(x.shape[-1]):
                        x[..., channel].clamp_(low[channel], high[channel])
            losses.append(loss.item())
            age += 1
            if age == self.lifetime:
                age, (p, sgd) = 0, self.fresh()
        return losses
