"""Protocols of evaluation, held against a plain training loop and their sources' numbers."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import protocols
from slimdc.backend import Compute, get
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.networks import ConvNet
from slimdc.parameterization import SlimmableDataset
from slimdc.protocols import PROTOCOLS
from slimdc.settings import EvaluationSettings
from slimdc.training.augmentation import Augmentation, augmented, mixed
from slimdc.training.network_training import NetworkTraining
from slimdc.training.optimizers import Adam, Lamb, Sgd
from slimdc.training.schedules import Cosine, Drops

DEPTH, WIDTH = 2, 3
TINY: dict[str, Any] = {"width": WIDTH, "depth": DEPTH}


@pytest.fixture
def plain() -> Any:
    """The oracle, which needs PyTorch."""
    library("torch")
    return importlib.import_module("plain_evaluation")


def images(samples: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 3
    centres = np.random.default_rng(7).standard_normal((3, 8, 8, 1))
    return centres[y] + rng.standard_normal((samples, 8, 8, 1)), y


def soft_rows(y: np.ndarray) -> np.ndarray:
    rows = 0.2 + np.random.default_rng(5).random((y.size, 3)) + 2.0 * np.eye(3)[y]
    return rows / rows.sum(axis=1, keepdims=True)


AUGMENTATION = Augmentation(("crop", "rotate", "flip"), always=("color",), cutmix=0.6)


def augment(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> Any:
    drawn = AUGMENTATION.draw(rng, (8, 8, 1), len(x))
    return mixed(augmented(x, drawn), y, drawn)


# Settings, and what the plain protocol is told to do the same, with the rate's floor and warm-up.
DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sgd with momentum and decay, a drop, epochs": (
        {"optimizer": Sgd(0.9, 0.02), "schedule": Drops((0.5,), 0.3), "epochs": 6, "batch": 5},
        {
            "optimizer": "sgd",
            "options": {"momentum": 0.9, "weight_decay": 0.02},
            "drops": (0.5,),
            "factor": 0.3,
            "epochs": 6,
        },
    ),
    "two drops that fall into epochs": (
        {"optimizer": "sgd", "schedule": Drops((2 / 3, 5 / 6), 0.2), "epochs": 7, "batch": 4},
        {"optimizer": "sgd", "drops": (2 / 3, 5 / 6), "factor": 0.2, "epochs": 7},
    ),
    "drops at steps": (
        {"optimizer": "sgd", "schedule": Drops((0.4, 0.7), 0.1), "steps": 11, "batch": 12},
        {"optimizer": "sgd", "drops": (0.4, 0.7), "factor": 0.1},
    ),
    "drops after a warm-up": (
        {"schedule": Drops((0.6,), 0.1), "steps": 13, "batch": 7, "warm_up": 3},
        {"drops": (0.6,), "factor": 0.1, "warm_up": 3},
    ),
    "adam with decay, a cosine to zero, epochs": (
        {"optimizer": Adam(weight_decay=0.1), "schedule": Cosine(0.0), "epochs": 4, "batch": 5},
        {"optimizer": "adamw", "options": {"weight_decay": 0.1}, "floor": 0.0, "epochs": 4},
    ),
    "cross-entropy": ({"loss": "cross-entropy", "steps": 9, "batch": 5}, {"loss": "cross-entropy"}),
    "augmentation": (
        {"augmentation": AUGMENTATION, "epochs": 3, "batch": 5},
        {"augment": augment, "epochs": 3},
    ),
}


@pytest.mark.parametrize("labels", ["own", "hard"])
@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_training_is_that_of_the_plain_protocol(
    name: str, labels: Any, backend: str, plain: Any
) -> None:
    x, y = images()
    data = slimdc.SlimmableDataset.from_arrays(x, soft_rows(y))
    asked, told = DIFFERENT[name]
    settings = EvaluationSettings(
        **{"rate": 0.02, "schedule": Cosine(0.3), "steps": None, "warm_up": 0} | TINY | asked,
        labels=labels,
    )
    steps = settings.steps or settings.epochs * math.ceil(12 / settings.batch)
    protocol = plain.Protocol(
        **{"steps": steps, "rate": 0.02, "floor": 0.3, "warm_up": 0, "batch": settings.batch} | told
    )
    rng, draws = np.random.default_rng(3), np.random.default_rng([3, 1])
    network = ConvNet((8, 8, 1), 3, WIDTH, DEPTH)
    pair = data.arrays()
    if labels == "hard":
        pair = (pair[0], np.eye(3)[data.members])
    expected = plain.train(network, network.draw(rng), pair, protocol, draws)
    trained = slimdc.train_network(data, protocol=settings, seed=3, backend=backend)
    for part, found in trained.parameters.items():
        assert relative(found, expected[part].numpy()) < 1e-9, part


def wide(entries: int) -> slimdc.SlimmableDataset:
    """Draw a set of three classes whose label rows have so many entries."""
    return slimdc.SlimmableDataset.from_arrays(*images(), classes=entries)


@pytest.mark.parametrize("entries", [3, 10])
def test_rows_of_ten_entries_are_taken_as_they_are(entries: int) -> None:
    own, scaled = (
        slimdc.train_network(wide(entries), protocol=EvaluationSettings(**TINY, labels=labels))
        for labels in ("own", "scaled")
    )
    for name, found in scaled.parameters.items():
        assert np.array_equal(found, own.parameters[name]), name
    assert EvaluationSettings().labels == "scaled"


def test_rows_of_more_entries_are_as_long_as_those_of_ten() -> None:
    data, settings = wide(40), EvaluationSettings(**TINY, labels="scaled")
    x, y = data.arrays()
    twice = slimdc.SlimmableDataset.from_arrays(x, 2 * y, members=data.members)
    expected = slimdc.train_network(twice, protocol=replace(settings, labels="own"))
    for name, found in slimdc.train_network(data, protocol=settings).parameters.items():
        assert relative(found, expected.parameters[name]) < 1e-6, name
    rows = protocols.label_rows(settings, data)
    assert rows is not None
    assert np.linalg.norm(rows, axis=1) == pytest.approx((1 - 1 / 40) ** 0.5)
    # Probabilities stay some.
    settings = replace(settings, loss="cross-entropy")
    one_hot = slimdc.SlimmableDataset.from_arrays(x, np.eye(40)[data.members])
    assert protocols.label_rows(settings, one_hot) is None


def facts(settings: EvaluationSettings) -> dict[str, Any]:
    return {name: value for name, value in vars(settings).items() if name != "augmentation"}


# The numbers of the sources, as they stand in shared notes and in the sources' own code.
USUAL = {
    "network": "convnet-in",
    "width": 128,
    "depth": 3,
    "norm": None,
    "optimizer": Sgd(momentum=0.9, weight_decay=5e-4),
    "rate": 0.01,
    "warm_up": 0,
    "steps": None,
    "epochs": 1000,
    "loss": "cross-entropy",
    "labels": "hard",
}
EXPECTED: dict[str, dict[str, Any]] = {
    "quick": {
        "network": "auto",
        "width": 32,
        "depth": 3,
        "norm": None,
        "repeats": 5,
        "optimizer": Adam(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0),
        "rate": 1e-3,
        "schedule": Cosine(0.01),
        "warm_up": 20,
        "steps": 150,
        "epochs": None,
        "batch": 500,
        "loss": "squared",
        "labels": "scaled",
    },
    "frepo": {
        "network": "auto",
        "width": 128,
        "depth": 3,
        "norm": None,
        "repeats": 5,
        "optimizer": Adam(),
        "rate": 3e-4,
        "schedule": Cosine(0.01),
        "warm_up": 500,
        "steps": None,
        "epochs": None,
        "batch": 500,
        "loss": "squared",
        "labels": "own",
    },
    "vico": USUAL | {"repeats": 20, "schedule": Drops((0.5,), 0.1), "batch": 256},
    "idc": USUAL | {"repeats": 3, "schedule": Drops((2 / 3, 5 / 6), 0.2), "batch": 64},
    "ddranking": USUAL | {"repeats": 5, "schedule": Drops((0.5,), 0.1), "batch": 128},
    "ddranking-soft": {
        "network": "resnet18",
        "width": 64,
        "depth": 3,
        "norm": "batch",
        "repeats": 5,
        "optimizer": Adam(weight_decay=0.01),
        "rate": 1e-3,
        "schedule": Cosine(0.0),
        "warm_up": 0,
        "steps": None,
        "epochs": 300,
        "batch": 1024,
        "loss": "cross-entropy",
        "labels": "own",
    },
}
DSA = Augmentation(
    ("color", "crop", "cutout", "flip", "scale", "rotate"),
    mode="one",
    always=(),
    brightness=0.5,
    saturation=(0.0, 2.0),
    contrast=(0.5, 1.5),
    flip=0.5,
    scale=1.2,
    rotate=15.0,
    crop=0.125,
    cutout=0.5,
    cutmix=0.0,
)
STRONG = (math.exp(-0.25), math.exp(0.25))
AUGMENTATIONS = {
    "quick": None,
    "frepo": Augmentation(
        ("flip", "color", "zoom", "rotate", "translate", "hole"),
        brightness=0.25,
        saturation=STRONG,
        contrast=STRONG,
        flip=0.5,
        zoom=1.25,
        rotate=15.0,
        translate=0.125,
        hole=0.25,
    ),
    "vico": DSA,
    "idc": replace(DSA, strategy=("crop", "scale", "rotate"), always=("color", "flip"), cutmix=0.5),
    "ddranking": DSA,
    "ddranking-soft": replace(DSA, strategy=(), cutmix=1.0),
}


def test_protocols_are_these() -> None:
    assert {name: facts(settings) for name, settings in PROTOCOLS.items()} == EXPECTED
    assert {name: found.augmentation for name, found in PROTOCOLS.items()} == AUGMENTATIONS


def rates(name: str, samples: int) -> list[float]:
    settings = PROTOCOLS[name]
    steps = protocols.steps_of(settings, None, samples)
    network = ConvNet((8, 8, 1), 3, WIDTH, DEPTH)
    training = NetworkTraining(network, Compute(get("numpy"), "float64"), settings, steps)
    epoch = training._steps_of_an_epoch(samples)
    return [training._rate(count, epoch) for count in range(1, steps + 1)]


def test_rates_over_time_are_those_of_the_sources() -> None:
    quick = rates("quick", 100)
    assert len(quick) == 150
    np.testing.assert_allclose(quick[:20], 1e-3 * np.arange(1, 21) / 20)
    assert quick[84] == pytest.approx(0.5 * (1e-3 + 1e-5))
    assert quick[-1] == pytest.approx(1e-5)
    frepo = rates("frepo", 100)
    assert len(frepo) == 2000
    np.testing.assert_allclose(frepo[:500], 3e-4 * np.arange(1, 501) / 500)
    assert frepo[1249] == pytest.approx(0.5 * (3e-4 + 3e-6))
    assert frepo[-1] == pytest.approx(3e-6)
    # 10 images per class: one batch of 256 an epoch, two of 64.
    np.testing.assert_allclose(rates("vico", 100), [0.01] * 500 + [0.001] * 500)
    np.testing.assert_allclose(rates("idc", 100), [1e-2] * 1332 + [2e-3] * 334 + [4e-4] * 334)
    np.testing.assert_allclose(rates("ddranking", 500), [0.01] * 2000 + [0.001] * 2000)
    soft = rates("ddranking-soft", 2000)
    assert len(soft) == 600
    assert soft[299] == pytest.approx(5e-4)
    assert soft[-1] == pytest.approx(0.0)


def test_drops_are_at_whole_epochs_though_fractions_round() -> None:
    found = [Drops((0.29,), 0.1).fraction(i, 100, warm_up=0, epoch=1) for i in (29, 30)]
    assert found == [1.0, 0.1]


def test_callers_numbers_override_those_of_a_protocol() -> None:
    x, y = images()
    few = replace(PROTOCOLS["vico"], width=2, epochs=1)
    found = slimdc.evaluate((x, y), x, y, protocol=few, repeats=2, steps=3)
    assert (len(found.accuracies), found.steps) == (2, 3)
    found = slimdc.evaluate((x, y), x, y, protocol=replace(few, batch=5, repeats=1))
    assert (len(found.accuracies), found.steps) == (1, 3)  # an epoch of 12 samples
    trained = slimdc.train_network((x, y), protocol="vico", width=4, steps=1)
    assert vars(trained.network)["width"] == 4
    other = slimdc.train_network((x, y), network="convnet", width=4, steps=1)
    assert isinstance(other.network, ConvNet)


def test_quick_is_the_default_and_ends_as_it_says() -> None:
    x, y = images()
    named, unnamed, settings = (
        slimdc.evaluate((x, y), x, y, repeats=1, width=2, **more)
        for more in ({"protocol": "quick"}, {}, {"protocol": EvaluationSettings()})
    )
    assert named == unnamed == settings
    assert named.steps == 150


@pytest.mark.parametrize(
    ("protocol", "error", "message"),
    [
        ("slow", InvalidValueError, "protocol: found 'slow', expected EvaluationSettings or one"),
        (None, InvalidTypeError, "protocol: found None"),
        (3, InvalidTypeError, "protocol: found 3"),
    ],
)
def test_protocols_that_are_none_are_named(
    protocol: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        slimdc.evaluate(images(), *images(), protocol=protocol)


def test_hard_labels_need_rows_that_are_largest_at_their_class() -> None:
    x, y = images()
    rows = soft_rows(y)
    rows[4] = rows[4][::-1].copy() if y[4] != 1 else np.roll(rows[4], 1)
    data = slimdc.SlimmableDataset.from_arrays(x, rows, members=y)
    with pytest.raises(InvalidValueError, match="protocol: found hard labels for a set in which 1"):
        slimdc.evaluate(data, x, y, protocol="vico")
    assert protocols.label_rows(PROTOCOLS["quick"], data) is None


def test_cross_entropy_needs_probabilities() -> None:
    x, y = images()
    soft = EvaluationSettings(loss="cross-entropy", width=2)
    message = "protocol: found cross-entropy of label rows with entries from .* expected rows"
    with pytest.raises(InvalidValueError, match=message):
        slimdc.evaluate((x, y), x, y, protocol=soft)  # centred rows
    with pytest.raises(InvalidValueError, match=message):
        slimdc.evaluate((x, 2 * soft_rows(y)), x, y, protocol=soft)
    found = slimdc.evaluate((x, soft_rows(y)), x, y, protocol=soft, repeats=1, steps=2)
    assert found.steps == 2


@pytest.mark.parametrize(
    ("row", "fine"),
    [
        ((0.7, 0.2, 0.1), True),
        ((0.7, 0.2, 0.1005), True),
        ((0.7, 0.2, 0.11), False),
        ((0.7, 0.2, 0.09), False),
        ((1.0, 0.0005, -0.0005), True),
        ((0.8, 0.3, -0.1), False),
    ],
)
def test_rows_are_probabilities_to_a_thousandth(row: tuple[float, ...], fine: bool) -> None:
    data = slimdc.SlimmableDataset.from_arrays(images(3)[0], np.asarray([row] * 3))
    soft = EvaluationSettings(loss="cross-entropy")
    if fine:
        assert protocols.label_rows(soft, data) is None
    else:
        with pytest.raises(InvalidValueError, match="protocol: found cross-entropy"):
            protocols.label_rows(soft, data)


def test_vectors_are_not_augmented() -> None:
    x, y = images()
    flat = EvaluationSettings(augmentation=Augmentation(), width=2)
    with pytest.raises(InvalidValueError, match="protocol: found augmentation of vectors"):
        slimdc.evaluate((x.reshape(12, -1), y), x.reshape(12, -1), y, protocol=flat)


def test_a_loss_that_leaves_the_numbers_is_told_at_once() -> None:
    x, y = images()
    wild = EvaluationSettings(optimizer="sgd", rate=1e6, warm_up=0, width=2, steps=2000)
    seen: list[int] = []
    with (
        np.errstate(all="ignore"),
        pytest.raises(NumericalError, match="data: found a network whose loss is not finite"),
    ):
        slimdc.evaluate((x, y), x, y, protocol=wild, progress=lambda n, *_: seen.append(n))
    assert len(seen) < 10


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "quick"])
def test_every_protocol_runs(name: str) -> None:
    x, y = images()
    x = np.repeat(np.repeat(x, 4, axis=1), 4, axis=2) if name == "ddranking-soft" else x
    data = slimdc.SlimmableDataset.from_arrays(x.astype(np.float32), soft_rows(y))
    found = slimdc.evaluate(data, x, y, protocol=name, repeats=1, steps=2, width=4)
    assert 0 <= found.mean <= 100


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_protocols_find_the_same_on_other_backends(name: str) -> None:
    library(name)
    x, y = images()
    few = replace(PROTOCOLS["idc"], width=4, batch=5)
    options: dict[str, Any] = {"protocol": few, "steps": 4, "seed": 2, "dtype": "float32"}
    expected, found = (
        slimdc.train_network((x, y), backend=backend, **options).parameters
        for backend in ("numpy", name)
    )
    for part, value in expected.items():
        np.testing.assert_allclose(found[part], value, rtol=0, atol=2e-4, err_msg=part)


def test_progress_is_told_a_hundred_times_for_each_network() -> None:
    x, y = images(6)
    seen: list[tuple[int, int]] = []
    options: dict[str, Any] = {"width": 2, "steps": 250, "progress": lambda *n: seen.append(n[:2])}
    slimdc.evaluate((x, y), x, y, repeats=2, **options)
    expected = [*range(3, 250, 3), 250]
    assert seen == [(n, 500) for n in expected] + [(250 + n, 500) for n in expected]
    seen.clear()
    slimdc.train_network((x, y), **options)
    assert seen == [(n, 250) for n in expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 3}, "epochs: found 3, and 150 steps"),
        ({"epochs": 0, "steps": None}, "epochs: found 0"),
        ({"optimizer": "adamax"}, "optimizer: found 'adamax'"),
        ({"optimizer": None}, "optimizer: found None"),
        ({"schedule": "cosine"}, "schedule: found 'cosine'"),
        ({"loss": "kl"}, "loss: found 'kl'"),
        ({"labels": "soft"}, "labels: found 'soft'"),
        ({"augmentation": "dsa"}, "augmentation: found 'dsa'"),
        ({"repeats": 0}, "repeats: found 0"),
    ],
)
def test_settings_that_cannot_be_are_named(options: Any, message: str) -> None:
    with pytest.raises((InvalidTypeError, InvalidValueError), match=message):
        EvaluationSettings(**options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Drops, {"at": 0.5}, "at: found 0.5"),
        (Drops, {"at": (1.5,)}, "at: found"),
        (Drops, {"factor": 0.0}, "factor: found 0.0"),
        (Cosine, {"floor": -1.0}, "floor: found -1.0"),
    ],
)
def test_schedules_that_cannot_be_are_named(kind: Any, options: Any, message: str) -> None:
    with pytest.raises((InvalidTypeError, InvalidValueError), match=message):
        kind(**options)


def test_names_of_optimisers() -> None:
    names = {"adam": Adam(), "sgd": Sgd(), "lamb": Lamb()}
    assert {name: EvaluationSettings(optimizer=name).optimizer for name in names} == names


@pytest.mark.parametrize("epoch", [938, 1_000, 5_000])
def test_no_rate_falls_before_its_place_however_long_epochs_are(epoch: int) -> None:
    """Full data have epochs as long as the whole of a run of some hundred steps."""
    drops = PROTOCOLS["idc"].schedule
    found = [drops.fraction(i, 1_000, warm_up=0, epoch=epoch) for i in (1, 666, 667, 833, 834)]
    assert found == pytest.approx([1.0, 1.0, 0.2, 0.2, 0.04])


def test_networks_that_left_the_finite_numbers_in_their_last_step_are_no_judges() -> None:
    x, y = np.random.default_rng(0).standard_normal((12, 8)), np.arange(12) % 3
    settings = EvaluationSettings(width=4, repeats=1, rate=1e300, steps=1, warm_up=0)
    with pytest.raises(NumericalError, match="training"):
        slimdc.evaluate((x, y), x, y, protocol=settings, progress=False)
    trained = slimdc.train_network((x, y), protocol=settings, progress=False)
    with pytest.raises(NumericalError, match="outputs that are not finite"):
        trained.predict(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_that_name_two_classes_alike_are_hard_labels_of_their_own(
    dtype: str, seed: int
) -> None:
    x = np.random.default_rng(seed).standard_normal((12, 8)).astype(dtype)
    y = np.arange(12) % 3
    rows = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]] * 4, dtype)
    data = SlimmableDataset.from_arrays(x, rows, members=y)
    found = protocols.label_rows(PROTOCOLS["vico"], data)
    np.testing.assert_array_equal(found, np.eye(3)[data.members])
    worse = rows.copy()
    worse[0] = 0.3, 0.4, 0.3
    data = SlimmableDataset.from_arrays(x, worse, members=y)
    with pytest.raises(InvalidValueError, match="1 of 12 label rows"):
        protocols.label_rows(PROTOCOLS["vico"], data)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Adam(beta1=1.0), "beta1"),
        (lambda: Adam(beta2="a"), "beta2"),  # type: ignore[arg-type]
        (lambda: Adam(epsilon=-1e-8), "epsilon"),
        (lambda: Adam(weight_decay=-3.0), "weight_decay"),
        (lambda: Sgd(momentum="x"), "momentum"),  # type: ignore[arg-type]
        (lambda: Sgd(weight_decay=math.nan), "weight_decay"),
        (lambda: Lamb(adam=None), "adam"),  # type: ignore[arg-type]
        (lambda: EvaluationSettings(optimizer=Sgd), "optimizer"),  # type: ignore[arg-type]
        (lambda: EvaluationSettings(schedule=Cosine), "schedule"),  # type: ignore[arg-type]
    ],
)
def test_odd_optimisers_and_schedules_are_named_when_they_are_made(make: Any, name: str) -> None:
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"^{name}: found"):
        make()
