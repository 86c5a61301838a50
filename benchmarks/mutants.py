"""How many small errors in the sources the tests notice: mutants, one changed expression each.

Each mutant is written into a temporary copy of the tree, and the tests that speak of its module run
there, the quickest first, until one fails. Results are JSON lines; a run that was stopped goes on
where it was. A mutant is named by its program without comments, docstrings and `__all__`: results
stay valid while only those change.

    python benchmarks/mutants.py slimdc/losses.py --results losses.jsonl
    python benchmarks/mutants.py slimdc/losses.py --results losses.jsonl --again  # survivors anew
    python benchmarks/mutants.py --results losses.jsonl --report
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
TARGETS = Path(__file__).with_name("mutants.toml")


@dataclass(frozen=True)
class Result:
    """What became of a mutant: ``outcome`` is killed, timeout or survived."""

    identity: str
    path: str
    line: int
    operator: str
    before: str
    after: str
    outcome: str
    stage: str
    seconds: float


def identity(mutant: Mutant) -> str:
    """Name a mutant by what it computes."""
    return hashlib.sha256(f"{mutant.path}\n{mutant.program}".encode()).hexdigest()[:16]


def copy_tree(to: Path) -> None:
    """Copy what git knows or would know, so that no build output and no cache comes along."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def run_tests(tree: Path, stage: str, limit: float | None) -> int | None:
    """Run pytest on a stage of tests in a process group of its own; None if it took too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    running = subprocess.Popen(
        [*command, *shlex.split(stage)],
        cwd=tree,
        env=os.environ | threads | {"SLIMDC_HYPOTHESIS_PROFILE": "mutants"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return running.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def check_stages(tree: Path, stages: list[str]) -> list[float]:
    """Run the stages on the sources as they are; give how many seconds a mutant may take."""
    limits = []
    for stage in stages:
        start = time.monotonic()
        status = run_tests(tree, stage, None)
        if status != 0:
            raise SystemExit(f"pytest {stage}: ends with {status} on the sources as they are")
        limits.append(30.0 + 5.0 * (time.monotonic() - start))
    return limits


def try_mutant(tree: Path, mutant: Mutant, stages: list[str], limits: list[float]) -> Result:
    """Write a mutant into the copy, run its tests, and put the module back."""
    target, start = tree / mutant.path, time.monotonic()
    original = target.read_text()
    outcome, last = "survived", ""
    try:
        target.write_text(mutant.text)
        for stage, limit in zip(stages, limits, strict=True):
            # Bytecode is told apart by size and whole seconds only, too coarse for mutants.
            for stale in target.parent.glob(f"__pycache__/{target.stem}.*.pyc"):
                stale.unlink()
            status = run_tests(tree, stage, limit)
            if status != 0:
                outcome, last = "timeout" if status is None else "killed", stage
                break
    finally:
        target.write_text(original)
    what = (mutant.path, mutant.line, mutant.operator, mutant.before, mutant.after)
    return Result(identity(mutant), *what, outcome, last, round(time.monotonic() - start, 2))


def read_results(path: Path) -> dict[str, Result]:
    """Read results, of which a killed run may have left half a line; the latest of each holds."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            result = Result(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        found[result.identity] = result
    return found


def equivalents(settings: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """Mutants that compute the same or cannot be told apart, with the reason."""
    return {
        (path, known["before"], known["after"]): known["reason"]
        for path, module in settings.items()
        for known in module.get("equivalent", ())
    }


def report(results: list[Result], settings: dict[str, Any]) -> None:
    """Print the score of each module, and the survivors."""
    known = equivalents(settings)
    for path in sorted({result.path for result in results}):
        of_path = [result for result in results if result.path == path]
        survivors = sorted((r for r in of_path if r.outcome == "survived"), key=lambda r: r.line)
        real = [r for r in survivors if (path, r.before, r.after) not in known]
        told = len(of_path) - len(survivors) + len(real)
        score = 100.0 * (told - len(real)) / max(1, told)
        print(
            f"\n{path}: {len(of_path)} mutants, {len(survivors) - len(real)} of them equivalent; "
            f"{told - len(real)} of {told} others killed ({score:.1f} %)"
        )
        for result in survivors:
            reason = known.get((path, result.before, result.after))
            print(
                f"{path}:{result.line}: {result.operator}"
                + (f" (equivalent: {reason})" if reason else "")
            )
            print("\n".join(f"  - {line}" for line in result.before.splitlines()))
            print("\n".join(f"  + {line}" for line in result.after.splitlines()))


def main() -> None:
    """Try what was not tried yet, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="*", help="modules, of those in mutants.toml; none means all"
    )
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, read and added to")
    parser.add_argument("--again", action="store_true", help="try survivors anew")
    parser.add_argument("--report", action="store_true", help="run nothing, print what is known")
    parser.add_argument("--sample", type=int, help="at most so many mutants of each module")
    parser.add_argument(
        "--core", type=int, help="the core to run on; default: the last allowed one"
    )
    arguments = parser.parse_args()
    settings = tomllib.loads(TARGETS.read_text())
    unknown = set(arguments.paths) - set(settings)
    if unknown:
        parser.error(f"found {sorted(unknown)}, expected some of {sorted(settings)}")
    wanted = {
        identity(mutant): mutant
        for path in arguments.paths or settings
        for mutant in sampled(mutants(path, (ROOT / path).read_text()), arguments.sample)
    }
    known = {key: r for key, r in read_results(arguments.results).items() if key in wanted}
    if not arguments.report:
        redo = {key for key, r in known.items() if arguments.again and r.outcome == "survived"}
        todo = [mutant for key, mutant in wanted.items() if key not in known or key in redo]
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[-1] if arguments.core is None else arguments.core})
        # SIGTERM unwinds as Ctrl-C does: tests are killed and the copy is removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        known |= run_all(todo, settings, arguments.results)
    report(list(known.values()), settings)
    print(f"\n{len(wanted) - len(known)} mutants were not tried yet")


def sampled(found: list[Mutant], at_most: int | None) -> list[Mutant]:
    """Draw some mutants, always the same."""
    if at_most is None or at_most >= len(found):
        return found
    return random.Random(0).sample(found, at_most)


def run_all(todo: list[Mutant], settings: dict[str, Any], path: Path) -> dict[str, Result]:
    """Try mutants one after another, and write down each result at once."""
    found: dict[str, Result] = {}
    limits: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="slimdc-mutants-") as folder, path.open("a") as lines:
        copy_tree(Path(folder))
        for count, mutant in enumerate(todo, 1):
            stages = settings[mutant.path]["tests"]
            if mutant.path not in limits:
                limits[mutant.path] = check_stages(Path(folder), stages)
            result = try_mutant(Path(folder), mutant, stages, limits[mutant.path])
            found[result.identity] = result
            lines.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
            lines.flush()
            where = f"{mutant.path}:{mutant.line}"
            print(f"{count}/{len(todo)} {where} {mutant.operator}: {result.outcome}", flush=True)
    return found


if __name__ == "__main__":
    main()
