"""What a file is said to hold: the same as what `load` gives, and no less when it is damaged."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import library
from slimmable_sets import CODED, KINDS, save_version_2

import slimdc
from slimdc.errors import FileError, InvalidValueError, SlimdcWarning
from slimdc.storage import FileReport, inspect

SETS = {name: make() for name, make in KINDS.items()}
FILES = {name: slimdc.dumps(data) for name, data in SETS.items()}


@pytest.fixture
def coded() -> bytes:
    return FILES["coded uneven"]


def energy_of(data: slimdc.SlimmableDataset) -> np.ndarray:
    """Sum the squares of what each class holds, in the order of the file."""
    s = data.host_factors("float64").s ** 2
    if data.codes is None:  # the largest of each class first
        s = np.sort(s, axis=1)[:, ::-1]
    s = np.broadcast_to(s, (data.classes, s.shape[1]))
    mine = np.arange(s.shape[1]) < np.asarray(data.components)[:, None]
    total = (s * mine).sum(axis=0)
    return total / total.sum()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("depth", ["header", "components", "set"])
def test_a_report_says_what_load_gives(name: str, depth: str) -> None:
    data, payload = slimdc.loads(FILES[name]), FILES[name]
    report = inspect(payload, depth=depth)
    assert report.description == data.description
    assert report.label_entries == data.label_entries
    assert report.stored == ("codes" if name in CODED else data.factor_dtype)
    assert report.rows == ("rows" in name)
    assert report.numbers == data.numbers
    if name not in ("shared u apart", "shared u late"):  # whose file holds a U for each class
        assert report.component_bytes == data.nbytes
    assert report.bits == pytest.approx(8 * report.component_bytes / data.numbers)
    assert (report.format, report.version, report.depth) == ("slimdc", "3", depth)
    assert report.nbytes == len(payload) == report.prefixes[-1]
    assert report.is_whole
    assert report.verdict == ("not compared" if depth == "header" else "ok")
    assert (report.energy is None) == (report.damaged is None) == (depth == "header")


@pytest.mark.parametrize("name", KINDS)
def test_a_prefix_of_the_bytes_said_is_the_set_of_so_many_components(name: str) -> None:
    for j, nbytes in enumerate(inspect(FILES[name]).prefixes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SlimdcWarning)  # it is cut
            cut = slimdc.loads(FILES[name][:nbytes])
        assert cut.components_per_class == j + 1


@pytest.mark.parametrize("name", KINDS)
def test_the_energy_is_that_of_the_significances(name: str) -> None:
    report = inspect(FILES[name])
    assert report.energy == pytest.approx(energy_of(SETS[name]), rel=1e-5, abs=1e-12)
    assert sum(report.energy or ()) == pytest.approx(1)


def test_floats_are_not_decoded_and_the_set_is_built_where_asked(monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a set was built")

    payload = FILES["float32"]
    monkeypatch.setattr(slimdc.SlimmableDataset, "__init__", refused)
    assert inspect(payload).is_whole
    with pytest.raises(AssertionError, match="a set was built"):
        inspect(payload, depth="set")


def test_a_set_that_cannot_be_built_is_a_problem(monkeypatch) -> None:
    data = SETS["flat"]
    u = np.array(data.u)
    u[0, :, 0] *= 2
    wrong = data.factors._replace(u=u)
    monkeypatch.setattr(slimdc.SlimmableDataset, "host_factors", lambda *_: wrong)
    payload = slimdc.dumps(data)
    monkeypatch.undo()
    assert inspect(payload).verdict == "ok"
    deep = inspect(payload, depth="set")
    assert "damaged set" in deep.problem
    assert not deep.is_whole


@pytest.mark.parametrize("name", ["float32", "coded"])
def test_damaged_components_are_all_named(name: str) -> None:
    payload = bytearray(FILES[name])
    ends = inspect(FILES[name]).prefixes
    for j in (1, 3):
        payload[ends[j] - 1] ^= 1
    report = inspect(bytes(payload))
    assert report.damaged == (1, 3)
    assert not report.is_whole
    assert "component 1, 3 (from 0)" in report.verdict
    assert "k=1" in report.verdict
    assert len(report.energy or ()) == 1
    assert slimdc.loads(bytes(payload), k=1).components_per_class == 1


def test_a_file_whose_first_component_is_damaged_still_tells_its_header(coded: bytes) -> None:
    payload = bytearray(coded)
    payload[inspect(coded).prefixes[0] - 1] ^= 1
    report = inspect(bytes(payload))
    assert report.description == SETS["coded uneven"].description
    assert (report.damaged, report.energy) == ((0,), None)
    assert "none can be read" in report.verdict


@pytest.mark.parametrize("depth", ["header", "components"])
def test_a_file_that_is_cut_says_how_much_is_whole(depth: str, coded: bytes, tmp_path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(coded[: inspect(coded).prefixes[1] + 3])
    report = inspect(path, depth=depth)
    assert not report.is_whole
    if depth == "components":
        assert (report.whole, report.damaged) == (2, ())
        assert f"2 of {report.components} components are whole" in report.verdict
    path.write_bytes(coded + b"!")
    assert not inspect(path, depth=depth).is_whole


@pytest.mark.parametrize("keep", [0, 5, 60])
def test_a_file_without_a_whole_header_is_refused(keep: int, coded: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(coded[:keep])
    with pytest.raises(FileError, match="found"):
        inspect(path)
    with pytest.raises(FileError, match="found"):
        inspect(coded[:keep])


def test_version_2_is_told_whole(tmp_path: Path) -> None:
    path = tmp_path / "old"
    save_version_2(SETS["uneven"], path)
    report = inspect(path)
    assert (report.version, report.nbytes) == ("2", path.stat().st_size)
    assert set(report.prefixes) == {report.nbytes}
    assert report.description == SETS["uneven"].description
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(FileError, match="damaged"):
        inspect(path)


def test_a_url_is_read_as_far_as_its_header(monkeypatch) -> None:
    fsspec = library("fsspec")
    payload = FILES["float32"] + b""
    with fsspec.open("memory://inspected", "wb") as file:
        file.write(payload)
    far = inspect("memory://inspected")
    assert (far.depth, far.damaged, far.energy) == ("header", None, None)
    near = inspect("memory://inspected", depth="components")
    assert (near.damaged, near.nbytes) == ((), len(payload))


class TestSetsOfOthers:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        path = tmp_path / "frepo.npz"
        x = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype(np.float32)
        np.savez(path, image=x, label=np.eye(2, dtype=np.float32)[[1, 0, 1, 0]])
        return path

    def test_they_are_described_without_their_space(self, archive: Path) -> None:
        report = inspect(archive)
        assert (report.format, report.version) == ("frepo", None)
        assert report.nbytes == archive.stat().st_size
        assert report.description.samples == (2, 2)
        assert report.description.shape == (8, 8, 3)
        assert not report.space_said
        assert report.to_dict()["preprocessing"] is None

    def test_another_format_is_refused(self, archive: Path) -> None:
        with pytest.raises(FileError, match="a set of format 'kip'"):
            inspect(archive, format="kip")
        with pytest.raises(InvalidValueError, match="format"):
            inspect(archive, format="tar")

    def test_what_is_no_set_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("no set")
        for name in ("text", "missing"):
            with pytest.raises(FileError, match="found"):
                inspect(tmp_path / name)


@pytest.mark.parametrize(
    "more", [{"format": "mtt"}, {"experiment": 0}, {"factor": 2}, {"classes": 3}]
)
def test_what_is_said_of_sets_of_others_is_refused(more: dict[str, object], tmp_path) -> None:
    path = tmp_path / "set"
    path.write_bytes(FILES["flat"])
    for file in (FILES["flat"], "memory://nothing-there", path):
        with pytest.raises((InvalidValueError, FileError), match=f"{next(iter(more))}|'mtt'"):
            inspect(file, **more)  # type: ignore[arg-type]


def test_what_follows_the_last_component_is_a_problem() -> None:
    for name in ("float32", "coded"):
        report = inspect(FILES[name] + b"!", depth="set")
        assert report.problem == "bytes after the last component"
        assert (report.damaged, report.is_whole) == ((), False)
        assert report.energy == inspect(FILES[name]).energy


def test_the_depth_is_checked() -> None:
    with pytest.raises(InvalidValueError, match="depth"):
        inspect(FILES["flat"], depth="all")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KINDS)
def test_a_report_is_plain(name: str) -> None:
    report = inspect(FILES[name])
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert [row["nbytes"] for row in plain["prefixes"]] == list(report.prefixes)
    assert isinstance(report, FileReport)
