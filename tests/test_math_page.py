"""The page on the mathematics links to what exists, and shows a report that is printed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from slimdc import certify, datasets

PAGE = Path(__file__).parents[1] / "docs" / "math.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_each_equation_is_linked_to_a_function(page: str) -> None:
    table = page.partition("## Where each equation is")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:4] for row in table.splitlines() if "api.md#" in row]
    linked = {}
    for number, _, functions in rows:
        for name in re.findall(r"api\.md#([\w.]+)", functions):
            module, _, attribute = name.rpartition(".")
            linked.setdefault(number.strip(), []).append(
                getattr(importlib.import_module(module), attribute)
            )
    assert {str(n) for n in (1, *range(5, 14))} | {"Algorithm 1"} <= set(linked)
    for number, functions in linked.items():
        if number.isdigit():  # the docstring says which equation it is, too
            assert any(f"Eq. {number}" in (f.__doc__ or "") for f in functions)
    importlib.import_module("slimdc.training.algorithm")


def test_the_report_that_is_shown_is_what_is_printed(page: str) -> None:
    shown = re.search(r"```text\n(Slimming kept .*?)```", page, re.DOTALL)
    assert shown is not None
    data = datasets.sample().data
    printed = str(certify(data, data.truncate(3))).splitlines()
    for line in shown[1].splitlines():
        assert line.strip() == "..." or line in printed
