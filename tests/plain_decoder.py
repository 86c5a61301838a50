"""A set of few bits read slowly: plain integers, sums of cosines in loops, one class at a time."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

QUARTERS = (1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429)


@functools.cache
def frequencies(scale: int) -> list[int]:
    """Outcomes in 4,096 of each of 16 categories, as the module says: P(size >= n) = 2 θⁿ/(1+θ)."""
    mean = QUARTERS[scale % 4] * 2.0 ** (scale // 4 - 12)
    theta = mean / (1.0 + math.sqrt(1.0 + mean * mean))
    at_least, power = [4096], theta
    for category in range(1, 16):  # sizes of 2^(category - 1) and more; one outcome is spare
        at_least.append((16 - category) + math.floor(2.0 * power / (1.0 + theta) * 4080))
        power *= power
    at_least.append(0)
    return [at_least[e] - at_least[e + 1] for e in range(16)]


def slowly_decoded(text: bytes, scales: list[int]) -> list[int]:
    """Read one string number by number."""
    state, rest, numbers = int.from_bytes(text[:3], "little"), list(text[3:]), []
    for scale in scales:
        slot, above = state % 4096, 0
        counts = frequencies(scale)
        for category in range(15, -1, -1):  # the largest category has the lowest outcomes
            if slot < above + counts[category]:
                break
            above += counts[category]
        state = counts[category] * (state // 4096) + slot - above
        while state < 2**16:
            state = state * 256 + rest.pop(0)
        if category == 0:
            numbers.append(0)
            continue
        raw = state % 2**category
        state //= 2**category
        while state < 2**16:
            state = state * 256 + rest.pop(0)
        size = 2 ** (category - 1) + raw // 2
        numbers.append(-size if raw % 2 else size)
    assert not rest
    assert state == 2**16
    return numbers


def bands(shape: tuple[int, ...], layout: str) -> list[int]:
    """The band of each cosine: octaves of the squared frequency, first channel and others apart."""
    if layout == "flat":
        return [0] * math.prod(shape)
    found = []
    channel = 2 if layout == "channels_last" else 0
    most = 0
    for place in np.ndindex(*shape):
        squared = sum(f * f for axis, f in enumerate(place) if axis != channel)
        found.append((squared.bit_length(), min(place[channel], 1)))
        most = max(most, squared.bit_length())
    return [octave + colour * (most + 1) for octave, colour in found]


def weights(shape: tuple[int, ...], layout: str) -> list[float]:
    """How much coarser each cosine is than the mean: the root of its frequency in the image."""
    channel = {"channels_last": 2, "channels_first": 0}.get(layout)
    found = []
    for place in np.ndindex(*shape):
        squared = sum(f * f for axis, f in enumerate(place) if axis != channel)
        found.append(1.0 if channel is None else max(math.sqrt(squared), 1.0) ** 0.5)
    return found


def cosines(n: int) -> np.ndarray:
    """The orthonormal DCT-II, a row for each frequency."""
    found = np.zeros((n, n))
    for f in range(n):
        for i in range(n):
            found[f, i] = math.cos(math.pi * f * (2 * i + 1) / (2 * n)) * math.sqrt(2 / n)
    found[0] /= math.sqrt(2)
    return found


def sample_of(coefficients: np.ndarray, shape: tuple[int, ...], layout: str) -> np.ndarray:
    """A sample as the sum of its cosines, (d,)."""
    if layout == "flat":
        return coefficients
    a, b, c = map(cosines, shape)
    found = np.zeros(shape)
    for number, (i, j, k) in zip(coefficients, np.ndindex(*shape), strict=True):
        if number:
            found += number * a[i][:, None, None] * b[j][None, :, None] * c[k][None, None, :]
    return found.reshape(-1)


def numbers_of(codes: Any, known: Any, entries: int) -> list[list[list[int]]]:
    """The whole numbers of each component: a row for each class that holds it."""
    shift = 2 if codes.rows else 3
    band = [min(i, 1) for i in range(entries)]
    band += [] if codes.rows else [2] * max(known.samples)
    band += [shift + b for b in bands(known.shape, known.layout)]
    wide, found = max(band) + 1, []
    for j, blob in enumerate(codes.components):
        rows = sum(k > j for k in known.components)
        strings = -(-rows // 8)
        sizes = [
            int.from_bytes(blob[at : at + 4], "little")
            for at in range(wide + rows, wide + rows + 4 * strings, 4)
        ]
        at, numbers = wide + rows + 4 * strings, []
        for i, size in enumerate(sizes):
            scales = [
                min(max(blob[wide + r] + blob[b] - 64, 0), 127)
                for r in range(8 * i, min(8 * i + 8, rows))
                for b in band
            ]
            numbers += slowly_decoded(blob[at : at + size], scales)
            at += size
        assert at == len(blob)
        n = len(band)
        found.append([numbers[r * n : (r + 1) * n] for r in range(rows)])
    return found


def decoded(codes: Any, known: Any, entries: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples and labels of the first k components, class by class."""
    numbers = numbers_of(codes, known, entries)
    n = 0 if codes.rows else max(known.samples)
    xs, ys = [], []
    for i, (label, held) in enumerate(zip(known.labels, known.components, strict=True)):
        own = np.full(entries, -1.0 / entries)
        own[label] += 1
        own /= np.linalg.norm(own) or 1.0
        normal = own - np.eye(entries)[0] * (entries > 1)
        normal /= np.linalg.norm(normal) or 1.0
        turn = np.eye(entries) - 2 * np.outer(normal, normal)
        x = np.zeros((known.samples[i], known.size))
        y = np.zeros((known.samples[i], entries))
        for j in range(min(k, held)):
            row = numbers[j][sum(c > j for c in known.components[:i])]
            sizes = np.asarray(row[entries + n :]) * weights(known.shape, known.layout)
            sample = sample_of(sizes * codes.step, known.shape, known.layout)
            labels = turn @ (np.asarray(row[:entries]) * codes.label_step)
            if codes.rows:
                x[j], y[j] = sample, labels
                continue
            left = np.asarray(row[entries : entries + known.samples[i]])
            left = left / (np.linalg.norm(sizes) or 1.0)
            x += np.outer(left, sample)
            y += np.outer(left, labels)
        rows = slice(None, min(k, held)) if codes.rows else slice(None)
        xs.append(x[rows])
        ys.append(y[rows])
    return np.concatenate(xs), np.concatenate(ys)
