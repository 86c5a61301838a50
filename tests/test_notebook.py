"""What a notebook shows: pages that are whole, small, escaped, and there for every set."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from conftest import Space
from slimmable_sets import KINDS

import slimdc
from slimdc import Evaluation, Preprocessing, SlimmableDataset
from slimdc._png import as_png
from slimdc.certificate import Certificate
from slimdc.errors import InvalidValueError
from slimdc.notebook import page, thumbnails
from slimdc.notebook.curves import dots, spectrum
from slimdc.notebook.sets import page_of

VOID = {"img", "circle", "line", "polyline", "polygon"}


class Checked(HTMLParser):
    """Reads a page, and refuses elements that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.sources += [known[name] or "" for name in ("src", "href") if name in known]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read(html: str) -> Checked:
    assert len(html.encode()) < 100_000
    reader = Checked()
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert all(source.startswith("data:image/png;base64,") for source in reader.sources)
    assert "script" not in html
    assert "nan" not in re.sub(r'src="[^"]*"', "", html).lower()
    return reader


def _rng() -> np.random.Generator:
    return np.random.default_rng(3)


def _whitened() -> SlimmableDataset:
    x = _rng().uniform(size=(80, 3, 5, 5)).astype(np.float32)
    space = Preprocessing.zca(x)
    inside = space.apply(x[:10], "channels_first")
    labels = np.arange(10) % 5
    return SlimmableDataset.from_arrays(
        inside, labels, layout="channels_first", preprocessing=space
    )


def _of(x: Any, classes: int, **known: Any) -> SlimmableDataset:
    return SlimmableDataset.from_arrays(x, np.arange(len(x)) % classes, **known)


ODD: dict[str, Callable[[], SlimmableDataset]] = {
    "one number": lambda: _of([[1.0]], 1),
    "vectors": lambda: _of(_rng().standard_normal((8, 1000)), 4),
    "two channels": lambda: _of(_rng().uniform(size=(6, 5, 4, 2)), 3, layout="channels_last"),
    "many classes": lambda: _of(_rng().standard_normal((1000, 3)), 1000),
    "many large images": lambda: _of(_rng().uniform(size=(40, 3, 96, 96)), 40),
    "100 classes of CIFAR": lambda: _of(_rng().uniform(size=(100, 32, 32, 3)), 100),
    "a thin image": lambda: _of(_rng().uniform(size=(2, 1, 300, 1)), 2),
    "huge": lambda: _of(1e150 * _rng().standard_normal((6, 4, 4)), 2),
    "huge vectors": lambda: _of(1e150 * _rng().standard_normal((6, 4)), 2),
    "tiny": lambda: _of(1e-150 * _rng().standard_normal((6, 4, 4)), 2),
    "nothing": lambda: _of(np.zeros((4, 3, 3)), 2),
    "constant": lambda: _of(np.full((4, 3, 3), -7.0), 2),
    "whitened": _whitened,
    "whitened, without its matrix": lambda: slimdc.loads(slimdc.dumps(_whitened())),
    "of few bits": lambda: _of(_rng().standard_normal((20, 8, 8)), 2).quantize(4),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_sets_are_shown(name: str) -> None:
    data = ODD[name]()
    with np.errstate(all="raise"):
        reader = read(page_of(data))
    assert f"{data.nbytes:,} byte" in " ".join(reader.text)
    assert data._repr_html_() == page_of(data)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_set_is_shown(name: str) -> None:
    read(page_of(KINDS[name]()))


def test_a_page_is_of_the_first_sample_of_each_class(space: Space) -> None:
    x = np.linspace(0, 1, 6 * 4 * 4, dtype=np.float32).reshape(6, 4, 4)
    data = SlimmableDataset.from_arrays(space.array(x), [2, 0, 0, 2, 1, 1])
    found = thumbnails.thumbnails(data)
    assert found.classes == ("0", "1", "2")
    np.testing.assert_allclose(found.pixels / 255, x[[1, 4, 0]], atol=1 / 254)
    assert found.note == ""
    read(page_of(data))


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_pixels_come_out_of_the_space_of_the_set(layout: str) -> None:
    x = _rng().uniform(size=(9, 3, 6, 6))
    x = x if layout == "channels_first" else np.moveaxis(x, 1, -1)
    space = Preprocessing((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    known = {"layout": layout, "preprocessing": space}
    data = SlimmableDataset.from_arrays(space.apply(x, layout), np.arange(9) // 3, **known)  # type: ignore[arg-type]
    want = x[::3] if layout == "channels_last" else np.moveaxis(x[::3], 1, -1)
    np.testing.assert_allclose(thumbnails.thumbnails(data).pixels / 255, want, atol=1 / 254)


def test_a_whitening_is_undone() -> None:
    x = _rng().uniform(0.2, 0.8, size=(80, 3, 5, 5)).astype(np.float32)
    space = Preprocessing.zca(x)
    known = {"layout": "channels_first", "preprocessing": space}
    data = SlimmableDataset.from_arrays(
        space.apply(x[:2], "channels_first"),
        [0, 1],
        **known,  # type: ignore[arg-type]
    )
    want = np.moveaxis(x[:2], 1, -1)
    np.testing.assert_allclose(thumbnails.thumbnails(data).pixels / 255, want, atol=0.01)


def test_only_what_is_shown_goes_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _of(_rng().uniform(size=(300, 32, 32, 3)).astype(np.float32), 100)
    moved: list[int] = []

    def counted(x: Any, plain: Any = thumbnails.to_numpy) -> Any:
        moved.append(int(np.prod(x.shape)))
        return plain(x)

    monkeypatch.setattr(thumbnails, "to_numpy", counted)
    found = thumbnails.thumbnails(data)
    assert moved == [len(found.classes) * 32 * 32 * 3]


def test_large_images_are_averaged() -> None:
    x = np.zeros((4, 128, 128, 1))
    x[:, ::2, ::2] = 1.0
    found = thumbnails.thumbnails(_of(x, 4, layout="channels_last"))
    assert found.pixels.shape == (4, 64, 64)
    assert (found.pixels == 64).all()  # a quarter of 255


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (3, 4, 1), (3, 4, 3)])
def test_pillow_reads_what_is_written(shape: tuple[int, ...]) -> None:
    from PIL import Image

    pixels = _rng().integers(0, 256, size=shape, dtype=np.uint8)
    with Image.open(io.BytesIO(as_png(pixels))) as read_back:
        np.testing.assert_array_equal(np.asarray(read_back).reshape(shape), pixels)


def test_a_page_holds_the_pictures() -> None:
    from PIL import Image

    data = slimdc.datasets.sample().data
    sources = read(data._repr_html_()).sources
    assert len(sources) == data.classes
    for source, pixels in zip(sources, thumbnails.thumbnails(data).pixels, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_spectrum_falls_from_the_top_to_the_line() -> None:
    drawn = spectrum(np.asarray([[1.0, -4.0], [4.0, 0.0]]), [2, 1])
    points = re.search(r'<polyline points="([^"]*)"', drawn)
    assert points is not None
    assert points[1].split() == ["6.0,6.0", "234.0,60.0"]  # 4 and 1 of at most 4
    assert 'aria-label="significances of 2 classes' in drawn


def test_dots_lie_where_values_are() -> None:
    found = [float(x) for x in re.findall(r'cx="([^"]*)"', dots([0.0, 25.0, 100.0], 0, 100))]
    assert found == [6.0, 63.0, 234.0]


def test_text_is_escaped() -> None:
    assert "<b>" not in page.facts([("<b>", "<b>")]) + page.table(["<b>"], [["<b>"]])
    notes = ("<script>",)
    distance = slimdc.certificate.Distance(0.5, 0.5, 1.0)
    report = Certificate("<i>", True, (4, 2), 1.0, distance, distance, None, (), notes)
    reader = read(report._repr_html_().replace("&lt;script&gt;", "&lt;escaped&gt;"))
    assert "<i>" in " ".join(reader.text)


def test_a_page_that_fails_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _of(np.eye(4), 2)
    monkeypatch.setattr("slimdc.notebook.sets.thumbnails", lambda data: 1 / 0)
    assert data._repr_html_() == f"<pre>{data}</pre>"


def test_a_certificate_begins_with_its_verdict() -> None:
    data = slimdc.datasets.sample().data
    for after in (data.truncate(3), data.quantize(3), data):
        report = slimdc.certify(data, after)
        reader = read(report._repr_html_())
        assert reader.text[0] == report.verdict
        shown = " ".join(reader.text)
        for bound in report.bounds:
            assert bound.equation in shown
            assert f"{bound.value:.3e}" in shown
        assert f"{report.infinity_order.relative:.3e}" in shown


def test_an_evaluation_begins_with_accuracy_and_spread() -> None:
    result = Evaluation((70.0, 72.0, 75.5), 500)
    reader = read(result._repr_html_())
    assert reader.text[0] == f"{result.mean:.2f} ± {result.std:.2f} %"
    assert "70.00, 72.00, 75.50 %" in reader.text
    assert read(Evaluation((70.0,), 1)._repr_html_()).text[0] == "70.00 %"
    read(Evaluation(tuple(i % 101 for i in range(1000)), 1)._repr_html_())


def test_references_are_shown_side_by_side() -> None:
    made = [Evaluation((mean, mean + 2), 100) for mean in (80.0, 60.0, 90.0)]
    text = read(slimdc.ReferenceEvaluations(*made)._repr_html_()).text
    shown = [text.index(f"{one.mean:.2f} ± {one.std:.2f} %") for one in made]
    assert shown == sorted(shown)


def test_an_evaluation_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="accuracies: found none"):
        Evaluation((), 5)
