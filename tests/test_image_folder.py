"""Images in folders: which files are read, in which order, to which size."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import slimdc
from slimdc import cli, datasets
from slimdc.errors import (
    FileError,
    InvalidTypeError,
    InvalidValueError,
    MissingLibraryError,
    SlimdcWarning,
)


def image(path: Path, colour: object, size: tuple[int, int] = (4, 6), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1], colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        image(tmp_path / part / "dog" / "b.png", (2, 0, 0))
        image(tmp_path / part / "dog" / "a.PNG", (1, 0, 0))
        image(tmp_path / part / "cat" / "c.bmp", (0, 3, 0))
        image(tmp_path / part / "cat" / ".hidden.png", (9, 9, 9))
        (tmp_path / part / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_classes_in_the_order_of_their_names(folder) -> None:
    real = datasets.image_folder(folder)
    assert real.names == ("cat", "dog")
    assert real.y_train.tolist() == real.y_test.tolist() == [0, 1, 1]
    assert real.x_train.shape == (3, 4, 6, 3)
    assert real.x_train[:, 0, 0].tolist() == [[0, 3, 0], [1, 0, 0], [2, 0, 0]]
    assert (real.x_train.dtype, real.y_train.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(datasets.read(str(folder)).x_test, real.x_test)


def test_a_folder_for_each_class_alone(folder) -> None:
    real = datasets.image_folder(folder / "train")
    assert (real.x_train.shape, real.x_test.shape) == ((3, 4, 6, 3), (0, 4, 6, 3))
    (folder / "test").rename(folder / "val")
    assert len(datasets.image_folder(folder).x_test) == 3


def test_grey_images_have_no_channels(tmp_path) -> None:
    image(tmp_path / "a" / "1.png", 7, mode="L")
    image(tmp_path / "a" / "2.png", 1, mode="1")
    real = datasets.image_folder(tmp_path)
    assert real.x_train.shape == (2, 4, 6)
    assert real.x_train[:, 0, 0].tolist() == [7, 255]
    image(tmp_path / "b" / "3.png", (1, 2, 3))
    assert datasets.image_folder(tmp_path).x_train[:, 0, 0, :].tolist() == [
        [7, 7, 7],
        [255, 255, 255],
        [1, 2, 3],
    ]


def test_sizes(tmp_path) -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 200  # the centre, a square
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "1.png")
    image(tmp_path / "a" / "2.png", (5, 5, 5), (9, 3))
    with pytest.raises(
        FileError, match=r"images of 4x8 \(.*1\.png\) and 9x3 \(.*2\.png\), expected"
    ):
        datasets.image_folder(tmp_path)
    real = datasets.image_folder(tmp_path, 4)
    np.testing.assert_array_equal(real.x_train[0], pixels[:, 2:6])
    assert datasets.image_folder(tmp_path, (2, 5)).x_train.shape == (2, 2, 5, 3)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (0, InvalidValueError),
        ((1, 2, 3), InvalidValueError),
        (2**20, InvalidValueError),
        ("4", InvalidTypeError),
        (True, InvalidTypeError),
        (4.0, InvalidTypeError),
    ],
)
def test_sizes_that_are_none(folder, size, error) -> None:
    with pytest.raises(error, match="size: found"):
        datasets.image_folder(folder, size)


def test_what_is_no_image(folder) -> None:
    (folder / "train" / "cat" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(FileError, match=r"d\.png: found an unreadable image"):
        datasets.image_folder(folder)
    whole = (folder / "train" / "dog" / "b.png").read_bytes()
    (folder / "train" / "cat" / "d.png").write_bytes(whole[:45])
    with pytest.raises(FileError, match=r"d\.png: found an unreadable image"):
        datasets.image_folder(folder)


def test_folders_that_are_none(folder, tmp_path) -> None:
    with pytest.raises(FileError, match=r"root: found .*without folders of images"):
        datasets.image_folder(folder / "train" / "cat")
    image(folder / "test" / "bird" / "1.png", (0, 0, 0))
    with pytest.raises(FileError, match=r"the classes \['bird'\]"):
        datasets.image_folder(folder)
    with pytest.raises(InvalidTypeError, match="root: found"):
        datasets.image_folder(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="root: found"):
        datasets.read(folder, root=tmp_path)
    with pytest.raises(FileError, match=r"cat', which holds nothing of this, expected one of"):
        datasets.read(folder / "train" / "cat")
    with pytest.raises(FileError, match="nowhere', which is not there, expected one of 'cifar10'"):
        datasets.read(folder / "nowhere")


def test_a_size_is_of_folders_alone(folder, monkeypatch) -> None:
    assert datasets.read(folder, size=6).x_train.shape[1:3] == (6, 6)
    assert (datasets.read(folder, size=6).x_train == datasets.image_folder(folder, 6).x_train).all()
    with pytest.raises(InvalidValueError, match=r"size: found 6 for 'cifar10', expected None"):
        datasets.read("cifar10", size=6)
    monkeypatch.setattr("slimdc.datasets.reading.is_idx", lambda _: True)
    with pytest.raises(InvalidValueError, match=r"size: found 6 for the files of IDX"):
        datasets.read(folder, size=6)


def test_without_pillow_the_remedy_is_named(folder, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'slimdc\[images\]'"):
        datasets.image_folder(folder)


def test_the_command_line_takes_folders(folder, tmp_path, capsys) -> None:
    real = datasets.image_folder(folder, 8)
    data = slimdc.SlimmableDataset.from_arrays(real.x_train, real.y_train)
    slimdc.save(data, tmp_path / "set")
    arguments = ["--repeats", "1", "--steps", "1", "--width", "1"]
    for part in ("train", "test"):
        for path in (folder / part).glob("*/*"):
            if path.suffix.lower() in (".png", ".bmp") and not path.name.startswith("."):
                Image.open(path).resize((8, 8)).save(path)
    assert cli.main(["evaluate", str(tmp_path / "set"), "--data", str(folder), *arguments]) == 0
    assert "on 3 real test images" in capsys.readouterr().out
    assert cli.main(["evaluate", str(tmp_path / "set"), "--data", str(folder / "train")]) == 1
    assert "without test images" in capsys.readouterr().err


@pytest.mark.parametrize(("mode", "ending"), [("I;16", "png"), ("F", "tif"), ("I", "tif")])
def test_images_of_more_than_8_bits_are_refused_rather_than_cut_off(
    tmp_path: Path, mode: str, ending: str
) -> None:
    (tmp_path / "a").mkdir()
    Image.new(mode, (4, 6), 1).save(tmp_path / "a" / f"1.{ending}")
    with pytest.raises(FileError, match="more than 8 bits"):
        datasets.image_folder(tmp_path)


def test_grey_images_with_alpha_have_no_channels(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    image(tmp_path / "a" / "1.png", (7, 255), mode="LA")
    image(tmp_path / "a" / "2.png", 9, mode="L")
    assert datasets.image_folder(tmp_path).x_train.shape == (2, 4, 6)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_among_images_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(next(path for path in folder.rglob("*.png")).with_name("pipe.png"))
    with pytest.raises(FileError, match="no regular file"):
        datasets.image_folder(folder)


def test_folders_whose_numbers_no_class_can_be_are_names(tmp_path: Path) -> None:
    for name in ("1", "9" * 20):
        image(tmp_path / name / "1.png", (1, 2, 3))
    data = slimdc.read(tmp_path)
    assert data.labels == (0, 1)
    assert data.names == ("1", "9" * 20)


def test_a_folder_without_images_is_no_class_and_said(folder: Path) -> None:
    before = datasets.image_folder(folder)
    (folder / "train" / "aardvarks").mkdir()
    (folder / "train" / "aardvarks" / "notes.txt").write_text("none yet")
    with pytest.warns(SlimdcWarning, match=r"no images in \['aardvarks'\].*images end in .bmp, "):
        after = datasets.image_folder(folder)
    assert after.names == before.names
