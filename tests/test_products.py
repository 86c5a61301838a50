"""A convolution and its gradients are what plain loops compute, on NumPy and by CUDA's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from cuda_compilers import Cpu
from differences import relative

from slimdc_backends.kernels import cuda
from slimdc_backends.kernels.chunks import CHUNK, GROUPS
from slimdc_backends.kernels.cuda import Device
from slimdc_backends.kernels.cuda_products import CudaProducts
from slimdc_backends.kernels.products import NumpyProducts
from slimdc_backends.tape import Products

# Images, height, width, channels in and out, filter size, stride, padding: strides that leave
# pixels over, filters as large as images, more zeros than filters are large, many channels and few.
CASES = (
    (1, 2, 2, 1, 1, 3, 1, 1),
    (3, 5, 7, 3, 4, 3, 2, 1),
    (2, 5, 4, 1, 2, 3, 3, 3),
    (2, 3, 5, 9, 1, 3, 1, 1),
    (2, 4, 6, 8, 2, 3, 2, 0),
    (3, 4, 3, 2, 3, 1, 1, 0),
    (3, 5, 4, 2, 3, 1, 3, 0),
    (2, 3, 3, 8, 2, 1, 1, 1),
    (2, 5, 6, 2, 2, 5, 1, 2),
    (2, 4, 4, 2, 2, 4, 2, 0),
)
Case = tuple[int, int, int, int, int, int, int, int]
Make = Callable[[Case], Products]


@pytest.fixture(params=["numpy", "cuda"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make the products of a case, on NumPy and by the kernels."""
    if request.param == "numpy":
        return numpy_products
    launch: Cpu = request.getfixturevalue("kernels_on_cpu")
    return lambda case: CudaProducts(Device(np, launch), case[1:4], *case[5:])


def numpy_products(case: Case, parallel: Any = map) -> Products:
    return NumpyProducts(case[1:4], *case[5:], parallel)


def draw(case: Case, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw images, filters, and a gradient of the convolution."""
    n, h, w, c_in, c_out, r, stride, padding = case
    rng = np.random.default_rng(case)
    size = ((side + 2 * padding - r) // stride + 1 for side in (h, w))
    shapes = ((n, h, w, c_in), (r, r, c_in, c_out), (n, *size, c_out))
    x, weight, g = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, weight, g


def loops(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multiply one number after another: the convolution, and gradients in images and filters."""
    x, weight, g = draw(case)
    stride, padding = case[6:]
    z, of_x, of_weight = np.zeros_like(g), np.zeros_like(x), np.zeros_like(weight)
    for image, row, column, o in np.ndindex(g.shape):
        for i, j, c in np.ndindex(weight.shape[:3]):
            y, across = row * stride + i - padding, column * stride + j - padding
            if 0 <= y < x.shape[1] and 0 <= across < x.shape[2]:
                z[image, row, column, o] += x[image, y, across, c] * weight[i, j, c, o]
                of_x[image, y, across, c] += g[image, row, column, o] * weight[i, j, c, o]
                of_weight[i, j, c, o] += g[image, row, column, o] * x[image, y, across, c]
    return z, of_x, of_weight


def compute(
    products: Products, x: np.ndarray, weight: np.ndarray, g: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return products.of_both(x, weight), products.of_images(weight, g), products.of_filters(x, g)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("case", CASES)
def test_products_are_plain_loops(make: Make, case: Case, dtype: str, tolerance: float) -> None:
    for found, expected in zip(compute(make(case), *draw(case, dtype)), loops(case), strict=True):
        assert found.dtype == dtype
        assert relative(found, expected) < tolerance


@pytest.mark.parametrize("n", [0, 1, CHUNK - 1, CHUNK + 1, CHUNK * GROUPS + 1, 71])
def test_chunks_and_groups_need_not_divide_the_images(make: Make, n: int) -> None:
    case = (n, 3, 4, 1, 2, 2, 2, 1)
    for found, expected in zip(compute(make(case), *draw(case)), loops(case), strict=True):
        assert found.shape == expected.shape
        assert np.linalg.norm(found - expected) <= 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_bits_do_not_depend_on_threads(threads: int, stride: int) -> None:
    case = (71, 8, 8, 9, 8, 3, stride, 1)
    arrays = draw(case, "float32")
    with ThreadPoolExecutor(threads) as pool:
        found = compute(numpy_products(case, pool.map), *arrays)
    for one, other in zip(found, compute(numpy_products(case), *arrays), strict=True):
        assert np.array_equal(one, other)


def test_arrays_are_read_however_they_lie_and_left_as_they_are(make: Make) -> None:
    case = (5, 4, 6, 8, 3, 3, 2, 1)
    arrays = draw(case)
    before = [a.copy() for a in arrays]
    expected = compute(make(case), *arrays)
    turned = [np.ascontiguousarray(a.transpose(3, 2, 0, 1)).transpose(2, 3, 1, 0) for a in arrays]
    for found, wanted in zip(compute(make(case), *turned), expected, strict=True):
        assert relative(found, wanted) < 1e-14
    # A sum's gradient is one number, repeated by strides of 0.
    x, weight, g = arrays
    same = np.broadcast_to(np.float64(2.0), g.shape)
    for found, wanted in zip(
        compute(make(case), x, weight, same),
        compute(make(case), x, weight, same.copy()),
        strict=True,
    ):
        assert np.array_equal(found, wanted)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_factors_of_two_dtypes_are_multiplied_in_the_wider(make: Make) -> None:
    case = CASES[1]
    x, weight, g = draw(case)
    narrow, expected = make(case), loops(case)
    found = compute(narrow, x.astype(np.float32), weight, g)
    assert [a.dtype for a in found] == [np.float64] * 3
    for one, other in zip(found, expected, strict=True):
        assert relative(one, other) < 1e-6


def test_a_gpu_takes_a_part_of_the_images_at_a_time(
    kernels_on_cpu: Cpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = (7, 5, 4, 3, 2, 3, 2, 1)
    products = CudaProducts(Device(np, kernels_on_cpu), case[1:4], *case[5:])
    arrays = draw(case)
    whole = compute(products, *arrays)
    bytes_of_an_image = 3 * 2 * 27 * 8
    for images in (1, 2, 3, 100):
        monkeypatch.setattr(cuda, "BUDGET", images * bytes_of_an_image + 1)
        kernels_on_cpu.launched.clear()
        found = compute(products, *arrays)
        assert kernels_on_cpu.launched.count("im2col") == 2 * math.ceil(7 / images)
        assert kernels_on_cpu.launched.count("col2im") == math.ceil(7 / images)
        for one, other in zip(found, whole, strict=True):
            assert relative(one, other) < 1e-14
