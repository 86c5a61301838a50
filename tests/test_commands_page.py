"""The page of the command line: every command, every option and every default."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from slimdc.commands import COMMANDS

PAGE = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = {
    part.partition("\n")[0].strip(): part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)
}
SHARED = SECTIONS["What all commands share"]


def test_every_command_has_a_section_and_no_other_has() -> None:
    titles = [title for title in SECTIONS if "\n" not in title and not title.startswith("#")]
    assert titles == ["What all commands share", *COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_default_is_said(command: str) -> None:
    parser = argparse.ArgumentParser()
    COMMANDS[command][1](parser)
    for action in parser._actions[1:]:
        for name in action.option_strings:
            assert f"`{name}`" in SECTIONS[command] + SHARED, name
        if action.option_strings and action.default not in (None, False) and command != "demo":
            default = action.default
            said = " ".join(map(str, default)) if isinstance(default, list) else str(default)
            rows = [
                line
                for line in (SECTIONS[command] + SHARED).splitlines()
                if f"`{action.option_strings[-1]}`" in line and line.startswith("|")
            ]
            assert any(row.split("|")[-2].strip().startswith(said) for row in rows), action.dest


@pytest.mark.parametrize("command", COMMANDS)
def test_no_section_names_an_option_that_is_none(command: str) -> None:
    parser = argparse.ArgumentParser()
    COMMANDS[command][1](parser)
    known = {name for action in parser._actions for name in action.option_strings}
    told = set(re.findall(r"^\| `(-[^`]*)`", SECTIONS[command], flags=re.MULTILINE))
    assert told <= known
