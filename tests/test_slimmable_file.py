"""The slimmable file: every prefix is a set, nothing more is read, damage is named."""

from __future__ import annotations

import json
import re
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from conftest import library
from slimmable_sets import CODED, KINDS, bits, save_version_2

import slimdc
from slimdc import storage
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.parameterization.quantization import Codes
from slimdc.storage import sources
from slimdc.storage.header import Header, digest_of
from slimdc.storage.said import Said

SETS = {name: make() for name, make in KINDS.items()}
every_kind = pytest.mark.parametrize("kind", SETS)
few = pytest.mark.filterwarnings("ignore:k. .* classes hold fewer")


def header_of(payload: bytes) -> tuple[int, dict[str, Any]]:
    length = int.from_bytes(payload[:8], "little")
    return 8 + length, json.loads(payload[8 : 8 + length])


def ends_of(payload: bytes) -> list[int]:
    """Where each component ends in the file."""
    start, header = header_of(payload)
    item = {"U8": 1, "F32": 4, "F64": 8}[header["components"]["dtype"]]
    sizes = np.asarray(json.loads(header["__metadata__"]["sizes"]))
    return [start + int(end) for end in np.cumsum(sizes * item)]


@every_kind
def test_a_set_comes_back_to_the_bit(kind: str, tmp_path: Path) -> None:
    data = SETS[kind]
    storage.save(data, tmp_path / "set")
    payload = (tmp_path / "set").read_bytes()
    assert payload == slimdc.dumps(data)
    for back in (storage.load(tmp_path / "set"), slimdc.loads(payload)):
        assert bits(back) == bits(data)
    assert slimdc.loads(bytearray(payload), strict=True).description == data.description
    assert slimdc.loads(memoryview(payload), nbytes=10**9).description == data.description


@few
@every_kind
def test_every_prefix_is_the_truncation(kind: str, tmp_path: Path) -> None:
    data = SETS[kind]
    storage.save(data, tmp_path / "set")
    ends = ends_of((tmp_path / "set").read_bytes())
    for k in range(1, data.components_per_class + 1):
        expected = bits(data.truncate(k))
        assert bits(storage.load(tmp_path / "set", k=k)) == expected
        # What truncation writes is what the truncated set writes: no trace is left of the rest.
        done = storage.truncate_file(tmp_path / "set", tmp_path / "cut", k=k)
        assert (tmp_path / "cut").read_bytes() == slimdc.dumps(data.truncate(k))
        assert bits(storage.load(tmp_path / "cut")) == expected
        first = header_of((tmp_path / "set").read_bytes())[0]
        assert done == (len(ends), k, ends[-1] - first, ends[k - 1] - first)


@every_kind
def test_the_file_is_plain_safetensors_without_padding(kind: str) -> None:
    data = SETS[kind]
    payload = slimdc.dumps(data)
    tensors = safetensors.numpy.load(payload)
    assert list(tensors) == ["components"]
    start, header = header_of(payload)
    assert header["__metadata__"]["version"] == "3"
    if kind not in ("shared u apart", "shared u late"):  # written for each class
        assert tensors["components"].nbytes == data.nbytes == len(payload) - start
    dtype = {"float32": "F32", "float64": "F64"}[data.factor_dtype]
    assert header["components"]["dtype"] == ("U8" if data.codes else dtype)
    assert start % 8 == 0 or data.codes


def test_the_header_of_a_small_set_is_short() -> None:
    data = slimdc.datasets.sample().data.truncate(5)
    for made in (data, data.quantize(2), data.quantize(4)):
        assert header_of(slimdc.dumps(made))[0] < 450


def test_a_component_is_laid_out_class_by_class() -> None:
    data = SETS["uneven"]
    payload = slimdc.dumps(data)
    begin, end = ends_of(payload)[2:4]
    numbers = np.frombuffer(payload[begin:end])
    j, expected = 3, []
    for c, (n, held) in enumerate(zip(data.samples, data.components, strict=True)):
        if held > j:
            expected += [*data.u[c, :n, j], data.s[c, j], *data.vx[c, j], *data.vy[c, j]]
    assert numbers.tolist() == expected


def test_what_all_classes_share_comes_once_and_first() -> None:
    data = SETS["shared us sorted"]
    payload = slimdc.dumps(data)
    numbers = np.frombuffer(payload[header_of(payload)[0] : ends_of(payload)[0]])
    expected = [*data.u[0, :, 0], data.s[0, 0]]
    for c in range(3):
        expected += [*data.vx[c, 0], *data.vy[c, 0]]
    assert numbers.tolist() == expected


class Counting(sources.LocalSource):
    """A file that counts what is read of it."""

    read_bytes = 0

    def read(self, start: int, stop: int | None = None) -> bytes:
        found = super().read(start, stop)
        Counting.read_bytes += len(found)
        return found


@few
@every_kind
def test_no_more_is_read_than_header_and_prefix(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LocalSource", Counting)
    storage.save(SETS[kind], tmp_path / "set")
    ends = ends_of((tmp_path / "set").read_bytes())
    for k, end in enumerate(ends, 1):
        for read in (
            lambda k=k: storage.load(tmp_path / "set", k=k),
            lambda end=end: storage.load(tmp_path / "set", nbytes=end),
            lambda k=k: storage.truncate_file(tmp_path / "set", tmp_path / "cut", k=k),
        ):
            Counting.read_bytes = 0
            read()
            assert Counting.read_bytes == end


@few
@every_kind
def test_a_budget_of_bytes_holds_header_and_components(kind: str, tmp_path: Path) -> None:
    data = SETS[kind]
    payload = slimdc.dumps(data)
    (tmp_path / "set").write_bytes(payload)
    ends = ends_of(payload)
    for k, end in enumerate(ends[:-1], 1):
        for nbytes in (end, ends[k] - 1):
            assert slimdc.loads(payload, nbytes=nbytes).components_per_class == k
        assert slimdc.loads(payload, nbytes=ends[-1], k=k).components_per_class == k
    larger = ("shared u apart", "shared u late")  # their budget is that of their larger form
    for k in range(1, 1 + (kind not in larger) * len(ends)):
        size = len(slimdc.dumps(data.truncate(k)))
        storage.truncate_file(tmp_path / "set", tmp_path / "cut", nbytes=size)
        assert len((tmp_path / "cut").read_bytes()) == size
        assert storage.load(tmp_path / "cut").components_per_class == k
    for few in (1, ends[0] - 1):
        with pytest.raises(InvalidValueError, match=r"nbytes: found \d+, expected at least [\d,]+"):
            slimdc.loads(payload, nbytes=few)
    with pytest.raises(InvalidValueError, match="nbytes: found 9, expected at least"):
        storage.truncate_file(tmp_path / "set", tmp_path / "cut", nbytes=9)


@few
@every_kind
def test_a_file_cut_anywhere_is_its_whole_components(kind: str) -> None:
    data = SETS[kind]
    payload = slimdc.dumps(data)
    start, ends = header_of(payload)[0], ends_of(payload)
    around = [place + step for place in (start, *ends) for step in (-1, 0, 1)]
    for length in sorted({*range(0, len(payload), len(payload) // 7), *around}):
        if length > len(payload):
            continue
        cut, whole = payload[:length], sum(end <= length for end in ends)
        if length < start:
            with pytest.raises(FileError, match="truncated or no safetensors file"):
                slimdc.loads(cut)
        elif whole == 0:
            with pytest.raises(FileError, match="a file that is cut: 0 of"):
                slimdc.loads(cut)
        elif whole < len(ends):
            with pytest.warns(SlimdcWarning, match=f"cut: {whole} of {len(ends)} components"):
                back = slimdc.loads(cut)
            assert bits(back) == bits(data.truncate(whole))
            with pytest.raises(FileError, match=f"payload: found a file that is cut: {whole} of"):
                slimdc.loads(cut, strict=True)
            # What was asked for is whole.
            assert bits(slimdc.loads(cut, k=whole, strict=True)) == bits(data.truncate(whole))


@every_kind
def test_a_damaged_component_is_named(kind: str) -> None:
    payload = slimdc.dumps(SETS[kind])
    start, ends = header_of(payload)[0], ends_of(payload)
    for j, (begin, end) in enumerate(zip([start, *ends], ends, strict=False)):
        damaged = bytearray(payload)
        damaged[(begin + end) // 2] ^= 4
        with pytest.raises(FileError, match=f"payload: found component {j} damaged or edited"):
            slimdc.loads(damaged)
        if j:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert bits(slimdc.loads(damaged, k=j)) == bits(SETS[kind].truncate(j))


def edited(payload: bytes, **changes: Any) -> bytes:
    start, header = header_of(payload)
    for name, value in changes.items():
        if value is None:
            del header["__metadata__"][name]
        else:
            header["__metadata__"][name] = value
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload[start:]


def metadata_of(payload: bytes) -> dict[str, str]:
    return dict(header_of(payload)[1]["__metadata__"])


def test_components_that_change_places_are_seen() -> None:
    payload = slimdc.dumps(SETS["float32"])
    start, (first, second, *_) = header_of(payload)[0], ends_of(payload)
    digests = metadata_of(payload)["digests"]
    swapped = payload[:start] + payload[first:second] + payload[start:first] + payload[second:]
    swapped = edited(swapped, digests=digests[12:24] + digests[:12] + digests[24:])
    with pytest.raises(FileError, match="component 0 damaged or edited"):
        slimdc.loads(swapped)


@pytest.mark.parametrize(
    ("kind", "name", "old", "new"),
    [
        ("float32", "set", '"mean":[0.1', '"mean":[0.2'),
        ("float32", "set", '"classes":3', '"labels":[0,2,1]'),
        ("float32", "set", '"samples":4', '"samples":[4,4,4]'),
        ("uneven", "set", '"order":[0,2', '"order":[2,0'),
        ("uneven", "components", "[5,3,1]", "[5,1,3]"),
        ("unsorted", "places", "[[1,2", "[[2,1"),
        ("unsorted", "components", "[4,2,3]", "[4,3,2]"),
        ("coded", "set", '"step":', '"step":1'),
        ("coded", "set", '"label_step":', '"label_step":1'),
        ("coded", "set", "}", ',"factors":"float64"}'),
        ("coded flat", "set", '"entries":12', '"entries":13'),
        ("coded uneven rows in an order", "order", "[5,0", "[0,5"),
    ],
)
def test_what_is_said_of_a_set_is_under_its_digests(
    kind: str, name: str, old: str, new: str
) -> None:
    payload = slimdc.dumps(SETS[kind])
    text = metadata_of(payload)[name]
    changed = text.replace(old, new) if old != "}" else text[:-1] + new
    assert changed != text
    with pytest.raises(FileError, match=r"component 0 damaged or edited|a damaged set"):
        slimdc.loads(edited(payload, **{name: changed}))


def test_bytes_after_the_last_component_are_refused() -> None:
    payload = slimdc.dumps(SETS["coded"])
    with pytest.raises(FileError, match="bytes after the last component"):
        slimdc.loads(payload + b"x")


def test_too_many_components_are_refused() -> None:
    payload = slimdc.dumps(SETS["float32"])
    with pytest.raises(InvalidValueError, match="k: found 5, expected 1 to 4"):
        slimdc.loads(payload, k=5)
    with pytest.warns(SlimdcWarning, match="2 of 3 classes hold fewer than 4"):
        slimdc.loads(slimdc.dumps(SETS["uneven"]), k=4)


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"k": 1.5}, {"k": True}, {"nbytes": 0}, {"nbytes": "9"}, {"strict": 1}]
)
def test_what_cannot_be_wanted_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    payload = slimdc.dumps(SETS["flat"])
    (name,) = wrong
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"{name}: found"):
        slimdc.loads(payload, **wrong)
    with pytest.raises((InvalidTypeError, InvalidValueError), match="k, nbytes: found neither"):
        storage.truncate_file(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("wrong", [None, "text", 3, [b"a"], np.zeros(3)])
def test_only_bytes_are_messages(wrong: Any) -> None:
    with pytest.raises(InvalidTypeError, match="payload: found"):
        slimdc.loads(wrong)


def test_a_message_is_a_set_wherever_a_set_is_taken() -> None:
    small = slimdc.slim(slimdc.dumps(SETS["float32"]), 2, steps=0)
    assert small.components == (2, 2, 2)


@pytest.mark.parametrize("kind", ["float32", "float64", *CODED])
def test_sets_come_back_in_any_framework(kind: str) -> None:
    payload = slimdc.dumps(SETS[kind])
    torch = library("torch")
    back = slimdc.loads(payload, k=1, like=torch.zeros(1))
    assert isinstance(back.u, torch.Tensor)
    assert (back.vx.numpy() == SETS[kind].truncate(1).vx).all()
    assert back.codes == SETS[kind].truncate(1).codes
    with pytest.raises(InvalidTypeError, match="like: found"):
        slimdc.loads(payload, like=3)


def test_a_file_may_be_truncated_into_itself(tmp_path: Path) -> None:
    path = tmp_path / "set"
    storage.save(SETS["coded"], path)
    storage.truncate_file(path, path, k=2)
    assert bits(storage.load(path)) == bits(SETS["coded"].truncate(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_truncation_refuses_damage_rather_than_passing_it_on(tmp_path: Path) -> None:
    payload = bytearray(slimdc.dumps(SETS["coded"]))
    payload[ends_of(payload)[0] + 5] ^= 1
    (tmp_path / "set").write_bytes(payload)
    with pytest.raises(FileError, match="component 1 damaged"):
        storage.truncate_file(tmp_path / "set", tmp_path / "cut", k=2)
    storage.truncate_file(tmp_path / "set", tmp_path / "cut", k=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": "[]"}, "sizes: found no component"),
        ({"sizes": "[0,1]"}, "sizes: found 0"),
        ({"sizes": "[" * 100_000}, "sizes: found no JSON"),
        ({"sizes": f"[{2**31 - 1}]"}, "a damaged set"),
        ({"digests": "0" * 47}, "digests: found"),
        ({"digests": "x" * 48}, "digests: found"),
        ({"set": "[]"}, "set: found"),
        ({"set": '{"shape":[6,5,3]}'}, "not one of classes and labels"),
        ({"set": '{"shape":[6,5,3],"classes":3}'}, "samples: found"),
        ({"set": '{"shape":[6,5,3],"classes":2147483647,"samples":4}'}, "classes: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":2147483647}'}, "sizes: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"entries":2}'}, "labels: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"step":1.0}'}, "label_step"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"shared":"su"}'}, "shared: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"more":1}'}, "set: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"classes":3,"samples":4}'}, "a key that appears"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"names":["a","b"]}'}, "names: found"),
        ({"set": '{"shape":[6,5,3],"classes":3,"samples":4,"names":"abc"}'}, "names: found"),
        (
            {"set": '{"shape":[6,5,3],"classes":3,"samples":4,"names":["a","b","\\u001b[2J"]}'},
            "names: found",
        ),
        ({"components": "[4,4]"}, "components: found"),
        ({"components": "[3,3,3]"}, "components: found"),
        ({"places": "[[0,1,2,3]]"}, "places: found"),
        ({"places": "[[0,1,2,2],[0,1,2,3],[0,1,2,3]]"}, "places: found"),
        ({"order": "[0]"}, "order: found"),
        ({"stray": "1"}, "metadata: found"),
        ({"digests": None}, "metadata: found"),
        ({"format": "other"}, "format 'other'"),
        ({"version": "4"}, "version '4', expected format 'slimdc', version '1', '2' or '3'"),
        ({"version": "2"}, "a damaged set of version 2"),
    ],
)
def test_damaged_headers_are_refused(changes: dict[str, Any], message: str) -> None:
    payload = edited(slimdc.dumps(SETS["float32"]), **changes)
    with pytest.raises(FileError, match=re.escape(message).replace("'", ".")) as caught:
        slimdc.loads(payload)
    assert len(str(caught.value)) < 1500


def test_a_small_header_that_promises_much_takes_no_memory(tmp_path: Path) -> None:
    """Even where the digests fit what was forged."""

    blob = bytes(200)
    for forged in (
        {"shape": (100_000,), "entries": 2},
        {"shape": (1, 1, 50_000), "entries": 2},
        {"shape": (4,), "entries": 40_000},
        {"shape": (4,), "entries": 2, "samples": (2**30, 2**30)},
    ):
        known: dict[str, Any] = {"samples": (3, 3)} | forged
        said = Said(
            known["shape"],
            "flat" if len(known["shape"]) == 1 else "channels_last",
            slimdc.Preprocessing(),
            "float32",
            (0, 1),
            known["entries"],
            known["samples"],
            codes=Codes(1.0, 1.0, False, ()),
        )
        held = (3, 3)
        header = Header("U8", said, said.text(), held, None, None, (200,) * 3)
        digests = tuple(digest_of(header.head(j), blob) for j in range(3))
        payload = replace(header, digests=digests).written() + 3 * blob
        begun = time.monotonic()
        with pytest.raises(FileError, match="a damaged set"):
            slimdc.loads(payload)
        assert time.monotonic() - begun < 5


@few
@pytest.mark.parametrize("kind", ["float32", "uneven", "unsorted", "shared u apart"])
def test_files_of_before_are_read_whole_and_cut_in_memory(kind: str, tmp_path: Path) -> None:
    data = SETS[kind]
    save_version_2(data, tmp_path / "set")
    assert bits(storage.load(tmp_path / "set")) == bits(data)
    assert bits(storage.load(tmp_path / "set", k=2)) == bits(data.truncate(2))
    storage.truncate_file(tmp_path / "set", tmp_path / "cut", k=2)
    assert (tmp_path / "cut").read_bytes() == slimdc.dumps(data.truncate(2))
    nbytes = ends_of(slimdc.dumps(data))[1]
    assert storage.load(tmp_path / "set", nbytes=nbytes).components_per_class == 2
