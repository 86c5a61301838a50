"""Fixtures: the array namespaces that every property is tested in; hypothesis' profiles; skips."""

from __future__ import annotations

import importlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from cuda_compilers import Cpu, has_gxx

import slimdc
from slimdc.commands import lines

hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
# Other Pythons and older libraries break what always happens, not one example of many.
hypothesis.settings.register_profile("few", max_examples=10, deadline=None, derandomize=True)
# Fails at the first example, as it is and each time: that is all that `benchmarks/mutants.py` asks.
hypothesis.settings.register_profile(
    "mutants",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile(os.environ.get("SLIMDC_HYPOTHESIS_PROFILE", "dev"))

# A package of its own: collected, it would be importable, and its entry point known, everywhere.
# The others import what need not be installed, and hold no tests.
collect_ignore = [
    "third_party",
    "flower_nodes.py",
    "jax_rank.py",
    "plain_algorithm.py",
    "plain_evaluation.py",
    "plain_gradients.py",
    "torch_networks.py",
    "torch_rank.py",
]

NAMESPACES = ("numpy", "array_api_strict", "torch", "jax")
# What tests may need beside the test dependencies, and how it is had.
OPTIONAL = {
    "torch": 'pip install ".[torch]"',
    "jax": 'pip install ".[jax]"',
    "cupy": 'pip install ".[cupy-cuda12x]" or ".[cupy-cuda13x]", on a machine with an NVIDIA GPU',
    "sklearn": 'pip install ".[select]"',
    "pyarrow": 'pip install ".[parquet]"',
    "fsspec": 'pip install ".[remote]"',
    "argcomplete": 'pip install ".[completion]"',
    "flwr": "pip install flwr",
    "nvrtc": "pip install nvidia-cuda-nvrtc-cu12",
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Write a set of 10 classes with 3 images each."""
    x = np.random.default_rng(0).random((30, 28, 28), dtype=np.float32)
    path = tmp_path / "images.safetensors"
    slimdc.save(slimdc.SlimmableDataset.from_arrays(x, np.arange(30) % 10), path)
    return path


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Write a set of 2 classes with 4 vectors each."""
    x = np.random.default_rng(0).normal(size=(8, 12))
    path = tmp_path / "vectors.safetensors"
    slimdc.save(slimdc.SlimmableDataset.from_arrays(x, np.arange(8) % 2), path)
    return path


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """Write a folder of Fashion-MNIST's kind: 3 classes, 30 and 12 images of noise."""
    folder, rng = tmp_path / "fashion-mnist", np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 30), ("t10k", 12)):
        pixels, labels = rng.integers(0, 256, (count, 28, 28)), np.arange(count) % 3
        for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, values.ndim)) + np.asarray(values.shape, ">u4").tobytes()
            (folder / f"{part}-{kind}-ubyte").write_bytes(head + values.astype(np.uint8).tobytes())
    return folder


def required() -> set[str]:
    """Libraries that must not be skipped, from SLIMDC_REQUIRE."""
    names = {name.strip() for name in os.environ.get("SLIMDC_REQUIRE", "").split(",")} - {""}
    unknown = names - set(OPTIONAL)
    if unknown:
        raise pytest.UsageError(
            f"SLIMDC_REQUIRE: found {sorted(unknown)}, expected {list(OPTIONAL)}"
        )
    return names


def pytest_configure() -> None:
    """Refuse a misspelt SLIMDC_REQUIRE before anything could skip because of it."""
    required()


def library(name: str) -> Any:
    """Import an optional library; skip the test, or fail it where the library is required."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if name in OPTIONAL and name not in required():
            pytest.skip(f"{name} is not installed", allow_module_level=True)
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End a run with what was skipped and why, a line for each reason instead of each place."""
    lines = skip_summary(terminalreporter.stats.get("skipped", ()))
    if lines:
        terminalreporter.write_sep("=", "skipped, which is no failure")
        for line in lines:
            terminalreporter.write_line(line)


def skip_summary(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Count the tests skipped for each reason, the most frequent first, and name whole files."""
    tests: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "no reason given"
        reason = reason.removeprefix("Skipped: ")
        # A file skipped while it is collected is reported once for its tests and once for its
        # doctests: how many tests it holds is not known.
        whole = isinstance(report, pytest.CollectReport)
        tests[reason] += 0 if whole else 1
        if whole:
            files.setdefault(reason, set()).add(report.nodeid)
    lines = []
    for reason, count in tests.most_common():
        missing = re.match(r"(\S+) is not installed", reason)
        remedy = OPTIONAL.get(missing[1].lower(), "") if missing else ""
        counted = [f"{count} test{'s' * (count != 1)}"] if count else []
        which = " and ".join(counted + [f"all of {name}" for name in sorted(files.get(reason, ()))])
        lines.append(f"{which}: {reason}" + (f" ({remedy})" if remedy else ""))
    return lines


@dataclass(frozen=True)
class Space:
    """An array namespace under test, with conversions that do not go through slimdc."""

    name: str
    xp: Any
    dtypes: tuple[str, ...]

    def array(self, values: Any, dtype: str | None = None) -> Any:
        """Make an array of the namespace from host values."""
        host = np.asarray(values)
        return self.xp.asarray(host.copy(), dtype=getattr(self.xp, dtype or host.dtype.name))

    def host(self, array: Any) -> np.ndarray:
        """Read an array of the namespace."""
        if self.name == "torch":
            wide = array.double() if array.is_floating_point() else array
            return np.array(wide.detach().numpy())
        return np.array(array)

    def owns(self, array: Any) -> bool:
        """Whether an array belongs to the namespace."""
        return type(array) is type(self.xp.asarray([0.0]))

    def dtype(self, array: Any) -> str:
        """Name of an array's dtype."""
        return str(array.dtype).rpartition(".")[2]


def make_space(name: str) -> Space:
    """Make the space of that name; see `library` for one that is not installed."""
    module = library(name)
    if name == "jax":
        module = module.numpy
    dtypes = {
        "numpy": ("float16", "float32", "float64"),
        "array_api_strict": ("float32", "float64"),
        "torch": ("float16", "bfloat16", "float32", "float64"),
        # Tests never flip x64, so JAX knows no float64.
        "jax": ("float16", "bfloat16", "float32"),
    }[name]
    return Space(name, module, dtypes)


@pytest.fixture(params=NAMESPACES, scope="session")
def space(request: pytest.FixtureRequest) -> Space:
    """Each array namespace in turn; those that are not installed are skipped."""
    return make_space(request.param)


@pytest.fixture(scope="session")
def xp(space: Space) -> Any:
    """Plain namespace of `space`."""
    return space.xp


@pytest.fixture(scope="session")
def kernels_on_cpu(tmp_path_factory: pytest.TempPathFactory) -> Cpu:
    """Launch the CUDA kernels on the CPU."""
    if not has_gxx():
        pytest.skip("g++ is not installed")
    return Cpu(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(autouse=True, scope="session")
def _no_lines_of_a_slow_machine() -> Iterator[None]:
    """Keep commands from saying how far they are: whether they would depends on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "tell_from_time_to_time", lambda *_: None)
        yield
