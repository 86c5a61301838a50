"""The demo: its table, its picture and its figures, with next to no training."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import slimdc
from slimdc import cli, demo

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    few = demo.Budget(2_500, 3, 2, trained=True), demo.Budget(1_500, 2, 1)
    for name, value in {"BUDGETS": few, "SLIM_STEPS": 1, "SLIM_WIDTH": 1}.items():
        monkeypatch.setattr(demo, name, value)
    monkeypatch.setattr(demo, "EVALUATION", replace(demo.EVALUATION, width=1, steps=1))


@pytest.mark.slow
def test_the_table_and_the_picture_say_the_same(tmp_path: Path, capsys) -> None:
    picture = tmp_path / "demo.svg"
    assert cli.main(["demo", "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert [line for line in lines if len(line) > 80 and str(picture) not in line] == []
    rows = [line.split() for line in lines if line.startswith("   ")]
    *_, whole, large, little = rows
    assert (whole[0], large[:2] + large[3:4], little[:2] + little[3:4]) == (
        "322,000",
        ["2,500", "3", "2"],
        ["1,500", "2", "1"],
    )
    assert "on 970 real images" in printed
    assert "the bounds hold" in " ".join(printed.split())

    drawn = ElementTree.parse(picture).getroot()
    assert len(drawn.findall(f"{SVG}image")) == 10 * (1 + 4 + 3)
    said = [text.text or "" for text in drawn.iter(f"{SVG}text")]
    assert [name for name in demo.NAMES if name not in " ".join(said)] == ["Ankle boot"]
    figures = [text.removesuffix(" %") for text in said if text.endswith(" %")]
    assert figures == [whole[-1], large[2], *large[4:], little[2], *little[4:]]
    nbytes = [int(t.split()[0].replace(",", "")) for t in said if t[:1].isdigit() and "bytes" in t]
    assert nbytes[0] == 322_000
    assert all(2_200 < n <= 2_500 for n in nbytes[1:5])
    assert all(1_200 < n <= 1_500 for n in nbytes[5:])


def test_no_image_is_learned_from_and_tested_on() -> None:
    work = demo._Work(slimdc.datasets.sample(), 0, False)
    learned, _ = work._real_images(3).arrays()
    tested = work.data.preprocessing.apply(work._x_test[..., None], "channels_last")
    learned, tested = (np.asarray(x, np.float32).reshape(-1, 784) for x in (learned, tested))
    assert (len(learned), len(tested)) == (30, 970)
    nearest = [np.abs(tested - one).max(axis=1).min() for one in learned]
    assert min(nearest) > 0.1
    assert np.bincount(work.y_test).tolist() == [97] * 10


def test_random_rows_are_samples_of_the_set_with_their_labels() -> None:
    work = demo._Work(slimdc.datasets.sample(), 0, False)
    x, y = work.data.arrays()
    found, labels = work._random_rows(2).arrays()
    assert len(found) == 20
    for i, (one, label) in enumerate(zip(found, labels, strict=True)):
        (place,) = np.flatnonzero(np.abs(x - one).max(axis=(1, 2, 3)) < 1e-4)
        assert work.data.members[place] == i // 2
        np.testing.assert_allclose(y[place], label, atol=1e-4)


def test_a_terminal_has_one_line_that_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    report = demo._Work(slimdc.datasets.sample(), 0, None)._followed("a call")
    assert callable(report)
    report(1, 2, {})
    report(2, 2, {})
    said, wiped = (part for part in sys.stderr.getvalue().split("\r") if part)  # type: ignore[attr-defined]
    assert said.rstrip() == "a call: 1 of 2"
    assert wiped == " " * len(said)
