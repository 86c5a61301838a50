"""What a client may send, and what a server takes: the protocol, which knows nothing of Flower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import slimdc
from slimdc import SlimmableDataset
from slimdc.errors import InvalidValueError, SlimdcError
from slimdc_federated.data import Images, Space

__all__ = [
    "NO_SET",
    "RefusedError",
    "Round",
    "accuracy",
    "checked",
    "message",
    "received",
    "share",
    "united",
]

# Code of the error that a client answers with where it has no set; Flower's own are below 100.
NO_SET = 100


class RefusedError(Exception):
    """A message is not what a client may send; its text says why."""


@dataclass(frozen=True)
class Round:
    """What came of asking the clients of one round.

    Parameters
    ----------
    sets : dict of int to SlimmableDataset
        The set of each client whose message was good.
    left_out : dict of int to str
        Why each other client is left out.
    nbytes : int
        Bytes of all messages that came, good or not.
    """

    sets: dict[int, SlimmableDataset]
    left_out: dict[int, str]
    nbytes: int


def share(bandwidth: int, participants: int) -> int:
    """Divide the bytes of a round among its participants.

    Raises
    ------
    InvalidValueError
        There is no participant, or not a byte for each.
    """
    if participants < 1 or bandwidth < participants:
        found = f"{bandwidth} bytes for {participants} participants"
        raise InvalidValueError("bandwidth", found, "a participant, and a byte for each")
    return bandwidth // participants


def message(held: SlimmableDataset, nbytes: int, *, steps: int, width: int) -> bytes:
    """Slim the set that a client holds to its share: the message of a round, whole.

    Parameters
    ----------
    held : SlimmableDataset
        The client's condensed set. Its real images are not looked at.
    nbytes : int
        The share of the client.
    steps, width : int
        Of the training of `slimdc.slim`; 0 steps are learning-free.

    Raises
    ------
    InvalidValueError
        The share is too small for a component of each class.
    """
    payload = slimdc.dumps(slimdc.slim(held, nbytes=nbytes, steps=steps, width=width))
    if len(payload) > nbytes:  # never: but then nothing may be sent
        raise InvalidValueError("nbytes", f"a set of {len(payload)} bytes", f"at most {nbytes}")
    return payload


def checked(payload: bytes, nbytes: int, space: Space) -> SlimmableDataset:
    """Read the set in a message, if it is one that all clients' sets can be united with.

    Parameters
    ----------
    payload : bytes
        What came. It is measured before it is read.
    nbytes : int
        The share of the client.
    space : Space
        What all sides agreed on.

    Raises
    ------
    RefusedError
        It is above the share, damaged, or a set of another space or of too many samples.

    Returns
    -------
    SlimmableDataset
        Without names of classes: what a class is called is not agreed on.
    """
    if len(payload) > nbytes:
        raise RefusedError(f"it sent {len(payload):,} bytes, and its share is {nbytes:,}")
    try:
        data = slimdc.loads(payload, strict=True)
    except SlimdcError as error:
        raise RefusedError(f"its message is damaged ({error})") from error
    for name, found, agreed in (
        ("label space", data.label_entries, space.classes),
        ("shape", data.shape, space.shape),
        ("layout", data.layout, "channels_last"),
        ("preprocessing", data.preprocessing, space.preprocessing),
        ("precision", data.factor_dtype, "float32"),
    ):
        if found != agreed:
            raise RefusedError(f"its set has another {name}: {found}, and {agreed} is agreed on")
    if len(data) > space.samples:
        raise RefusedError(f"its set has {len(data):,} samples, and {space.samples:,} are allowed")
    # Factors that are finite may have a product that is not.
    if not all(np.isfinite(part).all() for part in data):
        raise RefusedError("its set has samples or labels that are not finite")
    return data.named(None)


def received(
    messages: Mapping[int, bytes], absent: Mapping[int, str], nbytes: int, space: Space
) -> Round:
    """Check all messages of a round; a bad one costs its client the round, and nobody else.

    Parameters
    ----------
    messages : mapping of int to bytes
        The message of each client that sent one.
    absent : mapping of int to str
        Why no message came of the others.
    nbytes : int
        The share of each client.
    space : Space
        What all sides agreed on.
    """
    sets, left_out = {}, dict(absent)
    for client, payload in messages.items():
        try:
            sets[client] = checked(payload, nbytes, space)
        except RefusedError as reason:
            left_out[client] = str(reason)
    return Round(sets, left_out, sum(map(len, messages.values())))


def united(sets: Mapping[int, SlimmableDataset]) -> SlimmableDataset:
    """Unite the sets of a round; label entry j is class j in each of them."""
    return SlimmableDataset.union(*sets.values())


def accuracy(data: SlimmableDataset, test: Images, *, steps: int, width: int) -> float:
    """Train a fresh network on a set, and give its share of right answers on real images."""
    x, y = test
    trained = slimdc.train_network(data, steps=steps, width=width, progress=False)
    return float(np.mean(trained.predict(x) == y))
