"""Damage files of sets and checkpoints in many ways, and see what is made of them.

    python benchmarks/attack_files.py [--sets 10000] [--checkpoints 1000] [--seed 0]

Each file must be refused with an error of slimdc, or give the right answer: the set that was saved,
to the bit, or the result and history of a run that nothing disturbed. Two kinds can be held to
less, namely that nothing but an error of slimdc is raised: files whose digest was made anew after
the edit (forged), and files of version 1, which have none. Sets are those of versions 1 and 2;
`benchmarks/mutated_files.py` does the same with the slimmable file.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialise

import slimdc
from slimdc.errors import SlimdcError
from slimdc.settings import PoolSettings, SlimSettings
from slimdc.storage.tensor_file import DIGEST, digest, write_tensors

REFUSED, RIGHT, OTHER = "refused", "right", "another answer"

NUMBERS = ("0", "-1", "1", "3", "64", "1.5", "1e999", "NaN", "true", "null", str(2**63), "9" * 5000)
TEXTS = (
    *NUMBERS,
    "",
    "[]",
    "{}",
    "[" * 100_000,
    '{"a":' * 20_000,
    f"[{10**400}]",
    f'{{"mean": [{10**400}], "std": [1]}}',
    '{"mean": [1e-400], "std": [1e-320]}',
    "[0, 0]",
    "[-1, 1]",
    '"\\ud800"',
    "\x00",
    "float16",
    '"float16"',
    "[true, false]",
    "[[0], [1]]",
    "[0.0, 1.0]",
)
DTYPES = ("F32", "F64", "F16", "BF16", "I64", "U8", "BOOL", "C64", "F8_E4M3", "X", "", 3, None)


class File(NamedTuple):
    """A safetensors file in parts."""

    header: dict[str, Any]
    body: bytes

    @classmethod
    def of(cls, payload: bytes) -> File:
        """Take a file apart."""
        length = int.from_bytes(payload[:8], "little")
        return cls(json.loads(payload[8 : 8 + length]), payload[8 + length :])

    def joined(self) -> bytes:
        """Put it together."""
        return framed(json.dumps(self.header).encode(), self.body)


def framed(header: bytes, body: bytes) -> bytes:
    """Put a header, which need not be JSON, before the tensors."""
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + body


Attack = Callable[[bytes, random.Random], bytes]


def flip_a_bit(payload: bytes, rng: random.Random) -> bytes:
    """Flip one bit anywhere."""
    return _flipped(payload, rng, 1)


def flip_bits(payload: bytes, rng: random.Random) -> bytes:
    """Flip several bits."""
    return _flipped(payload, rng, rng.randint(2, 16))


def flip_in_the_header(payload: bytes, rng: random.Random) -> bytes:
    """Flip one bit where the names, shapes and metadata are."""
    length = 8 + int.from_bytes(payload[:8], "little")
    return _flipped(payload[:length], rng, 1) + payload[length:]


def truncate(payload: bytes, rng: random.Random) -> bytes:
    """Cut the end off."""
    return payload[: rng.randrange(len(payload))]


def append(payload: bytes, rng: random.Random) -> bytes:
    """Add bytes at the end."""
    return payload + rng.randbytes(rng.randint(1, 64))


def splice(payload: bytes, rng: random.Random) -> bytes:
    """Copy a piece of the file over another."""
    size = rng.randint(1, len(payload) // 4)
    source, target = (rng.randrange(len(payload) - size) for _ in range(2))
    return payload[:target] + payload[source : source + size] + payload[target + size :]


def delete(payload: bytes, rng: random.Random) -> bytes:
    """Take a piece out."""
    start = rng.randrange(len(payload))
    return payload[:start] + payload[start + rng.randint(1, 64) :]


def insert(payload: bytes, rng: random.Random) -> bytes:
    """Put random bytes in."""
    start = rng.randrange(len(payload))
    return payload[:start] + rng.randbytes(rng.randint(1, 64)) + payload[start:]


def blank(payload: bytes, rng: random.Random) -> bytes:
    """Overwrite a piece with zeros, as a disk may."""
    start = rng.randrange(len(payload))
    size = min(rng.randint(1, 512), len(payload) - start)
    return payload[:start] + bytes(size) + payload[start + size :]


def edit_the_header(payload: bytes, rng: random.Random) -> bytes:
    """Replace a piece of the header's text."""
    length = int.from_bytes(payload[:8], "little")
    header, body = payload[8 : 8 + length], payload[8 + length :]
    start = rng.randrange(length)
    stop = min(length, start + rng.randint(0, 12))
    piece = rng.choice(("", ",", "}", "{", '"', "[", *NUMBERS)).encode()
    return framed(header[:start] + piece + header[stop:], body)


def edit_the_json(payload: bytes, rng: random.Random) -> bytes:
    """Change the header's JSON, and leave the digest as it was."""
    file = File.of(payload)
    header = file.header
    metadata = header["__metadata__"]
    names = [name for name in header if name != "__metadata__"]
    name, other = rng.sample(names, 2)
    key = rng.choice(sorted(metadata))
    match rng.randrange(10):
        case 0:
            del header[name]
        case 1:
            header[name], header[other] = header[other], header[name]
        case 2:
            header[name]["dtype"] = rng.choice(DTYPES)
        case 3:
            shape = header[name]["shape"]
            header[name]["shape"] = rng.choice((shape[::-1], [*shape, 1], [1, *shape], [2**63], []))
        case 4:
            header[name]["data_offsets"] = rng.sample(range(len(file.body) + 9), 2)
        case 5:
            header["stray"] = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
        case 6:
            del metadata[key]
        case 7:
            metadata[key + rng.choice(("x", " ", "\x00"))] = metadata.pop(key)
        case 8:
            metadata[key] = rng.choice(TEXTS)
        case 9:
            text = json.dumps(header)
            twice = f"{json.dumps(key)}: {json.dumps(rng.choice(TEXTS))}, "
            place = text.index('"__metadata__": {') + len('"__metadata__": {')
            return framed((text[:place] + twice + text[place:]).encode(), file.body)
    return file.joined()


def forge(payload: bytes, rng: random.Random) -> bytes:
    """Change metadata or tensors, and make the digest anew."""
    metadata = dict(File.of(payload).header["__metadata__"])
    tensors = {name: np.array(x) for name, x in parse(payload).items()}
    key, name = rng.choice(sorted(metadata)), rng.choice(sorted(tensors))
    match rng.randrange(8):
        case 0:
            del metadata[key]
        case 1 | 2 | 3:
            metadata[key] = rng.choice(TEXTS)
        case 4:
            metadata[key] = _with_another_number(metadata[key], rng)
        case 5:
            del tensors[name]
        case 6:
            x = tensors[name]
            tensors[name] = rng.choice(
                (x[:0], x[None], x.ravel()[1:], x.astype(np.float16), x.astype(np.int64))
            )
        case 7:
            x = tensors[name]
            with np.errstate(all="ignore"):
                number = np.array(rng.choice((0, -1, 2**62, 1e300, np.nan, np.inf))).astype(x.dtype)
            x.reshape(-1)[: rng.randint(1, 3)] = number
    metadata.pop(DIGEST, None)
    return serialise(tensors, metadata | {DIGEST: digest(tensors, metadata)})


def _flipped(payload: bytes, rng: random.Random, count: int) -> bytes:
    damaged = bytearray(payload)
    for bit in rng.sample(range(8 * len(payload)), count):
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def _with_another_number(text: str, rng: random.Random) -> str:
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    if not places:
        return text + rng.choice(NUMBERS)
    place = rng.choice(places)
    return text[:place] + rng.choice(NUMBERS) + text[place + 1 :]


ATTACKS: tuple[Attack, ...] = (
    flip_a_bit,
    flip_bits,
    flip_in_the_header,
    truncate,
    append,
    splice,
    delete,
    insert,
    blank,
    edit_the_header,
    edit_the_json,
    forge,
)
HELD_TO_LESS = ("forge", "version 1: ")

Counts = Counter[tuple[str, str]]


def attack_sets(count: int, seed: int, folder: Path) -> Counts:
    """Load damaged sets, and count what becomes of them by attack and outcome."""
    rng, path = random.Random(seed), folder / "set"
    draw = np.random.default_rng(seed)
    x, y = draw.standard_normal((7, 2, 2, 1)).astype(np.float32), [0, 0, 0, 1, 1, 2, 2]
    even, ragged = (slimdc.SlimmableDataset.from_arrays(x[:n], y[:n]) for n in (2, 7))
    saved = []
    for data in (even, ragged):
        metadata = {"format": "slimdc", "version": "2", **data.description.to_metadata()}
        write_tensors(path, data.host_factors()._asdict(), metadata)
        saved.append((data, path.read_bytes(), ""))
        saved.append((data, of_version_1(path.read_bytes()), "version 1: "))
    found: Counts = Counter()
    for i in range(count):
        attack = ATTACKS[i % len(ATTACKS)]
        # Every eighth round attacks a file without a digest.
        data, payload, label = saved[rng.randrange(2) * 2 + (i // len(ATTACKS) % 8 == 7)]
        path.write_bytes(attack(payload, rng))
        result = outcome(lambda data=data: same(slimdc.load(path), data))
        found[label + attack.__name__, result] += 1
    return found


def attack_checkpoints(count: int, seed: int, folder: Path) -> Counts:
    """Resume damaged checkpoints, and count what becomes of them by attack and outcome."""
    rng, path = random.Random(seed), folder / "checkpoint"
    draw = np.random.default_rng(seed)
    pair = draw.standard_normal((6, 4)), np.arange(6) % 2
    settings = SlimSettings(pool=PoolSettings(size=2, width=2, depth=1, lifetime=7))

    def run(**options: Any) -> tuple[slimdc.SlimmableDataset, list[dict[str, float]]]:
        history: list[dict[str, float]] = []
        small = slimdc.slim(pair, 1, steps=20, preset=settings, history=history, **options)
        return small, history

    expected, terms = run()

    def resume() -> bool:
        small, history = run(checkpoint=path)
        return same(small, expected) and history == terms

    payload = interrupted(run, path)
    if not resume():
        raise SystemExit("an undamaged checkpoint ends in another result")
    found: Counts = Counter()
    for i in range(count):
        attack = ATTACKS[i % len(ATTACKS)]
        damaged = attack(payload, rng)
        path.write_bytes(damaged)
        result = outcome(resume)
        if result == REFUSED and path.read_bytes() != damaged:
            result = "refused, but overwritten"
        found[attack.__name__, result] += 1
    return found


def interrupted(run: Callable[..., Any], path: Path) -> bytes:
    """Give the checkpoint of a run that ended half way."""

    def stop(step: int, *_: Any) -> None:
        if step == 20:
            raise InterruptedError

    try:
        run(checkpoint=path, checkpoint_interval=10, progress=stop)
    except InterruptedError:
        return path.read_bytes()
    raise SystemExit("the run was not interrupted")


def of_version_1(payload: bytes) -> bytes:
    """Write a file as version 0.1 of slimdc did."""
    metadata = File.of(payload).header["__metadata__"] | {"version": "1"}
    return serialise(parse(payload), {k: v for k, v in metadata.items() if k != DIGEST})


def same(one: slimdc.SlimmableDataset, other: slimdc.SlimmableDataset) -> bool:
    """Compare two sets to the bit."""
    factors = zip(one.factors, other.factors, strict=True)
    return one.description == other.description and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in factors
    )


def outcome(reads_right: Callable[[], bool]) -> str:
    """Name what reading a file comes to."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return RIGHT if reads_right() else OTHER
    except SlimdcError:
        return REFUSED
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:80]


def failures(found: Counts) -> Counts:
    """Keep what must not be."""
    return Counter(
        {
            (attack, result): count
            for (attack, result), count in found.items()
            if result not in (REFUSED, RIGHT)
            and not (result == OTHER and attack.startswith(HELD_TO_LESS))
        }
    )


def table(title: str, found: Counts) -> str:
    """Show attacks and outcomes."""
    results = sorted({result for _, result in found}, key=lambda x: (x != REFUSED, x != RIGHT, x))
    lines = [f"{title:<34}" + "".join(f"{result:>16}" for result in results)]
    for attack in sorted({attack for attack, _ in found}):
        cells = "".join(f"{found[attack, result]:>16,}" for result in results)
        lines.append(f"{attack:<34}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Attack, print two tables, and fail where an outcome must not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--checkpoints", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = attack_sets(args.sets, args.seed, Path(folder))
        print(table(f"{args.sets:,} files of sets", sets), flush=True)
        checkpoints = attack_checkpoints(args.checkpoints, args.seed, Path(folder))
        print("\n" + table(f"{args.checkpoints:,} checkpoints", checkpoints))
        left = sorted(entry.name for entry in Path(folder).iterdir())
    wrong = failures(sets) + failures(checkpoints)
    if left != ["checkpoint", "set"]:
        wrong["files left over", str(left)] += 1
    for (attack, result), number in sorted(wrong.items()):
        print(f"WRONG: {attack}: {result} ({number:,})")
    print("every outcome is as it must be" if not wrong else "FAILED")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
