"""References of a set under its own recipe, and the scores that are made of accuracies."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import slimdc
from slimdc.backend import Compute, get
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.evaluation import Evaluation
from slimdc.networks import MLP, fresh
from slimdc.parameterization.labels import centred_one_hot
from slimdc.ranking import augmentation_robust_score, label_robust_score
from slimdc.settings import EvaluationSettings
from slimdc.training.network_training import NetworkTraining

FEW = EvaluationSettings(width=4, depth=1, steps=6, warm_up=0, batch=5, rate=0.05, repeats=3)


def vectors(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    return rng.standard_normal((samples, 5)) + 2.0 * np.eye(5)[y], y


def by_hand(pairs: list[Any], settings: EvaluationSettings, steps: int, seed: int) -> list[float]:
    """Train one network on each pair of arrays, and test it on `vectors(50, 9)`."""
    compute = Compute(get("numpy"), "float64")
    network = MLP(5, 3, settings.width, settings.depth)
    rng, batches = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    x_test, y_test = vectors(50, 9)
    found = []
    for pair in pairs:
        training = NetworkTraining(network, compute, settings, steps)
        start = fresh(network, compute.backend, rng, "float64")
        p = training.train(start, pair, batches)
        hidden = np.maximum(x_test @ p["dense0.weight"] + p["dense0.bias"], 0)
        scores = hidden @ p["head.weight"] + p["head.bias"]
        found.append(100.0 * float((scores.argmax(axis=1) == y_test).mean()))
    return found


def drawn(members: list[np.ndarray], k: int, seed: int, times: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, 2])
    return [
        np.concatenate([rng.choice(m, min(k, m.size), replace=False) for m in members])
        for _ in range(times)
    ]


@pytest.mark.parametrize("labels", ["own", "hard"])
def test_references_are_random_samples_random_rows_and_all_data(labels: Any) -> None:
    x, y = vectors(12)
    keep = np.flatnonzero((y != 2) | (np.arange(12) < 6))  # classes of 4, 4 and 2 samples
    data = slimdc.SlimmableDataset.from_arrays(x[keep], y[keep])
    x_train, y_train = vectors(60, 4)
    settings = EvaluationSettings(**{**vars(FEW), "labels": labels})
    found = slimdc.references(
        data, x_train, y_train, *vectors(50, 9), k=3, protocol=settings, full_steps=9, seed=5
    )
    rows, own = data.arrays()
    wanted = centred_one_hot(y_train, 3)
    if labels == "hard":
        own, wanted = np.eye(3)[data.members], np.eye(3)[y_train]
    classes = [np.flatnonzero(data.members == c) for c in range(3)]
    pairs = [(rows[n], own[n]) for n in drawn(classes, 3, 5, 3)]
    assert found.rows.accuracies == pytest.approx(by_hand(pairs, settings, 6, 5))
    classes = [np.flatnonzero(y_train == c) for c in range(3)]
    pairs = [(x_train[n], wanted[n]) for n in drawn(classes, 3, 5, 3)]
    assert len(pairs[0][0]) == 9
    assert found.real.accuracies == pytest.approx(by_hand(pairs, settings, 6, 5))
    pairs = [(x_train, wanted)] * 3
    assert found.full.accuracies == pytest.approx(by_hand(pairs, settings, 9, 5))
    assert (found.real.steps, found.full.steps) == (6, 9)
    assert len({found.real.mean, found.rows.mean, found.full.mean}) == 3


def test_rows_of_many_entries_are_scaled_for_all_alike() -> None:
    x, y = vectors(12)
    settings = EvaluationSettings(**{**vars(FEW), "labels": "scaled"})
    arguments = (*vectors(60, 4), *vectors(50, 9))
    data = slimdc.SlimmableDataset.from_arrays(x, y, classes=40)
    found = slimdc.references(data, *arguments, protocol=settings, full_steps=9, seed=5)
    # 40 entries make rows half as long, and twice as much is what they are multiplied by.
    x_train, y_train = arguments[:2]
    _, own = data.arrays()
    assert np.linalg.norm(own, axis=1) == pytest.approx(0.5 * (1 - 1 / 40) ** 0.5)
    pair = (x_train, 2 * centred_one_hot(y_train, 40))
    compute, network = Compute(get("numpy"), "float64"), MLP(5, 40, settings.width, settings.depth)
    rng, batches = np.random.default_rng(5), np.random.default_rng([5, 1])
    accuracies = []
    for _ in range(3):
        start = fresh(network, compute.backend, rng, "float64")
        p = NetworkTraining(network, compute, settings, 9).train(start, pair, batches)
        hidden = np.maximum(arguments[2] @ p["dense0.weight"] + p["dense0.bias"], 0)
        scores = hidden @ p["head.weight"] + p["head.bias"]
        accuracies.append(100.0 * float((scores.argmax(axis=1) == arguments[3]).mean()))
    assert found.full.accuracies == pytest.approx(accuracies)
    as_they_are = replace(settings, labels="own")
    other = slimdc.references(data, *arguments, protocol=as_they_are, full_steps=9, seed=5)
    assert other.full != found.full
    assert other.rows != found.rows
    assert other.real != found.real


def test_defaults_are_the_sets_own() -> None:
    x, y = vectors(12)
    data = slimdc.SlimmableDataset.from_arrays(x, y)
    settings = EvaluationSettings(**{**vars(FEW), "steps": None, "epochs": 2})
    seen: list[tuple[int, int]] = []
    arguments = (data, *vectors(60, 4), *vectors(50, 9))
    found = slimdc.references(
        *arguments, protocol=settings, repeats=2, progress=lambda *n: seen.append(n[:2])
    )
    # 12 samples: 3 steps an epoch, whatever it is.
    assert (found.real.steps, found.rows.steps, found.full.steps) == (6, 6, 6)
    assert seen == [(n, 12) for n in range(1, 13)] * 3
    fewer = slimdc.references(*arguments, k=1, protocol=settings, repeats=2)
    assert (fewer.rows.steps, fewer.full.steps) == (2, 6)
    assert fewer.full == found.full
    assert slimdc.references(*arguments, protocol=settings, repeats=2, seed=1) != found


def test_raw_samples_are_preprocessed_and_preprocessed_ones_are_not() -> None:
    x, y = vectors(12)
    space = slimdc.Preprocessing(0.5, 0.1)
    data = slimdc.SlimmableDataset.from_arrays(x, y, preprocessing=space)
    (x_train, y_train), (x_test, y_test) = vectors(60, 4), vectors(50, 9)
    raw = slimdc.references(
        data, 0.5 + 0.1 * x_train, y_train, 0.5 + 0.1 * x_test, y_test, protocol=FEW
    )
    same = slimdc.references(
        data, x_train, y_train, x_test, y_test, protocol=FEW, preprocessed=True
    )
    assert raw == same


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k": 0}, "k: found 0"),
        ({"full_steps": 0}, "full_steps: found 0"),
        ({"y_train": np.full(60, 3)}, "y_train: found class 3, expected classes below 3"),
        ({"x_train": np.zeros((60, 4))}, "x_train: found"),
        ({"seed": -1}, "seed: found -1"),
    ],
)
def test_what_cannot_be_a_reference_is_named(changed: Any, message: str) -> None:
    (x_train, y_train), (x_test, y_test) = vectors(60, 4), vectors(50, 9)
    arguments = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"^{message}"):
        slimdc.references(vectors(12), **(arguments | {"protocol": FEW} | changed))


def test_evaluations_are_written_one_below_the_other() -> None:
    one, other = Evaluation((50.0,), 3), Evaluation((60.0,), 3)
    found = str(slimdc.ReferenceEvaluations(one, other, one)).splitlines()
    assert found == [
        "random real samples: 50.00 % (1 network, 3 steps)",
        "random rows: 60.00 % (1 network, 3 steps)",
        "all real data: 50.00 % (1 network, 3 steps)",
    ]


def test_label_robust_scores_by_hand() -> None:
    # α = .5 (.6 − .4) − .5 (.9 − .5) = −.1: (.904837 − .367879) / 2.350402
    found = label_robust_score(distilled=0.6, random=0.4, hard=0.5, full=0.9)
    assert found == pytest.approx(0.228454, abs=1e-6)
    # w = .75: α = .75 · .2 − .25 · .4 = .05: (1.051271 − .367879) / 2.350402
    found = label_robust_score(distilled=0.6, random=0.4, hard=0.5, full=0.9, weight=0.75)
    assert found == pytest.approx(0.290755, abs=1e-6)
    ends = {"distilled": 1.0, "random": 0.0, "hard": 1.0, "full": 0.0}
    assert label_robust_score(**ends) == pytest.approx(1.0)
    assert label_robust_score(**{name: 1 - x for name, x in ends.items()}) == pytest.approx(0.0)


def test_augmentation_robust_scores_by_hand() -> None:
    # β = .5 · .2 + .5 · .1 = .15: (1.161834 − .367879) / 2.350402
    some = {"distilled": 0.6, "random": 0.4, "distilled_plain": 0.5, "random_plain": 0.4}
    assert augmentation_robust_score(**some) == pytest.approx(0.337795, abs=1e-6)
    # γ = .25: β = .25 · .2 + .75 · .1 = .125: (1.133148 − .367879) / 2.350402
    assert augmentation_robust_score(**some, weight=0.25) == pytest.approx(0.325590, abs=1e-6)
    same = dict.fromkeys(some, 0.7)
    expected = (1 - math.exp(-1)) / (math.e - math.exp(-1))
    assert augmentation_robust_score(**same) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["distilled", "random", "hard", "full", "weight"])
def test_percent_is_refused(name: str) -> None:
    numbers = dict.fromkeys(("distilled", "random", "hard", "full"), 0.5)
    with pytest.raises(InvalidValueError, match=f"^{name}: found 60.0, expected a fraction"):
        label_robust_score(**(numbers | {name: 60.0}))


@pytest.mark.parametrize("name", ["distilled_plain", "random_plain", "weight"])
def test_percent_is_refused_beside_augmentation(name: str) -> None:
    numbers = dict.fromkeys(("distilled", "random", "distilled_plain", "random_plain"), 0.5)
    with pytest.raises(InvalidValueError, match=f"^{name}: found 60.0, expected a fraction"):
        augmentation_robust_score(**(numbers | {name: 60.0}))
