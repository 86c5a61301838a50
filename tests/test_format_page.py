"""docs/format.md is what files are: its decoder reads them, its tables name all that they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slimmable_sets import CODED, KINDS

import slimdc
from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.storage import header, said

PAGE = (Path(slimdc.__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")


def decoder() -> tuple[str, Callable[[Path], tuple[np.ndarray, np.ndarray]]]:
    (block,) = re.findall(r"```python\n(import json.*?)```", PAGE, flags=re.DOTALL)
    scope: dict[str, Any] = {}
    exec(block, scope)
    return block, scope["decode"]


def images(layout: str, dtype: str = "float64") -> SlimmableDataset:
    shape = (20, 3, 8, 6) if layout == "channels_first" else (20, 8, 6, 3)
    x = np.random.default_rng(3).standard_normal(shape).cumsum(axis=2).astype(dtype)
    space = Preprocessing((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    y = np.random.default_rng(4).permutation(np.arange(20) % 10)
    return SlimmableDataset.from_arrays(x, y, layout=layout, preprocessing=space)


MORE: dict[str, Callable[[], SlimmableDataset]] = {
    "channels first": lambda: images("channels_first").quantize(5),
    "channels last in float32": lambda: images("channels_last", "float32").quantize(5),
    "a prefix": lambda: KINDS["coded"]().truncate(2),
    "labels of their own": lambda: SlimmableDataset.from_factors(
        *images("channels_last").truncate(2).factors, shape=(8, 6, 3), labels=range(9, -1, -1)
    ).quantize(5),
    "one pixel": lambda: SlimmableDataset.from_arrays(
        np.random.default_rng(1).standard_normal((30, 1, 1, 2)), np.arange(30) % 2
    ).quantize(8),
}


@pytest.mark.parametrize("kind", [*CODED, *MORE])
def test_the_decoder_of_the_page_reads_what_load_reads(kind: str, tmp_path: Path) -> None:
    data = (KINDS | MORE)[kind]()
    slimdc.save(data, tmp_path / "set")
    x, y = decoder()[1](tmp_path / "set")
    eps = np.finfo(data.factor_dtype).eps
    for mine, theirs in zip((x, y), slimdc.load(tmp_path / "set").arrays(), strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() <= 1000 * eps * np.abs(theirs).max()


def test_the_decoder_is_short_and_needs_numpy_alone() -> None:
    lines = list(filter(None, decoder()[0].splitlines()))
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert set(re.findall(r"^import .*|\bfrom \w+ import", decoder()[0], flags=re.MULTILINE)) == {
        "import json, numpy as np"
    }


def test_the_tables_name_all_that_files_hold() -> None:
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*?\|", PAGE, re.MULTILINE))))
    assert named >= said._KEYS
    assert named | {"format", "version"} >= header._KEYS | header._MORE
    assert set(header.ITEMS) <= named


def test_the_header_on_the_page_is_one() -> None:
    """Made of the set in the package; the digits of its steps may differ by a few."""
    data = slimdc.datasets.sample().data.truncate(5).quantize(3)
    payload = slimdc.dumps(data)
    start = 8 + int.from_bytes(payload[:8], "little")
    found = json.loads(payload[8:start])["__metadata__"]
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    shown = re.sub(r"\n\s*", "", shown)
    assert f'"version":"{found["version"]}"' in shown
    assert set(json.loads(found["set"])) == set(re.findall(r'\\"(\w+)\\"', shown)) - {"mean", "std"}
    (told,) = re.findall(r"takes (\d+) bytes", PAGE)
    assert abs(int(told) - start) <= 10
    assert list(json.loads(payload[8:start])["components"]) == re.findall(
        r'"(dtype|shape|data_offsets)":', shown
    )
