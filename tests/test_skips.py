"""What a run of the tests says of those that it skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

SOME = """
import pytest

@pytest.mark.parametrize("i", range(3))
def test_torch(i):
    pytest.skip("torch is not installed")

def test_jax():
    pytest.skip("jax is not installed")

@pytest.mark.skipif(True, reason="it is Tuesday")
def test_another():
    pass

def test_passes():
    pass
"""
WHOLE = """
import pytest
pytest.skip("jax is not installed", allow_module_level=True)
"""


def run(folder: Path, *options: str) -> list[str]:
    """Run pytest on the files of a folder, with the hooks of conftest.py."""
    command = (sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", *options)
    paths = (TESTS, TESTS.parent, TESTS.parent / "backends")
    # Options that this run was given are not for that one.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTEST_ADDOPTS": "",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("options", [(), ("-q", "-rs", "--doctest-modules")])
def test_a_line_for_each_reason(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_some.py").write_text(SOME)
    (tmp_path / "test_whole.py").write_text(WHOLE)
    lines = run(tmp_path, *options)
    start = next(i for i, line in enumerate(lines) if "skipped, which is no failure" in line)
    assert lines[start + 1 : start + 4] == [
        '3 tests: torch is not installed (pip install ".[torch]")',
        '1 test and all of test_whole.py: jax is not installed (pip install ".[jax]")',
        "1 test: it is Tuesday",
    ]
    told = [line for line in lines if "not installed" in line]
    assert len(told) == (2 if "-rs" not in options else 2 + 3)


def test_nothing_is_said_where_nothing_was_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_passes():\n    pass\n")
    assert not [line for line in run(tmp_path) if "skipped" in line]
