"""Files are replaced whole or not at all, as what they were, and nothing is left beside them."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdc
from slimdc import cli
from slimdc.errors import FileError
from slimdc.pictures.canvas import save_drawn
from slimdc.storage import atomic
from slimdc.storage.tensor_file import write_tensors

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX files, modes and links")
root = pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="needs to be root")


def small() -> slimdc.SlimmableDataset:
    return slimdc.SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # what /dev/null is
    except PermissionError:
        pytest.skip("only root makes devices")


def save(path: Path) -> None:
    slimdc.save(small(), path)


def write(path: Path) -> None:
    write_tensors(path, {"x": np.zeros(2)}, {})


def checkpoint(path: Path) -> None:
    slimdc.slim((np.eye(4), [0, 1, 0, 1]), 1, steps=2, width=2, checkpoint=path)


def picture(path: Path) -> None:
    save_drawn(b"<svg/>", path)


@pytest.mark.parametrize("make", [pipe, listening, device])
@pytest.mark.parametrize("writer", [save, write, checkpoint, picture])
def test_what_is_no_regular_file_is_refused(
    make: Callable[[Path], None], writer: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "special"
    make(path)
    before = path.lstat()
    with pytest.raises(FileError, match="no regular file"):
        writer(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(FileError, match="no regular file"):
        writer(tmp_path / "link")
    after = path.lstat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "special"]


def test_the_command_line_refuses_it_before_the_work(tmp_path: Path, capsys: Any) -> None:
    save(tmp_path / "set")
    pipe(tmp_path / "pipe")
    for arguments in (
        ["slim", tmp_path / "set", tmp_path / "pipe", "-k", "1"],
        ["demo", "--picture", tmp_path / "pipe"],
    ):
        assert cli.main([str(x) for x in arguments]) == 1
        assert "no regular file" in capsys.readouterr().err
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path) -> None:
    for umask in (0o022, 0o027, 0o077):
        before = os.umask(umask)
        try:
            save(tmp_path / oct(umask))
        finally:
            os.umask(before)
        assert mode(tmp_path / oct(umask)) == 0o666 & ~umask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o700])
@pytest.mark.parametrize("writer", [save, write, picture])
def test_a_replaced_file_keeps_its_mode(
    kept: int, writer: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(kept)
    writer(path)
    assert mode(path) == kept
    assert path.read_bytes() != b"before"


def test_a_checkpoint_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "run"
    interval = {"checkpoint": path, "checkpoint_interval": 10}

    def protect(count: int, *_: Any) -> None:
        path.chmod(0o600)

    slimdc.slim((np.eye(4), [0, 1] * 2), 1, steps=20, width=2, progress=protect, **interval)
    assert mode(path) == 0o600


def test_nobody_else_reads_what_replaces_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "private"
    path.write_text("before")
    path.chmod(0o600)
    seen = []
    flush = os.fsync

    def look(number: int) -> None:
        seen.append([mode(entry) for entry in tmp_path.iterdir()])
        flush(number)

    monkeypatch.setattr(os, "fsync", look)
    save(path)
    assert seen[0] == [0o600, 0o600]


@root
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_text("before")
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    save(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, mode(path)) == (12345, 54321, 0o640)


@root
def test_an_owner_that_cannot_be_kept_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "theirs"
    path.write_text("before")
    os.chown(path, 12345, 54321)

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(FileError, match="a file of another owner"):
        save(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs"]


def test_a_link_stays_and_its_target_is_replaced_or_made(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/set")
    (tmp_path / "link to link").symlink_to("link")
    for link in ("link", "link to link"):  # the first makes the target
        save(tmp_path / link)
        assert (tmp_path / link).is_symlink()
    assert len(slimdc.load(tmp_path / "folder" / "set")) == 4
    assert not (tmp_path / "folder" / "set").is_symlink()
    (tmp_path / "astray").symlink_to("nowhere/set")
    with pytest.raises(FileError, match=r"no folder .*nowhere"):
        save(tmp_path / "astray")


def test_a_loop_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    for write_there in (save, checkpoint):
        with pytest.raises(FileError, match="symbolic links"):
            write_there(tmp_path / "one")
    assert (tmp_path / "one").is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["one", "other"]


LONG = ("n" * 255, "ä" * 127, "語" * 85)


@pytest.mark.parametrize("name", ["set", *LONG])
def test_names_may_be_as_long_as_the_system_lets_them(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        save(tmp_path / name)
        checkpoint(tmp_path / name[1:])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted((name, name[1:]))


KILLED = """
import os, signal, sys
import numpy as np
from slimdc.storage.tensor_file import write_tensors

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_tensors(sys.argv[1], {"x": np.zeros(2)}, {})
"""


@pytest.mark.parametrize("name", ["set", *LONG])
def test_the_next_write_removes_what_a_killed_one_left(name: str, tmp_path: Path) -> None:
    path, other = tmp_path / name, tmp_path / "other"
    for target in (path, path, other):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(target)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # the second write removed what the first left
    write(path)
    left = [entry.name for entry in tmp_path.iterdir() if entry != path]
    assert len(left) == 1  # of the other path, where somebody may still be writing
    write(other)
    assert {entry.name for entry in tmp_path.iterdir()} == {name, "other"}


def test_what_a_live_writer_writes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with atomic._beside(path, 0o666) as (beside, file):
        write(path)
        assert beside.exists()
        file.write(b"the last word")
        file.flush()
        os.replace(beside, path)
    assert path.read_bytes() == b"the last word"
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_a_writer_that_was_taken_for_dead_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    path, lock = tmp_path / "set", fcntl.flock
    taken = []

    def take_away(file: Any, kind: int) -> None:
        """Do what another writer may, between a file's creation and its lock."""
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(file, kind)

    monkeypatch.setattr(fcntl, "flock", take_away)
    save(path)
    assert len(taken) == 1
    assert len(slimdc.load(path)) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_file_systems_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic._beside(tmp_path / "set", 0o666) as (beside, _):
        save(tmp_path / "set")
        assert beside.exists()  # it cannot be told whether its writer lives
    assert len(slimdc.load(tmp_path / "set")) == 4
