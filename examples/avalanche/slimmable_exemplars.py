"""An `ExemplarsBuffer` of Avalanche that holds condensed sets in a `slimdc.ReplayBuffer`.

    buffer = SlimmableExemplars(max_size=500, classes=10, condense={"ipc": 25, "steps": 200})
    plugin = ReplayPlugin(mem_size=500, storage_policy=buffer)

Avalanche counts samples; here they are components, so that `max_size` costs what it says. Exemplars
have hard labels in Avalanche: that of the class of a sample, not its learned row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from avalanche.benchmarks.utils.classification_dataset import (
    _make_taskaware_tensor_classification_dataset as exemplars,
)
from avalanche.training.storage_policy import ExemplarsBuffer

import slimdc

__all__ = ["SlimmableExemplars"]


class SlimmableExemplars(ExemplarsBuffer):
    """Condense what a strategy has learned from, and slim what is held when it would be too much.

    Parameters
    ----------
    max_size : int
        Components of all classes together.
    **options
        Of `slimdc.ReplayBuffer`: ``classes``, ``condense``, ``slim``, ``rounding``, ``floor``,
        ``seed``.
    """

    def __init__(self, max_size: int, **options: Any) -> None:
        super().__init__(max_size)
        self._options = options
        self.held = slimdc.ReplayBuffer(components=max_size, **options)

    def post_adapt(self, agent_state: Any, exp: Any) -> None:  # noqa: ARG002 - Avalanche's
        """Add the samples of an experience."""
        pairs = [exp.dataset[i][:2] for i in range(len(exp.dataset))]
        x = torch.stack([torch.as_tensor(sample) for sample, _ in pairs])
        y = np.asarray([int(label) for _, label in pairs])
        self.held.add(x.numpy(), y)
        self._show()

    def resize(self, strategy: Any, new_size: int) -> None:  # noqa: ARG002 - Avalanche's
        """Change the budget; a smaller one slims what is held, from itself alone."""
        smaller = slimdc.ReplayBuffer(components=new_size, **self._options)
        if self.held.labels:
            smaller.add(self.held.data)
        self.max_size, self.held = new_size, smaller
        if self.held.labels:
            self._show()

    def _show(self) -> None:
        data = self.held.data
        x, _ = data.arrays()
        pixels = torch.as_tensor(np.asarray(data.preprocessing.invert(x, data.layout), np.float32))
        labels = torch.as_tensor(data.members)
        self.buffer = exemplars(pixels, labels, targets=1, task_labels=[0] * len(data))
