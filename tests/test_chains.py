"""Chains of budgets: each step is given the set before alone, and a cut loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc.chains import Cell, Chain, chain, table
from slimdc.errors import FileError, MissingBackendError, SlimdcError
from slimdc.methods import METHODS
from slimdc.networks import ConvNet
from slimdc.settings import CondenseSettings, PoolSettings, SlimSettings

CONDENSE = {"steps": 4, "width": 8}
SLIM = {"steps": 3, "width": 8}
SMALL = PoolSettings(size=2, width=2, depth=1)
EVALUATE = {"steps": 12, "repeats": 2, "width": 8}


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    return rng.standard_normal((60, 8)).astype(np.float32) + 2 * np.eye(3, 8, dtype="f4")[y], y


START = slimdc.condense(*problem(), 4, steps=0)


def run(folder: Path, **changed: Any) -> Chain:
    x, y = problem()
    arguments: dict[str, Any] = {
        "x": x,
        "y": y,
        "sizes": (4, 2, 1),
        "x_test": x,
        "y_test": y,
        "results": folder,
        "seed": 3,
        "condense": CONDENSE,
        "slim": SLIM,
        "evaluate": EVALUATE,
    }
    return chain(**(arguments | changed))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"x_test": problem()[0][:, :5]}, r"x_test: found samples of shape \(5,\)"),
        ({"y_test": problem()[1][:-1]}, "y_test: found 59 labels for 60 samples"),
        ({"x_test": problem()[0] * np.nan}, "x_test: found values that are not finite"),
        ({"y_test": problem()[1] + 0.5}, "y_test"),
        ({"y_test": problem()[1] + 1, "start": START}, "y_test: found class 3"),
    ],
)
def test_test_data_are_refused_before_a_set_is_made(
    tmp_path: Path, changed: dict[str, Any], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in ("condensed", "slimmed", "evaluated"):
        monkeypatch.setattr(sys.modules["slimdc.chains.chain"], made, None)
    if "start" in changed:
        changed |= {"x": None, "y": None, "condense": {}}
    with pytest.raises(SlimdcError, match=found):
        run(tmp_path / "chain", **changed)
    assert not list(tmp_path.glob("chain/sets/*"))


def test_every_step_is_given_the_set_before_alone(tmp_path: Path) -> None:
    found = run(tmp_path)
    x, y = problem()
    first = slimdc.condense(x, y, 4, seed=3, **CONDENSE)
    trained = slimdc.slim(slimdc.slim(first, 2, seed=3, **SLIM), 1, seed=3, **SLIM)
    expected = {
        ("RT", 4): first,
        ("RT", 2): slimdc.condense(x, y, 2, seed=3, **CONDENSE),
        ("RT", 1): slimdc.condense(x, y, 1, seed=3, **CONDENSE),
        ("parameter-matching", 2): slimdc.slim(first, 2, seed=3, **SLIM),
        ("parameter-matching", 1): trained,
        ("truncate", 2): first.truncate(2),
        ("truncate", 1): first.truncate(1),
    }
    assert {(cell.way, cell.k) for cell in found.cells} == set(expected)
    for cell in found.cells:
        data = expected[cell.way, cell.k]
        alone = slimdc.evaluate(data, x, y, seed=3, **EVALUATE)
        assert cell.accuracies == alone.accuracies
        assert cell.nbytes == data.nbytes
    kept = slimdc.load(tmp_path / "sets" / "parameter-matching-1.safetensors")
    assert kept.host_factors().vx.tobytes() == trained.host_factors().vx.tobytes()


def test_methods_that_train_samples_are_slimmed_by_random_rows(tmp_path: Path) -> None:
    found = run(tmp_path, method="frepo", sizes=(4, 2))
    assert found.ways == ("RT", "frepo", "random")
    assert run(tmp_path / "free", method="random", sizes=(4, 2)).ways == ("RT", "random")


def test_a_set_alone_is_slimmed_and_tested(tmp_path: Path) -> None:
    x, y = problem()
    data = slimdc.SlimmableDataset.from_arrays(x[:24], y[:24])
    found = run(tmp_path, x=None, y=None, start=data, sizes=(4, 2))
    assert [(cell.way, cell.k) for cell in found.cells] == [
        ("start", 8),
        *((way, k) for k in (4, 2) for way in ("parameter-matching", "truncate")),
    ]
    assert found.gap("truncate", 2) is None


def test_sets_of_a_whitened_space_get_their_matrix_back(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).uniform(size=(40, 4, 4, 1)), np.arange(40) % 2
    options: dict[str, Any] = {
        "x": x, "y": y, "x_test": x, "y_test": y, "sizes": (3, 1), "condense": {
            "preprocessing": "zca", "steps": 2, "preset": CondenseSettings(pool=SMALL),
        }, "slim": {"steps": 2, "preset": SlimSettings(pool=SMALL)},
    }  # fmt: skip
    options["evaluate"] = EVALUATE | {"network": ConvNet((4, 4, 1), 2, 2, 1)}
    whole = run(tmp_path / "whole", **options)

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", report=stop, **options)
    assert run(tmp_path / "cut", **options) == whole


@pytest.mark.parametrize("finished", range(7))
def test_a_chain_that_was_cut_off_goes_on_and_repeats_nothing(
    tmp_path: Path, finished: int
) -> None:
    whole = run(tmp_path / "whole")
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) > finished:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", report=stop)
    cells = tmp_path / "cut" / "cells.jsonl"
    cells.write_bytes(cells.read_bytes()[:-5])  # the last cell was being written
    for path in (tmp_path / "cut" / "sets").iterdir():
        if finished % 2:  # sets are lost with the machine, figures are not
            path.unlink()
    repeated: list[str] = []
    assert run(tmp_path / "cut", report=repeated.append) == whole
    assert len(repeated) == len(whole.cells) - finished
    assert Chain.read(tmp_path / "cut") == whole


def test_the_file_holds_what_the_figures_depend_on(tmp_path: Path) -> None:
    run(tmp_path, sizes=(4, 2))
    first, *rest = map(json.loads, (tmp_path / "cells.jsonl").read_text().splitlines())
    assert first["configuration"]["condense"] == CONDENSE
    assert first["configuration"]["seed"] == 3
    for line in rest:
        assert set(line) >= {"cell", "way", "k", "accuracies", "bytes", "seconds", "where"}
        assert line["where"]["slimdc"] == slimdc.__version__


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 4},
        {"condense": {"steps": 5, "width": 8}},
        {"slim": {}},
        {"evaluate": EVALUATE | {"repeats": 1}},
        {"x_test": problem()[0] + 1},
        {"method": "frepo"},
        {"sizes": (4, 1)},
    ],
)
def test_results_of_another_configuration_are_refused(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    run(tmp_path)
    before = (tmp_path / "cells.jsonl").read_bytes()
    with pytest.raises(SlimdcError, match=r"another|whose results were made with"):
        run(tmp_path, **changed)
    assert (tmp_path / "cells.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sizes": (2, 4)}, "sizes: found"),
        ({"sizes": ()}, "sizes: found"),
        ({"sizes": 4}, "sizes: found"),
        ({"sizes": (4, 0)}, "sizes"),
        ({"method": "magic"}, "method: found 'magic', expected one that can condense"),
        ({"method": "truncate"}, "method: found 'truncate', which cannot condense"),
        ({"method": METHODS["random"]}, "method: found a Method, expected a name: 'par"),
        ({"slim_by": ("random", METHODS["random"])}, "method: found a Method, expected a name"),
        ({"slim_by": ("magic",)}, "method: found 'magic', expected one that can slim"),
        ({"slim_by": "truncate"}, "slim_by: found"),
        ({"seed": -1}, "seed: found"),
        ({"condense": 3}, "condense: found"),
        ({"condense": {"seed": 3}}, "condense: found the option 'seed', expected seed= of the"),
        ({"condense": {"stepz": 3}}, "condense: found the option 'stepz', expected options of"),
        ({"condense": {"steps": -1}}, "condense: steps: found -1"),
        ({"condense": {"preset": "fast"}}, "condense: preset: found 'fast'"),
        ({"slim": {"k": 3}}, "slim: found the option 'k', expected sizes of the chain"),
        ({"slim": {"width": 0}}, "slim: width: found 0"),
        ({"slim": {"backend": "abacus"}}, "slim: backend: found 'abacus'"),
        ({"evaluate": {"x_test": 3}}, "evaluate: found the option 'x_test', expected x_test="),
        ({"evaluate": {"protocol": "quik"}}, "evaluate: protocol: found 'quik'"),
        ({"evaluate": {"repeats": 0}}, "evaluate: repeats: found 0"),
        ({"evaluate": {"steps": 0}}, "evaluate: steps: found 0"),
        ({"evaluate": {"backend": "abacus"}}, "evaluate: backend: found 'abacus'"),
        ({"slim": {"dtype": "float8"}}, "slim: dtype: found 'float8'"),
        ({"slim": {"network": "lenet"}}, "slim: network: found 'lenet'"),
        ({"slim": {"start": "end"}}, "slim: start: found 'end'"),
        ({"slim": {"samples": "few"}}, "slim: samples: found 'few'"),
        ({"slim": {"bits": 77}}, "slim: bits: found 77"),
        ({"condense": {"network": "lenet"}}, "condense: network: found 'lenet'"),
        ({"evaluate": {"network": "lenet"}}, "evaluate: network: found 'lenet'"),
        ({"evaluate": {"dtype": "float8"}}, "evaluate: dtype: found 'float8'"),
        ({"evaluate": {"preprocessed": "no"}}, "evaluate: preprocessed: found 'no'"),
        ({"evaluate": {"progress": 7}}, "evaluate: progress: found 7"),
        (
            {"start": problem(), "x": None, "y": None, "sizes": (21,)},
            "sizes: found 21, expected at",
        ),
        ({"x": None, "y": None}, "start: found"),
        ({"results": 3}, "results: found"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SlimdcError) as caught:
        run(**({"folder": tmp_path / "new"} | changed))
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]\n", "{}\n", "no JSON\n", '{"configuration": 3}\n', '{"configuration": {}}\n[]\n',
     '{"configuration": {}}\n{"cell": "RT 4"}\n', "[" * 100_000 + "\n"],
)  # fmt: skip
def test_a_damaged_folder_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "cells.jsonl").write_text(text)
    with pytest.raises(FileError):
        Chain.read(tmp_path)


def test_a_table_by_hand() -> None:
    def one(rt: float, lbs: float) -> Chain:
        return Chain(
            "frepo",
            (
                Cell("RT", 2, (rt,), 100),
                Cell("RT", 1, (rt - 10,), 50),
                Cell("frepo", 1, (lbs,), 50),
            ),
        )

    assert table([one(80.0, 60.0), one(82.0, 64.0)]).splitlines()[2:] == [
        "| frepo | RT | 81.0 ± 1.4 | 71.0 ± 1.4 |",
        "| | slimmed by frepo | | 62.0 ± 2.8 |",
        "| | gap | | 9.0 |",
        "| | bytes | 100 | 50 |",
    ]


def test_the_page_of_results_is_made_of_them() -> None:
    root = Path(__file__).parents[1]
    script = root / "benchmarks" / "paper_page.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_how_data_are_read_concerns_methods_that_train_nothing_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((18, 8, 8, 1)).astype("f4"), 2 * (np.arange(18) % 3)
    condense = {"preprocessing": "none", "classes": 5}
    evaluate = {"steps": 2, "repeats": 1, "width": 2}
    chain(
        x,
        y,
        (3, 1),
        x_test=x,
        y_test=y,
        method="random",
        results=tmp_path,
        condense=condense,
        evaluate=evaluate,
    )
    made = slimdc.load(tmp_path / "sets" / "RT-3.safetensors")
    assert made.label_entries == 5
    assert made.preprocessing == slimdc.Preprocessing()


def test_a_start_in_another_space_is_another_start(tmp_path: Path) -> None:
    x, y = problem()
    start = slimdc.condense(x, y, 2, seed=3, **CONDENSE)
    other = start.with_preprocessing(slimdc.Preprocessing(0.0, 2.0))
    told = {"x": None, "y": None, "sizes": (1,), "condense": None}
    run(tmp_path, start=start, **told)
    with pytest.raises(SlimdcError, match="another"):
        run(tmp_path, start=other, **told)


def test_a_folder_whose_first_line_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    for length in (1, 15, 40):
        folder = tmp_path / f"cut {length}"
        folder.mkdir()
        line = (tmp_path / "whole" / "cells.jsonl").read_bytes()[:length]
        (folder / "cells.jsonl").write_bytes(line)
        with pytest.raises(FileError, match="no results"):
            Chain.read(folder)
        assert (folder / "cells.jsonl").read_bytes() == line
        assert run(folder).cells == whole.cells
        assert Chain.read(folder).cells == whole.cells
    other = tmp_path / "other"
    other.mkdir()
    (other / "cells.jsonl").write_text("my notes")
    with pytest.raises(FileError, match="none of results"):
        run(other)
    assert (other / "cells.jsonl").read_text() == "my notes"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pets" / "train").mkdir(parents=True)
    with pytest.raises(
        FileError, match=r"a folder of \['train'\], expected a new folder, or one of"
    ):
        run(tmp_path / "pets")
    assert [each.name for each in (tmp_path / "pets").iterdir()] == ["train"]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".hidden").write_text("")
    assert run(tmp_path / "new").cells


def test_two_chains_do_not_fill_one_folder(tmp_path: Path) -> None:
    tried = []

    def another(_: str) -> None:
        if not tried:
            tried.append(True)
            with pytest.raises(FileError, match="a chain at work, expected a folder that no other"):
                run(tmp_path)

    found = run(tmp_path, report=another)
    assert tried
    # What is finished is read whoever is at work.
    assert run(tmp_path).cells == found.cells
    assert len((tmp_path / "cells.jsonl").read_text().splitlines()) == 1 + len(found.cells)


def test_a_start_is_called_as_given_in_the_table(tmp_path: Path) -> None:
    found = run(tmp_path, start=problem(), x=None, y=None, sizes=(1,), slim_by=("truncate",))
    assert "| (a set given) | as given | " in table([found])
    assert "parameter-matching" not in table([found])


def test_a_backend_itself_computes_and_goes_on(tmp_path: Path) -> None:
    told = {"backend": slimdc.backend.get("numpy"), "device": None}
    changed = {"condense": CONDENSE | told, "slim": SLIM | told, "evaluate": EVALUATE | told}
    first = run(tmp_path, **changed)
    assert first.cells == run(tmp_path / "by its name").cells
    # In another process it is another object.
    changed = {
        name: options | {"backend": slimdc.backend.get("numpy")}
        for name, options in changed.items()
    }
    assert run(tmp_path, **changed).cells == first.cells


def test_backends_that_compute_other_bits_are_another_configuration(tmp_path: Path) -> None:
    library("torch")
    short = {"backend": slimdc.backend.get("torch", precision="bfloat16")}
    run(tmp_path, evaluate=EVALUATE | short)
    with pytest.raises(SlimdcError, match="whose results were made with"):
        run(tmp_path, evaluate=EVALUATE | {"backend": slimdc.backend.get("torch")})


def test_a_finished_chain_is_read_without_its_backend(tmp_path: Path, monkeypatch) -> None:
    told = {"evaluate": EVALUATE | {"backend": "numpy"}}
    found = run(tmp_path, **told)

    def none(*_: object, **__: object) -> None:
        raise MissingBackendError("backend", "'numpy'", "another")

    monkeypatch.setattr("slimdc._later.Compute.chosen", none)
    assert run(tmp_path, **told).cells == found.cells
    with pytest.raises(MissingBackendError, match="evaluate: backend"):
        run(tmp_path / "new", **told)


def test_options_of_what_trains_nothing_are_not_asked_for(tmp_path: Path) -> None:
    told = {"condense": {"width": 8}, "slim": {"steps": 3}}
    assert len(run(tmp_path, method="random", **told).cells) == 5
