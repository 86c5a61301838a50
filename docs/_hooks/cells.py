"""Scripts in cells, as editors know them: what each cell says, does and shows.

A line ``# %% [markdown]`` begins a cell of prose, written in comments; ``# %% a title`` one of
code. ``python cells.py SCRIPT`` runs a script in the folder where it is called and writes, as JSON,
what each cell showed: what it printed, and the value of its last expression as a notebook would
show it.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cell", "cells_of", "run"]

_MARK = "# %%"
_PROSE = "[markdown]"


@dataclass(frozen=True)
class Cell:
    """A cell of a script.

    Parameters
    ----------
    prose : bool
        Whether it is prose, and no code.
    title : str
        What stands beside its mark.
    text : str
        Markdown, or code.
    line : int
        Of the script, from 1, where the text begins.
    """

    prose: bool
    title: str
    text: str
    line: int


def cells_of(script: str) -> list[Cell]:
    """Cut a script at its marks; what stands before the first one is left out.

    Raises
    ------
    ValueError
        A line of prose is no comment.
    """
    lines = script.splitlines()
    marks = [i for i, line in enumerate(lines) if line.startswith(_MARK)]
    found = []
    for first, end in zip(marks, [*marks[1:], len(lines)], strict=True):
        title, body = lines[first].removeprefix(_MARK).strip(), lines[first + 1 : end]
        prose = title == _PROSE
        if prose:
            title, body = "", [_uncommented(line) for line in body if line]
        text = "\n".join(body).strip("\n")
        if text:
            found.append(Cell(prose, title, text, first + 2))
    return found


def _uncommented(line: str) -> str:
    if line != "#" and not line.startswith("# "):
        raise ValueError(f"a line of prose is no comment: {line}")
    return line[2:]


def run(path: Path) -> list[dict[str, str]]:
    """Run the cells of a script one after another, warnings as errors.

    Parameters
    ----------
    path : pathlib.Path
        The script.

    Returns
    -------
    list of dict
        For each cell of code what it showed: ``"text"``, and a picture as ``"png"`` (in base64) or
        a value as ``"html"`` where it made one.
    """
    space: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    warnings.simplefilter("error")
    cells = [cell for cell in cells_of(path.read_text(encoding="utf-8")) if not cell.prose]
    return [_shown(cell, path, space) for cell in cells]


def _shown(cell: Cell, path: Path, space: dict[str, Any]) -> dict[str, str]:
    tree = ast.parse(cell.text, str(path))
    ast.increment_lineno(tree, cell.line - 1)
    last = tree.body[-1]
    value, printed = None, io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(tree.body[:-1], []), str(path), "exec"), space)
            value = eval(compile(ast.Expression(last.value), str(path), "eval"), space)
        else:
            exec(compile(tree, str(path), "exec"), space)
    return _displayed(printed.getvalue(), value)


def _displayed(printed: str, value: Any) -> dict[str, str]:
    if value is None:
        return {"text": printed}
    if hasattr(value, "savefig"):
        drawn = io.BytesIO()
        value.savefig(drawn, format="png", dpi=120)
        return {"text": printed, "png": base64.b64encode(drawn.getvalue()).decode()}
    if hasattr(value, "_repr_html_"):
        return {"text": printed, "html": value._repr_html_()}
    return {"text": f"{printed}{value!r}\n"}


if __name__ == "__main__":
    shown = run(Path(sys.argv[1]).resolve())
    sys.stdout.write(json.dumps(shown))
