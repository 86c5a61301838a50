"""Sets of others: every form as those who publish it write it, there and back, and damaged."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library
from PIL import Image

import slimdc
from slimdc import Preprocessing, SlimmableDataset, cli
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError, MissingLibraryError
from slimdc.storage.foreign import FORMATS, NAMES, recognised

Y = np.asarray([2, 0, 1, 0, 2, 2, 1], np.int64)  # in no order, as files may have them
SPACE = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
HARD = ("vico", "mtt", "idc", "sre2l", "rded", "parquet")
SOFT = ("datm", "kip", "rfad", "frepo")
PICTURES = ("sre2l", "rded", "parquet")
FOLDERS = ("mtt", "datm", "sre2l", "rded")
RAN: list[str] = []


def drawn(n: int = len(Y), seed: int = 0, side: int = 8) -> np.ndarray:
    """Draw images (n, 3, side, side) in [0, 1] as float32."""
    return np.random.default_rng(seed).random((n, 3, side, side), dtype=np.float32)


def rows(seed: int = 0) -> np.ndarray:
    """Draw soft rows whose largest entries are those of Y."""
    noise = np.random.default_rng(seed).normal(size=(len(Y), 3)).astype(np.float32)
    return 3 * np.eye(3, dtype=np.float32)[Y] + 0.5 * noise.clip(-2, 2)


def pictures(n: int = len(Y), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)


def png(pixels: np.ndarray, kind: str = "png") -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, kind)
    return held.getvalue()


def vico(path: Path, experiments: int = 1) -> Path:
    """Write as VICO's main.py does: tensors, and accuracies that are NumPy's scalars."""
    torch = library("torch")
    data = [[torch.tensor(drawn(seed=i)), torch.tensor(Y)] for i in range(experiments)]
    accuracies = {"ConvNet": [np.float64(0.5), np.float32(0.25)]}
    torch.save({"data": data, "accs_all_exps": accuracies}, path)
    return path


def mtt(folder: Path, y: Any = Y, seed: int = 0, name: str = "best") -> Path:
    torch = library("torch")
    folder.mkdir(exist_ok=True)
    torch.save(torch.tensor(drawn(len(y), seed)), folder / f"images_{name}.pt")
    torch.save(torch.tensor(y), folder / f"labels_{name}.pt")
    torch.save(torch.tensor(0.01), folder / "syn_lr_best.pt")
    return folder


def idc(path: Path) -> Path:
    torch = library("torch")
    torch.save([torch.tensor(drawn()), torch.tensor(Y)], path)
    return path


def table(path: Path, x: np.ndarray, y: Any, metadata: dict[bytes, bytes] | None = None) -> Path:
    pyarrow = library("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    cells = [{"bytes": png(pixels), "path": None} for pixels in x]
    held = pyarrow.table({"image": cells, "label": y, "else": ["?"] * len(cells)})
    parquet.write_table(held.replace_schema_metadata(metadata), path)
    return path


def given(data: SlimmableDataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples, labels and classes in the order in which they came."""
    return *data.arrays("given"), data.members[np.argsort(data.order)]


def close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def needs(name: str) -> None:
    """Skip where the library of a format is missing."""
    if name == "parquet":
        library("pyarrow")
    elif name in FORMATS and FORMATS[name].container == "torch":
        library("torch")


# Each row of the table of published sets.


def test_vico(tmp_path) -> None:
    path = vico(tmp_path / "res_DSA_CIFAR10_ConvNet_1ipc.pt")
    data = slimdc.read(path, preprocessing="cifar10-vico")
    x, y, classes = given(data)
    close(x, drawn())
    assert classes.tolist() == y.argmax(axis=1).tolist() == Y.tolist()
    np.testing.assert_allclose(y.sum(axis=1), 0, atol=1e-5)
    assert data.preprocessing == Preprocessing.named("cifar10-vico")
    assert (data.layout, data.dtype) == ("channels_first", "float32")


def test_vicos_experiments_are_asked_for(tmp_path) -> None:
    path = vico(tmp_path / "set", 3)
    with pytest.raises(InvalidValueError, match="experiment: found None for a file of 3 exp"):
        slimdc.read(path, preprocessing="none")
    for i in range(3):
        close(given(slimdc.read(path, preprocessing="none", experiment=i))[0], drawn(seed=i))
    with pytest.raises(InvalidValueError, match="experiment: found 3, expected a number from 0"):
        slimdc.read(path, preprocessing="none", experiment=3)
    for wrong, error in (
        (-1, InvalidValueError),
        ("0", InvalidTypeError),
        (True, InvalidTypeError),
    ):
        with pytest.raises(error, match="experiment: found"):
            slimdc.read(path, preprocessing="none", experiment=wrong)


@pytest.mark.parametrize("name", ["folder", "images"])
def test_mtt(tmp_path, name) -> None:
    folder = mtt(tmp_path / "logged")
    path = folder if name == "folder" else folder / "images_best.pt"
    x, y, classes = given(slimdc.read(path, preprocessing="cifar100-mtt"))
    close(x, drawn())
    assert classes.tolist() == y.argmax(axis=1).tolist() == Y.tolist()
    assert recognised(path) == "mtt"


def test_parts_are_joined_in_the_order_of_the_list(tmp_path) -> None:
    one, two = (mtt(tmp_path / f"{i}", Y[i:], seed=i) for i in range(2))
    x, _, classes = given(slimdc.read([two, one / "images_best.pt"], preprocessing="none"))
    close(x, np.concatenate([drawn(len(Y) - 1, 1), drawn()]))
    assert classes.tolist() == [*Y[1:], *Y]
    torch = library("torch")
    torch.save(torch.zeros(2, 3, 4, 4), one / "images_best.pt")
    with pytest.raises(FileError, match="parts that do not fit"):
        slimdc.read([two, one], preprocessing="none")
    with pytest.raises(InvalidValueError, match="path: found 2 paths, expected one"):
        slimdc.read([vico(tmp_path / "a"), vico(tmp_path / "b")], preprocessing="none")


def test_iterations_are_not_taken_for_parts(tmp_path) -> None:
    folder = mtt(mtt(tmp_path / "logged", name="0"), name="500")
    (folder / "images_0.pt").rename(folder / "images_100.pt")
    with pytest.raises(FileError, match=r"2 files of images \(images_100.pt, images_500.pt\)"):
        slimdc.read(folder, preprocessing="none")
    with pytest.raises(FileError, match="a bare tensor without a file of labels beside it"):
        slimdc.read(folder / "images_100.pt", preprocessing="none")
    with pytest.raises(FileError, match="the labels of a pair, expected the images alone"):
        slimdc.read(folder / "labels_500.pt", preprocessing="none")


def test_datm(tmp_path) -> None:
    folder = mtt(tmp_path / "logged", rows())
    x, y, classes = given(slimdc.read(folder, preprocessing="none"))
    close(x, drawn())
    close(y, rows())
    assert classes.tolist() == Y.tolist()
    assert recognised(folder) == "datm"


def test_idc_holds_pixels(tmp_path) -> None:
    path = idc(tmp_path / "data.pt")
    data = slimdc.read(path)
    close(given(data)[0], drawn())
    assert data.preprocessing == Preprocessing()
    # What is given is what the pixels are brought into.
    data = slimdc.read(path, preprocessing=SPACE)
    close(given(data)[0], SPACE.apply(drawn(), "channels_first"))
    assert data.preprocessing == SPACE
    assert given(data)[2].tolist() == Y.tolist()


@pytest.mark.parametrize("factor", [2, 4])
def test_idc_unpacks_as_its_decoder(tmp_path, factor) -> None:
    torch = library("torch")
    side = 8 // factor
    x = torch.tensor(drawn())
    # Cut and enlarge, all images' first tile first: ops written down by what decoding means.
    parts = [
        torch.nn.functional.interpolate(
            x[:, :, i : i + side, j : j + side], size=8, mode="bilinear", align_corners=False
        )
        for i in range(0, 8, side)
        for j in range(0, 8, side)
    ]
    found, _, classes = given(slimdc.read(idc(tmp_path / "data.pt"), factor=factor))
    np.testing.assert_allclose(found, torch.cat(parts).numpy(), atol=3e-6)
    assert classes.tolist() == Y.tolist() * factor**2


def test_factors_that_do_not_fit(tmp_path) -> None:
    path = idc(tmp_path / "data.pt")
    for wrong, error in ((3, InvalidValueError), (0, InvalidValueError), ("2", InvalidTypeError)):
        with pytest.raises(error, match="factor: found"):
            slimdc.read(path, factor=wrong)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["kip", "rfad", "frepo"])
def test_archives_of_numpy(tmp_path, name, compressed) -> None:
    x = drawn() if name == "rfad" else drawn().transpose(0, 2, 3, 1)
    words = ("image", "label") if name == "frepo" else ("images", "labels")
    beside = {"valid_loss": 0.5, "k": np.float32(3), "jit": 0.005} if name == "rfad" else {}
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "set.npz", **dict(zip(words, (x, rows()), strict=True)), **beside)
    data = slimdc.read(tmp_path / "set.npz", preprocessing=SPACE)
    found, y, classes = given(data)
    close(found, x)
    close(y, rows())
    assert classes.tolist() == Y.tolist()
    assert recognised(tmp_path / "set.npz") == name
    assert data.layout == FORMATS[name].layout


def test_what_two_formats_fit_is_asked_for(tmp_path) -> None:
    x = np.random.default_rng(0).random((3, 3, 4, 3), dtype=np.float32)
    y = np.eye(3, dtype=np.float32)
    np.savez(tmp_path / "set.npz", images=x, labels=y)
    with pytest.raises(InvalidValueError, match=r"format: found 'auto' .* fits 'kip' and 'rfad'"):
        slimdc.read(tmp_path / "set.npz", preprocessing="none")
    for name, shape in (("kip", (3, 4, 3)), ("rfad", (3, 4, 3))):
        data = slimdc.read(tmp_path / "set.npz", preprocessing="none", format=name)
        assert (data.shape, data.layout) == (shape, FORMATS[name].layout)


@pytest.mark.parametrize(("name", "folder"), [("sre2l", "new{:03d}"), ("rded", "{:05d}")])
def test_pictures(tmp_path, name, folder) -> None:
    x, held = pictures(), []
    for i, label in enumerate(Y):
        inside = tmp_path / "set" / folder.format(label)
        inside.mkdir(parents=True, exist_ok=True)
        kind = "jpeg" if i % 2 else "png"
        (inside / f"class{label:03d}_id{i:03d}.{kind}").write_bytes(png(x[i], kind))
        held.append(np.asarray(Image.open(io.BytesIO(png(x[i], kind)))))
    by_class = np.argsort(Y, kind="stable")
    data = slimdc.read(tmp_path / "set", preprocessing=SPACE)
    found, _, classes = given(data)
    close(found, SPACE.apply(np.stack(held)[by_class], "channels_last"))
    assert classes.tolist() == sorted(Y)
    assert recognised(tmp_path / "set") == name
    assert slimdc.read(tmp_path / "set").preprocessing == Preprocessing()


def test_plain_arrays_are_told_what_the_formats_hold(tmp_path) -> None:
    archive, path = tmp_path / "set.npz", tmp_path / "set"
    for arrays in ({"x": X, "y": Y}, {"images": X[:, 0], "labels": Y}):
        np.savez(archive, **arrays)
        with pytest.raises(FileError, match=r"'frepo': arrays images, of 4 axes, and labels, or"):
            slimdc.read(archive)
    torch, pyarrow = library("torch"), library("pyarrow")
    for names in (("images", "labels"), ("data", "targets")):
        torch.save(dict(zip(names, map(torch.asarray, (X, Y)), strict=True)), path)
        with pytest.raises(FileError, match=r"'idc': a dict whose data is .*from_arrays"):
            slimdc.read(path)
    rows = pyarrow.table({"img": [b""], "label": [0]})
    importlib.import_module("pyarrow.parquet").write_table(rows, path)
    with pytest.raises(FileError, match=r"'parquet': the columns image and label; .*from_arrays"):
        slimdc.read(path)


@pytest.mark.parametrize("name", ["rded", "parquet"])
def test_pictures_of_several_sizes_get_no_size(tmp_path, name, capsys) -> None:
    needs(name)
    path, several = tmp_path / "set", [pictures()[0], pictures()[0, :5]]
    if name == "parquet":
        table(path, several, [0, 0])
    else:
        (path / "train" / "00000").mkdir(parents=True)
        for i, pixels in enumerate(several):
            (path / "train" / "00000" / f"{i}.png").write_bytes(png(pixels))
    with pytest.raises(FileError, match=r"set: found images of .*, expected images of one size \("):
        slimdc.read(path)
    for option in (["--size", 8], ["--root", tmp_path]):
        assert command(path, tmp_path / "out", *option) == 1
        assert "expected --data, whose images it is of" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_test_images_of_a_set_are_left_alone(tmp_path) -> None:
    for part, pixels in (("train", pictures()[0]), ("test", pictures()[0, :5])):
        (tmp_path / "set" / part / "00000").mkdir(parents=True)
        (tmp_path / "set" / part / "00000" / "a.png").write_bytes(png(pixels))
    assert slimdc.read(tmp_path / "set").shape == (8, 8, 3)


def test_a_folders_number_is_its_class(tmp_path) -> None:
    for number in (7, 3):
        (tmp_path / "set" / f"new{number:03d}").mkdir(parents=True)
        (tmp_path / "set" / f"new{number:03d}" / "a.png").write_bytes(png(pictures()[0]))
    with pytest.raises(InvalidValueError, match="no sample of class 0"):
        slimdc.read(tmp_path / "set")
    data = slimdc.read(tmp_path / "set", classes=10)
    assert (data.labels, data.label_entries) == ((3, 7), 10)
    for old, new in (("new003", "zebra"), ("new007", "ant")):
        (tmp_path / "set" / old).rename(tmp_path / "set" / new)
    assert slimdc.read(tmp_path / "set").labels == (0, 1)
    assert slimdc.read(tmp_path / "set").names == ("ant", "zebra")
    (tmp_path / "set" / "ant").rename(tmp_path / "set" / "an\nt")
    assert slimdc.read(tmp_path / "set").names is None  # samples matter more


def test_tables(tmp_path) -> None:
    x = pictures()
    path = table(tmp_path / "train-00000-of-00001.parquet", x, Y)
    data = slimdc.read(path, preprocessing=SPACE)
    found, _, classes = given(data)
    close(found, SPACE.apply(x, "channels_last"))
    assert classes.tolist() == Y.tolist()
    assert data.label_entries == 3
    features = b'{"info": {"features": {"label": {"names": ["a","b","c","d","e"]}}}}'
    data = slimdc.read(table(path, x, Y, {b"huggingface": features}))
    assert (data.label_entries, data.labels) == (5, (0, 1, 2))
    assert data.names == ("a", "b", "c")
    slimdc.write(data, tmp_path / "named.parquet", format="parquet")
    again = slimdc.read(tmp_path / "named.parquet")
    assert (again.names, again.label_entries) == (("a", "b", "c"), 5)
    slimdc.write(data.named(None), path, format="parquet")
    assert slimdc.read(path).names is None  # numbers are no names
    for damaged in (b"{]", features.replace(b'["a","b","c","d","e"]', b'"abcde"')):
        data = slimdc.read(table(path, x, Y, {b"huggingface": damaged}))
        assert (data.label_entries, data.names) == (3, None)


def test_tables_in_parts(tmp_path) -> None:
    x, data = pictures(), tmp_path / "data"
    data.mkdir()
    for i, part in enumerate((slice(0, 3), slice(3, None))):
        table(data / f"train-0000{i}-of-00002.parquet", x[part], Y[part])
    expected = np.float32(x / 255.0)
    for path in (tmp_path, data, sorted(data.iterdir())):
        found, _, classes = given(slimdc.read(path))
        close(found, expected)
        assert classes.tolist() == Y.tolist()
    table(data / "test-00000-of-00001.parquet", x, Y)
    with pytest.raises(FileError, match="files of test, train, which may be parts"):
        slimdc.read(tmp_path)


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ([0.5] * len(Y), "labels of type double"),
        ([None, *Y.tolist()[1:]], "1 missing"),
        ((Y - 1).tolist(), "the label -1"),
        (["a"] * len(Y), "labels of type"),
    ],
)
def test_tables_of_other_labels(tmp_path, y, told) -> None:
    with pytest.raises(FileError, match=told):
        slimdc.read(table(tmp_path / "set", pictures(), y))


def test_tables_of_no_pictures(tmp_path) -> None:
    pyarrow = library("pyarrow")
    write = importlib.import_module("pyarrow.parquet").write_table
    for cells, told in (
        ([{"bytes": None, "path": "a.png"}], "which holds no picture"),
        ([b"no picture"], "an unreadable image"),
        ([None], "None, which holds no picture"),
        ([5], "5, which holds no picture"),
    ):
        write(pyarrow.table({"image": cells, "label": [0]}), tmp_path / "set")
        with pytest.raises(FileError, match=f"row 0: found .*{told}"):
            slimdc.read(tmp_path / "set")
    write(pyarrow.table({"img": [b""], "label": [0]}), tmp_path / "set")
    with pytest.raises(FileError, match=r"columns \['img', 'label'\], .* format 'parquet'"):
        slimdc.read(tmp_path / "set")
    write(pyarrow.table({"image": [b""][:0], "label": [0][:0]}), tmp_path / "set")
    with pytest.raises(FileError, match="no rows"):
        slimdc.read(tmp_path / "set")


def test_ours(tmp_path) -> None:
    data = SlimmableDataset.from_arrays(drawn(), Y, preprocessing=SPACE)
    slimdc.write(data, tmp_path / "set", format="slimdc")
    found = slimdc.read(tmp_path / "set")
    np.testing.assert_array_equal(found.vx, data.vx)
    assert found.description == data.description
    assert slimdc.read(tmp_path / "set", preprocessing=SPACE).preprocessing == SPACE
    with pytest.raises(InvalidValueError, match="preprocessing: found 'cifar10', expected 'auto'"):
        slimdc.read(tmp_path / "set", preprocessing="cifar10")
    for wrong in ({"experiment": 0}, {"factor": 2}, {"classes": 3}):
        with pytest.raises(InvalidValueError, match=f"{next(iter(wrong))}: found"):
            slimdc.read(tmp_path / "set", **wrong)
    with pytest.raises(InvalidValueError, match="a slimmable file is whole"):
        slimdc.read([tmp_path / "set"] * 2)


# There and back.


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PICTURES])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_hard_labels_and_samples_come_back(tmp_path, name, layout) -> None:
    needs(name)
    x = drawn() if layout == "channels_first" else drawn().transpose(0, 2, 3, 1)
    data = SlimmableDataset.from_arrays(x, Y, classes=5, preprocessing=SPACE, layout=layout)
    slimdc.write(data, tmp_path / "set", format=name)
    back = slimdc.read(tmp_path / "set", format=name, preprocessing=SPACE, classes=own(name, 5))
    found, y, classes = given(back)
    wanted = FORMATS[name].layout if name in FORMATS else layout
    close(found, np.moveaxis(x, *axes(layout, wanted)))
    assert classes.tolist() == Y.tolist()
    # Classes come back to the same rows; rows that were written have the scale of the format.
    scale = np.sqrt(0.5) if name in ("datm", "kip", "rfad") else 1.0
    close(y, scale * given(data)[1])


def own(name: str, classes: int) -> int | None:
    return None if name == "slimdc" else classes


def axes(held: str, wanted: str) -> tuple[int, int]:
    if held == wanted:
        return 0, 0
    return (1, 3) if wanted == "channels_last" else (3, 1)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_come_back_to_the_bit(tmp_path, name) -> None:
    needs(name)
    x = pictures()
    data = SlimmableDataset.from_arrays(x, Y, classes=5, preprocessing=SPACE)
    slimdc.write(data, tmp_path / "set", format=name)
    back = slimdc.read(
        tmp_path / "set", preprocessing=SPACE, classes=None if name == "parquet" else 5
    )
    # Folders hold the classes one after the other.
    order = np.arange(len(Y)) if name == "parquet" else np.argsort(Y, kind="stable")
    found, y, classes = given(back)
    pixels = SPACE.invert(found, "channels_last") * 255
    np.testing.assert_allclose(pixels, x[order], atol=1e-3)
    assert classes.tolist() == Y[order].tolist()
    close(y, given(data)[1][order])
    assert recognised(tmp_path / "set") == name


@pytest.mark.parametrize("name", SOFT)
def test_soft_labels_come_back(tmp_path, name) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), rows(), preprocessing=SPACE)
    slimdc.write(data, tmp_path / "set", format=name)
    back = slimdc.read(tmp_path / "set", preprocessing=SPACE)
    _, y, classes = given(back)
    close(y, rows())
    assert classes.tolist() == Y.tolist()


@pytest.mark.parametrize("name", HARD)
def test_soft_labels_are_no_classes(tmp_path, name) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), rows())
    with pytest.raises(InvalidValueError, match="data: found soft labels, expected one-hot rows"):
        slimdc.write(data, tmp_path / "set", format=name)
    assert not list(tmp_path.iterdir())
    # One-hot rows of any scale and offset are classes.
    scaled = SlimmableDataset.from_arrays(drawn(), 7 * np.eye(3, dtype=np.float32)[Y] - 2)
    slimdc.write(scaled, tmp_path / "set", format=name)


@pytest.mark.parametrize("name", [*HARD, *SOFT])
@pytest.mark.parametrize("small", [{"k": 1}, {"nbytes": 3_000}])
def test_soft_labels_go_as_classes_alone(tmp_path, name, small) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), rows(), members=Y, preprocessing=SPACE)
    slimmed = slimdc.slim(data, steps=0, **small)
    slimdc.write(slimmed, tmp_path / "set", format=name, labels="classes")
    back = slimdc.read(tmp_path / "set", preprocessing=SPACE)
    sorted_by_class = name in ("sre2l", "rded")
    order = np.argsort(Y, kind="stable") if sorted_by_class else np.arange(len(Y))
    x, y, classes = given(back)
    assert classes.tolist() == Y[order].tolist()
    if name in SOFT:
        assert (np.ptp(np.sort(y, axis=1)[:, :-1], axis=1) < 1e-6).all()
    if name not in ("sre2l", "rded", "parquet"):  # pictures are rounded
        first = x.transpose(0, 3, 1, 2) if x.shape[-1] == 3 else x
        np.testing.assert_allclose(first, given(slimmed)[0][order], atol=1e-5)


@pytest.mark.parametrize("labels", ["rows", "classes"])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_kept_where_the_table_says_so(tmp_path, capsys, name, labels) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), Y, preprocessing=SPACE).named(["x", "b", "a"])
    slimdc.save(data, tmp_path / "named")
    asked = ("--format", name, "--labels", labels)
    assert command(tmp_path / "named", tmp_path / "set", *asked) == 0
    space = "auto" if name == "slimdc" else "none"
    back = slimdc.read(tmp_path / "set", preprocessing=space)
    kept = name == "slimdc" or FORMATS[name].named
    assert back.names == (data.names if kept else None)
    assert ("names of its classes are not kept" in capsys.readouterr().out) != kept


def test_unknown_ways_with_labels(tmp_path) -> None:
    data = SlimmableDataset.from_arrays(drawn(), rows())
    with pytest.raises(InvalidValueError, match=r"labels: found 'hard', expected .*'classes'"):
        slimdc.write(data, tmp_path / "set", format="kip", labels="hard")


def test_labels_have_the_scales_of_the_formats(tmp_path) -> None:
    y = np.arange(40) % 40
    x = np.random.default_rng(0).random((40, 3, 4, 5), dtype=np.float32)
    data = SlimmableDataset.from_arrays(x, y)
    for name, (low, high) in {
        "kip": (-1 / 40, 39 / 40),
        "rfad": (-1 / 40, 39 / 40),
        "frepo": (-1 / 80, 39 / 80),  # over sqrt(40 / 10)
    }.items():
        slimdc.write(data, tmp_path / "set", format=name)
        with np.load(tmp_path / "set") as held:
            labels = held["label" if name == "frepo" else "labels"]
        expected = np.full((40, 40), low)
        expected[y, y] = high
        np.testing.assert_allclose(labels, expected, atol=1e-6)


def test_others_read_what_is_written(tmp_path) -> None:
    """Files hold the types that the peers' own loaders take."""
    torch = library("torch")
    data = SlimmableDataset.from_arrays(drawn(), Y)
    slimdc.write(data, tmp_path / "vico", format="vico")
    images, labels = torch.load(tmp_path / "vico", weights_only=True)["data"][-1]
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert (tuple(images.shape), labels.tolist()) == ((7, 3, 8, 8), Y.tolist())
    slimdc.write(data, tmp_path / "mtt", format="mtt")
    assert sorted(p.name for p in (tmp_path / "mtt").iterdir()) == [
        "images_best.pt",
        "labels_best.pt",
    ]
    close(torch.load(tmp_path / "mtt" / "images_best.pt", weights_only=True).numpy(), drawn())
    slimdc.write(data, tmp_path / "data.pt", format="idc")
    images, labels = torch.load(tmp_path / "data.pt", weights_only=True)
    close(images.numpy(), drawn())


@pytest.mark.parametrize("channels", [(), (3,)])
def test_pictures_are_clipped_and_rounded(tmp_path, channels) -> None:
    x = np.asarray([-0.2, 0.0, 0.101, 0.9985, 1.0, 7.0]).reshape(1, 2, 3)
    x = np.broadcast_to(x.reshape(1, 2, 3, *(1 for _ in channels)), (1, 2, 3, *channels))
    space = Preprocessing(0.5, 0.25)
    data = SlimmableDataset.from_arrays(np.asarray(space.apply(x.copy(), "channels_last")), [0])
    slimdc.write(data.with_preprocessing(space), tmp_path / "set", format="sre2l")
    (path,) = (tmp_path / "set").rglob("*.png")
    assert path.relative_to(tmp_path).as_posix() == "set/new000/class000_id000.png"
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (2, 3, *channels)
    assert pixels.reshape(6, -1)[:, 0].tolist() == [0, 0, 26, 255, 255, 255]


def test_a_whitening_is_undone_or_asked_for(tmp_path) -> None:
    real = np.random.default_rng(1).random((80, 3, 4, 4), dtype=np.float32)
    space = Preprocessing.zca(real, "channels_first", recipe="mtt")
    x = np.random.default_rng(2).integers(0, 256, (4, 3, 4, 4), dtype=np.uint8)
    data = SlimmableDataset.from_arrays(x, [1, 0, 1, 0], preprocessing=space)
    slimdc.write(data, tmp_path / "set", format="rded")
    back = given(slimdc.read(tmp_path / "set"))[0] * 255
    np.testing.assert_allclose(back, x[[1, 3, 0, 2]].transpose(0, 2, 3, 1), atol=1e-3)
    slimdc.save(data, tmp_path / "ours")
    with pytest.raises(InvalidValueError, match="a ZCA whitening without its matrix"):
        slimdc.write(slimdc.read(tmp_path / "ours"), tmp_path / "other", format="rded")
    assert slimdc.read(tmp_path / "ours", preprocessing=space).preprocessing.is_complete
    with pytest.raises(InvalidValueError, match="'vico' knows means and deviations only"):
        slimdc.write(data, tmp_path / "other", format="vico")


def test_numbers_that_are_no_pixels_are_asked_for(tmp_path) -> None:
    torch = library("torch")
    rng = np.random.default_rng(0)
    x = rng.random((6, 3, 8, 8), dtype=np.float32)
    y = torch.arange(6) % 3
    torch.save((torch.from_numpy(x), y), tmp_path / "pixels.pt")
    torch.save((torch.from_numpy((x - 0.5) / 0.25), y), tmp_path / "standardised.pt")
    with pytest.raises(InvalidValueError, match=r"'auto' for .* 'idc', which does not hold pixels"):
        slimdc.read(tmp_path / "standardised.pt")
    space = Preprocessing([0.5] * 3, [0.25] * 3)
    brought = slimdc.read(tmp_path / "pixels.pt", preprocessing=space)
    said = slimdc.read(tmp_path / "standardised.pt", preprocessing=space)
    assert said.preprocessing == brought.preprocessing == space
    np.testing.assert_allclose(given(said)[0], given(brought)[0], atol=1e-5)
    assert slimdc.storage.inspect(tmp_path / "pixels.pt").space_said
    assert not slimdc.storage.inspect(tmp_path / "standardised.pt").space_said


# What is no set.


class Malicious:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return RAN.append, ("ran",)


class MaliciousCall(Malicious):
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, ("exit 1",)


@pytest.mark.parametrize("evil", [Malicious, MaliciousCall])
@pytest.mark.parametrize("zipped", [False, True])
def test_pickles_are_never_executed(tmp_path, evil, zipped) -> None:
    torch = library("torch")
    for held in (
        evil(),
        {"data": [[torch.zeros(1, 3, 4, 4), torch.zeros(1, dtype=torch.int64)]], "x": evil()},
        [torch.zeros(1, 3, 4, 4), evil()],
        {"data": evil()},
    ):
        torch.save(held, tmp_path / "set", _use_new_zipfile_serialization=zipped)
        with pytest.raises(FileError, match=r"which would be code that runs|foreign content"):
            slimdc.read(tmp_path / "set", preprocessing="none")
    assert not RAN
    (tmp_path / "set").write_bytes(pickle.dumps(evil()))
    with pytest.raises(FileError, match="a pickle, which would run code"):
        slimdc.read(tmp_path / "set", preprocessing="none")
    assert not RAN


def test_labels_beside_are_not_executed_either(tmp_path) -> None:
    folder = mtt(tmp_path / "logged")
    library("torch").save(Malicious(), folder / "labels_best.pt")
    with pytest.raises(FileError, match=r"labels_best\.pt: found an object of"):
        slimdc.read(folder, preprocessing="none")
    assert not RAN


def test_nothing_stays_allowed(tmp_path) -> None:
    torch = library("torch")
    before = set(torch.serialization.get_safe_globals())  # torch knows no order of them
    slimdc.read(vico(tmp_path / "set"), preprocessing="none")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "set", weights_only=True)


@pytest.mark.parametrize("zipped", [False, True])
def test_files_of_old_torch_and_old_numpy(tmp_path, zipped) -> None:
    torch = library("torch")
    path = tmp_path / "set"
    held = {"data": [[torch.tensor(drawn()), torch.tensor(Y)]], "accs_all_exps": [np.float64(1)]}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    if zipped:
        whole = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name).replace(b"numpy._core.", b"numpy.core."))
    close(given(slimdc.read(path, preprocessing="none"))[0], drawn())


def test_objects_in_archives(tmp_path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=drawn(), labels=np.asarray([Malicious()] * len(Y), object))
    with pytest.raises(FileError, match="objects in 'labels', which are code"):
        slimdc.read(path, preprocessing="none")
    assert not RAN
    # Beside the set, nobody looks at them.
    np.savez(path, images=drawn(), labels=rows(), valid_loss=np.asarray([Malicious()], object))
    assert len(slimdc.read(path, preprocessing="none")) == len(Y)
    assert not RAN


def test_archives_that_claim_more_than_they_hold(tmp_path) -> None:
    path, held = tmp_path / "set.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(
        held, {"descr": "<f4", "fortran_order": False, "shape": (2**33, 3, 32, 32)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", held.getvalue() + b"\0" * 64)
        archive.writestr("labels.npy", held.getvalue())
    with pytest.raises(FileError, match="64 bytes for 'images' of shape"):
        slimdc.read(path, preprocessing="none")


def test_tensors_that_claim_more_than_they_hold(tmp_path) -> None:
    torch = library("torch")
    torch.save([torch.zeros(1).expand(2**20, 3, 32, 32), torch.zeros(1)], tmp_path / "set")
    with pytest.raises(FileError, match="values that are not there"):
        slimdc.read(tmp_path / "set")
    x = torch.save([torch.zeros(64, 3, 8, 8), torch.zeros(64, dtype=torch.int64)], tmp_path / "set")
    assert x is None
    whole = (tmp_path / "set").read_bytes()
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as old,
        zipfile.ZipFile(tmp_path / "set", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(FileError, match="compressed tensors"):
        slimdc.read(tmp_path / "set")


X = drawn()


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (X[:0], Y[:0], "images of shape"),
        (X[0], Y, "images of shape"),
        (X.transpose(0, 2, 3, 1), Y, "images of shape"),
        (X.astype(np.int32), Y, "dtype int32"),
        (X.astype(np.complex64), Y, "dtype complex64"),
        (np.where(X > 0.9, np.nan, X), Y, "NaN or infinite"),
        (np.where(X > 0.9, np.inf, X), Y, "NaN or infinite"),
        (X, Y[:-1], r"labels of shape \(6,\)"),
        (X, Y[:, None], r"labels of shape \(7, 1\)"),
        (X, Y - 1, "the label -1"),
        (X, Y + 2**40, "the label 109951162777"),
        (X, Y.astype(np.float32), "dtype float32"),
        (X, Y.astype(bool), "dtype bool"),
    ],
)
def test_tensors_that_are_no_set(tmp_path, x, y, told) -> None:
    torch = library("torch")
    pair = [torch.tensor(x), torch.tensor(y)]
    torch.save(pair, tmp_path / "idc")
    torch.save({"data": [pair]}, tmp_path / "vico")
    for name in ("idc", "vico"):
        with pytest.raises(FileError, match=told):
            slimdc.read(tmp_path / name, preprocessing="none")


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (X[0], rows(), "an archive of"),
        (X, rows()[:-1], r"labels of shape \(6, 3\)"),
        (X, rows()[:, :1], r"labels of shape \(7, 1\)"),
        (X, Y, r"labels of shape \(7,\)"),
        (X, np.where(rows() > 2, np.nan, rows()), "labels with NaN"),
        (X.astype(np.int8), rows(), "dtype int8"),
        (np.full(X.shape, "a"), rows(), "dtype <U1"),
    ],
)
def test_archives_that_are_no_set(tmp_path, x, y, told) -> None:
    np.savez(tmp_path / "set", images=x, labels=y, k=1.0)
    with pytest.raises(FileError, match=told):
        slimdc.read(tmp_path / "set.npz", preprocessing="none")


def test_other_things_in_files_of_torch(tmp_path) -> None:
    torch = library("torch")
    for held, told in (
        ({"weight": torch.zeros(2)}, r"a dict with the keys \['weight'\]"),
        ([torch.zeros(2)] * 3, "a list of 3 values"),
        (5, "a int"),
        ({"data": []}, "no experiment"),
        ({"data": [torch.zeros(2)]}, "a Tensor, expected a pair"),
        ({"data": [[1, 2]]}, "a int, expected an array"),
        ({"data": [[[0.5], [2]]]}, "a list, expected an array"),
        ([torch.zeros(2, 3, 4, 4).to_sparse(), torch.zeros(2)], "layout torch.sparse"),
    ):
        torch.save(held, tmp_path / "set")
        with pytest.raises(FileError, match=told):
            slimdc.read(tmp_path / "set", preprocessing="none")


def test_bfloat16_is_widened(tmp_path) -> None:
    torch = library("torch")
    x = torch.tensor(drawn()).bfloat16()
    torch.save([x, torch.tensor(Y)], tmp_path / "set")
    close(given(slimdc.read(tmp_path / "set"))[0], x.float().numpy())


@pytest.mark.parametrize("name", ["vico", "idc", "npz", "parquet", "slimdc"])
def test_truncated_files(tmp_path, name) -> None:
    needs(name)
    path = tmp_path / "set"
    data = SlimmableDataset.from_arrays(drawn(), Y)
    slimdc.write(data, path, format="rfad" if name == "npz" else name)
    whole = path.read_bytes()
    for length in (0, 1, 5, 20, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match="set: found"):
            slimdc.read(path, preprocessing="none" if name != "slimdc" else "auto")
    # A byte within the content: archives have sums, and what passes is still a set.
    if name == "npz":
        path.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
        with pytest.raises(FileError, match="Bad CRC"):
            slimdc.read(path, preprocessing="none")


def test_paths_that_hold_nothing(tmp_path) -> None:
    (tmp_path / "text").write_text("a set")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a.txt", "text")
    (tmp_path / "zip2").write_bytes(b"PK" + b"\0" * 50)
    for name, told in (
        ("missing", "no such file"),
        ("text", "begins as none of these"),
        ("empty", "a folder of"),
        ("zip", r"an archive of \['a.txt'\]"),
        ("zip2", "a damaged archive"),
        ("nu\0ll", "no such file"),
    ):
        with pytest.raises(FileError, match=told):
            slimdc.read(tmp_path / name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match="no regular file"):
            slimdc.read(tmp_path / "pipe")


def test_calls_that_cannot_be(tmp_path) -> None:
    np.savez(tmp_path / "set.npz", images=X, labels=rows(), k=1.0)
    path = tmp_path / "set.npz"
    for wrong, error, told in (
        ({"format": "other"}, InvalidValueError, "format: found 'other'"),
        ({"format": None}, InvalidTypeError, "format: found None"),
        ({"format": "kip"}, FileError, "which fits 'rfad', expected a set of format 'kip'"),
        ({"format": "vico"}, FileError, "which fits 'rfad', expected a set of format 'vico'"),
        ({}, InvalidValueError, "preprocessing: found 'auto' for a set of format 'rfad'"),
        ({"preprocessing": "zca"}, InvalidValueError, "preprocessing: found 'zca', expected one"),
        ({"preprocessing": None}, InvalidTypeError, "preprocessing: found NoneType"),
        ({"preprocessing": "mnist", "experiment": 0}, InvalidValueError, "experiment: found 0"),
        ({"preprocessing": "mnist", "factor": 2}, InvalidValueError, "factor: found 2"),
        ({"preprocessing": "none", "classes": 4}, InvalidValueError, "rows of 3 entries"),
        ({"preprocessing": Preprocessing((0, 1), (1, 1))}, InvalidValueError, "2 channels"),
    ):
        with pytest.raises(error, match=told):
            slimdc.read(path, **wrong)
    for wrong_path, error in (
        (5, InvalidTypeError),
        ([], InvalidValueError),
        ([5], InvalidTypeError),
    ):
        with pytest.raises(error, match="path: found"):
            slimdc.read(wrong_path)
    data = slimdc.read(path, preprocessing="none")
    with pytest.raises(InvalidTypeError, match="data: found tuple"):
        slimdc.write((1, 2), path, format="kip")
    with pytest.raises(InvalidValueError, match="format: found 'auto'"):
        slimdc.write(data, path, format="auto")
    flat = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    for name in FORMATS:
        needs_nothing = FORMATS[name].container in ("npz", "pictures")
        if needs_nothing:
            with pytest.raises(
                InvalidValueError, match=r"samples of shape \(4,\), expected images"
            ):
                slimdc.write(flat, tmp_path / "flat", format=name)
    two = SlimmableDataset.from_arrays(np.ones((2, 4, 4, 2)), [0, 1])
    with pytest.raises(InvalidValueError, match="images of 2 channels"):
        slimdc.write(two, tmp_path / "two", format="sre2l")
    one = SlimmableDataset.from_arrays(np.ones((2, 4, 4)), [0, 0])
    with pytest.raises(InvalidValueError, match="labels of one entry"):
        slimdc.write(one, tmp_path / "one", format="kip")


@pytest.mark.parametrize("name", ["sre2l", "mtt"])
def test_folders_are_whole_or_not_there(tmp_path, name, monkeypatch) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), Y)
    target = tmp_path / "set"
    target.mkdir()
    (target / "precious").write_text("kept")
    with pytest.raises(FileError, match="a folder that is not empty"):
        slimdc.write(data, target, format=name)
    (target / "precious").unlink()
    slimdc.write(data, target, format=name)
    (tmp_path / "file").write_text("kept")
    with pytest.raises(FileError, match="a file, expected"):
        slimdc.write(data, tmp_path / "file", format=name)
    with pytest.raises(FileError, match="no folder"):
        slimdc.write(data, tmp_path / "no" / "set", format=name)
    count = []

    def full(*_: object) -> None:
        count.append(1)
        if len(count) > 1:
            raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FileError, match="no space left"):
        slimdc.write(data, tmp_path / "other", format=name)
    assert len(count) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "set"]


@pytest.mark.parametrize("name", ["vico", "rfad"])
def test_files_are_replaced_whole(tmp_path, name) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), Y)
    (tmp_path / "set").write_text("before")
    slimdc.write(data, tmp_path / "set", format=name)
    assert recognised(tmp_path / "set") == name
    with pytest.raises(FileError, match="no folder"):
        slimdc.write(data, tmp_path / "no" / "set", format=name)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("vico", "torch", "torch"),
        ("mtt", "torch", "torch"),
        ("parquet", "pyarrow", "parquet"),
        ("sre2l", "PIL", "images"),
        ("parquet", "PIL", "images"),
    ],
)
def test_missing_libraries_are_named(tmp_path, name, module, extra, monkeypatch) -> None:
    needs(name)
    data = SlimmableDataset.from_arrays(drawn(), Y)
    slimdc.write(data, tmp_path / "set", format=name)
    monkeypatch.setitem(sys.modules, module, None)
    told = rf"pip install 'slimdc\[{extra}\]'"
    with pytest.raises(MissingLibraryError, match=told):
        slimdc.read(tmp_path / "set", preprocessing="none")
    with pytest.raises(MissingLibraryError, match=told):
        slimdc.write(data, tmp_path / "other", format=name)
    if module == "torch":
        with pytest.raises(MissingLibraryError, match=told):
            data.torch_dataset()


# What a set is to others' loops.


def test_a_set_is_a_pair() -> None:
    data = SlimmableDataset.from_arrays(drawn(), Y)
    x, y = data
    for found, expected in zip((x, y), data.arrays(), strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(InvalidTypeError, match="x: found"):
        SlimmableDataset.from_arrays(data, Y)
    assert slimdc.slim(data, 1, steps=0).components == (1, 1, 1)
    assert slimdc.slim(tuple(data), 1, steps=0).components == (1, 1, 1)


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_a_set_is_a_dataset_of_torch(framework) -> None:
    torch = library("torch")
    source = torch.tensor(drawn()) if framework == "torch" else drawn()
    data = SlimmableDataset.from_arrays(source, Y.tolist())
    found = data.torch_dataset("given")
    assert isinstance(found, torch.utils.data.TensorDataset)
    assert len(found) == len(data)
    close(torch.stack([x for x, _ in found]).numpy(), drawn())
    loader = torch.utils.data.DataLoader(data.torch_dataset(), batch_size=len(Y))
    _, y = next(iter(loader))
    assert y.argmax(dim=1).tolist() == data.members.tolist()
    with pytest.raises(InvalidValueError, match="order: found"):
        data.torch_dataset("other")


# The command.


def command(*arguments: object) -> int:
    return cli.main(["convert", *map(str, arguments)])


def test_the_command(tmp_path, capsys) -> None:
    np.savez(tmp_path / "set.npz", images=X, labels=rows(), k=1.0)
    archive, ours = tmp_path / "set.npz", tmp_path / "ours"
    assert command(archive, ours) == 1
    assert "preprocessing: found 'auto'" in capsys.readouterr().err
    assert command(archive, ours, "--preprocessing", "cifar10", "--from", "rfad") == 0
    assert "ours: 7 samples of 3x8x8 in 3 classes, as slimdc" in capsys.readouterr().out
    assert slimdc.load(ours).preprocessing == Preprocessing.named("cifar10")
    assert command(ours, tmp_path / "kip", "--format", "kip") == 0
    close(given(slimdc.read(tmp_path / "kip", preprocessing="none"))[0], X.transpose(0, 2, 3, 1))
    capsys.readouterr()
    assert command(ours, tmp_path / "mtt", "--format", "mtt") == 1
    assert "soft labels" in capsys.readouterr().err
    classes = slimdc.load(ours).members.tolist()
    assert command(ours, tmp_path / "hard", "--format", "kip", "--labels", "classes") == 0
    y = given(slimdc.read(tmp_path / "hard", preprocessing="none"))[1]
    assert sorted(y.argmax(axis=1).tolist()) == classes
    assert (np.count_nonzero(y > 0, axis=1) == 1).all()


@pytest.mark.parametrize(
    ("out", "others"),
    [("a.npz", "kip, rfad or frepo"), ("a.PT", "vico or idc"), ("a.parquet", "parquet")],
)
def test_names_of_others_need_a_format(tmp_path, capsys, out, others) -> None:
    slimdc.save(SlimmableDataset.from_arrays(drawn(), Y), tmp_path / "set")
    assert command(tmp_path / "set", tmp_path / out) == 1
    assert f"expected {others}, or slimdc" in capsys.readouterr().err
    assert not (tmp_path / out).exists()
    assert command(tmp_path / "set", tmp_path / out, "--format", "slimdc") == 0
    assert len(slimdc.load(tmp_path / out)) == len(Y)


def test_the_command_takes_all_that_reading_takes(tmp_path) -> None:
    path, out = vico(tmp_path / "set", 2), tmp_path / "out"
    options = ("--preprocessing", "none", "--experiment", 1, "--classes", 4)
    assert command(path, out, *options) == 0
    assert slimdc.load(out).label_entries == 4
    close(given(slimdc.load(out))[0], drawn(seed=1))
    assert command(idc(tmp_path / "data.pt"), out, "--factor", 2) == 0
    assert len(slimdc.load(out)) == 4 * len(Y)
    parts = [mtt(tmp_path / str(i)) for i in range(2)]
    assert command(*parts, out, "--preprocessing", "none") == 0
    assert len(slimdc.load(out)) == 2 * len(Y)


def test_the_command_fits_whitenings(tmp_path, capsys) -> None:
    x = np.random.default_rng(3).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    for i, pixels in enumerate(x):
        inside = tmp_path / "real" / str(i % 2)
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{i:02d}.png").write_bytes(png(pixels))
    by_class = np.argsort(np.arange(60) % 2, kind="stable")
    space = Preprocessing.zca(x[by_class].transpose(0, 3, 1, 2), "channels_first", recipe="rfad")
    np.savez(tmp_path / "set.npz", images=X, labels=np.eye(3, dtype=np.float32)[Y], k=1.0)
    archive, out = tmp_path / "set.npz", tmp_path / "out"
    data = ("--data", tmp_path / "real")
    assert command(archive, out, "--preprocessing", "zca-rfad", *data) == 0
    assert slimdc.load(out).preprocessing == space
    assert command(out, tmp_path / "pictures", "--format", "rded", *data) == 0
    assert recognised(tmp_path / "pictures") == "rded"
    capsys.readouterr()
    sized = ("--data", tmp_path / "real", "--size", "6")
    assert command(archive, out, "--preprocessing", "zca-rfad", *sized) == 1
    assert "6, 6" in capsys.readouterr().err  # the set's are of 8 x 8
    assert command(archive, out, "--preprocessing", "zca-rfad") == 1
    assert "--data: found None" in capsys.readouterr().err
    assert command(archive, out, "--preprocessing", "zca-other", *data) == 1
    assert "--preprocessing: found zca-other, expected one of auto, none" in capsys.readouterr().err
    assert command(out, tmp_path / "again", "--preprocessing", "zca-rfad", *data) == 1
    assert "a slimmable file says its space" in capsys.readouterr().err


def test_convert_says_that_it_reads_no_urls(tmp_path, capsys) -> None:
    assert cli.main(["convert", "https://localhost:1/set.st", str(tmp_path / "out")]) == 1
    said = "slimdc: error: IN: found 'https://localhost:1/set.st', expected files or folders; "
    assert capsys.readouterr().err.startswith(said)
