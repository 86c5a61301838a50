"""Progress: bars where somebody watches, lines in pipes, and nothing from a library in a script."""

from __future__ import annotations

import io
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdc
from slimdc import cli, demo
from slimdc.commands import lines
from slimdc.commands.lines import tell_from_time_to_time
from slimdc.commands.messages import progress, tell
from slimdc.errors import InvalidTypeError
from slimdc.training.progress import Report, reporting

PAIR = np.random.default_rng(0).normal(size=(12, 6)), np.arange(12) % 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Noting:
    """Notes the parts of a call, as a command does."""

    def __init__(self) -> None:
        self.parts: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def follow(self, title: str) -> Iterator[Report]:
        noted = self.parts.setdefault(title, [])
        yield lambda count, steps, _: noted.append((count, steps))


class Kernel:
    config: dict[str, Any] = {"IPKernelApp": {}}  # noqa: RUF012


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, given: Any = None) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with reporting(given, "a call") as report:
        report(2, 4, {"loss": 0.5})
        report(4, 4, {"loss": 0.25})
    return stream.getvalue()


def test_a_bar_is_shown_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, Terminal())
    assert "a call" in said
    assert "4/4" in said
    assert shown(monkeypatch, Terminal(), False) == ""


def test_a_script_is_silent_unless_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""
    assert "4/4" in shown(monkeypatch, io.StringIO(), True)


@pytest.mark.parametrize(
    ("shell", "bars"), [(Kernel(), True), (None, False), (types.SimpleNamespace(config={}), False)]
)
def test_a_notebook_has_bars_without_asking(
    shell: object, bars: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", told)
    assert ("a call" in shown(monkeypatch, io.StringIO())) == bars


@pytest.mark.parametrize("given", ["yes", 1, 0.5])
def test_what_is_no_progress_is_refused(given: Any) -> None:
    with pytest.raises(InvalidTypeError, match="progress"), reporting(given, "a call"):
        pass


def test_a_choice_within_bytes_is_followed_and_no_step_of_the_run() -> None:
    noting, seen = Noting(), []
    options: dict[str, Any] = {"nbytes": 500, "steps": 20, "width": 4}
    slimdc.slim(PAIR, progress=noting, **options)
    choice, run = noting.parts.values()
    tried = choice[-1][1]
    assert choice == [(n, tried) for n in range(tried + 1)]
    assert tried > 2
    assert run[-1] == (20, 20)
    slimdc.slim(PAIR, progress=lambda *news: seen.append(news[:2]), **options)
    assert seen == run


def test_a_choice_that_nothing_surpasses_is_all_that_is_followed() -> None:
    noting, seen = Noting(), []
    options: dict[str, Any] = {"nbytes": 700, "steps": 20, "width": 4}
    slimdc.slim(PAIR, progress=noting, **options)
    assert len(noting.parts) == 1
    slimdc.slim(PAIR, progress=lambda *news: seen.append(news), **options)
    assert not seen


def test_every_part_of_a_chain_is_followed(tmp_path: Path) -> None:
    noting = Noting()
    slimdc.chain(
        *PAIR, (3, 1), x_test=PAIR[0], y_test=PAIR[1], results=tmp_path, progress=noting,
        condense={"steps": 2, "width": 2}, slim={"steps": 2, "width": 2},
        evaluate={"steps": 2, "repeats": 1, "width": 2},
    )  # fmt: skip
    assert list(noting.parts) == ["condense to 3", "evaluate", "condense to 1", "slim to 1"]


def test_lines_come_after_10_seconds_and_every_15() -> None:
    waits: list[float] = []
    said: list[str] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 4

    tell_from_time_to_time(lambda: f"line {len(waits)}", wait, said.append)
    assert waits == [10.0, 15.0, 15.0, 15.0]
    assert said == ["line 1", "line 2", "line 3"]


def test_a_line_says_the_part_its_steps_and_the_time() -> None:
    now = [5.0]
    line = lines.Lines("evaluate", lambda: now[0])
    assert line.text() == "evaluate, after 0 s"
    with line.follow("train") as report:
        now[0] = 64.9
        assert line.text() == "train, after 59 s"
        report(1200, 2400, {"loss": 1.0})
        assert line.text() == "train: 1,200 of 2,400, after 59 s"
        now[0] = 65.0
        report(2000, 2400, {"accuracy": 81.256})
        told = "train: 2,000 of 2,400, the last network 81.26 %, after 1 min 0 s"
        assert line.text() == told
    assert line.text() == "evaluate, after 1 min 0 s"


def test_a_line_says_what_the_rest_may_take() -> None:
    now = [5.0]
    line = lines.Lines("slim", lambda: now[0])
    now[0] = 65.0  # what comes before a part does not slow it
    with line.follow("slim") as report:
        report(1, 13, {})
        now[0] = 85.0
        report(3, 13, {})
        assert line.text() == "slim: 3 of 13, after 1 min 20 s; about 1 min 40 s more"
        report(13, 13, {})
        assert line.text() == "slim: 13 of 13, after 1 min 20 s"
    # Nor do steps that a checkpoint held, which cost nothing here, make it seem fast.
    with line.follow("resumed") as report:
        report(300, 500, {})
        now[0] = 95.0
        report(310, 500, {})
        assert line.text() == "resumed: 310 of 500, after 1 min 30 s; about 3 min 10 s more"


def test_a_piped_command_that_tells_nothing_is_not_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting, over = threading.Event(), threading.Event()
    said: list[str] = []

    def once(text: Any, wait: Any) -> None:
        waiting.wait()
        said.append(text())
        over.set()

    def long(**given: Any) -> None:
        with reporting(given["progress"], "a part") as report:
            report(3, 7, {})
            waiting.set()
            over.wait()

    monkeypatch.setattr(lines, "tell_from_time_to_time", once)
    monkeypatch.setattr(demo, "run", long)
    assert cli.main(["demo"]) == 0
    assert [line.split(",")[0] for line in said] == ["a part: 3 of 7"]
    assert progress() is None
    assert capsys.readouterr().err == ""


def test_a_terminal_has_bars_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(lines, "tell_from_time_to_time", lambda *_: given.append("a line"))
    monkeypatch.setattr(demo, "run", lambda **options: given.append(options["progress"]))
    assert cli.main(["demo"]) == 0
    assert given == [None]


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_command_says_nothing_of_its_way(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set"
    slimdc.save(slimdc.SlimmableDataset.from_arrays(*PAIR), path)
    given: list[Any] = []
    monkeypatch.setattr(lines, "tell_from_time_to_time", lambda text, _: given.append(text()))
    assert cli.main(["certify", str(path), str(path), *["-q"] * quiet]) == 0
    assert [text.split(",")[0] for text in given] == ([] if quiet else ["certify"])


def test_nobody_need_read_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    tell("a line")
