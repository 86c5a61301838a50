"""Files behind URLs: what is read of them, and what is said where it cannot be."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from slimmable_sets import bits, save_version_2

import slimdc
from slimdc import cli, storage
from slimdc.errors import FileError, MissingLibraryError, SlimdcWarning
from slimdc.storage import remote

FIRST = 4096


@pytest.fixture(scope="module")
def data() -> slimdc.SlimmableDataset:
    x = np.random.default_rng(0).standard_normal((40, 16, 16)).cumsum(axis=1)
    return slimdc.SlimmableDataset.from_arrays(x.astype(np.float32), np.arange(40) % 4)


class Server:
    """A server on this machine that counts the bytes of its answers, headers left out."""

    def __init__(self, folder: Path, ranges: bool) -> None:
        self.sent, self.asked = 0, list[str | None]()
        self.mode, served = "ranges" if ranges else "plain", self

        class Plain(SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def log_message(self, *_: Any) -> None:
                pass

            def copyfile(self, source: Any, outputfile: Any) -> None:
                payload = source.read()
                served.sent += len(payload)
                served.asked.append(None)
                outputfile.write(payload)

        class Ranges(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                served.asked.append(asked)
                path = folder / self.path.lstrip("/")
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/set")
                    self.end_headers()
                    return
                if not path.is_file():
                    self.send_error(404, "Not Found")
                    return
                whole = path.read_bytes()
                found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "bytes=0-")
                assert found is not None
                start = int(found[1])
                stop = min(int(found[2]) + 1 if found[2] else len(whole), len(whole))
                if start >= len(whole):
                    self.send_error(416)
                    return
                part, total = whole[start:stop], str(len(whole))
                if served.mode == "wrong range":
                    start += 1
                if served.mode == "lost":
                    part = part[: len(part) // 2]
                if served.mode == "size unknown":
                    total = "*"
                served.sent += len(part)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
                self.send_header("Content-Length", str(stop - start))
                self.end_headers()
                self.wfile.write(part)

        handler = Ranges if ranges else Plain
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture(params=["ranges", "plain"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, request.param == "ranges")
    yield made
    made.close()


ranged = pytest.mark.parametrize("server", ["ranges"], indirect=True)
plain = pytest.mark.parametrize("server", ["plain"], indirect=True)


def ends_of(data: slimdc.SlimmableDataset) -> list[int]:
    whole = len(slimdc.dumps(data))
    each = data.nbytes // data.components_per_class
    return [whole - data.nbytes + (k + 1) * each for k in range(data.components_per_class)]


@ranged
def test_header_and_prefix_are_asked_for_and_no_more(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    storage.save(data, tmp_path / "set")
    ends = ends_of(data)
    for k, end in enumerate(ends, 1):
        server.sent, server.asked = 0, []
        assert bits(slimdc.load(f"{server.url}/set", k=k)) == bits(data.truncate(k))
        assert server.sent == max(end, FIRST)
        assert server.asked == ["bytes=0-4095", *([f"bytes=4096-{end - 1}"] if end > FIRST else [])]
        server.sent = 0
        assert slimdc.load(f"{server.url}/set", nbytes=end).components_per_class == k
        assert server.sent == end
    assert bits(slimdc.load(f"{server.url}/set", strict=True)) == bits(data)


@ranged
def test_a_long_header_takes_one_more_request(server: Server, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = slimdc.SlimmableDataset.from_arrays(rng.random((3000, 2)), rng.integers(3, size=3000))
    storage.save(data, tmp_path / "set")
    assert bits(slimdc.load(f"{server.url}/set", k=1)) == bits(data.truncate(1))
    assert len(server.asked) == 3


@plain
def test_a_server_without_ranges_is_read_whole_with_a_warning(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    storage.save(data, tmp_path / "set")
    size = (tmp_path / "set").stat().st_size
    with pytest.warns(SlimdcWarning, match=f"gives no parts of files: all {size:,} bytes"):
        assert bits(slimdc.load(f"{server.url}/set", k=2)) == bits(data.truncate(2))
    assert server.sent == size
    assert len(server.asked) == 1


@plain
def test_nothing_is_wasted_where_all_is_wanted(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    small = data.truncate(1).quantize(4)
    storage.save(small, tmp_path / "set")
    assert (tmp_path / "set").stat().st_size < FIRST
    assert bits(slimdc.load(f"{server.url}/set")) == bits(small)


def test_sets_of_before_come_from_servers_as_well(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    save_version_2(data, tmp_path / "set")
    assert bits(slimdc.load(f"{server.url}/set")) == bits(data)


def test_a_file_on_a_server_is_cut_and_slimmed_by_its_url(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    storage.save(data.truncate(1), tmp_path / "set")
    storage.truncate_file(f"{server.url}/set", tmp_path / "out", k=1)
    assert bits(storage.load(tmp_path / "out")) == bits(data.truncate(1))
    assert len(slimdc.slim(f"{server.url}/set", 1, steps=0)) == 40
    out = str(tmp_path / "again")
    assert cli.main(["slim", f"{server.url}/set", out, "-k", "1", "--steps", "0"]) == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "set").read_bytes()


@ranged
def test_redirections_are_followed(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    storage.save(data, tmp_path / "set")
    assert bits(slimdc.load(f"{server.url}/moved", k=1)) == bits(data.truncate(1))


@ranged
def test_damage_on_a_server_is_seen(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    payload, ends = slimdc.dumps(data), ends_of(data)
    (tmp_path / "set").write_bytes(payload[: ends[2] + 7])
    with pytest.warns(SlimdcWarning, match="/set: a file that is cut: 3 of 10 components"):
        assert bits(slimdc.load(f"{server.url}/set")) == bits(data.truncate(3))
    with pytest.raises(FileError, match="a file that is cut"):
        slimdc.load(f"{server.url}/set", strict=True)
    (tmp_path / "set").write_bytes(payload + b"more")
    with pytest.raises(FileError, match="bytes after the last component"):
        slimdc.load(f"{server.url}/set")
    (tmp_path / "set").write_bytes(payload)
    server.mode = "wrong range"
    with pytest.raises(FileError, match="found the range 'bytes 1-"):
        slimdc.load(f"{server.url}/set")
    server.mode = "lost"
    with pytest.raises(FileError, match="/set: found"):
        slimdc.load(f"{server.url}/set", strict=True)
    server.mode = "size unknown"
    assert bits(slimdc.load(f"{server.url}/set")) == bits(data)


@ranged
def test_a_header_that_promises_much_is_not_believed(
    server: Server, data: slimdc.SlimmableDataset, tmp_path: Path
) -> None:
    (tmp_path / "set").write_bytes((90_000_000).to_bytes(8, "little") + b"{" * 5000)
    with pytest.raises(FileError, match="truncated or no safetensors file"):
        slimdc.load(f"{server.url}/set")
    (tmp_path / "set").write_bytes(b"")
    with pytest.raises(FileError, match="HTTP 416"):
        slimdc.load(f"{server.url}/set")


def test_what_is_not_there_is_said(server: Server) -> None:
    with pytest.raises(FileError, match=r"/missing: found HTTP 404"):
        slimdc.load(f"{server.url}/missing")


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/set"
        with pytest.raises(FileError, match="refused"):
            slimdc.load(url)


def test_other_urls_go_through_fsspec(data: slimdc.SlimmableDataset, tmp_path: Path) -> None:
    fsspec = library("fsspec")
    few = data.quantize(4)
    with fsspec.open("memory://folder/set", "wb") as file:
        file.write(slimdc.dumps(few))
    assert bits(slimdc.load("memory://folder/set", k=2)) == bits(few.truncate(2))
    assert bits(slimdc.load("memory://folder/set")) == bits(few)
    storage.save(data, tmp_path / "set")
    assert bits(slimdc.load(f"file://{tmp_path}/set", k=2)) == bits(data.truncate(2))
    for url in ("memory://missing", f"file://{tmp_path}/missing", "nowhere://set"):
        with pytest.raises(FileError, match=f"{url}: found"):
            slimdc.load(url)


def test_fsspec_is_asked_for_the_prefix_only(data: slimdc.SlimmableDataset, monkeypatch) -> None:
    library("fsspec")
    memory = library("fsspec.implementations.memory").MemoryFileSystem
    memory().pipe_file("/counted", slimdc.dumps(data))
    spans, whole = [], memory.cat_file

    def counted(self: Any, path: str, start: Any = None, end: Any = None, **more: Any) -> bytes:
        spans.append((start, end))
        return whole(self, path, start=start, end=end, **more)

    monkeypatch.setattr(memory, "cat_file", counted)
    slimdc.load("memory://counted", k=3)
    assert spans == [(0, FIRST), (FIRST, ends_of(data)[2])]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingLibraryError, match=re.escape("pip install 'slimdc[remote]'")):
        slimdc.load("s3://bucket/set")


def test_a_library_that_fsspec_misses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    library("fsspec")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingLibraryError, match="s3fs"):
        slimdc.load("s3://bucket/set")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_sends_header_and_prefix(data: slimdc.SlimmableDataset, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    storage.save(data, tmp_path / "www" / "set")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    places = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error;"
        f"events {{}} http {{ {places} log_format sent '$body_bytes_sent';"
        f"access_log {tmp_path}/access sent;"
        f"server {{ listen 127.0.0.1:{port}; root {tmp_path}/www; }} }}"
    )
    command = ["nginx", "-c", f"{tmp_path}/nginx.conf", "-e", f"{tmp_path}/error"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        try:
            _wait_for(port, running)
            assert bits(slimdc.load(f"http://127.0.0.1:{port}/set", k=3)) == bits(data.truncate(3))
        finally:
            running.terminate()
    sent = sum(int(line) for line in (tmp_path / "access").read_text().split())
    assert sent == ends_of(data)[2]


def _wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert running.poll() is None, running.stderr and running.stderr.read()
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("nginx does not answer")


def test_windows_drives_and_odd_names_are_no_urls(
    data: slimdc.SlimmableDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a::b", "c:set"):
        storage.save(data, name)
        assert bits(slimdc.load(name)) == bits(data)
    with pytest.raises(FileError, match="no such file"):
        slimdc.load("c://set")
    assert remote.remote_source("HTTPS://example.org").name == "HTTPS://example.org"
