"""Names of classes: whatever is done to a set keeps them, and sets that disagree do not unite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import cli, pictures
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.methods.registry import METHODS
from slimdc.parameterization import SlimmableDataset

NAMES = ("cat", "cow", "dog")


def named(*names: str, labels: tuple[int, ...] = (0, 1, 2), classes: int = 6) -> SlimmableDataset:
    """Draw three images of each class, and name them in the order of their labels."""
    x = np.random.default_rng(0).random((3 * len(labels), 8, 8))
    data = SlimmableDataset.from_arrays(x, np.repeat(labels, 3), classes=classes)
    return data.named(dict(zip(labels, names, strict=True))) if names else data


def test_a_class_is_named_by_its_label() -> None:
    data = named(labels=(1, 4))
    assert data.names is None
    assert data.named(["a", "b", "c", "d", "e", "f"]).names == ("b", "e")
    assert data.named({4: "e", 1: "b", 2: "c"}).names == ("b", "e")
    assert data.named(list("abcdef")).named(None).names is None


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("abc", InvalidTypeError),
        ({"a", "b", "c"}, InvalidTypeError),
        ([1, 2, 3], InvalidTypeError),
        ([b"a", b"b", b"c"], InvalidTypeError),
        (["a", "b"], InvalidValueError),
        ({0: "a", 1: "b"}, InvalidValueError),
        (["a", "b", "a"], InvalidValueError),
        (["a", "b", ""], InvalidValueError),
        (["a", "b", "  "], InvalidValueError),
        (["a", "b", "c\n"], InvalidValueError),
        (["a", "b", "\x1b[31mred"], InvalidValueError),
        (["a", "b", "\u202egod"], InvalidValueError),
        (["a", "b", "c" * 256], InvalidValueError),
    ],
)
def test_what_is_no_name_is_refused(names: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^names: found .*, expected "):
        named().named(names)


@pytest.mark.parametrize("method", [name for name, way in METHODS.items() if way.slim])
def test_every_method_keeps_them(method: str) -> None:
    if method == "kmeans":
        library("sklearn")
    options: dict[str, Any] = {"progress": False}
    if METHODS[method].slim.plan is not None:  # type: ignore[union-attr]
        options |= {"steps": 1} if method == "kip" else {"steps": 1, "width": 2}
    small = slimdc.slim(named(*NAMES), 1, method=method, **options)
    assert small.names == NAMES


@pytest.mark.parametrize(
    "budget", [{"nbytes": 900}, {"bits": 4, "k": 1}, {"keep": 0.3}, {"k": {1: 1}}]
)
def test_every_budget_keeps_them(budget: dict[str, Any]) -> None:
    data = named(*NAMES)
    for some in (data, slimdc.loads(slimdc.dumps(data.quantize(8)))):
        small = slimdc.slim(some, steps=0, width=2, **budget)
        assert small.names == NAMES
        if "nbytes" in budget:
            assert len(slimdc.dumps(small)) <= budget["nbytes"]


def test_matched_rows_and_truncations_keep_them() -> None:
    small = slimdc.slim(named(*NAMES), 1, samples="match", steps=1, width=2, progress=False)
    assert small.names == NAMES
    assert named(*NAMES).truncate(1).names == NAMES


def test_what_has_no_names_takes_no_room() -> None:
    data = named()
    assert slimdc.dumps(data.named(NAMES).named(None)) == slimdc.dumps(data)
    assert len(slimdc.dumps(data.named(NAMES))) > len(slimdc.dumps(data))


def test_labels_move_with_their_names() -> None:
    moved = named(*NAMES).relabel({0: 5, 5: 0})
    assert (moved.labels, moved.names) == ((1, 2, 5), ("cow", "dog", "cat"))


def test_sets_that_disagree_do_not_unite() -> None:
    ours = named(*NAMES)
    with pytest.raises(InvalidValueError, match=r"sets\[1\]: found class 1 named 'fox', .*'cow'"):
        ours.union(named("cat", "fox", labels=(0, 1)))
    with pytest.raises(InvalidValueError, match=r"sets\[2\]: found 'dog' as class 3, .*class 2"):
        ours.union(named(), named("dog", labels=(3,)))
    assert ours.union(named("fox", labels=(3,))).names == (*NAMES, "fox")
    # Whose names are not known fits all, and what nobody names leaves all without.
    assert ours.union(named(labels=(1, 2))).names == NAMES
    assert ours.union(named(labels=(3,))).names is None


def test_a_buffer_keeps_what_it_holds_where_a_task_disagrees() -> None:
    buffer = slimdc.ReplayBuffer(components=6, classes=6, slim={"steps": 0})
    buffer.add(named(*NAMES))
    before = buffer.message
    with pytest.raises(InvalidValueError, match="named 'fox'"):
        buffer.add(named("fox", labels=(1,)))
    assert buffer.message == before
    buffer.add(named("fox", labels=(4,)))
    assert buffer.data.names == (*NAMES, "fox")


def test_pages_and_pictures_take_a_name_as_text() -> None:
    wild = ("<b>", "_$\\undefined$ of more than twelve", "a & b")
    data = named(*wild)
    page = data._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>," not in page
    assert "a &amp; b" in page
    figure = pictures.overview(data)
    figure.draw_without_rendering()
    *images, spectrum = figure.axes
    assert [axis.get_title() for axis in images[:3]] == ["<b>", "_$\\undefine…", "a & b"]
    told = [text.get_text() for text in spectrum.get_legend().get_texts()]
    assert told == [f"{i} {name}" for i, name in enumerate(wild)]
    vectors = SlimmableDataset.from_arrays(np.eye(6), np.arange(6) % 3).named(wild)
    pictures.overview(vectors).draw_without_rendering()


def test_a_grid_says_whose_samples_it_shows() -> None:
    data = named("a cat", "$", "a hippopotamus")
    figure = pictures.samples({"whole": data, "small": data.truncate(1)}, per_class=2)
    figure.draw_without_rendering()
    told = [axis.get_title() for axis in figure.axes]
    assert told == ["a cat", "", "$", "", "a hippopota…", "", *[""] * 6]


def test_info_says_them(tmp_path: Path, capsys) -> None:
    slimdc.save(named(*NAMES), tmp_path / "few")
    assert cli.main(["info", str(tmp_path / "few")]) == 0
    assert "\nnames          cat, cow, dog\n" in capsys.readouterr().out
    many = SlimmableDataset.from_arrays(np.eye(30), np.arange(30))
    slimdc.save(many.named([f"n{i}" for i in range(30)]), tmp_path / "many")
    assert cli.main(["info", str(tmp_path / "many")]) == 0
    assert "n22, n23, and 6 more\n" in capsys.readouterr().out
