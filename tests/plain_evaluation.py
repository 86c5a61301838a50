"""The training and the test of a network, plainly: PyTorch in float64, one line for each rule.

An oracle for tests. It shares no code with slimdc but the draws of a network's first parameters,
and the plain embedding of the oracle of Algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from plain_algorithm import Tensors, embed, running

from slimdc.networks import ConvNet

# From what is left to draw from, images and label rows to such after augmentation.
Augment = Callable[[np.random.Generator, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Protocol:
    """What a protocol is told: FRePo's by default, with a cosine, squared errors and Adam."""

    steps: int
    rate: float
    floor: float
    warm_up: int
    batch: int
    optimizer: str = "adam"
    options: dict[str, Any] = field(default_factory=dict)
    drops: tuple[float, ...] = ()
    factor: float = 1.0
    epochs: int | None = None
    loss: str = "squared"
    augment: Augment | None = None

    def rate_at(self, count: int) -> float:
        """Linear warm-up over at most a quarter of the steps, then a cosine, or drops."""
        warm_up = min(self.warm_up, self.steps // 4)
        if count <= warm_up:
            return self.rate * count / warm_up
        if self.drops:
            epochs = self.steps if self.epochs is None else self.epochs
            epoch = (count - 1) // (self.steps // epochs)
            return self.rate * self.factor ** sum(epoch >= int(at * epochs) for at in self.drops)
        angle = math.pi * (count - warm_up) / (self.steps - warm_up)
        return self.rate * (self.floor + (1 - self.floor) * (1 + math.cos(angle)) / 2)

    def batches(self, samples: int, rng: np.random.Generator) -> Iterator[list[int]]:
        """A deck of cards: shuffled and put below what is left whenever it runs short.

        With epochs, what is left is dealt out before it is shuffled.
        """
        deck: list[int] = []
        while True:
            if self.batch >= samples:
                yield list(range(samples))
                continue
            if len(deck) < self.batch and (self.epochs is None or not deck):
                deck += rng.permutation(samples).tolist()
            yield [deck.pop(0) for _ in range(min(self.batch, len(deck)))]


def train(
    network: ConvNet,
    start: dict[str, np.ndarray],
    pair: tuple[np.ndarray, np.ndarray],
    protocol: Protocol,
    rng: np.random.Generator,
) -> Tensors:
    """Train one network; give its parameters after the last step."""
    parameters = {name: torch.tensor(x, requires_grad=True) for name, x in start.items()}
    learned = [x for name, x in parameters.items() if not running(name)]
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    mover = kinds[protocol.optimizer](learned, lr=1.0, **protocol.options)
    batches = protocol.batches(len(pair[0]), rng)
    for count in range(1, protocol.steps + 1):
        mover.param_groups[0]["lr"] = protocol.rate_at(count)
        rows = next(batches)
        seen, wanted = pair[0][rows], pair[1][rows]
        if protocol.augment is not None:
            seen, wanted = protocol.augment(rng, seen, wanted)
        x, y = torch.tensor(seen), torch.tensor(wanted)
        features, after = embed(network, parameters, x, own=True)
        scores = features @ parameters["head.weight"] + parameters["head.bias"]
        if protocol.loss == "squared":
            loss = 0.5 * ((scores - y) ** 2).sum(dim=1).mean()
        else:
            loss = torch.nn.functional.cross_entropy(scores, y)
        mover.zero_grad()
        loss.backward()
        mover.step()
        parameters |= after
    return {name: x.detach() for name, x in parameters.items()}


def accuracy(network: ConvNet, parameters: Tensors, x: np.ndarray, classes: np.ndarray) -> float:
    """Percentage of samples whose largest score is that of their class."""
    with torch.no_grad():
        features = embed(network, parameters, torch.tensor(x))
        scores = features @ parameters["head.weight"] + parameters["head.bias"]
    return 100.0 * float((scores.argmax(dim=1).numpy() == classes).mean())
