"""DC, DSA and IDC: gradients of each class matched, against an independent run in PyTorch."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import backend
from slimdc.backend import Compute, value_and_grad
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.methods.class_gradients import inner_weights, unit_cosines, weights
from slimdc.methods.gradient_matching import DC, DSA, DcSettings, dc_plan
from slimdc.methods.idc import IDC, IdcSettings, formed_rows, idc_plan
from slimdc.methods.method import Material, Task, random_rows
from slimdc.methods.registry import METHODS
from slimdc.networks import ConvNet, fresh
from slimdc.parameterization.formation import FormationParameterization, bilinear, enlarged
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.training.algorithm import Algorithm
from slimdc.training.augmentation import Augmentation
from slimdc.training.plan import Plan

SIZES = (7, 4, 2)
SIDE = 8
NETWORK = ConvNet((SIDE, SIDE, 1), len(SIZES), 3, 2, "instance")
# Of DC; the same in IDC but for what it adds.
COMMON: dict[str, Any] = {"steps": 7, "batch": 3, "momentum": 0.5, "width": 3, "depth": 2}
DC_SETTINGS = DcSettings(
    **COMMON, rate=0.3, lifetime=3, passes=2, network_rate=0.05, network_batch=4
)
IDC_SETTINGS = IdcSettings(
    **COMMON,
    rate=0.4,
    lifetime=3,
    lessons=2,
    network_rate=0.05,
    network_batch=4,
    augmentation=None,
    network_augmentation=None,
)
DSA_SETTINGS = replace(DC_SETTINGS, augmentation=Augmentation())
AUGMENTED = replace(
    IDC_SETTINGS,
    augmentation=IDC["paper"].augmentation,
    network_augmentation=IDC["paper"].network_augmentation,
)


@pytest.fixture(scope="module")
def plain() -> Any:
    """The oracle, which needs PyTorch."""
    library("torch")
    return importlib.import_module("plain_gradients")


def images(sizes: tuple[int, ...] = SIZES, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Classes around images of their own, in an order that mixes them."""
    rng = np.random.default_rng(3)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    means = rng.standard_normal((len(sizes), side, side, 1))
    return means[y] + 0.7 * rng.standard_normal((y.size, side, side, 1)), y


def task_of(settings: Any, library_name: str = "numpy", dtype: str = "float64") -> Task:
    x, y = images()
    material = Material.of(slimdc.SlimmableDataset.from_arrays(x, y))
    compute = Compute(backend.get(library_name), dtype)
    count, rng = 3, np.random.default_rng(5)
    return Task(material, None, count, x, NETWORK, settings, rng, lambda: compute)


def start_of(task: Task) -> slimdc.SlimmableDataset:
    """Real samples with noise: of real ones some gradients would be equal, which is a kink."""
    with pytest.warns(SlimdcWarning, match="fewer samples"):
        start = random_rows(task)
    assert start.samples == (3, 3, 2)
    x, y = start.arrays()
    x = x + 0.3 * np.random.default_rng(7).standard_normal(x.shape)
    return slimdc.SlimmableDataset.from_arrays(x, y, members=start.members)


def planned(
    settings: Any, library_name: str = "numpy", dtype: str = "float64"
) -> tuple[Task, Plan]:
    task = task_of(settings, library_name, dtype)
    plan = dc_plan if isinstance(settings, DcSettings) else idc_plan
    return task, plan(start_of(task), task)


def matching_of(plain: Any, settings: Any) -> Any:
    if isinstance(settings, DcSettings):
        return plain.Matching(NETWORK, plain.cosines, head=True)
    distance = {"squared": plain.squares, "absolute": plain.sizes}[settings.metric]
    return plain.Matching(NETWORK, distance, head=False)


OBJECTIVES = pytest.mark.parametrize(
    "settings",
    [DC_SETTINGS, IDC_SETTINGS, replace(IDC_SETTINGS, metric="absolute")],
    ids=["dc", "idc", "idc-absolute"],
)


def slope_of(plan: Plan, p: dict[str, np.ndarray], real: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the loss of a plan at its start, and its gradient in what is trained."""
    algorithm = Algorithm(plan, [plan.networks(plan.rng)])
    ops = plan.compute.backend
    parameters = {name: plan.compute.asarray(x) for name, x in p.items()}
    target = plan.objective.target(ops, NETWORK, parameters, (plan.compute.asarray(real), ()))
    loss = value_and_grad(
        ops, lambda v: (algorithm._loss({"factors": v}, parameters, target)[0]["factors"], {})
    )
    with plan.compute.session():
        value, _, gradients = loss(algorithm.tensors)
    return float(ops.to_numpy(value)), ops.to_numpy(gradients["x"])


@OBJECTIVES
@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [("numpy", "float64", 1e-9), ("torch", "float64", 1e-9)],
)
def test_losses_and_their_gradients_are_the_plain_ones(
    plain: Any, settings: Any, name: str, dtype: str, tolerance: float
) -> None:
    library(name)
    torch = library("torch")
    task, plan = planned(settings, name, dtype)
    p = NETWORK.draw(np.random.default_rng(11))
    rng = np.random.default_rng(12)
    p = {k: x + 0.1 * rng.standard_normal(x.shape) for k, x in p.items()}
    real = task.material.x.reshape(-1, SIDE, SIDE, 1)[np.r_[:3, 7:10, 11:13]]
    found, slope = slope_of(plan, p, real)

    start = plan.parameterization.finish(plan.parameterization.start())
    x = torch.tensor(start.arrays()[0], dtype=torch.float64, requires_grad=True)
    live = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    parts = torch.tensor(real).split([3, 3, 2])
    loss = matching_of(plain, settings).loss(live, x, start.members, list(parts))
    (expected,) = torch.autograd.grad(loss, x)
    assert found == pytest.approx(loss.item(), rel=tolerance)
    assert relative(slope.reshape(expected.shape), expected.numpy()) < tolerance


@pytest.mark.parametrize(
    "settings",
    [
        DC_SETTINGS,
        DSA_SETTINGS,
        IDC_SETTINGS,
        replace(IDC_SETTINGS, metric="absolute"),
        AUGMENTED,
    ],
    ids=["dc", "dsa", "idc", "idc-absolute", "idc-augmented"],
)
@pytest.mark.parametrize("batch", [3, 100])
def test_runs_are_the_plain_ones(plain: Any, settings: Any, batch: int) -> None:
    """Networks' lives, their lessons, draws and both optimisers, over more than two lives."""
    torch = library("torch")
    settings = replace(settings, batch=batch)
    if isinstance(settings, DcSettings) and batch == 100:
        settings = replace(settings, network_batch=100)  # the set as a whole
    _, plan = planned(settings)
    oracle = task_of(settings)
    start = start_of(oracle)
    is_dc = isinstance(settings, DcSettings)
    lots = -(-len(start) // settings.network_batch)
    run = plain.Run(
        matching_of(plain, settings),
        torch.tensor(oracle.material.x.reshape(-1, SIDE, SIDE, 1)),
        oracle.material.classes,
        start.members,
        oracle.rng,
        batch=batch,
        rate=settings.rate if is_dc else settings.rate * 3 / 10,
        lifetime=3,
        lessons=2 * lots if is_dc else 2,
        from_set=is_dc,
        lesson_batch=settings.network_batch,
        network_rate=0.05,
        network_momentum=0.0 if is_dc else 0.9,
        weight_decay=0.0 if is_dc else 5e-4,
        augmentation=settings.augmentation,
        lesson_augmentation=settings.augmentation if is_dc else settings.network_augmentation,
        clip=not is_dc,
    )
    x = torch.tensor(start.arrays()[0], requires_grad=True)
    expected = run.train(x, 7, 0.5, lambda z: z)
    algorithm = Algorithm(plan, [plan.networks(plan.rng)])
    with plan.compute.session():
        found = [terms["distance"] for some in algorithm.steps() for terms in some]
    assert found == pytest.approx(expected, rel=1e-6)
    trained = algorithm.tensors["x"].reshape(x.shape)
    moved = np.linalg.norm(trained - start.arrays()[0])
    assert moved > 1e-2
    assert np.linalg.norm(trained - x.detach().numpy()) < 1e-6 * moved


@pytest.mark.parametrize(
    ("ipc", "lifetime", "steps"),
    [(1, 1, 1), (10, 10, 50), (20, 20, 25), (30, 30, 40), (40, 40, 30), (50, 50, 20), (5, 5, 100)],
)
def test_dc_takes_the_loops_of_its_source(ipc: int, lifetime: int, steps: int) -> None:
    """Passes over ten classes in batches of 256; of 300 samples there are two."""
    x = np.random.default_rng(0).standard_normal((10 * ipc, 4))
    data = slimdc.SlimmableDataset.from_arrays(x, np.arange(10 * ipc) % 10)
    course = DC["paper"].course(data)
    assert (course.lifetime, course.steps, course.rate) == (lifetime, steps, 0.01)


def test_dead_units_count_as_perpendicular_and_have_a_finite_gradient() -> None:
    ops = backend.get("numpy")
    rng = np.random.default_rng(0)
    own, real = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    own[:, 1], real[:, 2] = 0.0, 0.0
    loss = value_and_grad(ops, lambda v: (unit_cosines(v["own"], real), {}))
    value, _, gradients = loss({"own": own})
    expected = 2.0 + sum(
        1 - own[:, i] @ real[:, i] / np.linalg.norm(own[:, i]) / np.linalg.norm(real[:, i])
        for i in (0, 3)
    )
    assert float(value) == pytest.approx(expected, rel=1e-9)
    assert np.isfinite(gradients["own"]).all()
    assert not gradients["own"][:, 2].any()


def test_weights_that_are_compared() -> None:
    batch = replace(NETWORK, norm="batch")
    for network in (NETWORK, batch):
        assert weights(network) == ("conv0.weight", "conv1.weight", "head.weight")
        assert inner_weights(network) == ("conv0.weight", "conv1.weight")


SMALL: dict[str, dict[str, Any]] = {
    "dc": {"batch": 16, "width": 4, "depth": 2, "rate": 0.5},
    "dsa": {"batch": 16, "width": 4, "depth": 2, "rate": 0.5},
    "idc": {"batch": 16, "width": 4, "depth": 2, "rate": 1.0, "lifetime": 20},
}


def small(method: str, **changed: Any) -> Any:
    default: Any = METHODS[method].condense.presets["default"]  # type: ignore[union-attr]
    return replace(default, **SMALL[method], **changed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changed"), [("dc", {}), ("dsa", {}), ("idc", {}), ("idc", {"factor": 2})]
)
def test_a_short_run_brings_gradients_together_in_unseen_networks(
    method: str, changed: Any
) -> None:
    """Averaged over fresh networks and all real samples, without augmentation."""
    x, y = images((20, 20, 20))
    material = Material.of(slimdc.SlimmableDataset.from_arrays(x, y))
    compute = Compute(backend.get("numpy"), "float64")
    settings, rng = replace(small(method, steps=40, **changed), batch=20), np.random.default_rng(0)
    task = Task(material, None, 2, x, "auto", settings, rng, lambda: compute)
    way: Any = METHODS[method].condense
    plan = way.plan(way.start(task), task)
    algorithm = Algorithm(plan, [plan.networks(plan.rng)])

    def apart() -> float:
        ops, unseen, found = compute.backend, np.random.default_rng(99), 0.0
        objective: Any = plan.objective
        for _ in range(10):
            parameters = fresh(plan.network, ops, unseen, "float64")
            batch = objective.batch()[0], ()
            target = objective.target(ops, plan.network, parameters, batch)
            found += float(
                objective.loss(algorithm._view(algorithm.tensors, parameters), target)[0]
            )
        return found

    before = apart()
    for _ in algorithm.steps():
        pass
    assert apart() < 0.85 * before


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for method in SMALL for name in ("numpy", "torch")],
)
def test_sets_are_condensed_slimmed_and_saved(method: str, name: str, tmp_path: Any) -> None:
    library(name)
    x, y = images((5, 6, 3))
    preset = small(method, steps=2)
    with pytest.warns(SlimdcWarning, match="fewer samples"):
        data = slimdc.condense(x, y, 4, method=method, preset=preset, backend=name)
    assert data.samples == (4, 4, 3)
    assert data.shape == (SIDE, SIDE, 1)
    labels = data.arrays()[1]
    assert np.array_equal(labels.argmax(axis=1), data.members)
    for way in (method, "truncate"):
        options = {"preset": preset} if way == method else {}
        slimmed = slimdc.slim(data, 2, method=way, backend=name, **options)
        assert slimmed.components == (2, 2, 2)
        slimdc.save(slimmed, tmp_path / f"{way}.safetensors")
        loaded = slimdc.load(tmp_path / f"{way}.safetensors")
        assert np.array_equal(loaded.arrays()[0], slimmed.arrays()[0])


def test_jax_takes_the_same_steps() -> None:
    library("jax")
    x, y = images((5, 6))
    x = x.astype(np.float32)
    preset = replace(small("dsa", steps=3), depth=1, lifetime=2, passes=1)
    start, found, expected = (
        slimdc.condense(x, y, 2, method="dsa", preset=preset, backend=name, steps=steps).arrays()[0]
        for name, steps in (("numpy", 0), ("jax", 3), ("numpy", 3))
    )
    moved = np.linalg.norm(expected - start)
    assert moved > 0.01 * np.linalg.norm(start)
    assert np.linalg.norm(found - expected) < 1e-3 * moved


@pytest.mark.parametrize("method", SMALL)
def test_vectors_are_matched_in_an_mlp(method: str) -> None:
    x, y = images((6, 6, 6))
    preset = replace(small(method, steps=3), augmentation=None)
    if method == "idc":
        preset = replace(preset, network_augmentation=None)
    data = slimdc.condense(x.reshape(18, -1), y, 2, method=method, preset=preset)
    start = slimdc.condense(x.reshape(18, -1), y, 2, method=method, preset=preset, steps=0)
    assert data.samples == (2, 2, 2)
    assert np.linalg.norm(data.arrays()[0] - start.arrays()[0]) > 1e-3


class InterruptionError(Exception):
    """Stops a run from within."""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dc", "idc"])
def test_interrupted_runs_in_batch_normalised_networks_end_as_others(
    method: str, tmp_path: Any
) -> None:
    x, y = images((9, 9, 9))
    preset = small(method, steps=23, norm="batch")
    preset = replace(preset, batch=4, width=2, network_batch=4, lifetime=7)
    options: dict[str, Any] = {"method": method, "preset": preset}
    whole = slimdc.condense(x, y, 2, **options)

    def stop(count: int, total: int, terms: dict[str, float]) -> None:
        if count >= 20:
            raise InterruptionError

    options |= {"checkpoint": tmp_path / "run", "checkpoint_interval": 10}
    with pytest.raises(InterruptionError):
        slimdc.condense(x, y, 2, progress=stop, **options)
    assert (tmp_path / "run").exists()
    resumed = slimdc.condense(x, y, 2, **options)
    for found, expected in zip(resumed.factors, whole.factors, strict=True):
        assert np.array_equal(found, expected)
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found"):
        slimdc.condense(x, y, 2, **options | {"preset": replace(preset, rate=2.0)})


@pytest.mark.parametrize(("size", "factor"), [(8, 1), (8, 2), (9, 3), (8, 4), (4, 4), (1, 1)])
def test_enlarging_is_bilinear_interpolation(size: int, factor: int) -> None:
    torch = library("torch")
    other = 6
    rows, columns = bilinear(size, factor), bilinear(other, 2)
    x = np.random.default_rng(0).standard_normal((2, size // factor, other // 2, 3))
    found = enlarged(x, rows, columns)
    expected = torch.nn.functional.interpolate(
        torch.tensor(x).permute(0, 3, 1, 2), size=(size, other), mode="bilinear"
    ).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_formations_start_and_end_at_enlarged_images(layout: str) -> None:
    rng = np.random.default_rng(0)
    small_images = rng.standard_normal((6, 4, 3, 2))
    x = enlarged(small_images, bilinear(8, 2), bilinear(6, 2))
    held = x.transpose(0, 3, 1, 2) if layout == "channels_first" else x
    data = slimdc.SlimmableDataset.from_arrays(held, np.arange(6) % 2, layout=layout)
    compute = Compute(backend.get("numpy"), "float64")
    pixels = PixelParameterization(data, compute, Units.of(data), "fixed")
    formation = FormationParameterization(pixels, 2)
    tensors = formation.start()
    by_class = np.argsort(np.arange(6) % 2, kind="stable")
    np.testing.assert_allclose(tensors["x"], small_images[by_class], atol=1e-12)
    np.testing.assert_allclose(formation.samples(tensors)[0], x[by_class], atol=1e-12)
    ended = formation.finish(tensors)
    assert (ended.layout, ended.samples) == (layout, (3, 3))
    np.testing.assert_allclose(ended.arrays()[0], held[by_class], atol=1e-12)


def test_formations_hold_more_samples_which_are_enlarged() -> None:
    x, y = images((30, 30, 30))
    preset = replace(small("idc", steps=5, factor=2), batch=8)
    data = slimdc.condense(x, y, 2, method="idc", preset=preset)
    assert data.samples == data.components == (8, 8, 8)
    inverse = bilinear(8, 2) @ np.linalg.pinv(bilinear(8, 2))
    rows = data.arrays()[0]
    np.testing.assert_allclose(enlarged(rows, inverse, inverse), rows, atol=1e-9)
    start = slimdc.condense(x, y, 2, method="idc", preset=preset, steps=0)
    assert start.samples == (8, 8, 8)
    raw = start.preprocessing.apply(x, "channels_last")
    nearest = [
        np.abs(enlarged(raw, inverse, inverse) - row).max(axis=(1, 2, 3))
        for row in start.arrays()[0]
    ]
    assert max(distance.min() for distance in nearest) < 1e-9


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_idc_keeps_each_channel_in_the_range_of_what_is_matched(layout: str, factor: int) -> None:
    """A step of any size ends there, and reaches both ends of it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, SIDE, SIDE, 2)) * [1.0, 3.0] + [0.0, 2.0]
    low, high = x.min(axis=(0, 1, 2)), x.max(axis=(0, 1, 2))
    held = x.transpose(0, 3, 1, 2) if layout == "channels_first" else x
    data = slimdc.SlimmableDataset.from_arrays(held, np.arange(30) % 2, layout=layout)
    preset = replace(small("idc", steps=2, factor=factor), rate=1e6, batch=5)
    found = slimdc.slim(data, 2, method="idc", preset=preset, seed=0).arrays()[0]
    found = found.transpose(0, 2, 3, 1) if layout == "channels_first" else found
    np.testing.assert_allclose(found.min(axis=(0, 1, 2)), low, rtol=1e-9)
    np.testing.assert_allclose(found.max(axis=(0, 1, 2)), high, rtol=1e-9)


def test_idc_keeps_vectors_in_the_range_of_each_entry() -> None:
    x = np.random.default_rng(0).standard_normal((30, 6)) * np.arange(1.0, 7.0)
    data = slimdc.SlimmableDataset.from_arrays(x, np.arange(30) % 2)
    augmented = {"augmentation": None, "network_augmentation": None}
    preset = replace(small("idc", steps=2), rate=1e6, batch=5, **augmented)
    found = slimdc.slim(data, 2, method="idc", preset=preset, seed=0).arrays()[0]
    assert (found >= x.min(axis=0) - 1e-9).all()
    assert (found <= x.max(axis=0) + 1e-9).all()
    assert np.isclose(found, x.min(axis=0)).any()


def test_a_rate_of_idc_is_for_ten_images_of_a_class() -> None:
    _, plan = planned(IDC_SETTINGS)
    assert plan.schedule.rate == pytest.approx(0.4 * 3 / 10)
    x, y = images((12, 12, 12))
    task = replace(task_of(replace(IDC_SETTINGS, factor=2)), count=2)
    material = Material.of(slimdc.SlimmableDataset.from_arrays(x, y))
    task = replace(task, given=material)
    plan = idc_plan(formed_rows(task), task)
    assert plan.schedule.rate == pytest.approx(0.4 * 2 / 10)


def test_presets_hold_the_numbers_of_the_sources() -> None:
    dc, idc = DC["paper"], IDC["paper"]
    assert (dc.batch, dc.rate, dc.momentum, dc.network_rate, dc.network_batch, dc.norm) == (
        256,
        0.1,
        0.5,
        0.01,
        256,
        "instance",
    )
    assert (idc.batch, idc.lifetime, idc.lessons, idc.network_batch, idc.metric, idc.norm) == (
        64,
        100,
        32,
        64,
        "squared",
        "instance",
    )
    slim: Any = METHODS["idc"].slim
    assert slim.presets == {"default": replace(IDC["default"], rate=0.2), "paper": idc}
    assert dc.augmentation is None
    assert DSA["paper"] == replace(dc, augmentation=Augmentation())
    assert idc.augmentation == Augmentation(("color", "crop", "cutout"), mode="all")
    assert idc.network_augmentation == Augmentation(("color", "crop"), mode="all", cutmix=0.5)
    assert (idc.network_rate, idc.network_momentum, idc.weight_decay) == (0.01, 0.9, 5e-4)


@pytest.mark.parametrize(
    ("kind", "changed", "error", "message"),
    [
        (DcSettings, {"steps": -1}, InvalidValueError, "steps: found -1"),
        (DcSettings, {"batch": 0}, InvalidValueError, "batch: found 0"),
        (DcSettings, {"passes": 0}, InvalidValueError, "passes: found 0"),
        (DcSettings, {"lifetime": 1.5}, InvalidTypeError, "lifetime: found 1.5"),
        (DcSettings, {"momentum": 1}, InvalidValueError, "momentum: found 1"),
        (DcSettings, {"rate": 0.0}, InvalidValueError, "rate: found 0.0"),
        (DcSettings, {"norm": "layer"}, InvalidValueError, "norm: found 'layer'"),
        (IdcSettings, {"factor": 0}, InvalidValueError, "factor: found 0"),
        (IdcSettings, {"lessons": True}, InvalidTypeError, "lessons: found True"),
        (IdcSettings, {"metric": "l1"}, InvalidValueError, "metric: found 'l1'"),
        (IdcSettings, {"network_momentum": -0.1}, InvalidValueError, "network_momentum: found"),
        (IdcSettings, {"augmentation": "color"}, InvalidTypeError, "augmentation: found 'color'"),
        (DcSettings, {"augmentation": "color"}, InvalidTypeError, "augmentation: found 'color'"),
        (IdcSettings, {"network_augmentation": 1}, InvalidTypeError, "network_augmentation: found"),
        (IdcSettings, {"weight_decay": float("nan")}, InvalidValueError, "weight_decay: found nan"),
    ],
)
def test_bad_settings_are_named(kind: Any, changed: Any, error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        kind(**changed)
    assert str(caught.value).startswith(message)


class HeadOnly:
    """A linear network."""

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"head.weight": rng.standard_normal((64, 3)), "head.bias": np.zeros(3)}

    def embed(self, ops: Any, parameters: Any, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({"factor": 3}, {}, "factor: found 3"),
        ({"factor": 16}, {}, "ipc: found 2, each of 16² samples"),
        ({"factor": 4}, {}, "ipc: found 2, each of 4² samples, expected at most 1"),
        ({}, {"network": HeadOnly()}, "network: found"),
        ({}, {"ipc": 31}, "ipc: found 31"),
    ],
)
def test_what_cannot_be_condensed_is_named(changed: Any, options: Any, message: str) -> None:
    x, y = images((30, 30, 30))
    preset = small("idc", steps=2, **changed)
    with pytest.raises(InvalidValueError) as caught:
        slimdc.condense(x, y, **{"ipc": 2, "method": "idc", "preset": preset} | options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("dsa", {}),
        ("idc", {}),
        ("idc", {"augmentation": None}),
        ("idc", {"network_augmentation": None}),
    ],
)
def test_vectors_are_not_augmented(method: str, changed: Any) -> None:
    x, y = images()
    preset = small(method, steps=2, **changed)
    with pytest.raises(InvalidValueError, match=r"^preset: found augmentation of vectors"):
        slimdc.condense(x.reshape(13, 64), y, 2, method=method, preset=preset)


def test_vectors_have_no_formation() -> None:
    x, y = images((30, 30, 30))
    preset = small("idc", steps=2, factor=2)
    with pytest.raises(InvalidValueError, match=r"^factor: found 2 for samples of shape \(64,\)"):
        slimdc.condense(x.reshape(90, 64), y, 2, method="idc", preset=preset)


@pytest.mark.parametrize("method", SMALL)
def test_one_class_has_nothing_to_be_told_from(method: str) -> None:
    x, _ = images((9,))
    with pytest.raises(InvalidValueError, match=r"^y: found 1 class, expected at least 2"):
        slimdc.condense(x, np.zeros(9, int), 2, method=method, preset=small(method, steps=2))
