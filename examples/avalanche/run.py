"""Five tasks of two classes each, rehearsed from 20 real images or from 20 components.

    python run.py

The data are the 1,000 real test images in the package of slimdc, of which 200 are for testing.
"""

from __future__ import annotations

import numpy as np
import torch
from avalanche.benchmarks.scenarios.supervised import class_incremental_benchmark
from avalanche.benchmarks.scenarios.task_aware import with_task_labels
from avalanche.benchmarks.utils.classification_dataset import (
    _make_taskaware_tensor_classification_dataset as tensor_dataset,
)
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import SimpleMLP
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin
from avalanche.training.storage_policy import ClassBalancedBuffer, ExemplarsBuffer
from avalanche.training.supervised import Naive
from slimmable_exemplars import SlimmableExemplars

import slimdc

SIZE = 20


def benchmark() -> object:
    """Split the images by classes."""
    _, x, y = slimdc.datasets.sample()
    shuffled = np.random.default_rng(0).permutation(len(y))
    parts = {}
    for name, chosen in (("train", shuffled[200:]), ("test", shuffled[:200])):
        pixels = torch.as_tensor(x[chosen].reshape(-1, 1, 28, 28) / 255.0, dtype=torch.float32)
        targets = torch.as_tensor(y[chosen].astype(np.int64))
        parts[name] = tensor_dataset(pixels, targets, targets=1, task_labels=[0] * len(chosen))
    return with_task_labels(class_incremental_benchmark(parts, num_experiences=5, seed=0))


def rehearsed(buffer: ExemplarsBuffer, seed: int) -> float:
    """Learn all tasks with a buffer; give the accuracy on all of them at the end."""
    given = benchmark()
    torch.manual_seed(seed)  # now: the benchmark has set it for itself
    model = SimpleMLP(num_classes=10)
    strategy = Naive(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), 1e-3),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=20,
        train_epochs=10,
        eval_mb_size=200,
        plugins=[ReplayPlugin(mem_size=SIZE, storage_policy=buffer)],
        evaluator=EvaluationPlugin(accuracy_metrics(stream=True), loggers=[]),
    )
    for experience in given.train_stream:
        strategy.train(experience)
    found = strategy.eval(given.test_stream)
    return 100 * float(found["Top1_Acc_Stream/eval_phase/test_stream/Task000"])


def main() -> None:
    """Compare both."""
    condense = {"ipc": 10, "steps": 60, "width": 16, "backend": "numpy"}
    for name, made in (
        ("real images", lambda _: ClassBalancedBuffer(max_size=SIZE)),
        ("slimdc", lambda seed: SlimmableExemplars(SIZE, classes=10, condense=condense, seed=seed)),
    ):
        found = [rehearsed(made(seed), seed) for seed in range(3)]
        print(f"{name}: {np.mean(found):.1f} ± {np.std(found, ddof=1):.1f} % of all ten classes")


if __name__ == "__main__":
    main()
