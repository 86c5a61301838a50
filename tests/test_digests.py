"""What a file says is what was written: damage anywhere is seen, and nothing half read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialise
from slimmable_sets import bits, save_version_2

import slimdc
from slimdc import storage
from slimdc.errors import FileError
from slimdc.storage.tensor_file import DIGEST, digest, read_tensors, write_tensors


def small() -> slimdc.SlimmableDataset:
    return slimdc.SlimmableDataset.from_factors(
        np.ones((1, 1, 1), np.float32),
        np.full((1, 1), 2, np.float32),
        np.array([[[1.5, -0.0]]], np.float32),
        np.ones((1, 1, 1), np.float32),
    )


@pytest.mark.parametrize("save", [storage.save, save_version_2])
def test_no_flipped_bit_gives_another_set(
    save: Callable[[slimdc.SlimmableDataset, Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "set"
    save(small(), path)
    whole, expected = path.read_bytes(), bits(small())
    which = np.random.default_rng(0).integers(8, size=len(whole))
    refused = 0
    for place, bit in enumerate(which):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            assert bits(storage.load(path)) == expected
        except FileError:
            refused += 1
    assert refused > len(whole) - 8  # JSON has spaces of more than one kind after its end


def test_the_digest_is_of_all_that_a_file_holds() -> None:
    """And stays what it is: files of today are to be read tomorrow."""
    tensors = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.zeros((0, 2)),
        "c": np.array(True),
    }
    metadata = {"format": "x", "note": "ä"}
    found = digest(tensors, metadata)
    assert found == "4e31a19d642eb682bdd2feb2fb5fb4e18ac954eb8f1ba82f37b5ff6c3a467a49"
    assert digest(dict(reversed(tensors.items())), dict(reversed(metadata.items()))) == found
    others = [
        (tensors | {"b": tensors["b"].reshape(3, 2)}, metadata),
        (tensors | {"b": tensors["b"].view(np.int32)}, metadata),
        (tensors | {"b": tensors["b"] + 1}, metadata),
        (tensors | {"d": np.zeros(0)}, metadata),
        ({"b": tensors["b"], "a": tensors["a"]}, metadata),
        ({"a": tensors["b"], "b": tensors["a"], "c": tensors["c"]}, metadata),
        (tensors, {"format": "x", "note": "a"}),
        (tensors, {"format": "x"}),
        (tensors, {"note": "x", "format": "ä"}),
    ]
    assert len({found, *(digest(*other) for other in others)}) == 1 + len(others)


def test_a_digest_that_is_missing_or_renamed_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "set"
    save_version_2(small(), path)
    tensors, metadata = read_tensors(path)
    plain = {key: value for key, value in metadata.items() if key != DIGEST}
    for changed in (plain, plain | {"sha257": metadata[DIGEST]}, plain | {DIGEST: ""}):
        path.write_bytes(serialise(tensors, changed))
        with pytest.raises(FileError, match=r"a damaged set of version 2|do not match"):
            storage.load(path)


def test_files_of_version_1_load_and_only_they_lack_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "set"
    save_version_2(small(), path)
    tensors, metadata = read_tensors(path)
    old = {k: v for k, v in metadata.items() if k != DIGEST} | {"version": "1"}
    path.write_bytes(serialise(tensors, old))
    assert bits(storage.load(path)) == bits(small())
    for changed in (old | {DIGEST: "0" * 64}, metadata | {"version": "1"}, old | {"sha257": "0"}):
        path.write_bytes(serialise(tensors, changed))
        with pytest.raises(FileError, match=r"a damaged set of version 1|do not match"):
            storage.load(path)


def test_the_set_in_the_package_is_what_it_was() -> None:
    with resources.as_file(resources.files("slimdc") / "data") as folder:
        data = storage.load(folder / "fashion_mnist_10.safetensors", strict=True)
    found = hashlib.sha256(b"".join(x.tobytes() for x in data.factors)).hexdigest()
    # Of the same factors in the file of version 1 that was there before.
    assert found == "56a5bb8161c547efb2aaceba7578edda7850331118cf1cc0e804f554c82f7854"


def test_a_key_that_appears_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(path, {"x": np.zeros(2)}, {"unit": "pixel"})
    payload = path.read_bytes()
    length = int.from_bytes(payload[:8], "little")
    header = payload[8 : 8 + length].replace(b'"unit"', b'"unit":"inch","unit"')
    path.write_bytes(len(header).to_bytes(8, "little") + header + payload[8 + length :])
    with pytest.raises(FileError, match="no safetensors file"):
        read_tensors(path)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3"])
def test_dtypes_that_numpy_lacks_are_refused(dtype: str, tmp_path: Path) -> None:
    size = 2 if dtype == "BF16" else 1
    header = f'{{"x":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{size}]}}}}'.encode()
    (tmp_path / "a").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(FileError, match="no safetensors file"):
        read_tensors(tmp_path / "a")


TRUNCATED = """
import os, sys
import safetensors
from slimdc import storage

path, opened = sys.argv[1], safetensors.safe_open

def open_and_lose(*args, **options):
    file = opened(*args, **options)
    os.truncate(path, 0)
    return file

safetensors.safe_open = open_and_lose
print(storage.load(path))
"""


def test_a_file_that_is_truncated_while_it_is_read_does_not_end_the_process(
    tmp_path: Path,
) -> None:
    """A file that is mapped into memory would: by SIGBUS, at the first look at a lost page."""
    x = np.random.default_rng(0).standard_normal((20, 4000))
    data = slimdc.SlimmableDataset.from_arrays(x, np.arange(20) % 2)
    storage.save(data, tmp_path / "set")
    done = subprocess.run(
        [sys.executable, "-c", TRUNCATED, str(tmp_path / "set")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{data}\n")


def test_loading_takes_little_more_than_the_file_and_the_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vx = rng.standard_normal((4, 10, 20_000)).astype(np.float32)
    u = np.repeat(np.eye(10, dtype=np.float32)[None], 4, axis=0)
    ones = np.ones((4, 10), np.float32)
    path = tmp_path / "set"
    storage.save(slimdc.SlimmableDataset.from_factors(u, ones, vx, vx[..., :4]), path)
    storage.load(path)  # imports what it needs
    tracemalloc.start()
    try:
        storage.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * path.stat().st_size
