"""The federated example on Flower: what a server makes of what comes."""

from __future__ import annotations

from typing import Any

import pytest
from flower_nodes import Nodes, Reply, client_app, context, flower, question, server_app


@pytest.fixture(scope="module")
def client() -> Any:
    """Give a client that has condensed its images and answered once."""
    found = context(0)
    assert client_app.send(question(3000), found).has_content()
    return found


def good(client: Any) -> Reply:
    return lambda message: client_app.send(message, client)


def holding(content: flower.RecordDict) -> Reply:
    return lambda message: flower.Message(content, reply_to=message)


def late(_: Any) -> None:
    return None


def gone(message: Any) -> Any:
    return flower.Message(flower.Error(5, "a text that any client might write"), reply_to=message)


def crashed(message: Any) -> Any:
    return flower.Message(flower.Error(77, "a text that any client might write"), reply_to=message)


def too_large(message: Any) -> Any:
    share = int(message.content["ask"]["share"])
    return flower.Message(client_app.content_of(bytes(share + 1)), reply_to=message)


def played(grid: Nodes, capsys: pytest.CaptureFixture[str], **config: Any) -> str:
    found = context(0)
    found.run_config.update({name.replace("_", "-"): value for name, value in config.items()})
    server_app.main(grid, found)
    return capsys.readouterr().out


def test_a_round_goes_on_without_those_who_fail_and_says_why(
    client: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_app, "_POLL", 0.01)
    array = flower.Array("uint8", (3,), "slimdc", b"abc")
    damaged = holding(client_app.content_of(b"no set at all"))
    more = holding(
        flower.RecordDict(
            {"set": flower.ArrayRecord({"bytes": array}), "n": flower.MetricRecord({"images": 600})}
        )
    )
    two = holding(flower.RecordDict({"set": flower.ArrayRecord({"bytes": array, "labels": array})}))
    grid = Nodes(good(client), late, gone, crashed, too_large, damaged, more, two)
    said = played(grid, capsys, participants="8", bandwidth=8 * 900, timeout=0.3)
    assert grid.asked == [900] * 8
    reasons = {
        2: "it is late",
        3: "it is gone",
        4: "it failed (code 77)",
        5: "it sent 901 bytes, and its share is 900",
        6: "its message is damaged",
        7: "its message holds something else than a set",
        8: "its message holds something else than a set",
    }
    for node, reason in reasons.items():
        assert f"round 1: goes on without client {node}: {reason}" in said
    assert said.count("goes on without") == len(reasons)
    assert "any client might write" not in said
    assert "round 1: 1 sets, " in said
    assert "2 classes, accuracy " in said


def test_shares_follow_the_number_of_those_who_are_there(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = Nodes(good(client), good(client))
    said = played(grid, capsys, participants="1 5")
    assert grid.asked == [6000, 3000, 3000]
    assert "round 2: 2 sets" in said


def test_rounds_without_anybody_go_by(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert played(Nodes(), capsys) == "round 1: no client is there\n"
    monkeypatch.setattr(server_app, "_POLL", 0.01)
    said = played(Nodes(late), capsys, timeout=0.05)
    assert said.endswith("round 1: 0 sets, 0 of 6,000 bytes\n")
