"""Pictures: what is drawn is what sets and chains hold."""

from __future__ import annotations

import io
import sys
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import slimdc
from slimdc import pictures
from slimdc.chains import Cell, Chain
from slimdc.errors import (
    FileError,
    InvalidTypeError,
    InvalidValueError,
    MissingLibraryError,
    SlimdcError,
)
from slimdc.pictures.sheet import Line, sheet


def images(layout: str = "channels_last", channels: int = 1) -> slimdc.SlimmableDataset:
    rng = np.random.default_rng(0)
    shape = (8, 8, channels) if layout == "channels_last" else (channels, 8, 8)
    x = rng.uniform(size=(12, *shape))
    space = slimdc.Preprocessing([0.5] * channels, [0.25] * channels)
    y = np.repeat(np.arange(3), (5, 4, 3))
    return slimdc.SlimmableDataset.from_arrays(
        space.apply(x, layout), y, layout=layout, preprocessing=space
    )


@pytest.mark.parametrize(
    ("layout", "channels"), [("channels_last", 1), ("channels_last", 3), ("channels_first", 3)]
)
def test_a_grid_shows_the_first_samples_of_each_class_as_pixels(layout: str, channels: int) -> None:
    data = images(layout, channels)
    figure = pictures.samples({"before": data, "after": data.truncate(1)}, per_class=2)
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(shown) == 12
    raw = data.preprocessing.invert(data.arrays()[0], layout)
    raw = np.moveaxis(raw, 1, -1) if layout == "channels_first" else raw
    for image, row in zip(shown, (0, 1, 5, 6, 9, 10), strict=False):
        np.testing.assert_allclose(np.squeeze(image), np.squeeze(raw[row]), atol=1e-6)
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["before", "after"]


def test_many_classes_go_on_below() -> None:
    x = np.arange(45)[:, None, None] / 45 + np.zeros((1, 2, 2))
    data = slimdc.SlimmableDataset.from_arrays(x, np.arange(45))
    figure = pictures.samples({"a": data.named([f"c{i}" for i in range(45)]), "b": data})
    assert figure.get_figwidth() < 20
    drawn = [axis for axis in figure.axes if axis.images]
    found = [round(45 * float(axis.images[0].get_array()[0, 0])) for axis in drawn]
    parts = [list(range(20)), list(range(20, 40)), list(range(40, 45))]
    assert found == [label for part in parts for _ in "ab" for label in part]
    titled = [(axis.get_title(), label) for axis, label in zip(drawn, found, strict=True)]
    assert [pair for pair in titled if pair[0]] == [(f"c{i}", i) for i in range(45)]


def test_a_class_is_shown_by_components() -> None:
    figure = pictures.components(images(), 1, (3, 1), columns=3)
    assert sum(bool(axis.images) for axis in figure.axes) == 6


def test_a_spectrum_is_that_of_the_set() -> None:
    data = images()
    (axis,) = pictures.spectrum(data).axes
    for i, line in enumerate(axis.lines):
        held = data.components[i]
        np.testing.assert_allclose(line.get_ydata(), data.s[i, :held])


@pytest.mark.parametrize(("layout", "channels"), [("channels_last", 3), ("channels_first", 1)])
def test_a_set_draws_a_sample_of_each_class_and_its_spectrum(layout: str, channels: int) -> None:
    data = images(layout, channels)
    figure = data.plot()
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown] == ["0", "1", "2"]
    raw = data.preprocessing.invert(data.arrays()[0], layout)
    raw = np.moveaxis(raw, 1, -1) if layout == "channels_first" else raw
    for axis, row in zip(shown, (0, 5, 9), strict=True):
        drawn = np.squeeze(axis.images[0].get_array())
        np.testing.assert_allclose(drawn / 255, np.squeeze(raw[row]), atol=1 / 254)
    assert len(figure.axes[-1].lines) == data.classes


def test_a_set_of_vectors_draws_lines() -> None:
    data = slimdc.SlimmableDataset.from_arrays(np.eye(6), np.arange(6) % 2)
    (lines,) = [axis for axis in data.plot().axes if axis.images]
    assert lines.images[0].get_array().shape == (2, 6)
    with pytest.raises(InvalidTypeError, match="data"):
        pictures.overview(np.eye(2))  # type: ignore[arg-type]


def test_a_notebook_shows_a_figure_by_itself() -> None:
    assert images().plot()._repr_png_()[1:4] == b"PNG"  # type: ignore[attr-defined]


@pytest.mark.parametrize("against", ["components", "bytes"])
def test_accuracies_begin_at_the_first_set(against: str) -> None:
    cells = Cell("RT", 2, (80.0,), 100), Cell("RT", 1, (70.0,), 50), Cell("dm", 1, (69.0, 71.0), 50)
    figure = pictures.accuracies({"dm": Chain("dm", cells)}, against=against)  # type: ignore[arg-type]
    retrained, slimmed = figure.axes[0].lines
    places = [2, 1] if against == "components" else [100, 50]
    assert list(retrained.get_xdata()) == list(slimmed.get_xdata()) == places
    assert list(retrained.get_ydata()) == [80.0, 70.0]
    assert list(slimmed.get_ydata()) == [80.0, 70.0]
    bars = [bar.get_segments() for bar in figure.axes[0].collections]
    assert [len(found) for found in bars] == [2, 2]
    # 69 and 71 lie 1 beside their mean each: by n - 1 the deviation is the root of 2.
    (_, ends) = bars[1]
    assert ends[:, 0].tolist() == [places[1]] * 2
    assert ends[:, 1].tolist() == pytest.approx([70.0 - 2**0.5, 70.0 + 2**0.5])
    assert bars[0][1][:, 1].tolist() == [70.0, 70.0]


def test_every_way_of_a_chain_is_drawn_and_budgets_are_named_where_there_is_room() -> None:
    ways = ("RT", "dm", "random", "yoco", "kmeans", "kip")
    cells = [Cell("RT", 10, (80.0,), 322_000)]
    cells += [Cell(way, 1, (70.0,), 31_000 + 100 * i) for i, way in enumerate(ways)]
    figure = pictures.accuracies({"dm": Chain("dm", tuple(cells))}, against="bytes")
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == [f"dm: {way}" for way in ways]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(ways)
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["322,000", "31,500"]


def test_a_picture_is_what_its_name_says(tmp_path: Path) -> None:
    figure = images().plot()
    for name, begins in (
        ("a.svg", b"<?xml"),
        ("a.PDF", b"%PDF"),
        ("a.png", b"\x89PNG"),
        ("a", b"\x89PNG"),
    ):
        pictures.save_picture(figure, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    for name in ("a.jpg", "a.safetensors", "a.b c"):
        with pytest.raises(InvalidValueError, match=r"path: found .* ends in \.png"):
            pictures.save_picture(figure, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_budgets_have_bars_where_spreads_are_known() -> None:
    figure = pictures.budgets({"a": [(10, 60.0, 2.0)], "b": [(10, 50.0), (20, 55.0, 0.5)]})
    bars = [bar.get_segments()[0].tolist() for bar in figure.axes[0].collections]
    assert bars == [[[10, 58.0], [10, 62.0]], [[20, 54.5], [20, 55.5]]]


def test_budgets_are_bytes() -> None:
    figure = pictures.budgets({"ours": [(608, 68.6), (4_009, 80.5)]})
    (axis,) = figure.axes
    assert (axis.get_xscale(), axis.get_xlabel(), axis.get_ylabel()) == (
        "log",
        "bytes",
        "accuracy, %",
    )
    (line,) = axis.lines
    assert line.get_xydata().tolist() == [[608.0, 68.6], [4009.0, 80.5]]


def test_pictures_are_saved_as_png(tmp_path: Path) -> None:
    figure = pictures.sensitivity({"first": [(0.1, 80.0), (10.0, 81.0)]})
    pictures.save_picture(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(FileError):
        pictures.save_picture(figure, tmp_path / "none" / "a.png")
    assert "matplotlib.pyplot" not in sys.modules


def test_bad_input_is_named() -> None:
    flat = slimdc.SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])
    for draw in (
        lambda: pictures.samples({}),
        lambda: pictures.samples({"flat": flat}),
        lambda: pictures.components(images(), 7, (1,)),
        lambda: pictures.components(images(), 1, (9,)),
        lambda: pictures.accuracies({}),
        lambda: pictures.convergence({}, "loss"),
    ):
        with pytest.raises(SlimdcError):
            draw()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "slimdc.pictures.figure", raising=False)
    with pytest.raises(MissingLibraryError, match=r"slimdc\[plot\]"):
        pictures.spectrum(images())


def test_a_sheet_holds_its_images_and_escapes_its_text() -> None:
    picture = np.linspace(0, 1, 2 * 3 * 3).reshape(2, 3, 3, 1)
    lines = [Line("a < b", picture, ("81.0 %", "20 bytes"), "A & B"), Line("c", picture)]
    drawn = ElementTree.fromstring(sheet("<title>", ["a note"], ["one", "quite long"], lines))
    svg = "{http://www.w3.org/2000/svg}"
    said = [text.text for text in drawn.iter(f"{svg}text") if text.text]
    assert said == [
        "<title>", "a note", "one", "long", "quite", "A & B", "a < b", "81.0 %", "20 bytes", "c"
    ]  # fmt: skip
    images = drawn.findall(f"{svg}image")
    assert len(images) == 4
    for place, image in zip((0, 1, 0, 1), images, strict=True):
        kind, coded = image.attrib["href"].split(",")
        assert kind == "data:image/png;base64"
        read = np.asarray(Image.open(io.BytesIO(b64decode(coded))))
        np.testing.assert_array_equal(read, np.rint(picture[place, ..., 0] * 255))
    tops = [int(image.attrib["y"]) for image in images]
    assert tops[0] == tops[1] < tops[2] == tops[3]


def test_each_line_of_a_sheet_has_an_image_for_each_column() -> None:
    with pytest.raises(InvalidValueError, match="2 images in 'a'"):
        sheet("", [], ["one"], [Line("a", np.zeros((2, 3, 3, 1)))])


def test_names_in_legends_are_no_formulas(tmp_path: Path) -> None:
    cells = Cell("RT", 2, (50.0,), 10), Cell("RT", 1, (40.0,), 5)
    figures = {
        "accuracies": pictures.accuracies({"$_$": Chain("dm", cells)}),
        "budgets": pictures.budgets({"$_$": [(5, 40.0), (10, 50.0)]}),
        "convergence": pictures.convergence({"$_$": [(0, 1.0), (1, 2.0)]}, "distance"),
    }
    for name, figure in figures.items():
        pictures.save_picture(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
