"""The page on the mathematics links to what exists, and shows a report that is printed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from slimdc import certify, datasets

PAGE = Path(__file__).parents[1] / "docs" / "math.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _named(links: str) -> list[Any]:
    """What the links to API pages name; those pages must hold it."""
    found = []
    for file, name in re.findall(r"\((api/\w+\.md)#([\w.]+)\)", links):
        held = re.findall(r"^::: (\S+)$", (PAGE.parent / file).read_text(), re.MULTILINE)
        assert any(name == h or name.startswith(f"{h}.") for h in held), f"{file} lacks {name}"
        module, _, attribute = name.rpartition(".")
        found.append(getattr(importlib.import_module(module), attribute))
    return found


def test_each_equation_is_linked_to_a_function(page: str) -> None:
    table = page.partition("## Where each equation is")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:4] for row in table.splitlines() if "(api/" in row]
    linked: dict[str, list[Any]] = {}
    for number, _, functions in rows:
        label = re.sub(r"\[(.*)\]\(#[\w-]+\)", r"\1", number.strip())
        linked.setdefault(label, []).extend(_named(functions))
    assert {str(n) for n in (1, *range(5, 14))} | {"Algorithm 1"} <= set(linked)
    for number, functions in linked.items():
        if number.isdigit():  # the docstring says which equation it is, too
            assert any(f"Eq. {number}" in (f.__doc__ or "") for f in functions)
    importlib.import_module("slimdc.training.algorithm")


def test_each_numbered_equation_is_in_the_table_and_names_its_functions(page: str) -> None:
    """As the table links equations, so do they stand: under each, what computes it."""
    head, _, below = page.partition("## Notation")
    listed = {
        anchor: (label, set(_named(functions)))
        for label, anchor, functions in re.findall(
            r"^\| \[(.*?)\]\(#([\w-]+)\) \|.*?\|(.*)\|$", head, re.MULTILINE
        )
    }
    tags = re.findall(r"\\tag\{(.*?)\}\n\$\$\n\n(.*)\n\{ \.computed(?: #([\w-]+))? \}", below)
    assert len(tags) == below.count(r"\tag{") == len(listed)
    for tag, functions, anchor in tags:
        label, of_table = listed.pop(anchor or f"eq-{tag}")
        assert label == tag
        named = {f.__name__.removeprefix("slimdc.") for f in _named(functions)}
        assert named & {f.__name__ for f in of_table} or (tag, named) == ("B1", {"regression"})
        assert below.count(f"#{anchor or f'eq-{tag}'} }}") == 1
    assert not listed


def test_the_report_that_is_shown_is_what_is_printed(page: str) -> None:
    shown = re.search(r"```text\n(Slimming kept .*?)```", page, re.DOTALL)
    assert shown is not None
    data = datasets.sample().data
    printed = str(certify(data, data.truncate(3))).splitlines()
    for line in shown[1].splitlines():
        assert line.strip() == "..." or line in printed
