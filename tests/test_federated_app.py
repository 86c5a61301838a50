"""The federated example on Flower: what leaves a client."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flower_nodes import PARTS, client_app, context, flower, question, server_app
from slimdc_federated import protocol
from slimdc_federated.data import real_images, space_of

import slimdc


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
