"""Names that types say are those that the library knows."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from slimdc import protocols, typing
from slimdc.methods import METHODS
from slimdc.networks import NAMES, NORMS
from slimdc.parameterization.layout import LAYOUTS
from slimdc.parameterization.preprocessing import FLOATS
from slimdc.storage import foreign

METHODS_OF = {
    way: {name for name, method in METHODS.items() if getattr(method, way) is not None}
    for way in ("slim", "condense")
}
KNOWN = {
    typing.SlimMethod: METHODS_OF["slim"],
    typing.CondenseMethod: METHODS_OF["condense"],
    typing.ProtocolName: protocols.PROTOCOLS,
    typing.NetworkName: ("auto", *NAMES),
    typing.NetworkNorm: NORMS,
    typing.FormatName: foreign.NAMES,
    typing.Layout: LAYOUTS,
    typing.FloatDtype: FLOATS,
    typing.PresetName: {
        preset
        for method in METHODS.values()
        for way in (method.slim, method.condense)
        if way is not None
        for preset in way.presets
    },
}


@pytest.mark.parametrize("said", KNOWN, ids=lambda said: "-".join(map(str, get_args(said)))[:30])
def test_types_name_what_there_is(said: Any) -> None:
    assert sorted(get_args(said)) == sorted(KNOWN[said])


def test_an_array_has_what_its_protocol_says() -> None:
    for name in ("shape", "dtype", "__getitem__"):
        assert hasattr(typing.Array, name)
        assert hasattr(np.zeros(1), name)
