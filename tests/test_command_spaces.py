"""Sets whose channels come first or that are whitened, on the command line beside real images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import Preprocessing, SlimmableDataset, cli

QUICK = ["--repeats", "1", "--steps", "3", "--width", "2", "--json"]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    image = library("PIL.Image")
    rng = np.random.default_rng(0)
    for part, count in (("train", 9), ("test", 5)):
        for i, kind in enumerate(("cats", "dogs")):
            folder = tmp_path / "pets" / part / kind
            folder.mkdir(parents=True)
            for each in range(count):
                pixels = rng.integers(0, 200, (8, 10, 3)) + np.eye(3, dtype=int)[i] * 50
                image.fromarray(pixels.astype(np.uint8)).save(folder / f"{each}.png")
    return tmp_path / "pets"


def made(pets: Path, whitened: bool) -> tuple[SlimmableDataset, np.ndarray, np.ndarray]:
    """Make a set of these images, channels first; give the test images in its layout too."""
    real = slimdc.datasets.read(pets)
    x = real.x_train.transpose(0, 3, 1, 2)
    space = Preprocessing.zca(x) if whitened else Preprocessing.standardise(x)
    data = SlimmableDataset.from_arrays(x, real.y_train, preprocessing=space)
    assert data.layout == "channels_first"
    return data, real.x_test.transpose(0, 3, 1, 2), real.y_test


def fitted_no_more(pets: Path) -> None:
    """Take a training image away, so that the matrix can come from beside the set alone."""
    (pets / "train" / "cats" / "0.png").unlink()


def document(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, Any]:
    assert cli.main([str(argument) for argument in arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("whitened", [True, False])
def test_they_are_evaluated(
    pets: Path, tmp_path: Path, capsys, whitened: bool, beside: bool
) -> None:
    data, x, y = made(pets, whitened)
    slimdc.save(data, tmp_path / "set")
    if whitened and beside:
        data.preprocessing.save_matrix(tmp_path)
        fitted_no_more(pets)
    found = document(capsys, "evaluate", tmp_path / "set", "--data", pets, *QUICK)
    wanted = slimdc.evaluate(data, x, y, repeats=1, steps=3, width=2)
    assert found["sets"][0]["accuracies"] == list(wanted.accuracies)


@pytest.mark.parametrize("whitened", [True, False])
def test_chains_start_with_them(pets: Path, tmp_path: Path, capsys, whitened: bool) -> None:
    data, x, y = made(pets, whitened)
    slimdc.save(data, tmp_path / "set")
    if whitened:
        data.preprocessing.save_matrix(tmp_path)
        fitted_no_more(pets)
    begin = ["--start", tmp_path / "set", "--sizes", "2", "--slim-by", "truncate"]
    quick = ["--repeats", "1", "--evaluate-steps", "3", "--json"]
    found = document(capsys, "chain", tmp_path / "results", *begin, "--data", pets, *quick)
    for cell, before in zip(found["cells"], (data, data.truncate(2)), strict=True):
        wanted = slimdc.evaluate(before, x, y, repeats=1, steps=3)
        assert cell["accuracies"] == list(wanted.accuracies)


def test_pictures_and_pixels_take_the_matrix_from_beside(pets: Path, tmp_path: Path, capsys):
    library("matplotlib")
    data, _, _ = made(pets, whitened=True)
    slimdc.save(data, tmp_path / "set")
    calls = (
        ["plot", "samples", tmp_path / "set", "-o", tmp_path / "samples.png"],
        ["plot", "components", tmp_path / "set", "-o", tmp_path / "components.png"],
        ["convert", tmp_path / "set", tmp_path / "pixels", "--format", "rded", "--json"],
    )
    for call in calls:
        assert cli.main([str(word) for word in call]) == 1
        assert "matrix" in capsys.readouterr().err
    data.preprocessing.save_matrix(tmp_path)
    for call in calls:
        assert cli.main([str(word) for word in call]) == 0, capsys.readouterr().err


def test_images_that_nothing_is_fitted_to_are_refused(pets: Path, tmp_path: Path, capsys) -> None:
    data, _, _ = made(pets, whitened=False)
    slimdc.save(data, tmp_path / "set")
    call = ["convert", tmp_path / "set", tmp_path / "out", "--data", tmp_path / "nowhere"]
    assert cli.main([str(word) for word in call]) == 1
    assert "--data: found" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
