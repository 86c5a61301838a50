"""Make CIFAR-100 in its published layout from lossless WebP sheets and a file of labels.

    python benchmarks/make_cifar100.py SHEETS DATA

SHEETS holds train_0.webp to train_4.webp and test_0.webp, each of 100 x 100 tiles row by row, and
labels.npz with train, test (fine labels) and classes (their names). What is written is the folder
cifar-100-python with the files and keys of the original, in pickle protocol 2, so that
`slimdc.datasets.cifar100` and every other reader take it. Coarse labels are left out. It needs
Pillow.
"""

from __future__ import annotations

import argparse
import io
import pickle
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

TILES = 100
CLASSES = 100


def main() -> None:
    """Read the folder of sheets, check it, and write the layout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sheets", type=Path, help="folder of the sheets and labels.npz")
    parser.add_argument("out", type=Path, help="folder in which cifar-100-python is made")
    args = parser.parse_args()
    folder = args.out / "cifar-100-python"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(args.sheets / "labels.npz") as known:
        labels = {part: known[part].astype(int).tolist() for part in ("train", "test")}
        names = [str(name).encode() for name in known["classes"]]
    for part, sheets, each in (("train", 5, 500), ("test", 1, 100)):
        assert np.bincount(labels[part]).tolist() == [each] * CLASSES
        data = np.concatenate([rows(args.sheets / f"{part}_{i}.webp") for i in range(sheets)])
        kind = b"training" if part == "train" else b"testing"
        batch = {
            b"batch_label": kind + b" batch 1 of 1",
            b"fine_labels": labels[part],
            b"data": data,
        }
        (folder / part).write_bytes(as_original(batch))
    (folder / "meta").write_bytes(as_original({b"fine_label_names": names}))


def rows(sheet: Path) -> np.ndarray:
    """Decode a sheet as the original's rows: 1,024 reds, then greens, then blues."""
    pixels = np.asarray(Image.open(sheet).convert("RGB"))
    assert pixels.shape == (32 * TILES, 32 * TILES, 3)
    tiles = pixels.reshape(TILES, 32, TILES, 32, 3)
    return np.ascontiguousarray(tiles.transpose(0, 2, 4, 1, 3)).reshape(-1, 3072)


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
