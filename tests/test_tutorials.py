"""Tutorials: that each can fail, is found, and is shown as it ran. The build of the pages runs all.

They take minutes, so that no test here runs one again.
"""

from __future__ import annotations

import base64
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import slimdc

DOCS = Path(slimdc.__file__).parents[1] / "docs"
SCRIPTS = sorted((DOCS / "tutorials").glob("*.py"))


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook's own module, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("cells", DOCS / "_hooks" / "cells.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "cells", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_tutorial_begins_with_its_title_and_ends_with_what_must_hold(
    path: Path, cells: ModuleType
) -> None:
    found = cells.cells_of(path.read_text(encoding="utf-8"))
    assert found[0].prose
    assert found[0].text.startswith("# ")
    assert not found[-1].prose
    assert found[-1].text.startswith("assert ")
    for cell in found:
        if not cell.prose:
            compile(cell.text, str(path), "exec")
    # Pictures are described for those who cannot see them.
    drawn = [cell for cell in found if "pictures." in cell.text.splitlines()[-1] and not cell.prose]
    assert all(cell.title for cell in drawn)


def test_every_tutorial_is_in_the_menu_and_on_the_page_of_all() -> None:
    assert len(SCRIPTS) >= 7
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    overview = (DOCS / "tutorials" / "index.md").read_text(encoding="utf-8")
    for path in SCRIPTS:
        assert f"tutorials/{path.stem}.md" in menu
        assert f"({path.stem}.py)" in overview


SCRIPT = """ignored = 1

# %% [markdown]
# # Title
#
# A word.

# %% A picture
import sys

class Picture:
    def savefig(self, to, **options):
        to.write(b"png")

print("before")
Picture()

# %%
class Grid:
    def _repr_html_(self):
        return "<b>grid</b>"

Grid()

# %%
print("out"); print("err", file=sys.stderr)

# %%
value = 1
value + 1
"""


def test_cells_show_what_they_print_and_their_last_value(tmp_path: Path, cells: ModuleType) -> None:
    (tmp_path / "a.py").write_text(SCRIPT)
    prose, picture, *_ = cells.cells_of(SCRIPT)
    assert (prose.prose, prose.text) == (True, "# Title\n\nA word.")
    assert (picture.title, picture.line) == ("A picture", 9)
    assert cells.run(tmp_path / "a.py") == [
        {"text": "before\n", "png": base64.b64encode(b"png").decode()},
        {"text": "", "html": "<b>grid</b>"},
        {"text": "out\nerr\n"},
        {"text": "2\n"},
    ]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("# %%\nx = 1\n\n# %%\nassert x == 2\n", "AssertionError"),
        ("# %%\nimport warnings\nwarnings.warn('w')\n", "UserWarning"),
        ("# %% [markdown]\nx = 1\n", "ValueError"),
    ],
)
def test_what_fails_fails_at_its_line(
    tmp_path: Path, cells: ModuleType, script: str, error: str
) -> None:
    path = tmp_path / "a.py"
    path.write_text(script)
    with pytest.raises((AssertionError, UserWarning, ValueError)) as caught:
        cells.run(path)
    assert type(caught.value).__name__ == error
    if error == "AssertionError":
        assert caught.traceback[-1].lineno == 4
