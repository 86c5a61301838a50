"""Each warning names the line that called slimdc, by whatever way it arises."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc.errors import SlimdcWarning

X = np.random.default_rng(0).normal(size=(5, 6))
UNEVEN = [0, 0, 0, 1, 1]
QUICK = {"repeats": 1, "steps": 1, "width": 2}


def uneven() -> slimdc.SlimmableDataset:
    return slimdc.SlimmableDataset.from_arrays(X, UNEVEN)


def cut(path: Path) -> Path:
    whole = slimdc.dumps(uneven())
    path.write_bytes(whole[:-1])
    return path


def folder(path: Path) -> Path:
    image = library("PIL.Image")
    for name in ("cats", "dogs", "none"):
        (path / name).mkdir(parents=True)
        if name != "none":
            image.new("L", (4, 4)).save(path / name / "1.png")
    return path


CALLS: dict[str, Callable[[Path], Any]] = {
    "evaluate": lambda _: slimdc.evaluate(uneven(), 1e6 * X, UNEVEN, **QUICK),
    "evaluate a pair": lambda _: slimdc.evaluate((X, UNEVEN), 1e6 * X, UNEVEN, **QUICK),
    "condense": lambda _: slimdc.condense(X, UNEVEN, 3, steps=0),
    "condense by random": lambda _: slimdc.condense(X, UNEVEN, 3, method="random"),
    "truncate": lambda _: uneven().truncate(3),
    "slim": lambda _: slimdc.slim(uneven(), 3, steps=0),
    "slim to bits": lambda _: slimdc.slim(uneven(), 3, bits=16, steps=0),
    "slim to bytes": lambda _: slimdc.slim(
        slimdc.datasets.sample().data, nbytes=420, steps=0, width=8
    ),
    "slim by random": lambda _: slimdc.slim(uneven(), 3, method="random"),
    "slim_shards": lambda path: slimdc.slim_shards({"a": (X, UNEVEN)}.items(), path, k=3),
    "load": lambda path: slimdc.load(cut(path)),
    "loads": lambda path: slimdc.loads(cut(path).read_bytes()),
    "image_folder": lambda path: slimdc.datasets.image_folder(folder(path)),
    "datasets.read": lambda path: slimdc.datasets.read(folder(path)),
    "read": lambda path: slimdc.read(folder(path)),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_warning_names_the_line_of_the_caller(call: str, tmp_path: Path) -> None:
    with pytest.warns(SlimdcWarning) as caught:
        CALLS[call](tmp_path / "path")
    assert {warned.filename for warned in caught} == {__file__}


def test_nothing_else_counts_the_calls_to_a_warning() -> None:
    root = Path(slimdc.__file__).parent
    found = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "stacklevel"
    ]
    assert found == ["_warning.py"]
