"""The digest of a run tells apart all that changes a bit of it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import backend
from slimdc.backend import Compute
from slimdc.errors import InvalidValueError
from slimdc.networks import MLP
from slimdc.settings import PoolSettings, SlimSettings
from slimdc.training.identity import identity

NUMPY = Compute(backend.get("numpy"), "float64")


def images(**options: Any) -> slimdc.SlimmableDataset:
    x = np.random.default_rng(0).standard_normal((6, 4, 4, 4))
    return slimdc.SlimmableDataset.from_arrays(x, np.arange(6) % 2, **options)


class Own:
    """A caller's network with attributes that do not change what it draws."""

    def __init__(self, slope: Any = 0.1, activation: Any = None) -> None:
        self.inner = MLP(8, 3, width=8)
        self.slope = slope
        self.activation = activation

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.inner.draw(rng)

    def embed(self, ops: Any, parameters: Any, x: Any) -> Any:
        return self.slope * self.inner.embed(ops, parameters, x)


class Slotted(Own):
    __slots__ = ("power",)

    def __init__(self, power: int) -> None:
        super().__init__()
        self.power = power


def test_what_changes_a_bit_changes_the_digest() -> None:
    def digest(
        *arguments: Any, network: Any = None, compute: Compute = NUMPY, **options: Any
    ) -> str:
        return identity(compute, network or MLP(64, 2), images(**options), *arguments)

    settings = SlimSettings()
    digests = [
        digest("a"),
        digest("b"),
        digest("a", 1),
        digest("a", 1.0),
        digest("a", (1, 2), 3),
        digest("a", 1, (2, 3)),
        digest("a", np.zeros(2)),
        digest("a", np.zeros(3)),
        digest("a", np.zeros(2, np.float32)),
        digest("a", settings),
        digest("a", replace(settings, pool=PoolSettings(batch=999))),
        digest("a", network=MLP(64, 2, width=9)),
        digest("a", network=Own()),
        digest("a", network=Own(0.2)),
        digest("a", network=Own(np.array([0.1, 0.2]))),
        digest("a", network=Own(np.array([0.1, 0.3]))),
        digest("a", network=Own({"deep": [0.1, {0.2}]})),
        digest("a", network=Own({"deep": [0.1, {0.3}]})),
        digest("a", network=Own(activation=np.tanh)),
        digest("a", network=Own(activation=np.sin)),
        digest("a", network=Own(activation=lambda x: x)),
        digest("a", network=Own(activation=lambda x: 2 * x)),
        digest("a", network=Own(activation=lambda x: 3 * x)),
        digest("a", network=Own(activation=partial(pow, 2))),
        digest("a", network=Own(activation=partial(pow, 3))),
        digest("a", network=Own(activation=MLP(8, 3).draw)),
        digest("a", network=Own(activation=MLP(8, 3, width=4).draw)),
        digest("a", network=Slotted(1)),
        digest("a", network=Slotted(2)),
        digest("a", layout="channels_first"),
        digest("a", layout="flat"),
        digest("a", preprocessing=slimdc.Preprocessing(0.5, 2.0)),
        digest("a", compute=Compute(NUMPY.backend, "float32")),
    ]
    assert len(set(digests)) == len(digests)
    assert digest("a") == digests[0]
    assert digest("a", network=Own()) == digests[12]


def test_closures_are_told_by_what_they_hold() -> None:
    def scaled(factor: float) -> Any:
        return lambda x: factor * x

    digests = [
        identity(NUMPY, Own(activation=scaled(factor)), images()) for factor in (1.0, 2.0, 1.0)
    ]
    assert digests[0] == digests[2] != digests[1]


def test_a_network_that_holds_itself_has_a_digest() -> None:
    network = Own()
    network.activation = network
    assert len(identity(NUMPY, network, images())) == 64


def test_the_digest_is_the_same_in_another_process() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_identity import NUMPY, Own, identity, images\n"
        "print(identity(NUMPY, Own({'a': {3, 1, 2}, 'b': None}), images(), 'a', {'x', 'y'}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parent)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("torch", {}, {"precision": "bfloat16"}),
        ("torch", {}, {"compiled": True}),
    ],
)
def test_a_run_is_not_resumed_under_other_options(
    name: str, first: dict[str, Any], second: dict[str, Any], tmp_path: Path
) -> None:
    library(name)
    x = np.random.default_rng(0).standard_normal((12, 4, 4))
    settings = SlimSettings(steps=2, pool=PoolSettings(size=1, width=2, depth=1))

    def slim(**options: Any) -> slimdc.SlimmableDataset:
        ops = backend.get(name, **options)
        path = tmp_path / "run"
        return slimdc.slim((x, np.arange(12) % 2), 2, preset=settings, backend=ops, checkpoint=path)

    slim(**first)
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found"):
        slim(**second)
    assert (tmp_path / "run").read_bytes() == before


def test_an_attribute_that_changes_no_draw_is_seen(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((12, 8))
    pair = x, np.arange(12) % 3
    slimdc.slim(pair, 2, steps=2, network=Own(0.1), checkpoint=tmp_path / "run")
    with pytest.raises(InvalidValueError, match=r"^checkpoint: found"):
        slimdc.slim(pair, 2, steps=2, network=Own(0.2), checkpoint=tmp_path / "run")
