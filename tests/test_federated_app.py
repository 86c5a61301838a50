"""The federated example on Flower: what leaves a client, and what a server makes of what comes."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from conftest import library
from slimdc_federated import protocol
from slimdc_federated.data import real_images, space_of

import slimdc

with warnings.catch_warnings():
    # Its command line, which it imports at once, takes a name that click is about to drop.
    warnings.simplefilter("ignore", DeprecationWarning)
    library("flwr")
    flower: Any = importlib.import_module("flwr.app")
    client_app: Any = importlib.import_module("slimdc_federated.client_app")
    server_app: Any = importlib.import_module("slimdc_federated.server_app")
    identity: Any = importlib.import_module("flwr.supercore.task_identity").TaskIdentity
    # Flower sets this in the processes that it starts; a message cannot be made without.
    identity.run_id, identity.node_id, identity.task_id = 1, 1, 1

CONFIG = {
    "data": "sample",
    "participants": "2",
    "bandwidth": 6000,
    "timeout": 2.0,
    "patience": 0.0,
    "ipc": 3,
    "condense-steps": 2,
    "slim-steps": 0,
    "train-steps": 20,
    "width": 4,
}
PARTS = 5
Reply = Callable[[Any], Any]


def context(part: int) -> Any:
    node = {"partition-id": part, "num-partitions": PARTS}
    return flower.Context(1, part, node, flower.RecordDict(), dict(CONFIG))


def question(share: int, node: int = 1) -> Any:
    """Ask as the server does; Flower numbers messages when they are pushed."""
    ask = flower.ConfigRecord({"round": 1, "share": share})
    message = flower.Message(flower.RecordDict({"ask": ask}), node, "query.set", ttl=60.0)
    message.metadata.__dict__["_message_id"] = f"question to {node}"
    return message


def everything_in(reply: Any) -> bytes:
    """Serialise a message with all that is in it, as Flower puts it on the wire."""
    found, parts = [reply], []
    while found:
        part = found.pop()
        parts.append(part.deflate())
        found += (part.children or {}).values()
    return b"".join(parts)


@pytest.fixture(scope="module")
def client() -> Any:
    """Give a client that has condensed its images and answered once."""
    found = context(0)
    assert client_app.send(question(3000), found).has_content()
    return found


def test_nothing_but_a_set_leaves_a_client(client: Any) -> None:
    reply = client_app.send(question(3000), client)
    assert [(name, type(record)) for name, record in reply.content.items()] == [
        ("set", flower.ArrayRecord)
    ]
    ((name, array),) = reply.content.array_records["set"].items()
    assert (name, array.dtype, array.shape) == ("bytes", "uint8", (len(array.data),))
    payload = server_app.payload_of(reply)
    assert len(payload) <= 3000
    data = protocol.checked(payload, 3000, space_of("sample"))
    assert slimdc.dumps(data) == payload
    # Beside the set: names, types and Flower's own numbers, all of them short.
    assert len(everything_in(reply)) - len(payload) < 1000
    assert everything_in(reply).count(payload) == 1


def test_a_smaller_share_is_met_from_the_held_set_without_the_images(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise AssertionError("the real images are looked at again")

    monkeypatch.setattr(client_app, "real_images", gone)
    sizes = []
    for share in (3000, 1500, 800):
        reply = client_app.send(question(share), client)
        sizes.append(len(server_app.payload_of(reply)))
        assert sizes[-1] <= share
    assert sizes == sorted(sizes, reverse=True)


def test_the_held_set_is_condensed_from_the_images_of_the_client(client: Any) -> None:
    held = client_app.held_set(client)
    x, y = real_images("sample", 0, PARTS)
    assert held.labels == tuple(np.unique(y).tolist())
    assert held.label_entries == 10
    pixels = {image.tobytes() for image in x}
    raw = held.arrays()[0][..., 0] * 0.3530 + 0.2861
    assert not pixels & {image.tobytes() for image in np.rint(255 * raw).astype(np.uint8)}


@pytest.mark.parametrize("share", [1, 50])
def test_a_client_without_room_says_so_and_no_more(client: Any, share: int) -> None:
    reply = client_app.send(question(share), client)
    assert (reply.error.code, reply.error.reason) == (protocol.NO_SET, "no set")


def test_the_text_of_an_error_stays_with_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise ValueError("the diagnosis of the patient")

    monkeypatch.setattr(client_app, "real_images", failing)
    reply = client_app.send(question(3000), context(1))
    assert b"patient" not in everything_in(reply)
    assert reply.error.reason == "no set"


class Nodes:
    """A grid whose nodes answer as they are told to, each by a function."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = dict(enumerate(replies, start=1))
        self.asked: list[int] = []
        self.sent: dict[str, Any] = {}

    def get_node_ids(self) -> Iterable[int]:
        return list(self.replies)

    def push_messages(self, messages: Iterable[Any]) -> list[str]:
        for message in messages:
            node = message.metadata.dst_node_id
            message.metadata.__dict__["_message_id"] = f"message to {node}"
            self.asked.append(int(message.content["ask"]["share"]))
            self.sent[message.metadata.message_id] = self.replies[node](message)
        return list(self.sent)

    def pull_messages(self, message_ids: Iterable[str]) -> list[Any]:
        found = [self.sent.get(key) for key in message_ids]
        return [message for message in found if message is not None]


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
