"""The page of limits stays honest: each figure on it is on the page that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import slimdc

DOCS = Path(slimdc.__file__).parents[1] / "docs"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (DOCS / "limits.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what ")
]


def numbers(text: str) -> set[str]:
    return {found.rstrip(".,") for found in re.findall(r"\d[\d,.]*", text)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_figures_are_on_the_page_that_is_named(row: list[str]) -> None:
    _, figure, pages = row
    named = re.findall(r"\]\(([a-z]+\.md)[^)]*\)", pages)
    assert named
    told = "".join((DOCS / name).read_text(encoding="utf-8") for name in named)
    assert numbers(figure) <= numbers(told)


def test_figures_are_given() -> None:
    assert len(ROWS) > 20
    assert sum(bool(numbers(figure)) for _, figure, _ in ROWS) > 10
