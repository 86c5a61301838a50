"""The server: divides the bandwidth among those who are there, unites their sets, and trains."""

from __future__ import annotations

import time
from collections.abc import Mapping

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid, ServerApp

from slimdc_federated import protocol
from slimdc_federated.data import space_of, test_images

__all__ = ["app", "payload_of"]

app = ServerApp()

_POLL = 0.5
# What a client may write beside a code is not repeated.
_WHY = {
    ErrorCode.MESSAGE_UNAVAILABLE: "it is late",
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE: "it is late",
    ErrorCode.NODE_UNAVAILABLE: "it is gone",
    ErrorCode.CLIENT_APP_CRASHED: "it crashed",
    protocol.NO_SET: "it has no set of so few bytes",
}


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Play the rounds, and print what came of each."""
    config = context.run_config
    data, bandwidth = str(config["data"]), int(config["bandwidth"])
    space, test = space_of(data), test_images(data)
    for number, most in enumerate(map(int, str(config["participants"]).split()), start=1):
        nodes = _nodes(grid, most, float(config["patience"]))
        if not nodes:
            print(f"round {number}: no client is there", flush=True)
            continue
        nbytes = protocol.share(bandwidth, len(nodes))
        print(f"round {number}: asks {len(nodes)} clients for {nbytes:,} bytes each", flush=True)
        messages, absent = _asked(grid, nodes, number, nbytes, float(config["timeout"]))
        came = protocol.received(messages, absent, nbytes, space)
        for client, reason in came.left_out.items():
            print(f"round {number}: goes on without client {client}: {reason}", flush=True)
        said = f"{len(came.sets)} sets, {came.nbytes:,} of {bandwidth:,} bytes"
        if came.sets:
            union = protocol.united(came.sets)
            steps, width = int(config["train-steps"]), int(config["width"])
            share = protocol.accuracy(union, test, steps=steps, width=width)
            said += f", {union.classes} classes, accuracy {100 * share:.1f} %"
        print(f"round {number}: {said}", flush=True)


def payload_of(reply: Message) -> bytes:
    """Take the bytes of a set out of a reply.

    Raises
    ------
    RefusedError
        Something else is in it, or it says why there is none.
    """
    if reply.has_error():
        code = reply.error.code
        raise protocol.RefusedError(_WHY.get(code, f"it failed (code {code})"))
    content = reply.content
    if list(content) != ["set"] or list(content.array_records) != ["set"]:
        raise protocol.RefusedError("its message holds something else than a set")
    arrays = content.array_records["set"]
    if list(arrays) != ["bytes"]:
        raise protocol.RefusedError("its message holds something else than a set")
    return arrays["bytes"].data


def _nodes(grid: Grid, most: int, patience: float) -> list[int]:
    """Wait until so many nodes are there, but not for ever, and take so many."""
    until = time.monotonic() + patience
    while len(nodes := sorted(grid.get_node_ids())) < most and time.monotonic() < until:
        time.sleep(_POLL)
    return nodes[:most]


def _asked(
    grid: Grid, nodes: list[int], number: int, nbytes: int, timeout: float
) -> tuple[Mapping[int, bytes], Mapping[int, str]]:
    """Ask all nodes, and gather what comes in time: messages, and why there is none of others."""
    ask = ConfigRecord({"round": number, "share": nbytes})
    asked = [
        # What is not answered in time need not be answered: it would take bytes of another round.
        Message(RecordDict({"ask": ask}), node, "query.set", ttl=timeout)
        for node in nodes
    ]
    grid.push_messages(asked)
    waiting = {message.metadata.message_id: message.metadata.dst_node_id for message in asked}
    messages, absent = {}, {}
    until = time.monotonic() + timeout
    while waiting and time.monotonic() < until:
        for reply in grid.pull_messages(list(waiting)):
            # Of whom a reply is, the question says: a reply that Flower makes is nobody's.
            client = waiting.pop(reply.metadata.reply_to_message_id)
            try:
                messages[client] = payload_of(reply)
            except protocol.RefusedError as reason:
                absent[client] = str(reason)
        if waiting:
            time.sleep(_POLL)
    late = dict.fromkeys(waiting.values(), f"it is late: nothing came in {timeout:g} s")
    return messages, absent | late
