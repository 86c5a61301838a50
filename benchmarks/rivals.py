"""What else makes the images of a condensed set small: bits, levels, patches, pictures, fewer rows.

Each gives the set that is read back, and the bytes that it takes. Labels are counted alike for all
of them: a byte for each entry, and the range of each row in two halves.

Sources: levels of each image's own are those of Lloyd (Least squares quantization in PCM, 1982);
patches follow the public description of Tran and Bae (Post Training Quantization for Efficient
Dataset Condensation, arXiv 2603.13346): ranges for groups of similar patches, and a refinement
that gives each image its mean and spread again. Their code is not public; patch size and number
of groups are ours.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slimdc import SlimmableDataset

Floats = NDArray[np.float64]

HALF = 2  # bytes
PATCH, GROUPS = 4, 16
QUALITIES = (5, 15, 35, 60, 85)


@dataclass(frozen=True)
class Stored:
    """What a way of storing leaves of a set.

    Parameters
    ----------
    name : str
    data : SlimmableDataset
    nbytes : int
    """

    name: str
    data: SlimmableDataset
    nbytes: int


def rivals(before: SlimmableDataset) -> Iterator[Stored]:
    """Give the images of a set stored in every way."""
    x, y = (np.asarray(a, np.float64) for a in before.arrays())
    flat = x.reshape(len(x), -1)
    labels, label_bytes = coarse_labels(y)

    def stored(name: str, rows: Floats, nbytes: float) -> Stored:
        kept = remade(before, rows.reshape(x.shape), labels)
        return Stored(name, kept, round(nbytes) + label_bytes)

    n, d = flat.shape
    for bits in (8, 4, 3, 2, 1):
        yield stored(f"uniform {bits}", uniform(flat, bits), n * (d * bits / 8 + 2 * HALF))
    for bits in (3, 2, 1):
        levels = 2**bits
        rows = own_levels(flat, bits)
        yield stored(f"levels {bits}", rows, n * (d * bits / 8 + levels * HALF))
    first = before.layout == "channels_first"
    images = x.transpose(0, 2, 3, 1) if first else x
    for name, rows, nbytes in pictures(images):
        back = rows.reshape(images.shape)
        yield stored(name, back.transpose(0, 3, 1, 2) if first else back, nbytes)


def pictures(images: Floats) -> Iterator[tuple[str, Floats, float]]:
    """Store images, channels last, in every way that looks at their neighbours."""
    for bits in (3, 2, 1):
        yield f"patches {bits}", *patches(images, bits)
    for kind in ("JPEG", "WEBP"):
        for quality in QUALITIES:
            yield f"{kind} {quality}", *picture(images, kind, quality)


def remade(before: SlimmableDataset, x: Floats, y: Floats) -> SlimmableDataset:
    """Make a set of other samples and labels in the place of one's own."""
    return SlimmableDataset.from_arrays(
        x.astype(np.float32),
        y.astype(np.float32),
        members=before.members,
        layout=before.layout,
        preprocessing=before.preprocessing,
    )


def coarse_labels(y: Floats) -> tuple[Floats, int]:
    """Round each row of labels to 256 values between its ends."""
    return uniform(y, 8), y.shape[0] * (y.shape[1] + 2 * HALF)


def uniform(rows: Floats, bits: int) -> Floats:
    """Round each row to 2^bits values between its ends."""
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    step = np.where(high > low, (high - low) / (2**bits - 1), 1.0)
    return np.asarray(low + np.rint((rows - low) / step) * step)


def own_levels(rows: Floats, bits: int, rounds: int = 30) -> Floats:
    """Round each row to 2^bits levels of its own, found by Lloyd's iteration."""
    found = np.empty_like(rows)
    for i, row in enumerate(rows):
        levels = np.quantile(row, (np.arange(2**bits) + 0.5) / 2**bits)
        for _ in range(rounds):
            nearest = np.abs(row[:, None] - levels).argmin(axis=1)
            counts = np.bincount(nearest, minlength=levels.size)
            sums = np.bincount(nearest, row, minlength=levels.size)
            levels = np.where(counts > 0, sums / np.maximum(counts, 1), levels)
        found[i] = levels[np.abs(row[:, None] - levels).argmin(axis=1)]
    return found


def patches(x: Floats, bits: int) -> tuple[Floats, float]:
    """Round patches to values between the ends of their group; align means and spreads."""
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // PATCH, PATCH, w // PATCH, PATCH, c).transpose(0, 1, 3, 5, 2, 4)
    rows = blocks.reshape(-1, PATCH * PATCH)
    ends = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)
    centres = ends[np.random.default_rng(0).choice(len(ends), GROUPS, replace=False)]
    for _ in range(30):
        group = ((ends[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for g in range(GROUPS):
            if (group == g).any():
                centres[g] = ends[group == g].mean(axis=0)
    low, high = centres[group].T
    step = np.where(high > low, (high - low) / (2**bits - 1), 1.0)
    numbers = np.clip(np.rint((rows - low[:, None]) / step[:, None]), 0, 2**bits - 1)
    back = (low[:, None] + numbers * step[:, None]).reshape(blocks.shape)
    images = back.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1)
    true = x.reshape(n, -1)
    spread = true.std(axis=1) / np.where(images.std(axis=1) > 0, images.std(axis=1), 1.0)
    images = (images - images.mean(axis=1)[:, None]) * spread[:, None] + true.mean(axis=1)[:, None]
    nbytes = x.size * bits / 8 + len(rows) * np.log2(GROUPS) / 8 + GROUPS * 2 * HALF
    return images, nbytes + n * 2 * HALF


def picture(x: Floats, kind: str, quality: int) -> tuple[Floats, float]:
    """Store all images as one sheet, whose range is stretched to that of a picture."""
    from PIL import Image

    n, h, w, c = x.shape
    low, high = np.percentile(x, [0.1, 99.9])
    sheet = np.clip(np.rint((x - low) / (high - low) * 255), 0, 255).astype(np.uint8)
    across = int(np.ceil(np.sqrt(n)))
    full = np.zeros((across * across, h, w, c), np.uint8)
    full[:n] = sheet
    tiled = full.reshape(across, across, h, w, c).transpose(0, 2, 1, 3, 4)
    tiled = tiled.reshape(across * h, across * w, c)
    file = io.BytesIO()
    Image.fromarray(tiled[:, :, 0] if c == 1 else tiled).save(file, kind, quality=quality)
    read = np.asarray(Image.open(file).convert("L" if c == 1 else "RGB"), np.float64)
    back = read.reshape(across, h, across, w, c).transpose(0, 2, 1, 3, 4).reshape(-1, h, w, c)[:n]
    return back / 255 * (high - low) + low, float(len(file.getvalue()))
