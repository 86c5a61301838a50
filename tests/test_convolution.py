"""The blocks of the NumPy backend are what plain loops compute, however work is shared out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from differences import relative

from slimdc_backends.kernels import convolution
from slimdc_backends.kernels.chunks import CHUNK, GROUPS, Map

# Images, height, width, channels in and out, filter size, padding.
CASES = (
    (1, 2, 2, 1, 1, 3, 1),
    (3, 5, 7, 3, 4, 3, 1),
    (2, 5, 4, 1, 2, 3, 3),
    (2, 3, 5, 3, 1, 3, 3),
    (3, 4, 3, 2, 3, 1, 0),
    (2, 5, 6, 2, 2, 5, 2),
    (1, 6, 5, 2, 2, 3, 0),
)
SIZES = (1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * GROUPS - 1, CHUNK * GROUPS + 1, 71)

Case = tuple[int, int, int, int, int, int, int]


def draw(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n, h, w, c_in, c_out, r, padding = case
    rng = np.random.default_rng(case)
    size = ((h + 2 * padding - r + 1) // 2, (w + 2 * padding - r + 1) // 2)
    return (
        rng.standard_normal((n, h, w, c_in)),
        rng.standard_normal((r, r, c_in, c_out)),
        rng.standard_normal(c_out),
        rng.standard_normal((n, *size, c_out)),
    )


def loops(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: int, gradient: np.ndarray
) -> tuple[np.ndarray, ...]:
    """One number after another: the output, and the gradients in x, weight and bias."""
    n, h, w, c_in = x.shape
    r, _, _, c_out = weight.shape
    rows, columns = h + 2 * padding - r + 1, w + 2 * padding - r + 1
    out = np.zeros((n, rows // 2, columns // 2, c_out))
    of_x, of_weight, of_bias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
    for image in range(n):
        for o in range(c_out):
            for row in range(rows // 2 * 2):
                for column in range(columns // 2 * 2):
                    z, inside = bias[o], []
                    for i in range(r):
                        for j in range(r):
                            y, across = row + i - padding, column + j - padding
                            if 0 <= y < h and 0 <= across < w:
                                inside.append((i, j, y, across))
                                for c in range(c_in):
                                    z += x[image, y, across, c] * weight[i, j, c, o]
                    if z <= 0:
                        continue
                    out[image, row // 2, column // 2, o] += z / 4
                    slope = gradient[image, row // 2, column // 2, o] / 4
                    of_bias[o] += slope
                    for i, j, y, across in inside:
                        of_weight[i, j, :, o] += slope * x[image, y, across]
                        of_x[image, y, across] += slope * weight[i, j, :, o]
    return out, of_x, of_weight, of_bias


def compute(case: Case, dtype: str = "float64", parallel: Map = map) -> tuple[np.ndarray, ...]:
    x, weight, bias, gradient = (a.astype(dtype) for a in draw(case))
    out, passed = convolution.forward(x, weight, bias, case[-1], parallel, keep=True)
    assert passed is not None
    parts = convolution.backward(gradient, x, weight, passed, case[-1], parallel, (True, True))
    return (out, *(part for part in parts if part is not None))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
def test_blocks_are_plain_loops(case: Case, dtype: str, tolerance: float) -> None:
    x, weight, bias, gradient = draw(case)
    expected = loops(x, weight, bias, case[-1], gradient)
    for found, wanted in zip(compute(case, dtype), expected, strict=True):
        assert found.dtype == dtype
        assert relative(found, wanted) < tolerance


@pytest.mark.parametrize("n", SIZES)
def test_chunks_and_groups_need_not_divide_the_images(n: int) -> None:
    case = (n, 2, 3, 1, 2, 3, 1)
    x, weight, bias, gradient = draw(case)
    expected = loops(x, weight, bias, 1, gradient)
    for found, wanted in zip(compute(case), expected, strict=True):
        assert relative(found, wanted) < 1e-13


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bits_do_not_depend_on_threads(threads: int) -> None:
    case = (71, 8, 8, 3, 8, 3, 1)
    with ThreadPoolExecutor(threads) as pool:
        found = compute(case, "float32", pool.map)
    for one, other in zip(found, compute(case, "float32"), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_only_wanted_gradients_are_computed(wanted: tuple[bool, bool]) -> None:
    case = CASES[1]
    x, weight, bias, gradient = draw(case)
    _, passed = convolution.forward(x, weight, bias, 1, map, keep=True)
    assert passed is not None
    found = convolution.backward(gradient, x, weight, passed, 1, map, wanted)
    expected = compute(case)[1:]
    for part, whole, asked in zip(found, expected, (wanted[0], wanted[1], wanted[1]), strict=True):
        assert (part is not None) == asked
        assert part is None or np.array_equal(part, whole)


def test_the_forward_pass_alone_keeps_nothing_and_changes_nothing() -> None:
    case = CASES[2]
    x, weight, bias, _ = draw(case)
    before = [a.copy() for a in (x, weight, bias)]
    out, passed = convolution.forward(x, weight, bias, 3, map, keep=False)
    assert passed is None
    assert np.array_equal(out, compute(case)[0])
    for a, b in zip(before, (x, weight, bias), strict=True):
        assert np.array_equal(a, b)


def test_views_are_read_as_they_are() -> None:
    case = (5, 4, 6, 2, 3, 3, 1)
    x, weight, bias, _ = draw(case)
    expected, _ = convolution.forward(x, weight, bias, 1, map, keep=False)
    turned = np.ascontiguousarray(x.transpose(3, 2, 0, 1)).transpose(2, 3, 1, 0)
    flipped = np.ascontiguousarray(weight[::-1])[::-1]
    found, _ = convolution.forward(turned, flipped, bias, 1, map, keep=False)
    assert np.array_equal(found, expected)
