"""Odd values for what is used apart from the great calls: formulas, pictures, chains, buffers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from odd_values import VALUES, Calls, odd_calls, outcome, wrong

import slimdc
from slimdc import ReplayBuffer, SlimmableDataset, bounds, changes, losses, networks, pictures
from slimdc import regression as linear
from slimdc.chains import Cell, Chain, table
from slimdc.errors import SlimdcError
from slimdc.regression import Components
from slimdc.storage import foreign, inspect

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), np.asarray([0, 1, 2, 0, 1, 2])
SOFT, HEAD = np.eye(3)[Y], np.zeros((4, 3))
DATA = SlimmableDataset.from_arrays(X, Y)
IMAGES = SlimmableDataset.from_arrays(RNG.random((6, 4, 4, 1)), Y)
ROUNDED = DATA.quantize(4)
V = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
KEPT = Components(np.asarray([3.0, 2.0]), V[:2], RNG.normal(size=(2, 3)))
REMOVED = Components(np.asarray([1.0, 0.5]), V[2:4], RNG.normal(size=(2, 3)))
CHANGED = Components(np.asarray([2.9, 2.1]), V[:2] + 0.01, KEPT.vy + 0.01)
SOLUTION = linear.linear_solution(KEPT)
CHAIN = Chain("dm", (Cell("RT", 2, (50.0, 60.0), 100), Cell("random", 1, (40.0, 45.0), 50)))
JUDGED = {"steps": 1, "repeats": 1, "width": 2, "progress": False}
NUMBERS = count()


def of_arrays(call: Callable[..., Any], **valid: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Make each array of components an argument of its own."""
    flat: dict[str, Any] = {}
    for name, value in valid.items():
        if isinstance(value, Components):
            flat |= {f"{name} {part}": getattr(value, part) for part in Components._fields}
        else:
            flat[name] = value

    def built(**given: Any) -> Any:
        for name, value in valid.items():
            if isinstance(value, Components):
                parts = [given.pop(f"{name} {part}") for part in Components._fields]
                given[name] = Components(*parts)
        return call(**given)

    return built, flat


STEP = {"w": np.zeros((6, 3)), "eta": 1.0, "norm": "frobenius"}
FORMULAS: Calls = {
    "equation_9": of_arrays(
        bounds.equation_9, kept=KEPT, removed=REMOVED, significance=None, **STEP
    ),
    "equation_10_distance": of_arrays(bounds.equation_10_distance, removed=REMOVED),
    "first_order_bound": of_arrays(bounds.first_order_bound, kept=KEPT, removed=REMOVED, **STEP),
    "first_order_distance": of_arrays(bounds.first_order_distance, removed=REMOVED, **STEP),
    "infinity_order_bound": of_arrays(bounds.infinity_order_bound, kept=KEPT, removed=REMOVED),
    "infinity_order_distance": of_arrays(
        bounds.infinity_order_distance, kept=KEPT, removed=REMOVED, norm="spectral"
    ),
    "kept_ratio": of_arrays(bounds.kept_ratio, kept=KEPT, removed=REMOVED),
    "compression_distance": of_arrays(
        changes.compression_distance,
        kept=KEPT,
        solution=SOLUTION,
        norm="spectral",
    ),
    "first_order_change": of_arrays(changes.first_order_change, kept=KEPT, changed=CHANGED, **STEP),
    "first_order_change_bound": of_arrays(
        changes.first_order_change_bound, kept=KEPT, changed=CHANGED, **STEP
    ),
    "infinity_order_change": of_arrays(
        changes.infinity_order_change, kept=KEPT, changed=CHANGED, norm="spectral"
    ),
    "infinity_order_change_bound": of_arrays(
        changes.infinity_order_change_bound, kept=KEPT, changed=CHANGED, solution=None, removed=0.0
    ),
    "infinity_order_change_bound of a solution": of_arrays(
        changes.infinity_order_change_bound, kept=KEPT, changed=CHANGED, solution=SOLUTION
    ),
    "nearest_basis": of_arrays(changes.nearest_basis, kept=KEPT, after=CHANGED),
    "nearest_rotation": of_arrays(changes.nearest_rotation, kept=KEPT, after=CHANGED),
    "full_row_rank": of_arrays(linear.full_row_rank, vx=V[:2], eps=None),
    "linear_solution": of_arrays(linear.linear_solution, part=KEPT, cutoff=None),
    "loss_gradient": of_arrays(linear.loss_gradient, part=KEPT, w=STEP["w"]),
    "orthonormality_defect": of_arrays(linear.orthonormality_defect, vx=V[:2]),
    "row_independence": of_arrays(linear.row_independence, vx=V[:2], eps=None),
    "first_order": (
        losses.first_order,
        {"x": X, "y": SOFT, "x_before": X, "y_before": SOFT, "w": HEAD, "form": "printed"},
    ),
    "head_gradient": (losses.head_gradient, {"x": X, "y": SOFT, "w": HEAD}),
    "infinity_order": (
        losses.infinity_order,
        {"x": X, "y": SOFT, "x_before": X, "y_before": SOFT, "ridge": 0.1, "form": "relative"},
    ),
    "kernel_regression": (
        losses.kernel_regression,
        {"cross": X @ X.T, "kernel": X @ X.T, "y": SOFT, "ridge": 0.1},
    ),
    "orthogonality": (
        losses.orthogonality,
        {"vx": V[:2], "vy": KEPT.vy, "centred": False, "rows": None},
    ),
    "performance_matching": (
        losses.performance_matching,
        {"x_t": X, "y_t": SOFT, "x_s": X, "y_s": SOFT, "ridge": 0.1},
    ),
    "ridge_solution": (losses.ridge_solution, {"x": X, "y": SOFT, "ridge": 0.1}),
    "skewness": (losses.skewness, {"s": np.asarray([[2.0, 1.0]])}),
    "training_loss": (losses.training_loss, {"x": X, "y": SOFT, "w": HEAD}),
    "weighted_sum": (
        losses.weighted_sum,
        {"parts": dict.fromkeys(("first", "infinity", "skew", "ortho"), np.asarray(1.0))}
        | {"weights": losses.Weights()},
    ),
}

CURVES = {"a": [(1.0, 2.0), (2.0, 3.0)]}
DRAWN: Calls = {
    "accuracies": (pictures.accuracies, {"chains": {"a": CHAIN}, "against": "components"}),
    "accuracies of": (lambda chain: pictures.accuracies({"a": chain}), {"chain": CHAIN}),
    "budgets": (pictures.budgets, {"curves": CURVES}),
    "budgets of": (lambda curve: pictures.budgets({"a": curve}), {"curve": CURVES["a"]}),
    "components": (
        pictures.components,
        {"data": IMAGES, "label": 0, "counts": [1], "columns": 2},
    ),
    "convergence": (pictures.convergence, {"curves": CURVES, "what": "accuracy"}),
    "overview": (pictures.overview, {"data": IMAGES}),
    "samples": (pictures.samples, {"sets": {"a": IMAGES}, "per_class": 1}),
    "samples of": (lambda data: pictures.samples({"a": data}), {"data": IMAGES}),
    "sensitivity": (pictures.sensitivity, {"curves": CURVES}),
    "sensitivity at": (lambda at: pictures.sensitivity({"a": [at]}), {"at": CURVES["a"][0]}),
    "spectrum": (pictures.spectrum, {"data": IMAGES}),
    "save_picture": (pictures.save_picture, {"figure": None, "path": "a.png"}),
}


def chained(**given: Any) -> Chain:
    return slimdc.chain(**({"results": f"results {next(NUMBERS)}"} | given))


def buffer(**options: Any) -> ReplayBuffer:
    return ReplayBuffer(**({"nbytes": 5_000, "condense": {"ipc": 1, "steps": 0}} | options))


def filled(**options: Any) -> ReplayBuffer:
    made = buffer(**options)
    made.add(X, Y)
    return made


FILLED = filled()
PARTS: Calls = {
    "Cell": (Cell, vars(CHAIN.cells[0])),
    "Chain": (Chain, vars(CHAIN)),
    "Chain.read": (Chain.read, {"results": "nowhere"}),
    "Evaluation": (slimdc.Evaluation, {"accuracies": (50.0,), "steps": 1}),
    "table": (table, {"chains": [CHAIN]}),
    "build": (
        networks.build,
        {"network": "auto", "shape": (8, 8, 1), "layout": "channels_last", "outputs": 3}
        | {"width": 2, "depth": 1, "norm": None},
    ),
    "read": (
        slimdc.read,
        {"path": "set.npz", "format": "kip", "preprocessing": "none"}
        | {"experiment": None, "factor": 1, "classes": None},
    ),
    "write": (slimdc.write, {"data": IMAGES, "path": "out", "format": "kip", "labels": "rows"}),
    "inspect": (
        inspect,
        {"file": slimdc.dumps(DATA), "depth": None, "format": "auto"}
        | {"experiment": None, "factor": 1, "classes": None},
    ),
    "recognised": (foreign.recognised, {"path": "nowhere", "format": "auto"}),
    "quantize": (DATA.quantize, {"bits": 4}),
    "from_codes": (
        SlimmableDataset.from_codes,
        {"codes": ROUNDED.codes, "description": ROUNDED.description, "label_entries": 3}
        | {"dtype": "float32", "like": None},
    ),
    "batches": (
        lambda **given: next(FILLED.batches(**given)),
        {"size": 2, "seed": 0, "like": None},
    ),
    "ReplayBuffer.save": (FILLED.save, {"path": "buffer"}),
    "ReplayBuffer.load": (ReplayBuffer.load, {"path": "nowhere"}),
    "from_state": (ReplayBuffer.from_state, {"state": FILLED.state}),
}
WORK: Calls = {
    "chain": (
        chained,
        {"x": X, "y": Y, "sizes": (2, 1), "x_test": X, "y_test": Y, "method": "random"}
        | {"slim_by": ("random",), "start": None, "seed": 0, "condense": None, "slim": None}
        | {"evaluate": JUDGED, "results": "results", "progress": False},
    ),
    "chain with a start": (
        lambda start: chained(
            x=None, y=None, sizes=(1,), x_test=X, y_test=Y, start=start, evaluate=JUDGED
        ),
        {"start": DATA},
    ),
    "ReplayBuffer": (
        filled,
        {"nbytes": 5_000, "components": None, "classes": 3, "slim": None, "rounding": "down"}
        | {"condense": {"ipc": 1, "steps": 0}, "floor": 1, "seed": 0},
    ),
    "add": (lambda x, y: buffer().add(x, y), {"x": X, "y": Y}),
    "add a set": (lambda data: buffer().add(data), {"data": DATA}),
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is written be written where nobody looks."""
    monkeypatch.chdir(tmp_path)
    slimdc.write(IMAGES, "set.npz", format="kip")


@pytest.mark.parametrize("name", [*FORMULAS])
def test_every_odd_argument_of_the_formula(name: str) -> None:
    call, valid = FORMULAS[name]
    call(**valid)
    with np.errstate(all="ignore"):  # values are not looked at: what overflows is not finite
        assert wrong(odd_calls({name: FORMULAS[name]}, VALUES)) == {}


@pytest.mark.parametrize("name", [*FORMULAS])
@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int64", "complex64", "bool"])
def test_every_dtype_of_the_formula(name: str, dtype: str) -> None:
    call, valid = FORMULAS[name]

    def cast(value: Any) -> Any:
        return value.astype(dtype) if isinstance(value, np.ndarray) else value

    with np.errstate(all="ignore"):
        assert outcome(call, {of: cast(value) for of, value in valid.items()}) is None


@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray])
def test_arrays_whose_products_are_others_are_refused(kind: type) -> None:
    square = np.eye(3)
    for odd in ({"x": square.view(kind)}, {"w": square.view(kind)}):
        with pytest.raises(SlimdcError, match="expected an array"):
            losses.training_loss(**({"x": square, "y": square, "w": square} | odd))


@pytest.mark.parametrize("name", [*PARTS])
def test_every_odd_argument_of(name: str) -> None:
    call, valid = PARTS[name]
    if "nowhere" not in valid.values():
        call(**valid)
    assert wrong(odd_calls({name: PARTS[name]}, VALUES)) == {}


@pytest.mark.parametrize("name", [*WORK])
def test_odd_arguments_of(name: str) -> None:
    call, valid = WORK[name]
    call(**valid)
    assert wrong(odd_calls({name: WORK[name]}, VALUES, few=25)) == {}


@pytest.mark.parametrize("name", [*DRAWN])
def test_odd_arguments_of_the_picture(name: str) -> None:
    library("matplotlib")
    call, valid = DRAWN[name]
    if name == "save_picture":
        valid = valid | {"figure": pictures.spectrum(IMAGES)}
    call(**valid)
    assert wrong(odd_calls({name: (call, valid)}, VALUES)) == {}
