"""``slimdc condense``: real data in, a set out, the same as the library's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import cli


def test_it_is_the_call(fashion: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    arguments = ["--ipc", "3", "--method", "dm", "--steps", "2", "--width", "2", "--seed", "5"]
    assert cli.main(["condense", str(out), "--data", str(fashion), *arguments]) == 0
    x, y, _, _ = slimdc.datasets.read(fashion)
    expected = slimdc.condense(x, y, 3, method="dm", steps=2, width=2, seed=5, backend="numpy")
    assert out.read_bytes() == slimdc.dumps(expected)
    printed = capsys.readouterr()
    assert f"{out}: 30 real images -> {expected}, {expected.nbytes:,} bytes\n" == printed.out
    assert printed.err == ""


def test_a_run_goes_on_from_its_checkpoint(
    fashion: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    def arguments(out: str) -> list[str]:
        run, size = tmp_path / f"{out}.run", ["--ipc", "2", "--steps", "4", "--width", "2"]
        place = ["--data", str(fashion), "--checkpoint", str(run)]
        return ["condense", str(tmp_path / out), *place, *size]

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    assert cli.main(arguments("whole")) == 0
    onward = f"; the same command goes on from {tmp_path / 'cut.run'}"
    for told in ("", onward):
        with monkeypatch.context() as cut:
            cut.setattr(slimdc, "condense", interrupted)
            assert cli.main(arguments("cut")) == 130
        assert capsys.readouterr().err == f"slimdc: interrupted{told}\n"
        # What the other run left at its end is where this one is taken up.
        shutil.copy(tmp_path / "whole.run", tmp_path / "cut.run")
    assert cli.main(arguments("cut")) == 0
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


def test_the_matrix_of_a_whitening_is_put_beside(fashion: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    arguments = ["condense", str(out), "--data", str(fashion), "--ipc", "1", "--method", "random"]
    assert cli.main([*arguments, "--preprocessing", "zca", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    kept = slimdc.load(out).preprocessing
    assert Path(document["matrix"]) == tmp_path / kept.matrix_name
    assert kept.with_matrix(document["matrix"]).is_complete
    assert cli.main([*arguments, "--preprocessing", "none"]) == 0
    assert slimdc.load(out).preprocessing == slimdc.Preprocessing()


def test_folders_of_images(tmp_path: Path, capsys) -> None:
    image = library("PIL.Image")
    rng = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        folder = tmp_path / "pets" / "train" / kind
        folder.mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            image.fromarray(pixels).save(folder / f"{i}.png")
    arguments = ["condense", str(tmp_path / "out"), "--data", str(tmp_path / "pets"), "--json"]
    assert cli.main([*arguments, "--ipc", "2", "--steps", "0"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["names"], document["shape"]) == (["cats", "dogs"], [8, 8, 3])
    assert slimdc.load(tmp_path / "out").names == ("cats", "dogs")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--data", "sample"], "data: found 'sample', which is not there, expected one of"),
        (["--data", "{fashion}", "--ipc", "0"], "ipc: found 0"),
        (["--data", "{fashion}", "--method", "truncate"], "method: found 'truncate'"),
        (["--data", "{fashion}", "--backend", "none"], "backend"),
        (["--data", "{fashion}", "--root", "x"], "root: found"),
    ],
)
def test_errors_take_one_line(more: list[str], told: str, fashion, tmp_path, capsys) -> None:
    filled = [argument.format(fashion=fashion) for argument in more]
    assert cli.main(["condense", str(tmp_path / "out"), *filled]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("slimdc: error: ")
    assert told in printed.err
    assert not (tmp_path / "out").exists()


def test_the_target_is_checked_before_the_work(fashion: Path, tmp_path: Path, capsys) -> None:
    assert cli.main(["condense", str(tmp_path / "no" / "out"), "--data", str(fashion)]) == 1
    assert "OUT: found" in capsys.readouterr().err
