"""Who imports whom: the library no backend, a backend documented parts of the library only."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import slimdc
import slimdc_backends

(LIBRARY,) = map(Path, slimdc.__path__)
(BACKENDS,) = map(Path, slimdc_backends.__path__)
# Documented in docs/backends.md and docs/api/.
DOCUMENTED = ("slimdc.backend", "slimdc.errors")
# What one backend alone imports, and its parts in other files.
OF_ONE = {
    "numpy": ("kernels.chunks", "kernels.convolution", "kernels.patches", "kernels.products"),
    "cupy": ("kernels.cuda", "kernels.cuda_block", "kernels.cuda_products"),
    "jax": ("jax_ranks", "kernels.xla"),
    "torch": ("torch_ranks",),
}
SHARED = ("tape",)
# What reads the files of PyTorch, or makes a dataset for its loops, when it is asked to.
TAKES_TORCH = ("storage.foreign.torch_file", "parameterization.tensors")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the modules that a file imports anywhere, each with a name that it takes from there."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots"
            yield from ((node.module or "", alias.name) for alias in node.names)


def module_of(path: Path, package: Path) -> str:
    """Name a file's module inside of its package."""
    return ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")


def files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


@pytest.mark.parametrize("path", files(BACKENDS), ids=lambda path: module_of(path, BACKENDS))
def test_backends_import_documented_parts_only(path: Path) -> None:
    for module, name in imports(path):
        if module.partition(".")[0] != "slimdc":
            continue
        assert module in DOCUMENTED, f"{path} imports {module}"
        found = importlib.import_module(module)
        assert name in getattr(found, "__all__", dir(found)), f"{path} imports {module}.{name}"
        assert not name.startswith("_"), f"{path} imports {module}.{name}"


def test_what_backends_import_is_documented() -> None:
    docs = LIBRARY.parent / "docs"
    pages = "".join(page.read_text() for page in (docs / "backends.md", *docs.glob("api/*.md")))
    used = {
        name
        for path in files(BACKENDS)
        for module, name in imports(path)
        if module == "slimdc.backend"
    }
    assert used
    for name in sorted(used):
        # Functions and classes by their docstrings, types in tables.
        described = f"::: slimdc.backend.{name}\n" in pages or f"| `{name}` |" in pages
        assert described, f"slimdc.backend.{name} is on no page"
    assert "::: slimdc.errors\n" in pages


@pytest.mark.parametrize("backend", OF_ONE)
def test_no_backend_imports_another(backend: str) -> None:
    own = (backend, *OF_ONE[backend])
    for path in files(BACKENDS):
        module = module_of(path, BACKENDS)
        of = next((name for name, parts in OF_ONE.items() if module in (name, *parts)), None)
        found = {
            # `from slimdc_backends import tape` names a module as what is taken.
            name if source == "slimdc_backends" else source.removeprefix("slimdc_backends.")
            for source, name in imports(path)
            if source.partition(".")[0] == "slimdc_backends"
        }
        found |= {
            f"{source.removeprefix('slimdc_backends.')}.{name}"
            for source, name in imports(path)
            if source == "slimdc_backends.kernels"
        }
        taken = found & set(own)
        assert not taken or of == backend, f"{module} imports {sorted(taken)}"
        if module.partition(".")[0] in SHARED:
            assert all(name.partition(".")[0] in SHARED for name in found), module


def test_every_file_of_a_backend_is_known() -> None:
    """A new file says here whose it is."""
    known = {name for backend, parts in OF_ONE.items() for name in (backend, *parts)}
    for path in files(BACKENDS):
        module = module_of(path, BACKENDS)
        shared = module.partition(".")[0] in SHARED
        assert shared or module in known or path.name == "__init__.py", module


def test_only_backends_import_frameworks() -> None:
    frameworks = {"torch", "jax", "cupy", "slimdc_backends"}
    for path in files(LIBRARY):
        found = {module.partition(".")[0] for module, _ in imports(path)} & frameworks
        if module_of(path, LIBRARY) in TAKES_TORCH:
            found -= {"torch"}
        assert not found, f"{path} imports {sorted(found)}"


def test_importing_the_library_imports_no_backend_and_no_framework() -> None:
    modules = [
        "slimdc." + module_of(path, LIBRARY)
        for path in files(LIBRARY)
        if path.name not in ("__init__.py", "__main__.py")
    ]
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
found = {{"slimdc_backends", "torch", "jax", "cupy"}} & set(sys.modules)
assert not found, found
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
