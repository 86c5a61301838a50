"""Makes a page of each script in ``docs/tutorials``: its prose, its code, and what the code shows.

MkDocs calls `on_files`. Each script runs in a process and a folder of its own, with the sources
beside these pages; one that fails stops the build. What was shown is kept in ``.cache`` until the
script, slimdc or a library under it changes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_CACHE = _ROOT / ".cache" / "tutorials"
# MkDocs imports a hook by its path, so that what lies beside it is found on request only.
sys.path.insert(0, str(_HERE))

from cells import Cell, cells_of  # noqa: E402

_log = get_plugin_logger("tutorials")
# But not where it is to be downloaded.
_TO_SCRIPT = re.compile(r"\]\(((?:[\w./]*tutorials/)?\w+)\.py\)(?!\{)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page, a notebook and pictures for each script."""
    scripts = [f for f in files if f.src_uri.startswith("tutorials/") and f.src_uri.endswith(".py")]
    for script in sorted(scripts, key=lambda f: f.src_uri):
        name = script.src_uri.removesuffix(".py")
        path = Path(str(script.abs_src_path))
        cells = cells_of(path.read_text(encoding="utf-8"))
        page, pictures = _page(Path(name).name, cells, _shown(path))
        made = {f"{name}.md": page, f"{name}.ipynb": _notebook(cells)}
        made |= {f"tutorials/{picture}": content for picture, content in pictures.items()}
        for uri, content in made.items():
            files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lead to the page of a script where its name is linked: a clone has the script alone."""
    return _TO_SCRIPT.sub(r"](\1.md)", markdown)


def _shown(path: Path) -> list[dict[str, str]]:
    kept = _CACHE / f"{path.stem}-{_digest(path)}.json"
    if kept.exists():
        found: list[dict[str, str]] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    start = time.perf_counter()
    sources = os.pathsep.join((str(_ROOT), str(_ROOT / "backends")))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(_HERE / "cells.py"), str(path)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": sources},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PluginError(f"{path.name} failed:\n{done.stderr}")
    _log.info("%s ran in %.0f s", path.name, time.perf_counter() - start)
    _CACHE.mkdir(parents=True, exist_ok=True)
    for older in _CACHE.glob(f"{path.stem}-*.json"):
        older.unlink()
    kept.write_text(done.stdout, encoding="utf-8")
    shown: list[dict[str, str]] = json.loads(done.stdout)
    return shown


def _digest(script: Path) -> str:
    digest = hashlib.sha256()
    folders = (_ROOT / "slimdc", _ROOT / "backends", _ROOT / "benchmarks" / "results")
    sources = [p for folder in folders for p in folder.rglob("*") if p.suffix in (".py", ".jsonl")]
    for path in (script, _HERE / "cells.py", *sorted(sources)):
        digest.update(path.read_bytes())
    for library in ("numpy", "matplotlib", "pillow", "torch"):
        try:
            digest.update(f"{library} {version(library)}".encode())
        except PackageNotFoundError:
            digest.update(b"-")
    return digest.hexdigest()[:16]


def _page(
    name: str, cells: list[Cell], shown: list[dict[str, str]]
) -> tuple[str, dict[str, bytes]]:
    """Write Markdown, and give the pictures that it shows by their names."""
    parts, pictures, results = [], {}, iter(shown)
    for cell in cells:
        if cell.prose:
            parts.append(cell.text)
            continue
        parts.append(f"```python\n{cell.text}\n```")
        result = next(results)
        if result["text"].strip():
            parts.append(f"```{{.text .output}}\n{result['text'].rstrip()}\n```")
        if "html" in result:
            # A blank line would end the block of HTML.
            lines = [line for line in result["html"].splitlines() if line.strip()]
            parts.append("\n".join(('<div class="output">', *lines, "</div>")))
        if "png" in result:
            picture = f"{name}-{len(pictures) + 1}.png"
            pictures[picture] = base64.b64decode(result["png"])
            parts.append(f"![{cell.title}]({picture})")
    parts.append(f"[Script]({name}.py){{ download }} · [notebook]({name}.ipynb){{ download }}")
    return "\n\n".join(parts) + "\n", pictures


def _notebook(cells: list[Cell]) -> str:
    """Write the cells as a notebook that was not run."""
    made = [
        {
            "cell_type": "markdown" if cell.prose else "code",
            "id": f"cell-{i}",
            "metadata": {},
            "source": cell.text,
        }
        | ({} if cell.prose else {"execution_count": None, "outputs": []})
        for i, cell in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1)
