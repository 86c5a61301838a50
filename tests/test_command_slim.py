"""``slimdc slim``: one set or several at once, each the same as the library's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import slimdc
from slimdc import cli


def test_slim_without_learning(vectors: Path, capsys) -> None:
    out = vectors.with_name("out.safetensors")
    assert cli.main(["slim", str(vectors), str(out), "-k", "2", "--steps", "0"]) == 0
    assert slimdc.load(out).components_per_class == 2
    assert "4 -> 2 components per class" in capsys.readouterr().out


@pytest.mark.parametrize("how", [["--steps", "0"], ["--method", "truncate"]])
def test_slim_without_learning_decodes_nothing(
    vectors: Path, how: list[str], capsys, monkeypatch
) -> None:
    data, out = slimdc.load(vectors), vectors.with_name("out")
    expected = slimdc.slim(data, 2, steps=0)
    with monkeypatch.context() as without:
        without.setattr(slimdc.SlimmableDataset, "__init__", None)
        assert cli.main(["slim", str(vectors), str(out), "-k", "2", *how]) == 0
    assert out.read_bytes() == slimdc.dumps(expected)
    told = f"{out}: 4 -> 2 components per class, {data.nbytes:,} -> {expected.nbytes:,} bytes"
    told += f", a file of {out.stat().st_size:,}\n"
    assert capsys.readouterr().out == told
    assert cli.main(["slim", str(vectors), str(out), "-k", "9", *how]) == 1
    assert "k: found 9, expected 1 to 4" in capsys.readouterr().err


def test_slim_with_learning_takes_every_option(vectors: Path, capsys) -> None:
    out, checkpoint = vectors.with_name("out"), vectors.with_name("checkpoint")
    arguments = ["slim", vectors, out, "-k", 1, "--steps", 3, "--backend", "numpy", "--seed", 7]
    arguments += ["--width", 4, "--checkpoint", checkpoint]
    assert cli.main([str(a) for a in arguments]) == 0
    assert slimdc.load(out).components_per_class == 1
    assert checkpoint.exists()
    # A pipe sees no progress bar.
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("steps", ["0", "1"])
def test_slim_does_not_write_over_what_it_reads(
    vectors: Path, tmp_path: Path, steps: str, capsys
) -> None:
    held = vectors.read_bytes()
    link, dotted = tmp_path / "link-{k}", vectors.parent / "." / ".." / vectors.parent.name / "{k}"
    link.with_name("link-2").symlink_to(vectors)
    vectors.with_name("2").hardlink_to(vectors)
    for out in (vectors, link, dotted):
        # The first of two would be written before the second is found to be IN.
        wanted = ["3", "2"] if "{k}" in out.name else ["2"]
        assert cli.main(["slim", str(vectors), str(out), "-k", *wanted, "--steps", steps]) == 1
        error = capsys.readouterr().err
        assert "OUT: found" in error
        assert "a file of its own" in error
    url = ["slim", vectors.absolute().as_uri(), str(vectors), "-k", "2", "--steps", steps]
    assert cli.main(url) == 1
    one = tmp_path / "one"
    twice = ["slim", str(vectors), str(one), "-k", "2", "--steps", "1", "--checkpoint", str(one)]
    assert cli.main(twice) == 1
    assert "OUT: found" in capsys.readouterr().err
    assert not one.exists()
    assert vectors.read_bytes() == held
    assert not link.with_name("link-3").exists()


class TestSeveral:
    """Several values of an option make a set each."""

    def test_components(self, vectors: Path, tmp_path: Path, capsys) -> None:
        out = tmp_path / "s-{k}.safetensors"
        arguments = ["slim", str(vectors), str(out), "-k", "3", "2", "1", "--steps", "0"]
        assert cli.main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        data = slimdc.load(vectors)
        assert lines[0] == f"before: 4 components per class, {data.nbytes:,} bytes"
        assert lines[1].split() == ["file", "components", "bytes", "file", "bytes"]
        assert len({len(line) for line in lines[1:]}) == 1
        for k, line in zip((3, 2, 1), lines[2:], strict=True):
            made = tmp_path / f"s-{k}.safetensors"
            assert made.read_bytes() == slimdc.dumps(slimdc.slim(data, k, steps=0))
            size = made.stat().st_size
            nbytes = slimdc.load(made).nbytes
            assert line.split() == [str(made), str(k), f"{nbytes:,}", f"{size:,}"]

    @pytest.mark.slow
    def test_bytes(self, images: Path, tmp_path: Path, capsys) -> None:
        out, data = tmp_path / "{nbytes}", slimdc.load(images)
        arguments = ["slim", str(images), str(out), "--steps", "0", "--json"]
        assert cli.main([*arguments, "--nbytes", "6000", "4500"]) == 0
        made = json.loads(capsys.readouterr().out)["made"]
        assert [one["asked"] for one in made] == [{"nbytes": 6000}, {"nbytes": 4500}]
        for one in made:
            budget = one["asked"]["nbytes"]
            small = slimdc.slim(data, nbytes=budget, steps=0, backend="numpy")
            assert Path(one["file"]).read_bytes() == slimdc.dumps(small)
            assert one["file_nbytes"] == Path(one["file"]).stat().st_size <= budget
            assert one["reason"] == small.codes.reason

    def test_an_interruption_names_the_checkpoint_that_is_there(
        self, vectors: Path, tmp_path: Path, capsys, monkeypatch
    ) -> None:
        slim = slimdc.slim

        def interrupted(*given: object, **options: object) -> slimdc.SlimmableDataset:
            if options["k"] == 1:
                raise KeyboardInterrupt
            return slim(*given, **options)

        monkeypatch.setattr(slimdc, "slim", interrupted)
        arguments = ["slim", str(vectors), str(tmp_path / "{k}"), "-k", "2", "1", "--steps", "2"]
        arguments += ["--width", "4", "--checkpoint", str(tmp_path / "run{k}")]
        assert cli.main(arguments) == 130
        assert f"goes on from {tmp_path / 'run2'}\n" in capsys.readouterr().err

    def test_training_with_checkpoints_of_each(self, vectors: Path, tmp_path: Path, capsys) -> None:
        arguments = ["slim", str(vectors), str(tmp_path / "s{k}"), "-k", "2", "1", "--steps", "3"]
        arguments += ["--width", "4", "--seed", "3", "--checkpoint", str(tmp_path / "run{k}")]
        assert cli.main(arguments) == 0
        for k in (2, 1):
            expected = slimdc.slim(slimdc.load(vectors), k, steps=3, width=4, seed=3)
            assert (tmp_path / f"s{k}").read_bytes() == slimdc.dumps(expected)
            assert (tmp_path / f"run{k}").exists()

    def test_one_option_varies_and_another_stays(self, vectors: Path, tmp_path: Path) -> None:
        out = tmp_path / "{bits}-{k}"
        arguments = ["slim", str(vectors), str(out), "-k", "2", "--bits", "8", "16", "--steps", "0"]
        assert cli.main(arguments) == 0
        assert {path.name for path in tmp_path.iterdir()} >= {"8.0-2", "16.0-2"}

    @pytest.mark.parametrize(
        ("out", "more", "told"),
        [
            ("s.safetensors", ["-k", "2", "1"], "OUT: found {out} for 2 values of -k, expected a "
             "name with {{k}}, such as {folder}/s-{{k}}.safetensors"),
            ("s-{{nbytes}}", ["-k", "2", "1"], "expected a name with {{k}}"),
            ("s-{{nbytes}}", ["-k", "2"], "found {{nbytes}} in {out} without --nbytes"),
            ("s-{{k}}", ["-k", "2", "2"], "-k: found 2 2, expected each value once"),
            ("s-{{k}}", ["-k", "2", "1", "--bits", "2", "3"], "several values of -k and of --bits"),
            ("s-{{k}}", ["-k", "2", "1", "--checkpoint", "run"], "--checkpoint: found run"),
            ("s", [], "found none of -k, --nbytes, --keep, --bits, expected one"),
        ],
    )  # fmt: skip
    def test_names_that_would_not_do(self, out, more, told, vectors, tmp_path, capsys) -> None:
        path = tmp_path / out.format()
        with pytest.raises(SystemExit) as caught:
            cli.main(["slim", str(vectors), str(path), *more])
        assert caught.value.code == 2
        assert told.format(out=path, folder=tmp_path) in capsys.readouterr().err
        assert [found.name for found in tmp_path.iterdir()] == [vectors.name]

    def test_a_name_before_the_values_is_asked_for(self, vectors: Path, capsys) -> None:
        with pytest.raises(SystemExit) as caught:
            cli.main(["slim", "-k", "2", str(vectors), "out"])
        assert caught.value.code == 2
        assert "IN and OUT go before it" in capsys.readouterr().err

    def test_all_targets_are_checked_before_the_work(self, vectors, tmp_path, capsys) -> None:
        (tmp_path / "s1").mkdir()
        arguments = ["slim", str(vectors), str(tmp_path / "s{k}"), "-k", "2", "1", "--steps", "0"]
        assert cli.main(arguments) == 1
        assert "OUT: found" in capsys.readouterr().err
        assert not (tmp_path / "s2").exists()


@pytest.mark.parametrize("out", [".", "/", ""])
def test_a_name_without_a_name_for_several_is_refused(vectors: Path, out: str, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["slim", str(vectors), out, "-k", "1", "2", "--steps", "0"])
    assert "expected a name with {k}" in capsys.readouterr().err
