"""Flower for the tests of the federated example, without its processes: messages and nodes."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from conftest import library

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
