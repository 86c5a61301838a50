"""Methods by name: that each does what its paper says, and that all behave alike as calls."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

import slimdc
from slimdc import SlimmableDataset
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcError, SlimdcWarning
from slimdc.methods.distribution_matching import DmSettings
from slimdc.methods.frepo import FrepoSettings
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.methods.registry import METHODS
from slimdc.networks import ConvNet
from slimdc.parameterization.labels import centred_one_hot
from slimdc.settings import PoolSettings

TRAINED = [name for name, method in METHODS.items() if method.condense and method.condense.plan]
# KIP's network is infinitely wide.
WIDTH: dict[str, dict[str, Any]] = {name: {} if name == "kip" else {"width": 4} for name in TRAINED}
SIZES = (11, 9, 10)
POOL = PoolSettings(size=2, lifetime=3, rate=1e-2, width=2, depth=2)


def images() -> tuple[np.ndarray, np.ndarray]:
    y = np.repeat(np.arange(3), SIZES)
    return np.random.default_rng(1).standard_normal((y.size, 8, 8, 1)), y


def begun(seed: int, ipc: int) -> tuple[np.ndarray, np.random.Generator]:
    """Give the rows that a seed begins with, and the generator after that."""
    rng, (_, y) = np.random.default_rng(seed), images()
    drawn = [rng.choice(np.flatnonzero(y == c), ipc, replace=False) for c in range(3)]
    return np.concatenate(drawn), rng


@pytest.fixture
def plain() -> Any:
    """The oracle, which needs PyTorch."""
    library("torch")
    return importlib.import_module("plain_algorithm")


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_frepo_moves_samples_and_labels_as_algorithm_1_would(backend: str, plain: Any) -> None:
    (x, y), rows = images(), centred_one_hot(images()[1], 3)
    settings = FrepoSettings(steps=5, batch=6, rate=0.02, rate_floor=0.2, ridge=0.01, pool=POOL)
    history: list[dict[str, float]] = []
    made = slimdc.condense(
        x, y, 4, method="frepo", seed=3, preset=settings, preprocessed=True, backend=backend,
        history=history,
    )  # fmt: skip

    first, rng = begun(3, 4)

    def batch() -> Any:
        drawn = rng.integers(len(x), size=6)
        return plain.torch.tensor(x[drawn]), plain.torch.tensor(rows[drawn])

    run = plain.Run(ConvNet((8, 8, 1), 3, 2, 2), rng, 5, 0.02, 0.2, 2, 3, 1e-2)
    start = {"x": x[first].reshape(12, -1), "y": rows[first]}
    moved, expected = plain.train(run, start, batch, plain.performance_alone(0.01))
    for found, parts in zip(history, expected, strict=True):
        assert found == pytest.approx(parts, rel=1e-8)
    assert relative(made.arrays()[0].reshape(12, -1), moved["x"].numpy()) < 1e-8
    assert relative(made.arrays()[1], moved["y"].numpy()) < 1e-8
    assert relative(made.arrays()[1], rows[first]) > 1e-3


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("batch", [4, 10])
def test_dm_moves_samples_towards_the_mean_embeddings_of_their_classes(
    backend: str, batch: int, plain: Any
) -> None:
    """A batch of 10 is more than the second class holds: it gives all it has."""
    torch, (x, y) = plain.torch, images()
    settings = DmSettings(
        steps=4, batch=batch, rate=0.3, momentum=0.5, width=2, depth=2, norm="none"
    )
    history: list[dict[str, float]] = []
    made = slimdc.condense(
        x, y, 3, method="dm", seed=5, preset=settings, preprocessed=True, backend=backend,
        history=history,
    )  # fmt: skip

    first, rng = begun(5, 3)
    network, velocity = ConvNet((8, 8, 1), 3, 2, 2), 0
    synthetic = torch.tensor(x[first])
    for step in range(4):
        parameters = {name: torch.tensor(v) for name, v in network.draw(rng).items()}
        loss, live = 0.0, synthetic.clone().requires_grad_()
        for c, held in enumerate(SIZES):
            members = np.flatnonzero(y == c)
            drawn = members if held <= batch else rng.choice(members, batch, replace=False)
            real = plain.embed(network, parameters, torch.tensor(x[drawn])).mean(0)
            own = plain.embed(network, parameters, live[3 * c : 3 * c + 3]).mean(0)
            loss = loss + ((real - own) ** 2).sum()
        loss.backward()
        assert history[step]["distance"] == pytest.approx(float(loss.detach()), rel=1e-9)
        velocity = 0.5 * velocity + live.grad
        synthetic = synthetic - 0.3 * velocity
    found, labels = made.arrays()
    assert relative(found, synthetic.numpy()) < 1e-9
    np.testing.assert_allclose(labels, centred_one_hot(y[first], 3), atol=1e-12)


@pytest.mark.parametrize("method", TRAINED)
def test_slimming_by_a_method_has_the_set_in_the_place_of_real_data(method: str) -> None:
    data = slimdc.SlimmableDataset.from_arrays(images()[0][:9], np.arange(9) % 3)
    way = METHODS[method].slim
    if way is None or method == "parameter-matching":
        pytest.skip("slims in a way of its own, or not at all")
    preset = way.presets["default"]
    options: dict[str, Any] = {"method": method, "preset": preset, "seed": 2} | WIDTH[method]
    options["steps"] = 2
    small = slimdc.slim(data, 2, **options)
    rows, labels = data.arrays()
    settings = {"preprocessed": True, "progress": False}
    again = slimdc.condense(rows, data.members, 2, **options, **settings)
    assert small.samples == again.samples == (2, 2, 2)
    assert labels.shape == (9, 3)
    assert relative(small.arrays()[0], again.arrays()[0]) < 1e-9


@pytest.mark.parametrize("method", TRAINED)
def test_sets_of_a_method_are_sets_like_any_other(method: str, tmp_path: Path) -> None:
    x, y = images()
    made = slimdc.condense(x, y, 3, method=method, steps=2, **WIDTH[method])
    assert made.components == (3, 3, 3)
    assert made.preprocessing == slimdc.condense(x, y, 3, steps=0).preprocessing
    small = slimdc.slim(made, 2, steps=2, width=4)
    assert small.components == (2, 2, 2)
    slimdc.save(small, tmp_path / "a.safetensors")
    loaded = slimdc.load(tmp_path / "a.safetensors")
    assert loaded.host_factors().vx.tobytes() == small.host_factors().vx.tobytes()
    assert slimdc.certify(made, made.truncate(2)).kept_ratio is not None
    assert slimdc.evaluate(small, x, y, steps=2, repeats=1, width=4).steps == 2


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_a_run_that_was_killed_goes_on_to_the_same_bits(method: str, tmp_path: Path) -> None:
    x, y = images()
    options: dict[str, Any] = {"method": method, "steps": 25, "seed": 1} | WIDTH[method]
    whole = slimdc.condense(x, y, 2, **options)

    def stop(count: int, _steps: int, _terms: dict[str, float]) -> None:
        if count == 20:
            raise KeyboardInterrupt

    saved = {"checkpoint": tmp_path / "run", "checkpoint_interval": 10}
    with pytest.raises(KeyboardInterrupt):
        slimdc.condense(x, y, 2, progress=stop, **options, **saved)
    again = slimdc.condense(x, y, 2, progress=False, **options, **saved)
    for one, other in zip(whole.host_factors(), again.host_factors(), strict=True):
        assert one.tobytes() == other.tobytes()
    with pytest.raises(SlimdcError, match="checkpoint"):
        slimdc.condense(x, y, 2, progress=False, **options | {"seed": 2}, **saved)


def test_dm_brings_mean_embeddings_together_in_unseen_networks(plain: Any) -> None:
    x, y = images()

    def apart(data: slimdc.SlimmableDataset) -> float:
        rng, network, found = np.random.default_rng(99), ConvNet((8, 8, 1), 3, 4, 2), 0.0
        for _ in range(20):
            parameters = {k: plain.torch.tensor(v) for k, v in network.draw(rng).items()}
            real, own = (plain.embed(network, parameters, plain.torch.tensor(z)) for z in
                         (x, data.arrays()[0]))  # fmt: skip
            for c in range(3):
                difference = real[y == c].mean(0) - own[data.members == c].mean(0)
                found += float((difference**2).sum())
        return found

    settings = DmSettings(rate=2.0, width=4, depth=2, norm="none")
    start, made = (
        slimdc.condense(x, y, 2, method="dm", preset=settings, steps=steps, preprocessed=True)
        for steps in (0, 60)
    )
    assert apart(made) < 0.7 * apart(start)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda task: None, "a start that gives NoneType, expected a SlimmableDataset"),
        (lambda task: task.material.x[:6], "expected a SlimmableDataset"),
        (
            lambda task: task.whole.select([0, 2]),
            r"a start that gives the classes \(0, 2\), expected those before: \(0, 1, 2\)",
        ),
    ],
)
def test_what_a_method_makes_is_a_set_of_the_same_classes(start: Any, message: str) -> None:
    mine = Method(
        "mine", "test", condense=None, slim=Way(start, None, METHODS["random"].slim.presets)
    )
    with pytest.raises(SlimdcError, match=f"method: found .*{message}"):
        slimdc.slim(SlimmableDataset.from_arrays(*images()), 2, method=mine)


def test_a_way_has_default_settings() -> None:
    with pytest.raises(InvalidValueError, match=r"presets: found \['paper'\], expected 'default'"):
        Way(lambda task: task.whole, None, {"paper": None})


@pytest.mark.parametrize("method", TRAINED)
def test_training_lowers_the_loss(method: str) -> None:
    if method in ("dm", "dc", "dsa", "idc"):
        pytest.skip("networks are of different ages, whose losses are of different sizes")
    x, y = images()
    history: list[dict[str, float]] = []
    options = {"method": method, "history": history, "progress": False} | WIDTH[method]
    slimdc.condense(x, y, 2, steps=40, **options)
    losses = [sum(terms.values()) for terms in history]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


def test_random_rows_are_rows_of_what_they_are_drawn_from() -> None:
    x, y = images()
    made = slimdc.condense(x, y, 4, method="random", preprocessed=True, seed=7)
    assert relative(made.arrays()[0], x[begun(7, 4)[0]]) < 1e-12
    small = slimdc.slim(made, 2, method="random", seed=1)
    for row, label in zip(small.arrays()[0], small.members, strict=True):
        distances = np.abs(made.arrays()[0] - row).max(axis=(1, 2, 3))
        assert distances.min() < 1e-12
        assert made.members[distances.argmin()] == label


def test_classes_of_fewer_samples_give_them_all() -> None:
    x, y = images()
    with pytest.warns(SlimdcWarning, match="ipc is 10"):
        made = slimdc.condense(x, y, 10, method="dm", steps=2, width=2)
    assert made.samples == (10, 9, 10)
    with pytest.warns(SlimdcWarning, match="k is 10"):
        assert slimdc.slim(made, 10, method="random").samples == (10, 9, 10)


def test_a_set_keeps_the_dtype_and_the_library_of_the_caller() -> None:
    x, y = images()
    for dtype in ("float32", "float64"):
        made = slimdc.condense(x.astype(dtype), y, 3, method="dm", steps=2, width=2)
        assert (made.dtype, made.factor_dtype) == (dtype, dtype)
        assert slimdc.slim(made, 2, method="frepo", steps=2, width=2).dtype == dtype
    library("torch")
    torch = importlib.import_module("torch")
    made = slimdc.condense(torch.tensor(x), torch.tensor(y), 3, method="frepo", steps=2, width=2)
    assert isinstance(made.u, torch.Tensor)
    assert isinstance(slimdc.slim(made, 2, method="random").u, torch.Tensor)


def test_samples_of_any_size_are_trained_in_units_of_their_own() -> None:
    x, y = images()
    plain = slimdc.condense(x, y, 3, method="frepo", steps=5, width=4, preprocessed=True)
    for power in (-20, 20):
        scaled = slimdc.condense(
            np.ldexp(x, power), y, 3, method="frepo", steps=5, width=4, preprocessed=True
        )
        assert relative(np.ldexp(scaled.arrays()[0], -power), plain.arrays()[0]) < 1e-12


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "magic"}, "method: found 'magic', expected one that can condense: 'par"),
        ({"method": 3}, "method: found 3, expected one that can condense"),
        ({"method": "truncate"}, "method: found 'truncate', which cannot condense"),
        ({"method": "random", "steps": 3}, "steps: found 3, expected 0 or None"),
        ({"method": "random", "width": 3}, "width: found 3, expected None"),
        ({"method": "dm", "preset": "fast"}, "preset: found 'fast', expected DmSettings or one"),
        ({"method": "dm", "preset": FrepoSettings()}, "preset: found"),
        ({"method": "dm", "ipc": 12}, "ipc: found 12, expected at most 11"),
        ({"method": "frepo", "ipc": 0}, "ipc: found 0"),
    ],
)
def test_bad_input_is_named(changed: dict[str, Any], message: str) -> None:
    x, y = images()
    arguments: dict[str, Any] = {"x": x, "y": y, "ipc": 2} | changed
    with pytest.raises(SlimdcError) as caught:
        slimdc.condense(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"steps": -1}, "steps"),
        ({"batch": 0}, "batch"),
        ({"rate": 0.0}, "rate"),
        ({"width": 0}, "width"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"norm": "layer"}, "norm"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(SlimdcError, match=f"^{name}: found"):
        DmSettings(**settings)


def rows_by_norm(task: Task) -> slimdc.SlimmableDataset:
    """Keep the largest rows of each class: a method that slimdc does not have."""
    x = task.material.x.reshape(len(task.material.x), -1)
    order = np.argsort(-np.linalg.norm(x, axis=1), kind="stable")
    classes = task.material.classes[order]
    kept = [order[classes == label][: task.count] for label in np.unique(classes)]
    return task.dataset(np.concatenate(kept))


def test_a_method_of_ones_own_is_given_as_it_is(tmp_path: Path) -> None:
    x, y = images()
    known = METHODS["dm"].slim
    assert known is not None
    free = Way(rows_by_norm, None, METHODS["random"].slim.presets)
    mine = Method("mine", "test", condense=free, slim=Way(rows_by_norm, known.plan, known.presets))
    made = slimdc.condense(x, y, 4, method=mine, preprocessed=True)
    norms = np.linalg.norm(x.reshape(len(x), -1), axis=1)
    largest = [np.flatnonzero(y == c)[np.argsort(-norms[y == c])[:4]] for c in range(3)]
    assert relative(made.arrays()[0], x[np.concatenate(largest)]) < 1e-12

    options: dict[str, Any] = {"method": mine, "width": 2, "seed": 1}
    small = slimdc.slim(made, 2, steps=4, **options)
    assert relative(slimdc.slim(made, 2, steps=0, **options).arrays()[0], small.arrays()[0]) > 1e-3
    checkpoint: dict[str, Any] = {"checkpoint": tmp_path / "run", "steps": 4}
    again = slimdc.slim(made, 2, **options, **checkpoint)
    assert again.host_factors().vx.tobytes() == small.host_factors().vx.tobytes()
    renamed = options | {"method": replace(mine, name="theirs")}
    with pytest.raises(SlimdcError, match="with other arguments"):
        slimdc.slim(made, 2, **renamed, **checkpoint)
    with pytest.raises(SlimdcError, match=r"^method: found .mine., which cannot slim"):
        slimdc.slim(made, 2, method=replace(mine, slim=None))
    with pytest.raises(SlimdcError, match=r"^k: found a mapping with method=Method"):
        slimdc.slim(made, {1: 2}, method=mine)


def test_rows_that_a_method_keeps_stay_rows_where_samples_are_to_match_components() -> None:
    """U = I would make them ΣV, which is no sample of the set any more."""
    x, y = images()
    data = slimdc.condense(x, y, 4, method="random")
    options: dict[str, Any] = {"method": "dm", "steps": 3, "width": 2}
    kept, matched = (slimdc.slim(data, 2, samples=s, **options) for s in ("keep", "match"))
    assert relative(matched.arrays()[0], kept.arrays()[0]) < 1e-12


@pytest.mark.parametrize("name", ["condense", "slim"])
def test_a_bare_function_is_no_way(name: str) -> None:
    ways: dict[str, Any] = {"condense": None, "slim": None, name: random_rows}
    with pytest.raises(InvalidTypeError, match=rf"^{name}: found .*, expected a Way or None"):
        Method("mine", "nobody", **ways)
