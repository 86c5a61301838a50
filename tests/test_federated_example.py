"""The federated example: what may be sent, what is taken, and rounds that go on without some."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slimdc_federated import data as images
from slimdc_federated import protocol
from slimdc_federated.data import Space

import slimdc
from slimdc import Preprocessing, SlimmableDataset
from slimdc.errors import InvalidValueError

SPACE = Space(4, (8, 8, 1), Preprocessing((0.5,), (0.25,)))
SHARE = 900
WIDTH = 4


def held(*labels: int, space: Space = SPACE, seed: int = 0) -> SlimmableDataset:
    """Make a set of six images of each of these classes, which are easily told apart."""
    rng = np.random.default_rng(seed)
    y = np.repeat(labels, 6)
    x = rng.normal(size=(len(y), *space.shape)).astype(np.float32)
    x += 2 * np.cos(y[:, None] * np.arange(space.shape[1]))[:, None, :, None]
    known = {"layout": "channels_last", "preprocessing": space.preprocessing}
    return SlimmableDataset.from_arrays(x.astype(np.float32), y, classes=space.classes, **known)


def sent(data: SlimmableDataset, nbytes: int = SHARE) -> bytes:
    return protocol.message(data, nbytes, steps=0, width=WIDTH)


@given(st.integers(1, 10**9), st.integers(1, 1000))
def test_shares_fill_the_bandwidth_and_never_exceed_it(bandwidth: int, participants: int) -> None:
    if bandwidth < participants:
        with pytest.raises(InvalidValueError, match="bandwidth"):
            protocol.share(bandwidth, participants)
    else:
        share = protocol.share(bandwidth, participants)
        assert share >= 1
        assert share * participants <= bandwidth < (share + 1) * participants


def test_nobody_is_no_participant() -> None:
    with pytest.raises(InvalidValueError, match="participant"):
        protocol.share(100, 0)


@pytest.mark.parametrize("nbytes", [700, 900, 1400, 5000])
def test_a_message_is_a_set_within_its_share_and_nothing_else(nbytes: int) -> None:
    payload = sent(held(1, 3), nbytes)
    assert len(payload) <= nbytes
    data = slimdc.loads(payload, strict=True)
    assert data.labels == (1, 3)
    assert slimdc.dumps(data) == payload


def test_a_share_without_room_for_a_set_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidValueError, match="nbytes"):
        sent(held(0), 60)


def test_a_message_above_its_share_is_refused_however_good() -> None:
    payload = sent(held(0, 1))
    assert protocol.checked(payload, len(payload), SPACE).labels == (0, 1)
    with pytest.raises(protocol.RefusedError, match="its share is"):
        protocol.checked(payload, len(payload) - 1, SPACE)


def test_damaged_messages_are_refused_wherever_the_damage_is() -> None:
    payload = sent(held(0, 2))
    for place in range(0, len(payload), 37):
        damaged = bytearray(payload)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(protocol.RefusedError, match="damaged"):
            protocol.checked(bytes(damaged), SHARE, SPACE)
    for cut in (b"", payload[:7], payload[: len(payload) // 2], payload[:-1]):
        with pytest.raises(protocol.RefusedError, match="damaged"):
            protocol.checked(cut, SHARE, SPACE)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("label space", Space(5, SPACE.shape, SPACE.preprocessing)),
        ("label space", Space(3, SPACE.shape, SPACE.preprocessing)),
        ("shape", Space(4, (8, 12, 1), SPACE.preprocessing)),
        ("preprocessing", Space(4, SPACE.shape, Preprocessing((0.5,), (0.5,)))),
    ],
)
def test_sets_of_another_space_are_refused(name: str, space: Space) -> None:
    payload = sent(held(0, 1, space=space), 2000)
    assert protocol.checked(payload, 2000, space).classes == 2
    with pytest.raises(protocol.RefusedError, match=f"another {name}"):
        protocol.checked(payload, 2000, SPACE)


def test_sets_of_another_layout_or_precision_are_refused() -> None:
    x, y = (part.astype(np.float64) for part in held(0, 1))
    known: dict[str, Any] = {"preprocessing": SPACE.preprocessing}
    precise = SlimmableDataset.from_arrays(x, y, layout="channels_last", **known)
    first = SlimmableDataset.from_arrays(x[:, :1], y, layout="channels_first", **known)
    flat = SlimmableDataset.from_arrays(x, y, layout="flat")
    turned = SlimmableDataset.from_arrays(x, y, layout="channels_first")
    others = {"precision": precise, "shape": first, "another shape": flat, "layout": turned}
    for name, data in others.items():
        with pytest.raises(protocol.RefusedError, match=f"{name}: "):
            protocol.checked(slimdc.dumps(data), 10**6, SPACE)


def test_a_set_whose_products_overflow_is_refused() -> None:
    data = held(0, 1)
    huge = data.with_factors(data.u, np.full_like(data.s, 3e38), data.vx * 9, data.vy)
    with pytest.raises(protocol.RefusedError, match="not finite"):
        protocol.checked(slimdc.dumps(huge), 10**6, SPACE)


def test_names_that_one_client_gives_to_classes_stop_no_round() -> None:
    one, two = held(0, 1).named({0: "cat", 1: "dog"}), held(1, 2).named({1: "cow", 2: "cat"})
    came = protocol.received({1: slimdc.dumps(one), 2: slimdc.dumps(two)}, {}, 10**5, SPACE)
    assert came.left_out == {}
    assert protocol.united(came.sets).labels == (0, 1, 2)


def test_many_samples_in_few_bytes_are_refused_before_they_are_made() -> None:
    data = held(0, 1).truncate(1)
    rows = np.zeros((2, SPACE.samples, 1), np.float32)
    rows[:, 0] = 1
    flood = SlimmableDataset.from_factors(
        rows,
        data.s,
        data.vx,
        data.vy,
        shape=SPACE.shape,
        preprocessing=SPACE.preprocessing,
        labels=(0, 1),
    )
    payload = slimdc.dumps(flood.quantize(0.5))
    with pytest.raises(protocol.RefusedError, match="10,000 samples, and 5,000 are allowed"):
        protocol.checked(payload, 10**6, SPACE)


def test_a_round_goes_on_without_those_who_fail() -> None:
    good = {7: sent(held(0, 1)), 9: sent(held(3))}
    other = slimdc.dumps(held(2, space=Space(5, SPACE.shape, SPACE.preprocessing)))
    bad = {1: good[7][:-1], 2: bytes(SHARE + 1), 3: other[:SHARE]}
    came = protocol.received(good | bad, {5: "it is late"}, SHARE, SPACE)
    assert {client: data.labels for client, data in came.sets.items()} == {7: (0, 1), 9: (3,)}
    assert sorted(came.left_out) == [1, 2, 3, 5]
    assert came.left_out[5] == "it is late"
    assert "its share is" in came.left_out[2]
    assert came.nbytes == sum(map(len, (good | bad).values()))


def test_sets_are_united_to_all_their_samples() -> None:
    sets = {4: held(2, 3), 1: held(0), 8: held(1, seed=1)}
    union = protocol.united(sets)
    assert union.labels == (0, 1, 2, 3)
    assert union.label_entries == SPACE.classes
    expected = np.concatenate([sets[client].arrays()[0] for client in (1, 8, 4)])
    np.testing.assert_allclose(union.arrays()[0], expected, rtol=0, atol=1e-5)


def test_accuracy_is_that_of_the_classes_that_came() -> None:
    everything = held(0, 1, 2, 3, seed=5)
    x = everything.arrays()[0] * 0.25 + 0.5  # as real images are, before preprocessing
    test = x, everything.members
    some, every = (
        protocol.accuracy(data, test, steps=150, width=8) for data in (held(0, 1), everything)
    )
    assert 0.4 <= some <= 0.5
    assert every > 0.9


def test_clients_hold_different_classes_and_no_test_image() -> None:
    parts = [images.real_images("sample", part, 4) for part in range(4)]
    classes = [set(np.unique(y).tolist()) for _, y in parts]
    assert set().union(*classes) == set(range(10))
    assert sum(map(len, classes)) == 10
    x_test, y_test = images.test_images("sample")
    assert len(y_test) + sum(len(y) for _, y in parts) == 1000
    assert np.bincount(y_test).tolist() == [40] * 10
    seen = {x.tobytes() for part, _ in parts for x in part}
    assert not seen & {x.tobytes() for x in x_test}


@pytest.mark.parametrize(("partition", "partitions"), [(4, 4), (-1, 4), (0, 11)])
def test_a_part_without_classes_is_refused(partition: int, partitions: int) -> None:
    with pytest.raises(InvalidValueError, match="partition"):
        images.real_images("sample", partition, partitions)


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="one of sample"):
        images.space_of("imagenet")
