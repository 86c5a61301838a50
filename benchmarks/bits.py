"""Hashes of short runs, to tell whether a change of the code changes a bit of what it computes.

Run it under two commits on one machine and compare::

    python benchmarks/bits.py > before.txt
    git switch other && python benchmarks/bits.py > after.txt
    diff before.txt after.txt

Each line is a run and the SHA-256 of its result, cut to 16 digits. ``--source DIR`` imports slimdc
from another checkout instead of this one.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Run = tuple[str, Callable[[], Any]]


def digest(*parts: Any) -> str:
    """Hash arrays and texts."""
    found = hashlib.sha256()
    for part in parts:
        host = np.ascontiguousarray(part) if not isinstance(part, str) else None
        found.update(part.encode() if host is None else host.tobytes() + str(host.dtype).encode())
    return found.hexdigest()[:16]


def factors(data: Any) -> str:
    """Hash the factors of a set."""
    return digest(*(np.asarray(x) for x in (data.u, data.s, data.vx, data.vy)))


def runs(torch: Any) -> Iterator[Run]:
    """Yield the runs: slim, condense, evaluate, certify and save, by name."""
    import slimdc
    from slimdc.settings import CondenseSettings, EvaluationSettings, PoolSettings, SlimSettings

    single, x_test, y_test = slimdc.datasets.sample()
    left, s, vx, vy = (
        np.asarray(x, np.float64) for x in (single.u, single.s, single.vx, single.vy)
    )
    p, _, q = np.linalg.svd(left, full_matrices=False)
    double = slimdc.SlimmableDataset.from_factors(
        p @ q,
        s,
        vx,
        vy,
        shape=single.shape,
        layout=single.layout,
        preprocessing=single.preprocessing,
    )
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.standard_normal((3, 9, 6)))[0]
    s, vx = -np.sort(-rng.uniform(0.5, 2, (3, 6))), rng.standard_normal((3, 6, 20)) / 4
    flat = slimdc.SlimmableDataset.from_factors(u, s, vx, rng.standard_normal((3, 6, 3)) / 4)
    sets = {"float32": single, "float64": double}

    def settings(norm: str, form: str = "relative") -> SlimSettings:
        return SlimSettings(form=form, pool=PoolSettings(size=3, lifetime=7, width=8, norm=norm))

    for backend in ("numpy", "torch") if torch else ("numpy",):
        for dtype, data in sets.items():
            for norm in ("none", "instance", "batch"):
                yield (
                    f"slim {backend} {dtype} norm {norm}",
                    lambda data=data, backend=backend, norm=norm: factors(
                        slimdc.slim(data, 2, steps=12, backend=backend, preset=settings(norm))
                    ),
                )
            yield (
                f"evaluate {backend} {dtype}",
                lambda data=data, backend=backend: digest(
                    slimdc.evaluate(
                        data,
                        x_test,
                        y_test,
                        repeats=2,
                        steps=25,
                        width=8,
                        backend=backend,
                        protocol=EvaluationSettings(rate=3e-3, batch=64),
                    ).accuracies
                ),
            )
        yield (
            f"slim {backend} float64 mlp printed",
            lambda backend=backend: factors(
                slimdc.slim(flat, 3, steps=30, backend=backend, preset=settings("none", "printed"))
            ),
        )
        yield (
            f"slim {backend} float64 match",
            lambda backend=backend: factors(
                slimdc.slim(
                    flat,
                    3,
                    steps=30,
                    backend=backend,
                    samples="match",
                    preset=settings("none"),
                )
            ),
        )
        yield (
            f"condense {backend} float32",
            lambda backend=backend: factors(
                slimdc.condense(
                    x_test.astype(np.float32) / 255,
                    y_test,
                    4,
                    backend=backend,
                    preset=CondenseSettings(
                        steps=12, batch=64, pool=PoolSettings(size=3, lifetime=7, width=8)
                    ),
                )
            ),
        )
    for dtype, data in sets.items():
        yield f"truncate {dtype}", lambda data=data: factors(data.truncate(3))
        yield (
            f"certify {dtype}",
            lambda data=data: digest(str(slimdc.certify(data, data.truncate(3)))),
        )
        yield f"save {dtype}", lambda data=data: saved(slimdc, data)
    pair = rng.standard_normal((30, 8, 8)), np.arange(30) % 3
    yield "from_arrays", lambda: factors(slimdc.SlimmableDataset.from_arrays(*pair))


def saved(slimdc: Any, data: Any) -> str:
    """Hash the tensors of a file that was saved."""
    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.safetensors"
        slimdc.save(data, path)
        tensors = load_file(path)
    return digest(*(tensors[name] for name in sorted(tensors)))


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--without-torch", action="store_true")
    options = parser.parse_args()
    sys.path[:0] = [str(options.source), str(options.source / "backends")]
    for name, run in runs(not options.without_torch):
        print(f"{name:<36} {run()}", flush=True)


if __name__ == "__main__":
    main()
