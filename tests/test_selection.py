"""Methods that choose rows, against slow forms, and the list of all methods."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import cli
from slimdc.errors import InvalidTypeError, InvalidValueError, MissingLibraryError, SlimdcWarning
from slimdc.methods import METHODS, YOCO, YocoSettings
from slimdc.methods.yoco import prediction_errors
from slimdc.parameterization import SlimmableDataset

FAST = YocoSettings(steps=6, best=2, networks=2, width=16)


def blobs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw three far clusters of 8 samples in each of two classes, and their numbers."""
    rng = np.random.default_rng(seed)
    of = np.tile(np.arange(6), 8)
    centres = 20.0 * np.eye(6, 7)
    return centres[of] + rng.standard_normal((48, 7)), of // 3, of


# k-means


@pytest.mark.parametrize("real", [True, False])
def test_rows_are_those_nearest_to_the_means_of_clusters(real: bool) -> None:
    library("sklearn")
    x, y, of = blobs()
    soft = np.random.default_rng(1).uniform(0.0, 0.4, (48, 2)) + np.eye(2)[y]
    if real:
        data = slimdc.condense(x, y, 3, method="kmeans", preprocessed=True)
    else:
        data = slimdc.slim((x, soft), 3, method="kmeans")
    found, labels = data.arrays()
    assert data.samples == (3, 3)
    numbers = [int(((x - row) ** 2).sum(axis=1).argmin()) for row in found]
    assert np.allclose(found, x[numbers])
    expected = set()
    for i in range(6):
        own = np.flatnonzero(of == i)
        away = ((x[own] - x[own].mean(axis=0)) ** 2).sum(axis=1)
        expected.add(int(own[away.argmin()]))
    assert set(numbers) == expected
    assert np.argmax(labels, axis=1).tolist() == [0, 0, 0, 1, 1, 1]
    assert real or np.allclose(labels, soft[numbers])


def test_one_seed_gives_one_choice() -> None:
    library("sklearn")
    x = np.random.default_rng(0).standard_normal((60, 4))
    y = np.arange(60) % 2
    one, same, other = (slimdc.slim((x, y), 5, method="kmeans", seed=s) for s in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.factors, same.factors, strict=True))
    assert not np.allclose(one.arrays()[0], other.arrays()[0])


def test_classes_of_few_or_equal_samples_give_what_they_have() -> None:
    library("sklearn")
    x = np.concatenate([np.zeros((4, 3)), np.arange(18.0).reshape(6, 3)])
    y = np.array([0] * 4 + [1] * 6)
    with pytest.warns(SlimdcWarning, match="k is 5"):
        data = slimdc.slim((x, y), 5, method="kmeans")
    assert data.samples == (1, 5)
    with pytest.raises(InvalidValueError, match="k: found 7, expected at most 6"):
        slimdc.slim((x, y), 7, method="kmeans")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    x, y, _ = blobs()
    with pytest.raises(MissingLibraryError, match=r'pip install "slimdc\[select\]"'):
        slimdc.slim((x, y), 2, method="kmeans")
    # A chain says so before it condenses.
    results = tmp_path / "results"
    with pytest.raises(MissingLibraryError, match="found 'kmeans' without scikit-learn"):
        slimdc.chain(x, y, (2, 1), x_test=x, y_test=y, results=results, slim_by=("kmeans",))
    assert not results.exists()


# YOCO


def test_scores_are_the_slow_ones() -> None:
    rng = np.random.default_rng(0)
    outputs, classes = rng.standard_normal((7, 9, 3)) * 3, rng.integers(3, size=9)
    accuracies = [np.mean([row.argmax() == c for row, c in zip(z, classes, strict=True)])
                  for z in outputs]  # fmt: skip
    best = sorted(range(7), key=lambda i: (-accuracies[i], i))[:3]
    expected = np.zeros(9)
    for i in best:
        for j in range(9):
            odds = np.exp(outputs[i, j])
            wanted = np.zeros(3)
            wanted[classes[j]] = 1.0
            expected[j] += np.linalg.norm(odds / odds.sum() - wanted)
    assert np.allclose(prediction_errors(outputs, classes, 3), expected)
    # Huge outputs neither overflow nor change the order.
    assert np.isfinite(prediction_errors(1e4 * outputs, classes, 3)).all()


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_rows_that_contradict_their_class_are_dropped(name: str) -> None:
    if name != "numpy":
        library(name)
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 10)
    x = 3.0 * np.eye(3, 8)[y] + 0.3 * rng.standard_normal((30, 8))
    odd = np.array([0, 1, 10, 11, 20, 21])
    x[odd] = 3.0 * np.eye(3, 8)[(y[odd] + 1) % 3]
    settings = YocoSettings(steps=20, best=5, networks=1, width=32)
    data = slimdc.slim((x, y), 8, method="yoco", preset=settings, backend=name)
    found, labels = data.arrays()
    assert data.samples == (8, 8, 8)
    assert np.argmax(labels, axis=1).tolist() == np.repeat([0, 1, 2], 8).tolist()
    for row in found:
        distances = ((x - row) ** 2).sum(axis=1)
        assert distances.min() < 1e-12
        assert distances.argmin() not in odd


def test_scores_do_not_depend_on_units_and_repeat() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(24) % 3
    x = rng.standard_normal((24, 8)) + y[:, None]
    one, same = (slimdc.slim((x, y), 3, method="yoco", preset=FAST) for _ in range(2))
    small = slimdc.slim((x * 16.0**-5, y), 3, method="yoco", preset=FAST)
    assert all(np.array_equal(a, b) for a, b in zip(one.factors, same.factors, strict=True))
    assert np.allclose(small.arrays()[0], one.arrays()[0] * 16.0**-5)


def test_images_are_scored_by_convnets() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    x = rng.standard_normal((12, 8, 8, 1)) + y[:, None, None, None]
    settings = YocoSettings(steps=3, best=1, networks=1, width=2, batch=5)
    data = slimdc.slim((x, y), 2, method="yoco", preset=settings)
    assert data.shape == (8, 8, 1)
    slimdc.evaluate(data, x, y, repeats=1, steps=2, width=2, preprocessed=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: YocoSettings(steps=5), "steps: found 5, expected at least 10"),
        (lambda: YocoSettings(steps=0), "steps: found 0"),
        (lambda: YocoSettings(best=0), "best: found 0"),
        (lambda: YocoSettings(networks=0), "networks: found 0"),
        (lambda: YocoSettings(momentum=1.0), "momentum: found 1.0"),
        (lambda: YocoSettings(weight_decay=-1.0), "weight_decay: found -1.0"),
        (lambda: YocoSettings(rate=0.0), "rate: found 0.0"),
        (lambda: YocoSettings(norm="other"), "norm: found"),  # type: ignore[arg-type]
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_the_papers_preset_is_that_of_the_papers_code() -> None:
    paper = YOCO["paper"]
    assert (paper.steps, paper.best, paper.batch, paper.rate) == (100, 10, 64, 1e-2)
    assert (paper.momentum, paper.weight_decay, paper.norm) == (0.9, 5e-4, "instance")


def test_real_data_are_not_pruned() -> None:
    x, y, _ = blobs()
    with pytest.raises(InvalidValueError, match="'yoco', which cannot condense"):
        slimdc.condense(x, y, 2, method="yoco")
    with pytest.raises(InvalidValueError, match="k: found 25"):
        slimdc.slim((x, y), 25, method="yoco", preset=FAST)
    with pytest.raises(InvalidTypeError, match="k: found"):
        slimdc.slim((x, y), 2.5, method="yoco", preset=FAST)  # type: ignore[arg-type]


def test_chosen_sets_are_saved_and_slimmed_again(tmp_path: Path) -> None:
    library("sklearn")
    x, y, _ = blobs()
    data = SlimmableDataset.from_arrays(x, y)
    for method in ("random", "kmeans", "yoco"):
        options = {"preset": FAST} if method == "yoco" else {}
        small = slimdc.slim(data, 4, method=method, **options)
        slimdc.save(small, tmp_path / "set.safetensors")
        again = slimdc.load(tmp_path / "set.safetensors")
        assert slimdc.slim(again, 2, steps=0).components == (2, 2)


# The list


def test_the_page_lists_every_method() -> None:
    page = (Path(slimdc.__file__).parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
    word = {True: "yes", False: "no"}
    rows = [
        f"| `{m.name}` | {word[m.condense is not None]} | {word[m.slim is not None]} | {m.paper} |"
        for m in METHODS.values()
    ]
    table = "\n".join(["| method | condenses | slims | source |", "|---|---|---|---|", *rows])
    assert table in page, f"docs/methods.md lacks this table:\n{table}"
    for m in METHODS.values():
        assert page.count(f"`{m.name}`") >= 2, f"docs/methods.md says nothing of {m.name}"


def test_the_command_lists_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    for line, method in zip(lines, METHODS.values(), strict=True):
        assert method.paper in line
        assert ("condense" in line.removesuffix(method.paper)) == (method.condense is not None)


def test_kmeans_gives_no_sample_twice_where_samples_are_equal_to_rounding() -> None:
    library("sklearn")
    base = np.random.default_rng(0).standard_normal((2, 16))
    x = np.concatenate([np.repeat(base[:1], 5, 0), base[1:]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn: fewer clusters than were asked for
        data = slimdc.slim((x, np.zeros(6, int)), 3, method="kmeans")
    assert len(data) == 2
