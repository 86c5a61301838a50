"""The CUDA kernels compile for every GPU, and run on the CPU they compute what plain loops do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import required
from cuda_compilers import KERNELS, Cpu, Nvrtc, nvrtc
from differences import relative
from test_convolution import CASES, Case, draw, loops

from slimdc_backends.kernels import cuda
from slimdc_backends.kernels.cuda import Device
from slimdc_backends.kernels.cuda_block import Block

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
# Beside those of the NumPy kernels: channels that are and are not copied four at a time, images
# smaller than the filter, all paddings, and rows longer than a block of threads.
MORE_CASES = (
    (7, 5, 5, 8, 3, 3, 0),
    (5, 3, 6, 8, 8, 3, 1),
    (3, 5, 2, 2, 8, 3, 2),
    (2, 1, 1, 3, 2, 3, 3),
    (3, 4, 7, 8, 2, 1, 0),
    (2, 2, 3, 3, 1, 1, 1),
    (2, 3, 3, 1, 3, 5, 2),
    (1, 3, 2, 8, 3, 5, 3),
    (1, 4, 37, 3, 9, 3, 1),
)


@pytest.fixture(scope="module")
def launch(kernels_on_cpu: Cpu) -> Cpu:
    return kernels_on_cpu


@pytest.fixture(scope="module")
def compiler() -> Nvrtc:
    found = nvrtc()
    if found is None:
        if "nvrtc" in required():
            pytest.fail("SLIMDC_REQUIRE names nvrtc, which is not installed")
        pytest.skip("NVRTC is not installed")
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("architecture", [70, 80, 90])
def test_kernels_compile(compiler: Nvrtc, architecture: int, dtype: str) -> None:
    if architecture not in compiler.architectures():
        assert architecture < 75
        pytest.skip(f"this NVRTC knows no sm_{architecture} any more")
    binary = compiler.compile(cuda.source(dtype), architecture, "CUBIN")
    assert binary.startswith(b"\x7fELF")
    for name in KERNELS:
        assert b".text." + name.encode() + b"\0" in binary


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernels_neither_share_memory_nor_add_atomically(compiler: Nvrtc, dtype: str) -> None:
    code = compiler.compile(cuda.source(dtype), 80, "PTX").decode()
    assert code.count(".entry") == len(KERNELS)
    for word in (".shared", "atom.", "red.", ".local", "bar."):
        assert word not in code
    copies = code[code.index(".entry im2col") :].partition(".entry")[2].partition(".entry")[0]
    assert "v4.u32" in copies or "v2.u64" in copies or "v4.b32" in copies


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES])
def test_im2col_and_col2im_are_plain_loops(
    launch: Cpu, case: Case, stride: int, dtype: str
) -> None:
    n, h, w, c, _, r, padding = case
    rows, columns = ((size + 2 * padding - r) // stride + 1 for size in (h, w))
    rng = np.random.default_rng(case)
    # Sums of small whole numbers are exact in any order.
    x = rng.integers(-9, 9, (n, h, w, c)).astype(dtype)
    patches = np.full((n, rows, columns, r, r, c), np.nan, dtype)
    shapes = (h, w, c, rows, columns, r, stride, padding)
    launch("im2col", x.dtype, n * rows, 96, x, patches, *shapes)
    expected, back = np.zeros_like(patches), np.zeros_like(x)
    values = rng.integers(-9, 9, patches.shape).astype(dtype)
    for row, column, i, j in np.ndindex(rows, columns, r, r):
        y, across = row * stride + i - padding, column * stride + j - padding
        if 0 <= y < h and 0 <= across < w:
            expected[:, row, column, i, j] = x[:, y, across]
            back[:, y, across] += values[:, row, column, i, j]
    assert np.array_equal(patches, expected)
    found = np.full_like(x, np.nan)
    launch("col2im", x.dtype, n * h, 64, values, found, *shapes)
    assert np.array_equal(found, back)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "columns", "c"), [(2, 2, 1), (5, 7, 3), (4, 3, 8), (1, 5, 2)])
def test_pooling_is_plain_numpy(launch: Cpu, rows: int, columns: int, c: int, dtype: str) -> None:
    n, half = 3, (rows // 2, columns // 2)
    rng = np.random.default_rng(rows)
    z, bias = rng.integers(-2, 3, (n, rows, columns, c)).astype(dtype), np.ones(c, dtype)
    pooled, mask = np.full((n, *half, c), np.nan, dtype), np.full((n, *half, c), 255, np.uint8)
    shapes = (rows, columns, c)
    launch("pool", z.dtype, n * half[0], 32, z, bias, pooled, mask, *shapes)
    gradient = rng.integers(-9, 9, pooled.shape).astype(dtype)
    of_z, parts = np.full_like(z, np.nan), np.full((5, c), np.nan, dtype)
    launch("unpool", z.dtype, n * rows, 32, gradient, mask, of_z, *shapes)
    launch("bias_parts", z.dtype, 2, 32, gradient, mask, parts, n * math.prod(half), c, 5)
    expected, slopes = np.zeros_like(pooled), np.zeros_like(z)
    for row, column in np.ndindex(2 * half[0], 2 * half[1]):
        value, to = z[:, row, column] + bias, (slice(None), row // 2, column // 2)
        expected[to] += np.maximum(value, 0) / 4
        slopes[:, row, column] = (value > 0) * gradient[to] / 4
    assert (z + bias == 0).any()
    assert np.array_equal(pooled, expected)
    assert (mask < 16).all()
    assert np.array_equal(of_z, slopes)
    assert np.array_equal(parts.sum(axis=0), slopes.sum(axis=(0, 1, 2)))


def test_a_run_that_diverges_is_noticed(launch: Cpu) -> None:
    x = np.zeros((1, 2, 2, 1))
    x[0, 1, 1, 0] = np.nan
    block = Block.of(Device(np, launch), x, np.ones((1, 1, 1, 1)), 0)
    out, mask = block.forward(np.zeros(1))
    assert np.isnan(out).all()
    assert mask.item() == 0


def compute(launch: Cpu, case: Case, dtype: str = "float64") -> tuple[np.ndarray, ...]:
    x, weight, bias, gradient = (a.astype(dtype) for a in draw(case))
    block = Block.of(Device(np, launch), x, weight, case[-1])
    out, mask = block.forward(bias)
    return (out, *block.backward(gradient, mask, (True, True)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES])
def test_blocks_are_plain_loops(launch: Cpu, case: Case, dtype: str) -> None:
    x, weight, bias, gradient = draw(case)
    expected = loops(x, weight, bias, case[-1], gradient)
    for found, wanted in zip(compute(launch, case, dtype), expected, strict=True):
        assert found.dtype == dtype
        assert found.shape == wanted.shape
        if np.linalg.norm(wanted):
            assert relative(found, wanted) < TOLERANCE[dtype]
        else:
            assert not found.any()


@pytest.mark.parametrize("n", [1, 4, 5, 7])
def test_chunks_need_not_divide_the_images(
    launch: Cpu, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = (n, 5, 4, 3, 2, 3, 1)
    whole = compute(launch, case)
    bytes_of_an_image = 5 * 4 * (27 + 2) * 8
    for images in (1, 2, 3, 4, 100):
        monkeypatch.setattr(cuda, "BUDGET", images * bytes_of_an_image + 1)
        launch.launched.clear()
        found = compute(launch, case)
        assert launch.launched.count("pool") == math.ceil(n / images)
        for one, other in zip(found, whole, strict=True):
            assert relative(one, other) < 1e-14
    # An image that is larger than the budget is taken alone.
    monkeypatch.setattr(cuda, "BUDGET", 1)
    assert relative(compute(launch, case)[0], whole[0]) < 1e-14


@pytest.mark.parametrize("wanted", [(True, False), (False, True), (True, True)])
def test_only_wanted_gradients_are_computed(launch: Cpu, wanted: tuple[bool, bool]) -> None:
    case = CASES[1]
    x, weight, bias, gradient = draw(case)
    block = Block.of(Device(np, launch), x, weight, 1)
    _, mask = block.forward(bias)
    launch.launched.clear()
    found = block.backward(gradient, mask, wanted)
    assert ("col2im" in launch.launched) == wanted[0]
    assert ("im2col" in launch.launched) == ("bias_parts" in launch.launched) == wanted[1]
    whole = compute(launch, case)[1:]
    for part, all_of_it, asked in zip(found, whole, (wanted[0], *2 * wanted[1:]), strict=True):
        assert (part is not None) == asked
        assert part is None or np.array_equal(part, all_of_it)


def test_arrays_are_read_however_they_lie(launch: Cpu) -> None:
    x, weight, bias, gradient = (a.astype("float32") for a in draw((5, 4, 6, 8, 4, 3, 1)))
    expected = Block.of(Device(np, launch), x, weight, 1).forward(bias)
    # Neither contiguous, nor at an address that words of 16 bytes may have.
    turned = np.ascontiguousarray(x.transpose(3, 2, 0, 1)).transpose(2, 3, 1, 0)
    flipped = np.ascontiguousarray(weight[::-1])[::-1]
    shifted = np.empty(x.size + 1, x.dtype)[1:].reshape(x.shape)
    shifted[...] = x
    for images, filters in ((turned, flipped), (shifted, weight)):
        block = Block.of(Device(np, launch), images, filters, 1)
        for one, other in zip(block.forward(bias), expected, strict=True):
            assert np.array_equal(one, other)
        # A sum's gradient is one number, repeated by strides of 0.
        same = np.broadcast_to(np.float32(2.0), gradient.shape)
        for one, other in zip(
            block.backward(same, expected[1], (True, True)),
            block.backward(same.copy(), expected[1], (True, True)),
            strict=True,
        ):
            assert np.array_equal(one, other)


def test_half_precision_is_computed_in_single(launch: Cpu) -> None:
    x, weight, bias, _ = (a.astype("float16") for a in draw(CASES[1]))
    assert Block.of(Device(np, launch), x, weight, 1).forward(bias)[0].dtype == np.float32
