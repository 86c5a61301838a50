"""A folder of results that may be cut off at any moment: JSON lines, and the sets beside them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slimdc._checks import path, shown
from slimdc._files import regular_file
from slimdc.errors import FileError, InvalidValueError

if sys.platform != "win32":
    import fcntl

__all__ = ["Journal", "begun", "read"]

_LINES = "cells.jsonl"
_BEGIN = b'{"configuration": '  # of the first line


class Journal:
    """Results of one configuration, kept as they come.

    The first line of ``cells.jsonl`` holds the configuration, each further line a finished cell. A
    last line that was cut off is taken away when the folder is opened again.

    Parameters
    ----------
    folder : path
        Where; made if there is none.
    configuration : mapping
        All that the results depend on, of what JSON holds.

    Raises
    ------
    FileError
        If the folder cannot be read or written, or holds something else.
    InvalidValueError
        If it holds results of another configuration.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Journal(folder, {"seed": 0}).note("a", {"accuracy": 80.0})
    ...     Journal(folder, {"seed": 0}).cells
    {'a': {'accuracy': 80.0}}
    """

    def __init__(self, folder: str | Path, configuration: Mapping[str, Any]) -> None:
        self.folder = path("results", folder)
        self._lines = self.folder / _LINES
        self.cells: dict[str, dict[str, Any]] = {}
        # As it will be read: JSON has no tuples.
        wanted = json.loads(json.dumps(configuration))
        try:
            self._check_folder()
            (self.folder / "sets").mkdir(parents=True, exist_ok=True)
            whole = _whole_lines(self._lines)
            if not whole:
                self._begin(wanted)
                return
            known, self.cells = _parsed(self._lines, whole)
            if len(b"".join(whole)) < self._lines.stat().st_size:
                os.truncate(self._lines, len(b"".join(whole)))
        except FileError:
            raise
        except (OSError, ValueError) as error:  # names that no system can write, too
            raise FileError(
                str(folder), f"{error}", "a folder of results", see="docs/chains.md#the-folder"
            ) from error
        if known != wanted:
            raise InvalidValueError(
                "results",
                f"{self.folder}, whose results were made with {_difference(known, wanted)}",
                f"a folder of this configuration, with {_difference(wanted, known)}, or a new one",
            )

    def _check_folder(self) -> None:
        """Refuse a folder of something else, such as the data themselves."""
        names = os.listdir(self.folder) if self.folder.exists() else []
        held = {name for name in names if not name.startswith(".")}
        if held and _LINES not in held and held != {"sets"}:
            found = f"a folder of {shown(sorted(held))}"
            raise FileError(str(self.folder), found, "a new folder, or one of results")

    def _begin(self, configuration: Mapping[str, Any]) -> None:
        """Write the first line, also where it was cut off, but to no file of something else."""
        held = self._lines.read_bytes() if self._lines.exists() else b""
        if held[: len(_BEGIN)] != _BEGIN[: len(held)]:
            raise FileError(
                str(self._lines), "a line that is none of results", "JSON lines of a chain"
            )
        if held:
            os.truncate(self._lines, 0)
        self._append({"configuration": configuration})

    def note(self, name: str, cell: Mapping[str, Any]) -> None:
        """Keep a finished cell, at once.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        try:
            self._append({"cell": name} | dict(cell))
        except OSError as error:
            raise FileError(str(self._lines), f"{error}", "a file to add to") from error
        self.cells[name] = dict(cell)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from filling cells meanwhile; where there are locks.

        Raises
        ------
        FileError
            Another one does.
        """
        with self._lines.open("rb") as file:
            if sys.platform != "win32":
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    expected = "a folder that no other process fills"
                    raise FileError(str(self.folder), "a chain at work", expected) from error
                except OSError:  # not every file system has locks
                    pass
            yield

    def set_path(self, name: str) -> Path:
        """Give the path of the set of a cell."""
        return self.folder / "sets" / f"{name.replace(' ', '-')}.safetensors"

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def begun(folder: str | Path) -> bool:
    """Tell whether a folder holds results already."""
    return os.path.exists(path("results", folder) / _LINES)


def read(folder: str | Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Read the configuration and the finished cells of a folder.

    Raises
    ------
    FileError
        If there is no such folder, or it holds something else.
    """
    lines = path("results", folder) / _LINES
    try:
        whole = _whole_lines(lines)
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(str(lines), f"{error}", "a folder of results") from error
    if not whole:
        raise FileError(str(lines), "no results", "a folder of results")
    return _parsed(lines, whole)


def _whole_lines(lines: Path) -> list[bytes]:
    if not lines.exists():
        return []
    held = regular_file(lines, "JSON lines of a chain").read_bytes()
    return [line for line in held.splitlines(keepends=True) if line.endswith(b"\n")]


def _parsed(lines: Path, whole: list[bytes]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    try:
        first, *rest = (json.loads(line) for line in whole)
        return dict(first["configuration"]), {line.pop("cell"): line for line in rest}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FileError(
            str(lines), f"a line that is none of results ({error})", "JSON lines of a chain"
        ) from error


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    def parts() -> Iterator[str]:
        for name in one:
            if name not in other or one[name] != other[name]:
                yield f"{name} = {one[name]!r}"

    return ", ".join(parts()) or "less"
