"""What all commands share: help with defaults, one JSON document, quiet, and completion."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import cli
from slimdc.commands import COMMANDS
from slimdc.commands.answers import answer
from slimdc.errors import FileError, SlimdcWarning

# What has no answer for programs: the demo explains, completion is for a shell.
FOR_PEOPLE = ("demo", "completion")
FLAGS = (argparse._StoreTrueAction, argparse._HelpAction)


def actions(command: str) -> list[argparse.Action]:
    parser = argparse.ArgumentParser()
    COMMANDS[command][1](parser)
    return parser._actions


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "demo"])
class TestHelp:
    def test_every_option_has_a_help(self, command: str) -> None:
        assert [action.dest for action in actions(command) if not action.help] == []

    def test_every_default_is_said(self, command: str) -> None:
        for action in actions(command):
            if not action.option_strings or isinstance(action, FLAGS):
                continue
            told = str(action.help) % vars(action)
            assert ("(default: " in told) != action.required, action.dest
            if isinstance(action.default, list):
                assert f"(default: {' '.join(map(str, action.default))})" in told
            elif action.default is not None:
                assert f"(default: {action.default}" in told, action.dest

    def test_json_and_quiet_mean_the_same(self, command: str) -> None:
        found = {action.dest: action for action in actions(command)}
        if command in FOR_PEOPLE:
            return
        assert found["json"].option_strings == ["--json"]
        assert "one JSON document on stdout" in str(found["json"].help)
        assert found["quiet"].option_strings == ["-q", "--quiet"]
        assert "errors only on stderr" in str(found["quiet"].help)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_printed(command: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: slimdc {command}" in capsys.readouterr().out


CASES = {
    "info": (
        ["info", "{images}"],
        "file format version nbytes component_nbytes stored components_are bits numbers classes "
        "labels names label_entries samples components shape layout dtype preprocessing reordered "
        "prefixes read whole_components damaged_components problem verdict",
    ),
    "condense": (
        ["condense", "{out}", "--data", "{fashion}", "--ipc", "2", "--steps", "0"],
        "file matrix data real_images method classes names samples components shape nbytes "
        "file_nbytes",
    ),
    "slim": (["slim", "{images}", "{out}", "-k", "2", "--steps", "0"], "set made"),
    "certify": (
        ["certify", "{images}", "{images}"],
        "kind full_rank components eta first_order infinity_order kept_ratio bounds notes verdict",
    ),
    "evaluate": (
        ["evaluate", "{images}", "--data", "sample", "--repeats", "1", "--steps", "1", "--width",
         "1"],
        "data test_images protocol sets picture",
    ),
    "convert": (
        ["convert", "{images}", "{out}", "--format", "frepo"],
        "file format samples classes shape",
    ),
    "chain": (
        ["chain", "{out}", "--start", "{images}", "--sizes", "1", "--slim-by", "truncate", "--data",
         "{fashion}", "--repeats", "1", "--evaluate-steps", "1"],
        "results method cells",
    ),
    "plot": (["plot", "spectrum", "{images}", "-o", "{out}"], "file what"),
    "methods": (["methods"], "methods"),
    "backends": (["backends"], "backends"),
}  # fmt: skip


def test_every_answer_is_tried() -> None:
    assert set(CASES) == set(COMMANDS) - set(FOR_PEOPLE)


@pytest.mark.parametrize("command", CASES)
def test_json_is_one_document_and_quiet_leaves_stderr_empty(
    command: str, images: Path, fashion: Path, tmp_path: Path, capsys
) -> None:
    arguments, keys = CASES[command]
    places = {"images": images, "fashion": fashion, "out": tmp_path / "out"}
    filled = [argument.format(**places) for argument in arguments]
    assert cli.main([*filled, "--json", "--quiet"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert sorted(document) == sorted(keys.split())
    assert printed.err == ""
    # A text is no document.
    assert cli.main(filled) == 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", CASES)
def test_the_page_names_the_keys(command: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{command}` | `")]
    assert re.findall("`([^`]*)`", row)[1:] == CASES[command][1].split()


def test_the_keys_of_lists(images: Path, tmp_path: Path, capsys) -> None:
    arguments = ["slim", str(images), str(tmp_path / "{k}"), "-k", "2", "1", "--steps", "0"]
    assert cli.main([*arguments, "--json"]) == 0
    keys = "file asked components_before components nbytes_before nbytes file_nbytes reason"
    for made in json.loads(capsys.readouterr().out)["made"]:
        assert sorted(made) == sorted(keys.split())
    arguments = ["evaluate", str(images), "--data", "sample", "--repeats", "1", "--steps", "1"]
    assert cli.main([*arguments, "--width", "1", "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)["sets"]
    keys = "set components nbytes file_nbytes networks steps accuracies mean std"
    assert sorted(cell) == sorted(keys.split())
    assert cli.main(["info", str(images), "--json"]) == 0
    for prefix in json.loads(capsys.readouterr().out)["prefixes"]:
        assert sorted(prefix) == ["energy", "k", "nbytes"]


def test_an_error_prints_no_document(images: Path, capsys) -> None:
    assert cli.main(["info", "missing", "--json", "-q"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "missing: found no such file" in printed.err


def test_numbers_that_json_lacks_are_null(capsys) -> None:
    found = {"a": (math.inf, [math.nan, 1.0]), "b": {"c": -math.inf}}
    answer(argparse.Namespace(json=True), "", found)
    assert json.loads(capsys.readouterr().out) == {"a": [None, [None, 1.0]], "b": {"c": None}}


@pytest.mark.parametrize("call", ["condense", "slim", "evaluate"])
def test_quiet_shows_no_progress(
    call: str, images: Path, fashion: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    asked = []

    def called(*_: object, progress: object, **__: object) -> None:
        asked.append(progress)
        raise FileError("file", "nothing", "something")

    monkeypatch.setattr(slimdc, call, called)
    places = {"images": images, "fashion": fashion, "out": tmp_path / "out"}
    filled = [argument.format(**places) for argument in CASES[call][0]]
    filled += ["--bits", "4"] if call == "slim" else []
    assert cli.main([*filled, "-q"]) == cli.main(filled) == 1
    assert asked[0] is False
    assert asked[1] is not False


@pytest.mark.parametrize("quiet", [False, True])
def test_quiet_hides_warnings(quiet: bool, tmp_path: Path, capsys) -> None:
    x = np.random.default_rng(0).normal(size=(5, 6))
    path, out = tmp_path / "uneven", tmp_path / "out"
    slimdc.save(slimdc.SlimmableDataset.from_arrays(x, [0, 0, 0, 1, 1]), path)
    arguments = ["slim", str(path), str(out), "-k", "3", "--steps", "0"]
    with warnings.catch_warnings():
        warnings.simplefilter("default", SlimdcWarning)
        assert cli.main([*arguments, *(["-q"] if quiet else [])]) == 0
    printed = capsys.readouterr()
    assert ("hold fewer" in printed.err) != quiet
    assert "components per class" in printed.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["slim", "a", "b", "-k", "x"], "found 'x', expected a whole number"),
        (["slim", "a", "b", "--keep", "most"], "found 'most', expected a number"),
        (["slim", "a", "b", "-k", "1", "--seed", "1.5"], "found '1.5', expected a whole number"),
        (["condense", "a", "--ipc", "ten"], "found 'ten', expected a whole number"),
        (["condense", "a", "--preprocessing", "pca"], "invalid choice: 'pca' (choose from"),
        (["completion", "tcsh"], "invalid choice: 'tcsh' (choose from"),
        (["info"], "required: FILE"),
        (["infos", "a"], "invalid choice: 'infos' (choose from"),
        (["plot", "spectrum", "a"], "required: -o/--out"),
    ],
)
def test_wrong_usage_says_what_was_found(arguments: list[str], told: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


class TestCompletion:
    @pytest.mark.parametrize(
        ("shell", "told"),
        [
            ("bash", "complete -o nospace"),
            ("zsh", "compdef _python_argcomplete slimdc"),
            ("fish", "complete --command slimdc"),
        ],
    )
    def test_each_shell_gets_its_code(self, shell: str, told: str, capsys) -> None:
        library("argcomplete")
        assert cli.main(["completion", shell]) == 0
        assert told in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("line", "offered"),
        [
            ("slimdc slim --me", {"--method"}),
            ("slimdc slim --method tr", {"truncate"}),
            ("slimdc condense --method tr", set()),
            ("slimdc condense --preprocessing z", {"zca"}),
            ("slimdc evaluate a --data sa", {"sample"}),
        ],
    )
    def test_a_shell_is_answered(self, line: str, offered: set[str], tmp_path: Path) -> None:
        library("argcomplete")
        answered = tmp_path / "answered"
        asked = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_SHELL": "bash",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answered),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run(
            [sys.executable, "-m", "slimdc"], cwd=tmp_path, env=os.environ | asked, check=True
        )
        found = answered.read_text().split("\n") if answered.exists() else []
        assert {name.strip() for name in found} - {""} == offered

    def test_a_missing_library_is_named(self, capsys, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "argcomplete", None)
        monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
        assert cli.main(["completion", "bash"]) == 1
        assert 'pip install "slimdc[completion]"' in capsys.readouterr().err
