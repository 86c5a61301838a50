"""``slimdc info``: what it prints of whole, damaged and foreign files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from slimmable_sets import KINDS

import slimdc
from slimdc import cli
from slimdc.parameterization import Preprocessing
from slimdc.storage import inspect


def info(path: Path, capsys: pytest.CaptureFixture[str], *more: str, code: int = 0) -> str:
    assert cli.main(["info", str(path), *more]) == code
    return capsys.readouterr().out


def test_a_file_is_told_in_a_table(images: Path, capsys) -> None:
    data, printed = slimdc.load(images), info(images, capsys)
    size = images.stat().st_size
    assert printed.startswith(f"{images}: a slimmable file, version 3, {size:,} bytes\n")
    for line in (
        "samples        30 of 28x28x1, channels last, float32",
        "classes        10: labels 0 to 9",
        "per class      3 samples, 3 components",
        "labels         rows of 10 entries",
        "components     directions, in float32: 32 bits for each number",
        "preprocessing  none",
        "state          whole: every component matches its digest",
    ):
        assert f"\n{line}\n" in printed
    rows = [line.split() for line in printed.split("Σ s²")[1].splitlines()[1:]]
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    assert rows[-1][1] == f"{size:,}"
    energy = (data.s**2).sum(axis=0) / (data.s**2).sum()
    assert [float(row[2]) for row in rows] == pytest.approx(100 * energy, abs=0.06)
    assert [len(row[4]) if len(row) > 4 else 0 for row in rows] == [
        round(30 * share) for share in energy / energy.max()
    ]


@pytest.mark.parametrize("name", KINDS)
def test_the_document_is_the_report(name: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "set"
    slimdc.save(KINDS[name](), path)
    printed = info(path, capsys, "--json", "--check")
    assert json.loads(printed) == inspect(path, depth="set").to_dict()
    assert "the set can be built" in info(path, capsys, "--check")


def test_uneven_sets_say_both_ends(tmp_path: Path, capsys) -> None:
    path = tmp_path / "set"
    slimdc.save(KINDS["uneven"](), path)
    assert "1 to 5 (5 3 1) samples, 1 to 5 (5 3 1) components" in info(path, capsys)
    slimdc.save(KINDS["coded rows"](), path)
    assert "samples as they are, in few bits: " in info(path, capsys)
    slimdc.save(KINDS["one class"](), path)
    assert "1: labels 2\n" in info(path, capsys)


def test_many_components_are_shown_in_part(tmp_path: Path, capsys) -> None:
    path = tmp_path / "set"
    x = np.random.default_rng(0).normal(size=(60, 70))
    slimdc.save(slimdc.SlimmableDataset.from_arrays(x, np.zeros(60, int)), path)
    printed = info(path, capsys)
    shown = [int(line.split()[0]) for line in printed.split("Σ s²")[1].splitlines()[1:]]
    assert shown[:10] == list(range(1, 11))
    assert shown[-1] == 60
    assert len(shown) < 24
    assert shown == sorted(set(shown))


def test_the_space_is_told(tmp_path: Path, capsys) -> None:
    x = np.random.default_rng(0).random((12, 4, 4, 3)).astype(np.float32)
    path = tmp_path / "set"
    whitened = Preprocessing.zca(x, "channels_last")
    for space, told in (
        (Preprocessing(0.5, 0.25), "(x - mean) / std, mean 0.5, std 0.25\n"),
        (Preprocessing((0.1, 0.2, 0.3), (1, 2, 3)), "mean 0.1 0.2 0.3, std 1 2 3\n"),
        (whitened, f"kept apart, in {whitened.matrix_name}: not found\n"),
    ):
        made = slimdc.SlimmableDataset.from_arrays(x, np.arange(12) % 2, preprocessing=space)
        slimdc.save(made, path)
        assert told in info(path, capsys)
    whitened.save_matrix(tmp_path)
    assert f"in {whitened.matrix_name}: beside the file\n" in info(path, capsys)


def test_a_damaged_file_is_described_and_is_an_error(images: Path, capsys) -> None:
    payload = bytearray(images.read_bytes())
    payload[inspect(images).prefixes[0] + 1] ^= 1
    images.write_bytes(payload)
    assert cli.main(["info", str(images)]) == 1
    printed = capsys.readouterr()
    assert (
        "component 1 (from 0) no longer matches its digest; the first 1 can be read" in printed.out
    )
    assert "10: labels 0 to 9" in printed.out
    assert printed.err.startswith(f"slimdc: error: {images}: found damaged: component 1")
    assert cli.main(["info", str(images), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damaged_components"] == [1]


def test_a_cut_file_is_a_shorter_set(images: Path, capsys) -> None:
    images.write_bytes(images.read_bytes()[:-1])
    printed = info(images, capsys)
    assert "state          cut: 2 of 3 components are whole\n" in printed
    assert printed.splitlines()[-1].split()[-1] == "-"
    assert " bytes if whole\n" in printed


def test_a_file_cut_before_its_first_component_is_an_error(images: Path, capsys) -> None:
    first = slimdc.storage.inspect(images).prefixes[0]
    images.write_bytes(images.read_bytes()[: first - 1])
    assert cli.main(["info", str(images)]) == 1
    printed = capsys.readouterr()
    assert "cut: 0 of 3 components are whole" in printed.out
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("keep", [0, 30])
def test_what_is_no_file_of_ours_is_one_line(keep: int, images: Path, capsys) -> None:
    images.write_bytes(images.read_bytes()[:keep])
    assert cli.main(["info", str(images)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "expected" in printed.err


def test_a_set_of_others(tmp_path: Path, capsys) -> None:
    path = tmp_path / "frepo.npz"
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype(np.float32)
    np.savez(path, image=x, label=np.eye(2, dtype=np.float32)[[1, 0, 1, 0]])
    for more in ((), ("--format", "frepo")):
        printed = info(path, capsys, *more)
        assert f"a set of format frepo, {path.stat().st_size:,} bytes" in printed
        assert "preprocessing  not said by the file" in printed
        assert "`slimdc convert` writes" in printed
    assert cli.main(["info", str(path), "--format", "idc"]) == 1
    assert "expected a set of format 'idc'" in capsys.readouterr().err
