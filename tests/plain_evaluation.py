"""The training and the test of a network, plainly: PyTorch in float64, one line for each rule.

An oracle for tests. It shares no code with slimdc but the draws of a network's first parameters,
and the plain embedding of the oracle of Algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from plain_algorithm import Tensors, embed, running

from slimdc.networks import ConvNet


@dataclass
class Protocol:
    """What FRePo's protocol is told."""

    steps: int
    rate: float
    floor: float
    warm_up: int
    batch: int

    def rate_at(self, count: int) -> float:
        """Linear warm-up over at most a quarter of the steps, then half a period of a cosine."""
        warm_up = min(self.warm_up, self.steps // 4)
        if count <= warm_up:
            return self.rate * count / warm_up
        angle = math.pi * (count - warm_up) / (self.steps - warm_up)
        return self.rate * (self.floor + (1 - self.floor) * (1 + math.cos(angle)) / 2)

    def batches(self, samples: int, rng: np.random.Generator) -> Iterator[list[int]]:
        """A deck of cards: shuffled and put below what is left whenever it runs short."""
        deck: list[int] = []
        while True:
            if self.batch >= samples:
                yield list(range(samples))
                continue
            if len(deck) < self.batch:
                deck += rng.permutation(samples).tolist()
            yield [deck.pop(0) for _ in range(self.batch)]


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
    adam = torch.optim.Adam(learned, lr=1.0)
    x, y = (torch.tensor(part) for part in pair)
    batches = protocol.batches(len(x), rng)
    for count in range(1, protocol.steps + 1):
        adam.param_groups[0]["lr"] = protocol.rate_at(count)
        rows = next(batches)
        features, after = embed(network, parameters, x[rows], own=True)
        error = features @ parameters["head.weight"] + parameters["head.bias"] - y[rows]
        loss = 0.5 * (error**2).sum(dim=1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        parameters |= after
    return {name: x.detach() for name, x in parameters.items()}


def accuracy(network: ConvNet, parameters: Tensors, x: np.ndarray, classes: np.ndarray) -> float:
    """Percentage of samples whose largest score is that of their class."""
    with torch.no_grad():
        features = embed(network, parameters, torch.tensor(x))
        scores = features @ parameters["head.weight"] + parameters["head.bias"]
    return 100.0 * float((scores.argmax(dim=1).numpy() == classes).mean())
