"""The CUDA kernels without a GPU: compiled by NVRTC to be looked at, and by g++ to be run."""

from __future__ import annotations

import ctypes
import ctypes.util
import glob
import importlib.util
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from slimdc_backends.kernels import cuda

KERNELS = ("im2col", "col2im", "pool", "unpool", "bias_parts")

# One thread after another, started as CUDA's driver starts a kernel: by pointers to its arguments.
BEFORE = """
#include <cstddef>
#include <utility>
#define __global__
#define __device__
static struct { unsigned int x; } blockIdx, threadIdx, blockDim;
"""
AFTER = """
template <class... A, std::size_t... I>
static void every(void (*kernel)(A...), void **args, std::index_sequence<I...>) {
    kernel(*(A *)args[I]...);
}
template <class... A>
static void launch(void (*kernel)(A...), unsigned int blocks, unsigned int threads, void **args) {
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++)
            every(kernel, args, std::index_sequence_for<A...>());
}
"""
ENTRY = """
extern "C" void launch_{name}(unsigned int blocks, unsigned int threads, void **args) {{
    launch({name}, blocks, threads, args);
}}
"""


class Cpu:
    """Launches kernels on NumPy arrays; see `slimdc_backends.kernels.cuda.Launch`.

    Parameters
    ----------
    folder : Path
        Where g++ leaves its libraries.
    """

    def __init__(self, folder: Path) -> None:
        self._libraries = {}
        for dtype in ("float32", "float64"):
            code, library = folder / f"{dtype}.cpp", folder / f"{dtype}.so"
            entries = "".join(ENTRY.format(name=name) for name in KERNELS)
            code.write_text(BEFORE + cuda.source(dtype) + AFTER + entries)
            # CUDA's compiler lets words be read as what they are not; g++ must be told to.
            options = "-std=c++17 -O1 -shared -fPIC -fno-strict-aliasing -Wall -Wextra -Werror"
            subprocess.run(["g++", *options.split(), "-o", library, code], check=True)
            self._libraries[dtype] = ctypes.CDLL(str(library))
        self.launched: list[str] = []

    def __call__(self, name: str, dtype: Any, blocks: int, threads: int, *args: Any) -> None:
        held = []
        for x in args:
            if isinstance(x, np.ndarray):
                assert x.flags.c_contiguous
                assert x.dtype in (dtype, np.uint8)
                held.append(ctypes.c_void_p(x.ctypes.data))
            else:
                assert isinstance(x, int)
                held.append(ctypes.c_int(x))
        assert threads % 32 == 0
        assert 32 <= threads <= 1024
        pointers = [ctypes.cast(ctypes.pointer(x), ctypes.c_void_p) for x in held]
        entry = getattr(self._libraries[str(dtype)], f"launch_{name}")
        entry(blocks, threads, (ctypes.c_void_p * len(pointers))(*pointers))
        self.launched.append(name)


def has_gxx() -> bool:
    """Whether there is a g++ to run the kernels by."""
    return shutil.which("g++") is not None


class Nvrtc:
    """NVIDIA's runtime compiler, which needs neither a GPU nor CuPy.

    Parameters
    ----------
    path : str
        The library.
    """

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)

    def architectures(self) -> list[int]:
        """Compute capabilities that it compiles for."""
        count = ctypes.c_int()
        self._call("GetNumSupportedArchs", ctypes.byref(count))
        found = (ctypes.c_int * count.value)()
        self._call("GetSupportedArchs", found)
        return list(found)

    def compile(self, code: str, architecture: int, kind: str) -> bytes:
        """Compile to ``"CUBIN"`` or ``"PTX"``; nothing may be warned of."""
        # NVRTC leaves its thread in a locale of ASCII, in which other libraries cannot read files.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._compiled, code, architecture, kind).result()

    def _compiled(self, code: str, architecture: int, kind: str) -> bytes:
        program = ctypes.c_void_p()
        self._call(
            "CreateProgram", ctypes.byref(program), code.encode(), b"block.cu", 0, None, None
        )
        target = "sm" if kind == "CUBIN" else "compute"
        options = (f"--gpu-architecture={target}_{architecture}", "--std=c++17")
        words = (ctypes.c_char_p * len(options))(*(x.encode() for x in options))
        status = self._library.nvrtcCompileProgram(program, len(options), words)
        log = self._get("ProgramLog", program).strip(b"\0").decode().splitlines()
        # That old GPUs will be dropped is no fault of the source's.
        told = [line for line in log if line and "Architectures prior to" not in line]
        if status or told:
            raise AssertionError("\n".join(told))
        binary = self._get(kind, program)
        self._call("DestroyProgram", ctypes.byref(program))
        return binary

    def _get(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"Get{what}Size", program, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        self._call(f"Get{what}", program, found)
        return found.raw

    def _call(self, name: str, *args: Any) -> None:
        status = getattr(self._library, f"nvrtc{name}")(*args)
        assert status == 0, f"nvrtc{name}: {status}"


def nvrtc() -> Nvrtc | None:
    """Find NVRTC: in NVIDIA's wheels for CUDA 12 or 13, or where the system keeps its libraries."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in glob.glob(f"{folder}/c*/lib/libnvrtc.so.1?"):
            return Nvrtc(path)
    path = ctypes.util.find_library("nvrtc")
    return None if path is None else Nvrtc(path)
