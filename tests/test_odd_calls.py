"""Odd values for every parameter of every public call: an error of ours, or a valid result."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from odd_values import VALUES, Calls, odd_calls, of_torch, outcome, wrong

import slimdc
from slimdc import backend, datasets, errors, ranking
from slimdc.backend import registry
from slimdc.errors import SlimdcError
from slimdc.parameterization import Description, Factors, Preprocessing, SlimmableDataset
from slimdc.settings import CondenseSettings, EvaluationSettings, PoolSettings, SlimSettings
from slimdc.training.augmentation import Augmentation
from slimdc.training.schedules import Cosine, Drops

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), np.asarray([0, 1, 2, 0, 1, 2])
SOFT = np.eye(3)[Y]
DATA = SlimmableDataset.from_arrays(X, Y)
WHITENED = Preprocessing.zca(X)
KNOWN = {
    name: getattr(DATA, name)
    for name in (
        "shape",
        "layout",
        "preprocessing",
        "dtype",
        "labels",
        "samples",
        "components",
    )
}
RUN: dict[str, Any] = {
    "backend": "auto",
    "device": None,
    "dtype": None,
    "steps": 1,
    "seed": 0,
    "network": "auto",
    "width": 2,
    "progress": False,
}
PART: dict[str, Any] = {"k": 1, "nbytes": 2000, "strict": False}
WATCHED: dict[str, Any] = {"history": None, "checkpoint": None, "checkpoint_interval": 20}

# Each call by name, with arguments that it accepts.
QUICK: Calls = {
    "from_arrays": (
        SlimmableDataset.from_arrays,
        {"x": X, "y": SOFT, "classes": 3, "members": Y, "layout": None, "preprocessing": None},
    ),
    "from_arrays of classes": (SlimmableDataset.from_arrays, {"x": X, "y": Y, "classes": 3}),
    "from_factors": (SlimmableDataset.from_factors, DATA.factors._asdict() | KNOWN),
    "SlimmableDataset": (
        SlimmableDataset,
        {"factors": DATA.factors, "description": DATA.description},
    ),
    "with_factors": (DATA.with_factors, DATA.factors._asdict()),
    "truncate": (DATA.truncate, {"k": 1}),
    "truncate of a class": (lambda k: DATA.truncate({1: k}), {"k": 1}),
    "select": (DATA.select, {"classes": [0, 1]}),
    "relabel": (DATA.relabel, {"to": [1, 0, 2], "entries": 4}),
    "relabel by a mapping": (lambda to: DATA.relabel({1: to}), {"to": 3}),
    "named by a sequence": (DATA.named, {"names": ["a", "b", "c"]}),
    "named by a mapping": (lambda names: DATA.named({0: "a", 1: names, 2: "c"}), {"names": "b"}),
    "union": (lambda other: DATA.union(other), {"other": DATA}),
    "append": (DATA.append, {"x": X, "y": SOFT, "members": Y}),
    "arrays": (DATA.arrays, {"order": "class"}),
    "Description": (Description, KNOWN | {"order": None}),
    "from_metadata": (Description.from_metadata, {"metadata": DATA.description.to_metadata()}),
    "Preprocessing": (Preprocessing, {"mean": 0.5, "std": 0.5}),
    "apply": (Preprocessing(0.5, 0.5).apply, {"x_raw": X, "layout": "flat"}),
    "invert": (Preprocessing(0.5, 0.5).invert, {"x": X, "layout": "flat"}),
    "from_dict": (Preprocessing.from_dict, {"plain": {"mean": [0.5], "std": [0.5]}}),
    "standardise": (Preprocessing.standardise, {"x": X, "layout": None}),
    "named": (Preprocessing.named, {"name": "mnist"}),
    "zca": (
        Preprocessing.zca,
        {"x": X, "layout": None, "recipe": "frepo", "regularisation": 0.1, "base": None},
    ),
    "fitted": (WHITENED.fitted, {"x": X}),
    "with_matrix": (WHITENED.with_matrix, {"source": WHITENED}),
    "save_matrix": (WHITENED.save_matrix, {"path": "matrix.safetensors"}),
    "with_preprocessing": (DATA.with_preprocessing, {"preprocessing": WHITENED}),
    "PoolSettings": (PoolSettings, vars(PoolSettings())),
    "SlimSettings": (SlimSettings, vars(SlimSettings())),
    "CondenseSettings": (CondenseSettings, vars(CondenseSettings())),
    "EvaluationSettings": (EvaluationSettings, vars(EvaluationSettings())),
    "Augmentation": (Augmentation, vars(Augmentation())),
    "Cosine": (Cosine, vars(Cosine())),
    "Drops": (Drops, vars(Drops())),
    "label_robust_score": (
        ranking.label_robust_score,
        {"distilled": 0.6, "random": 0.5, "hard": 0.4, "full": 0.9, "weight": 0.5},
    ),
    "augmentation_robust_score": (
        ranking.augmentation_robust_score,
        {"distilled": 0.6, "random": 0.5, "distilled_plain": 0.4, "random_plain": 0.3}
        | {"weight": 0.5},
    ),
    "backend.get": (backend.get, {"name": "numpy", "device": None}),
    "backend.missing": (backend.missing, {"name": "numpy"}),
    "backend.resolve": (backend.resolve, {"backend": "auto", "array": X, "device": None}),
    "fashion_mnist": (datasets.fashion_mnist, {"root": "no such folder"}),
    "mnist": (datasets.mnist, {"root": "no such folder"}),
    "cifar10": (datasets.cifar10, {"root": "no such folder"}),
    "cifar100": (datasets.cifar100, {"root": "no such folder"}),
    "image_folder": (datasets.image_folder, {"root": "no such folder", "size": 4}),
    "read": (datasets.read, {"data": "no such folder", "root": None}),
    "certify": (slimdc.certify, {"before": DATA, "after": DATA.truncate(1), "w": None, "eta": 1}),
    "load": (slimdc.load, {"path": "no such file", "like": None} | PART),
    "loads": (slimdc.loads, {"payload": slimdc.dumps(DATA)} | PART),
    "dumps": (slimdc.dumps, {"data": DATA}),
    "truncate_file": (
        slimdc.storage.truncate_file,
        {"source": "no such file", "target": "small", "k": 1, "nbytes": 2000},
    ),
    "slim_shards": (
        slimdc.slim_shards,
        {"shards": [("a", (X, Y))], "folder": "shards", "k": 1, "bits": 4}
        | {"classes": 3, "executor": None, "ahead": 1},
    ),
    "slim_shards of a source": (
        lambda source: slimdc.slim_shards([("a", source)], "shards", 1),
        {"source": DATA},
    ),
}

TRAINING: Calls = {
    "slim": (
        slimdc.slim,
        {"data": (X, Y), "k": 1, "preset": "default", "samples": "keep"} | RUN | WATCHED,
    ),
    "condense": (
        slimdc.condense,
        {"x": X, "y": Y, "ipc": 1, "preset": CondenseSettings(batch=2)}
        | {"preprocessing": None, "preprocessed": False, "layout": None}
        | RUN
        | WATCHED,
    ),
    "evaluate": (
        slimdc.evaluate,
        {"data": (X, Y), "x_test": X, "y_test": Y, "repeats": 1}
        | {"preprocessed": False, "protocol": "quick"}
        | RUN,
    ),
    "references": (
        slimdc.references,
        {"data": (X, Y), "x_train": X, "y_train": Y, "x_test": X, "y_test": Y, "repeats": 1}
        | {"preprocessed": False, "protocol": "quick", "k": 1, "full_steps": 1}
        | RUN,
    ),
    "train_network": (
        slimdc.train_network,
        {"data": (X, Y), "parameters": None, "protocol": "quick"} | RUN,
    ),
    "predict": (slimdc.train_network((X, Y), **RUN).predict, {"x": X, "preprocessed": False}),
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is written be written where nobody looks."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", [*QUICK])
def test_every_odd_argument_of(name: str) -> None:
    assert wrong(odd_calls({name: QUICK[name]}, VALUES)) == {}


@pytest.mark.parametrize("name", [*TRAINING])
def test_odd_arguments_of_training_by(name: str) -> None:
    assert wrong(odd_calls({name: TRAINING[name]}, VALUES, few=25)) == {}


def test_every_odd_argument_of_save() -> None:
    calls = {"save": (slimdc.save, {"data": DATA, "path": "set.safetensors"})}
    assert wrong(odd_calls(calls, VALUES)) == {}


def test_odd_tensors() -> None:
    values = of_torch(library("torch"))
    assert wrong(odd_calls(QUICK, values)) == {}
    assert wrong(odd_calls(TRAINING, values, few=4)) == {}


def test_odd_calls_where_numpy_raises_for_everything() -> None:
    calls = {name: QUICK[name] for name in ("from_arrays", "from_factors", "apply", "invert")}
    with np.errstate(all="raise"):
        assert wrong(odd_calls(calls, VALUES)) == {}


def test_tiny_and_huge_samples_where_numpy_raises_for_everything() -> None:
    standard = Preprocessing(1e300, 1e-300)
    with np.errstate(all="ignore"):
        sets = [(X * 1e-300, SOFT), (X * 1e300, SOFT), (X, SOFT * 1e-300)]
        sets += [(x.astype(np.float16), y) for x, y in sets]
    with np.errstate(all="raise"):
        for x, y in sets:
            assert outcome(SlimmableDataset.from_arrays, {"x": x, "y": y, "members": Y}) is None
            assert outcome(standard.apply, {"x_raw": x, "layout": "flat"}) is None
            assert outcome(standard.invert, {"x": x, "layout": "flat"}) is None
        slimdc.slim((X * 1e-6, Y), 1, steps=2, width=2)
        slimdc.condense(X, Y, 1, steps=2, width=2)
        slimdc.evaluate((X, Y), X, Y, steps=2, width=2, repeats=1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_sets_and_errors_go_through_every_pickle(protocol: int) -> None:
    twin = pickle.loads(pickle.dumps(DATA, protocol))
    assert twin.description == DATA.description
    assert all((a == b).all() for a, b in zip(twin.factors, DATA.factors, strict=True))
    assert not any(factor.flags.writeable for factor in twin.factors)
    for kind in (*SlimdcError.__subclasses__(), SlimdcError):
        said = kind("k", "0", "1")
        error = pickle.loads(pickle.dumps(said, protocol))
        assert type(error) is kind
        assert str(error).startswith("k: found 0, expected 1 (see docs/")
        assert (str(error), vars(error)) == (str(said), vars(said))


def test_every_error_of_ours_has_the_base() -> None:
    classes = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]
    assert all(issubclass(kind, SlimdcError) for kind in classes)
    assert Factors(1, 2, 3, 4).vx == 3


def test_a_third_party_whose_package_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "slimdc_no_such_package:Backend", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "_third_parties", lambda: {"broken": entry})
    with pytest.raises(errors.MissingBackendError, match="'broken', whose package cannot be"):
        backend.get("broken")


@pytest.mark.parametrize("device", ["meta", "", "cpu:-1", "cpu:x", "\0", "cuda:99", "nonsense"])
def test_devices_that_torch_has_not(device: str) -> None:
    library("torch")
    with pytest.raises(errors.InvalidValueError, match="device: found"):
        backend.get("torch", device)
