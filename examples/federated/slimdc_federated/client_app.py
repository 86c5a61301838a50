"""The client: condenses its own images once, and sends what its share of each round can hold."""

from __future__ import annotations

from typing import cast

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

import slimdc
from slimdc import SlimmableDataset
from slimdc_federated import protocol
from slimdc_federated.data import real_images, space_of

__all__ = ["app", "content_of", "held_set"]

app = ClientApp()

_HELD = "held"


@app.query("set")
def send(message: Message, context: Context) -> Message:
    """Answer with a set of at most the share that the server tells, and with nothing else."""
    asked = message.content["ask"]
    number, nbytes = (cast(int, asked[name]) for name in ("round", "share"))
    config = context.run_config
    try:
        held = held_set(context)
        print(f"round {number}: slimming to {nbytes:,} bytes", flush=True)
        payload = protocol.message(
            held, nbytes, steps=int(config["slim-steps"]), width=int(config["width"])
        )
    except Exception as error:
        # Flower would send the text of the error, in which anything might be.
        print(f"round {number}: no set: {error}", flush=True)
        return Message(Error(protocol.NO_SET, "no set"), reply_to=message)
    return Message(content_of(payload), reply_to=message)


def content_of(payload: bytes) -> RecordDict:
    """Wrap the bytes of a set as a 1-D array of uint8, as they are."""
    array = Array("uint8", (len(payload),), "slimdc", payload)
    return RecordDict({"set": ArrayRecord({"bytes": array})})


def held_set(context: Context) -> SlimmableDataset:
    """Find the condensed set in the state of the node; condense the real images where it is not."""
    if _HELD in context.state:
        return slimdc.loads(context.state.array_records[_HELD]["bytes"].data)
    config, node = context.run_config, context.node_config
    data = str(config["data"])
    space = space_of(data)
    x, y = real_images(data, int(node["partition-id"]), int(node["num-partitions"]))
    print(f"condensing {len(x)} images of the classes {np.unique(y).tolist()}", flush=True)
    held = slimdc.condense(
        x,
        y,
        int(config["ipc"]),
        classes=space.classes,
        steps=int(config["condense-steps"]),
        width=int(config["width"]),
        preprocessing=space.preprocessing,
        layout="channels_last",
        progress=False,
    )
    context.state[_HELD] = content_of(slimdc.dumps(held))["set"]
    return held
