"""The command line: what each command prints, its exit codes, and one clear line for an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import cli, demo
from slimdc.errors import SlimdcWarning


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("slimdc: error: ")
    return lines[0]


def test_certify_prints_the_certificate(vectors: Path, capsys) -> None:
    out = vectors.with_name("out")
    slimdc.save(slimdc.load(vectors).truncate(2), out)
    assert cli.main(["certify", str(vectors), str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{slimdc.certify(slimdc.load(vectors), slimdc.load(out))}\n"


@pytest.mark.filterwarnings("ignore:.*no test images of 7 of its 10 classes")
def test_evaluate_on_files(images: Path, fashion: Path, tmp_path: Path, capsys) -> None:
    arguments = ["evaluate", images, "--data", "fashion-mnist", "--root", tmp_path]
    arguments += ["--repeats", 2, "--steps", 2, "--width", 2]
    assert cli.main([str(a) for a in arguments]) == 0
    assert "(2 networks, 2 steps) on 12 real test images" in capsys.readouterr().out


def test_evaluate_on_the_sample(images: Path, capsys) -> None:
    arguments = ["--data", "sample", "--repeats", "1", "--steps", "1", "--width", "1"]
    assert cli.main(["evaluate", str(images), *arguments]) == 0
    assert "on 1,000 real test images" in capsys.readouterr().out


def test_evaluate_lays_out_several_sets(images: Path, tmp_path: Path, capsys) -> None:
    small = tmp_path / "small"
    slimdc.save(slimdc.load(images).truncate(1), small)
    arguments = ["--data", "sample", "--repeats", "2", "--steps", "1", "--width", "1"]
    assert cli.main(["evaluate", str(images), str(small), *arguments]) == 0
    printed = capsys.readouterr()
    head, first, second, last = printed.out.splitlines()  # the smallest first
    assert head.split() == ["set", "components", "bytes", "file", "bytes", "accuracy"]
    for line, path in ((first, small), (second, images)):
        data = slimdc.load(path)
        name, components, nbytes, file_nbytes, *told = line.split()
        assert (name, int(components)) == (str(path), data.components_per_class)
        assert int(nbytes.replace(",", "")) == data.nbytes
        assert int(file_nbytes.replace(",", "")) == path.stat().st_size
        sample = slimdc.datasets.sample()
        options = {"protocol": "quick", "repeats": 2, "steps": 1, "width": 1, "progress": False}
        found = slimdc.evaluate(data, sample.x_test, sample.y_test, **options)
        assert " ".join(told) == str(found)
        assert f"{path}: {found}" in printed.err
    assert last == "on 1,000 real test images"


def test_evaluate_draws_the_curve(images: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    library("matplotlib")
    drawn = {}
    monkeypatch.setattr("slimdc.pictures.budgets", lambda curves: drawn.update(curves))
    monkeypatch.setattr(
        "slimdc.pictures.save_picture", lambda _, path: path.write_bytes(b"a picture")
    )
    small, out = tmp_path / "small", tmp_path / "curve.png"
    slimdc.save(slimdc.load(images).truncate(1), small)
    arguments = ["--data", "sample", "--repeats", "1", "--steps", "1", "--width", "1", "--json"]
    call = ["evaluate", str(images), str(small), *arguments, "-o", str(out)]
    assert cli.main(call) == 0
    document = json.loads(capsys.readouterr().out)
    assert out.read_bytes() == b"a picture"
    assert document["picture"] == str(out)
    points = [[cell["file_nbytes"], cell["mean"], cell["std"]] for cell in document["sets"]]
    assert [list(point) for point in drawn["tested on sample"]] == sorted(
        points
    )  # fewest bytes first


@pytest.mark.filterwarnings("always::slimdc.errors.SlimdcWarning")
def test_a_set_whose_numbers_mean_other_classes_is_told(tmp_path: Path, capsys) -> None:
    image = library("PIL.Image")
    for place in ("train", "test"):
        for kind in ("cat", "cow", "dog"):
            (tmp_path / "pets" / place / kind).mkdir(parents=True)
            image.new("L", (8, 8)).save(tmp_path / "pets" / place / kind / "1.png")
    data = slimdc.SlimmableDataset.from_arrays(np.ones((3, 8, 8)), [0, 1, 2])
    arguments = ["evaluate", str(tmp_path / "set"), "--data", str(tmp_path / "pets")]
    arguments += ["--repeats", "1", "--steps", "1", "--width", "1"]
    for names, told in (
        (["cat", "dog", "cow"], "class 1 is named 'dog', in --data 'cow', and so with 1 more"),
        (["cat", "cow", "fox"], "class 2 is named 'fox', in --data 'dog'"),
        (["cat", "cow", "dog"], ""),
        (None, ""),
    ):
        slimdc.save(data.named(names), tmp_path / "set")
        assert cli.main(arguments) == 0
        warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        expected = [f"slimdc: warning: {tmp_path / 'set'}: {told}"] if told else []
        assert warned == expected


@pytest.mark.filterwarnings("default::slimdc.errors.SlimdcWarning")
def test_classes_that_nothing_is_tested_on_are_told(images: Path, capsys, monkeypatch) -> None:
    sample = slimdc.datasets.sample()
    few = sample._replace(x_test=sample.x_test[:60], y_test=sample.y_test[:60] % 2)
    arguments = ["evaluate", str(images), "--data", "sample", "--repeats", "1", "--steps", "1"]
    for data, told in ((few, True), (sample, False)):
        monkeypatch.setattr(slimdc.datasets, "sample", lambda data=data: data)
        assert cli.main([*arguments, "--width", "1"]) == 0
        warned = "no test images of 8 of its 10 classes, such as 2" in capsys.readouterr().err
        assert warned == told


def test_data_that_are_not_there_are_told_with_all_names(images: Path, capsys) -> None:
    assert cli.main(["evaluate", str(images), "--data", "nope"]) == 1
    assert "expected 'sample', or one of 'cifar10'" in error_line(capsys)


def test_the_set_in_the_package_is_called_as_it_was_typed(images, tmp_path, capsys, monkeypatch):
    quick = ["--data", "sample", "--repeats", "1", "--steps", "1", "--width", "1"]
    assert cli.main(["evaluate", "sample", str(images), *quick]) == 0
    printed = capsys.readouterr()
    assert "\nsample " in printed.out
    assert "\nslimdc: sample: " in f"\n{printed.err}"
    assert str(slimdc.datasets.bundled.sample_path()) not in printed.out + printed.err
    drawn = {}
    monkeypatch.setattr("slimdc.pictures.samples", drawn.update)
    monkeypatch.setattr("slimdc.pictures.canvas.save_picture", lambda *_: None)
    assert cli.main(["plot", "samples", "sample", str(images), "-o", str(tmp_path / "a.png")]) == 0
    assert list(drawn) == ["sample", images.stem]


def test_what_cannot_be_evaluated_is_said_first(images: Path, tmp_path: Path, capsys) -> None:
    def trains(*_: object, **__: object) -> None:
        raise AssertionError

    for wrong in (["missing"], ["--out", str(tmp_path / "no" / "folder.png")]):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(slimdc, "evaluate", trains)
            assert cli.main(["evaluate", str(images), *wrong, "--data", "sample"]) == 1
        error_line(capsys)


def test_the_set_in_the_package_has_a_name(tmp_path: Path, monkeypatch, capsys) -> None:
    assert cli.main(["info", "sample"]) == 0
    assert "322,464 bytes" in capsys.readouterr().out
    assert cli.main(["slim", "sample", str(tmp_path / "out"), "-k", "1", "--steps", "0"]) == 0
    assert slimdc.load(tmp_path / "out").components_per_class == 1
    assert cli.main(["convert", "sample", str(tmp_path / "same")]) == 0
    assert slimdc.load(tmp_path / "same").nbytes == 322_000
    # A file of this name is the file.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").rename("sample")
    assert cli.main(["slim", "sample", "out", "-k", "2", "--steps", "0"]) == 1


def test_a_folder_does_not_stand_in_the_way_of_the_set_in_the_package(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample").mkdir()
    assert cli.main(["slim", "sample", "out", "-k", "1", "--steps", "0"]) == 0
    assert cli.main(["slim", "./sample", "out", "-k", "1", "--steps", "0"]) == 1
    assert "a folder" in capsys.readouterr().err
    for reader in (["info", "sample"], ["convert", "sample", "out"]):  # which folders may be for
        assert cli.main(reader) == 1
        assert "sample: found a folder of" in capsys.readouterr().err


def test_evaluate_takes_a_protocol(images: Path, capsys) -> None:
    arguments = ["evaluate", str(images), "--data", "sample", "--width", "1", "--steps", "1"]
    assert cli.main([*arguments, "--protocol", "idc"]) == 0
    assert "(3 networks, 1 step) on 1,000 real test images" in capsys.readouterr().out
    assert cli.main([*arguments, "--protocol", "slow"]) == 1
    assert error_line(capsys).startswith("slimdc: error: protocol: found 'slow', expected")


def test_backends_lists_numpy_as_usable(capsys) -> None:
    assert cli.main(["backends"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "usable, on" in lines["numpy"]
    assert "torch" in lines


def test_backends_names_the_remedy(capsys, monkeypatch) -> None:
    from slimdc import backend

    monkeypatch.setattr(
        backend, "missing", lambda name: "pip install it" if name == "torch" else None
    )
    assert cli.main(["backends"]) == 0
    assert "not installed: pip install it" in capsys.readouterr().out


def test_backends_survives_a_broken_one(capsys, monkeypatch) -> None:
    from slimdc import backend

    def broken(name: str) -> None:
        raise RuntimeError(f"{name} has\na driver problem")

    monkeypatch.setattr(backend, "get", broken)
    assert cli.main(["backends"]) == 0
    assert "not usable: numpy has a driver problem" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["slim", "missing", "{folder}/out", "-k", "1"],
        ["slim", "{set}", "{folder}/out", "-k", "0"],
        ["slim", "{set}", "{folder}/out", "-k", "99"],
        ["slim", "{set}", "{folder}/out", "-k", "1", "--backend", "nonsense"],
        ["slim", "{set}", "{folder}/out", "-k", "1", "--steps", "-1"],
        ["slim", "{set}", "{folder}/no/such/folder", "-k", "1"],
        ["slim", "{set}", "{folder}", "-k", "1"],
        ["slim", "{foreign}", "{folder}/out", "-k", "1"],
        ["certify", "{set}", "missing"],
        ["certify", "{folder}", "{set}"],
        ["evaluate", "{set}", "--root", "{folder}/nowhere"],
        ["evaluate", "{set}", "--root", "~nosuchuser"],
        ["slim", "~nosuchuser/set", "{folder}/out", "-k", "1"],
        ["slim", "{set}", "~nosuchuser/out", "-k", "1"],
        ["demo", "--picture", "~nosuchuser/picture"],
        ["slim", "{set}", "{folder}/out", "-k", "1", "--checkpoint", "{folder}"],
        ["slim", "{set}", "{folder}/out", "-k", "1", "--checkpoint", "{folder}/no/such/folder"],
        ["demo", "--picture", "{folder}/no/such/folder.svg"],
    ],
)
def test_errors_take_one_line(arguments, vectors: Path, tmp_path: Path, capsys) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x80\x04\x95 a pickle, perhaps")
    names = {"folder": tmp_path, "set": vectors, "foreign": foreign}
    assert cli.main([a.format(**names) for a in arguments]) == 1
    line = error_line(capsys)
    assert "found" in line
    assert "expected" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="everything is writable for this user"
)
def test_a_read_only_target_is_refused_before_the_work(vectors: Path, tmp_path, capsys) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    assert cli.main(["slim", str(vectors), str(folder / "out"), "-k", "1"]) == 1
    assert "read-only" in error_line(capsys)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["slim"], ["slim", "a", "b"], ["slim", "a", "b", "-k", "x"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: slimdc" in capsys.readouterr().err


def test_what_a_command_does_not_take_is_told_with_its_own_usage(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["condense", "images", "out", "--fast"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("usage: slimdc condense")
    assert "--data" in told
    assert "unrecognized arguments: out --fast (see docs/commands.md#condense)" in told


def test_interruption_exits_with_130(capsys, monkeypatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "slimdc: interrupted\n"


def test_warnings_take_one_line(capsys, monkeypatch) -> None:
    def warning(**_: object) -> None:
        warnings.warn("two\nlines", SlimdcWarning, stacklevel=1)

    monkeypatch.setattr(demo, "run", warning)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert cli.main(["demo"]) == 0
    assert capsys.readouterr().err == "slimdc: warning: two lines\n"


def test_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slimdc", "certify", "missing", "missing"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("slimdc: error: ")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slimdc", "backends", "-q"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str, vectors: Path, tmp_path: Path) -> None:
    """Nor does a file that is opened later get what was meant for one of them."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "slimdc"]
            + [str(argument) for argument in arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("slim", vectors, "out", "-k", 2, "--steps", 2, "--width", 2, "--checkpoint", "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert slimdc.load(tmp_path / "out").components_per_class == 2
    done = run("certify", vectors, "missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert ("missing" in done.stderr) == (closed == ">&-")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(("full", "other"), [("stdout", "stderr"), ("stderr", "stdout")])
def test_a_full_disk_under_a_stream_is_told_on_the_other(
    full: str, other: str, vectors: Path, tmp_path: Path
) -> None:
    after = {"stdout": vectors, "stderr": "missing"}[full]
    with open("/dev/full", "w") as sink:
        done = subprocess.run(
            [sys.executable, "-m", "slimdc", "certify", vectors, after],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            check=False,
            **{full: sink, other: subprocess.PIPE},
        )
    assert done.returncode == 1
    if full == "stdout":
        assert done.stderr == "slimdc: error: [Errno 28] No space left on device\n"


def test_progress_needs_no_standard_error(vectors: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    out = vectors.with_name("out")
    assert cli.main(["slim", str(vectors), str(out), "-k", "2", "--steps", "2"]) == 0
    assert slimdc.load(out).components_per_class == 2
    assert (sys.stdout, sys.stderr) == (None, None)


def test_a_chain_is_run_kept_and_drawn(
    vectors: Path, fashion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    command = ["chain", str(folder), "--data", "fashion-mnist", "--root", str(tmp_path)]
    command += ["--sizes", "3", "1", "--condense-steps", "2", "--slim-steps", "2", "--repeats", "1"]
    command += ["--method", "frepo", "--width", "2", "--evaluate-steps", "2"]
    assert cli.main(command) == 0
    first = capsys.readouterr()
    assert "| frepo | RT |" in first.out
    assert first.err.count("slimdc: ") == 4
    assert cli.main(command) == 0
    again = capsys.readouterr()
    assert (again.out, again.err) == (first.out, "")
    assert cli.main([*command, "--seed", "1"]) == 1
    assert "whose results were made with" in capsys.readouterr().err
    sets = folder / "sets"
    for arguments in (
        ["accuracies", str(folder), "--against", "bytes"],
        ["samples", str(sets / "RT-3.safetensors"), str(sets / "frepo-1.safetensors")],
        ["components", str(sets / "RT-3.safetensors"), "--label", "2"],
        ["spectrum", str(sets / "RT-3.safetensors")],
    ):
        picture = tmp_path / f"{arguments[0]}.png"
        assert cli.main(["plot", *arguments, "-o", str(picture)]) == 0
        assert picture.read_bytes()[:4] == b"\x89PNG"
    assert cli.main(["plot", "samples", str(vectors), "-o", str(tmp_path / "none.png")]) == 1
    assert "a set of images" in capsys.readouterr().err


def test_methods_are_listed_with_what_they_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "CVPR 2023" in lines["parameter-matching"]
    assert "condense" not in lines["truncate"]
    assert "condense, slim" in lines["dm"]


def test_nothing_is_written_over_what_is_read(images: Path, tmp_path: Path, capsys) -> None:
    library("matplotlib")
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.write_bytes(images.read_bytes())
    held = one.read_bytes()
    for arguments in (
        ["convert", str(one), str(one), "--labels", "classes"],
        ["convert", str(one), str(two), str(one)],
        ["plot", "spectrum", str(one), "-o", str(one)],
        ["evaluate", str(one), "--data", "sample", "-o", str(one)],
        ["condense", str(two), "--data", "sample", "--ipc", "1", "--checkpoint", str(two)],
    ):
        assert cli.main(arguments) == 1
        assert "a file of its own" in capsys.readouterr().err
    assert one.read_bytes() == two.read_bytes() == held


def test_sets_whose_files_are_called_alike_are_all_drawn(images: Path, tmp_path, capsys) -> None:
    library("matplotlib")
    heights = []
    for count in (1, 2):
        paths = [tmp_path / str(i) / "$_$.st" for i in range(count)]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(images.read_bytes())
        picture = tmp_path / f"{count}.png"
        assert cli.main(["plot", "samples", *map(str, paths), "-o", str(picture)]) == 0
        heights.append(int.from_bytes(picture.read_bytes()[20:24], "big"))
    assert heights[1] > 1.3 * heights[0]
    capsys.readouterr()
    assert cli.main(["plot", "spectrum", *map(str, paths), "-o", str(tmp_path / "s.png")]) == 1
    assert "PATH: found 2 sets, expected one for spectrum" in capsys.readouterr().err
    assert cli.main(["plot", "samples", str(paths[0]), str(paths[0]), "-o", str(picture)]) == 1


def test_a_chain_that_was_not_begun_cannot_be_drawn(tmp_path: Path, capsys) -> None:
    library("matplotlib")
    (tmp_path / "cells.jsonl").write_text('{"configuration": {"method": "frepo"}}\n')
    assert cli.main(["plot", "accuracies", str(tmp_path), "-o", str(tmp_path / "a.png")]) == 1
    assert "without a finished cell" in capsys.readouterr().err


def test_a_picture_that_fails_takes_no_figures_along(
    images: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    library("matplotlib")

    def full(_figure: object, path: Path) -> None:
        raise slimdc.errors.FileError(str(path), "no space", "space on the disk")

    monkeypatch.setattr("slimdc.pictures.save_picture", full)
    arguments = ["--data", "sample", "--repeats", "1", "--steps", "1", "--width", "1", "--json"]
    assert cli.main(["evaluate", str(images), *arguments, "-o", str(tmp_path / "a.png")]) == 1
    told = capsys.readouterr()
    assert len(json.loads(told.out)["sets"]) == 1
    assert "no space" in told.err


def test_sets_of_other_shapes_are_refused_before_any_is_trained_on(
    images: Path, vectors: Path, capsys, monkeypatch
) -> None:
    def trains(*_: object, **__: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(slimdc, "evaluate", trains)
    assert cli.main(["evaluate", str(images), str(vectors), "--data", "sample"]) == 1
    told = error_line(capsys)
    assert "--data: found samples of shape (784,), expected samples of shape (12,)" in told
    assert f", as in {vectors} (see" in told


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["demo", "--picture", "a.jpg"], "--picture: found a.jpg, expected a name that ends in"),
        (["plot", "spectrum", "{set}", "-o", "a.png", "-k", "1"], "-k: found [1], expected none"),
        (
            ["slim", "{set}", "out", "-k", "1", "--method", "truncate", "--steps", "5"],
            "steps: foun",
        ),
    ],
)
def test_options_that_do_not_belong_are_refused(
    images: Path, capsys, tmp_path: Path, monkeypatch, call: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([word.format(set=images) for word in call]) == 1
    assert message in error_line(capsys)


def test_an_interrupted_chain_says_how_it_goes_on(tmp_path: Path, capsys, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("slimdc.commands.data.all_images", interrupted)
    assert cli.main(["chain", str(tmp_path / "results")]) == 130
    assert capsys.readouterr().err == "slimdc: interrupted\n"
    (tmp_path / "results").mkdir()
    assert cli.main(["chain", str(tmp_path / "results")]) == 130
    told = f"slimdc: interrupted; the same command goes on from {tmp_path / 'results'}\n"
    assert capsys.readouterr().err == told
