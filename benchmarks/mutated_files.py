"""Mutate slimmable files in many ways, and see what is made of them.

    python benchmarks/mutated_files.py [--files 10000] [--seed 0]

Each file must be refused with a FileError, give exactly the set that was saved, or, where it ends
before its time, give with a warning what a truncation to the components before gives. Files whose
digests were made anew after the edit (forged) are held to less: any set, or a FileError.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import slimdc
from benchmarks.attack_files import (
    NUMBERS,
    TEXTS,
    Attack,
    Counts,
    append,
    blank,
    delete,
    edit_the_header,
    flip_a_bit,
    flip_bits,
    flip_in_the_header,
    framed,
    insert,
    splice,
    table,
    truncate,
)
from slimdc.errors import FileError, SlimdcWarning
from slimdc.storage.header import ITEMS, TENSOR, Header, digest_of

REFUSED, RIGHT, PREFIX, OTHER = "refused", "the set", "prefix, warned", "another answer"
# More memory than any of these small files may take.
MOST = 256 << 20


class Kind(NamedTuple):
    """A set, the bytes of its file, and what each prefix of it is."""

    payload: bytes
    sets: list[tuple[Any, ...]]


def kinds(seed: int) -> list[Kind]:
    """Make sets of every kind: floats, uneven, shared, unsorted, codes, rows."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((9, 4, 4, 1)).cumsum(axis=1).astype(np.float32)
    even = slimdc.SlimmableDataset.from_arrays(x, np.arange(9) % 3)
    uneven = slimdc.SlimmableDataset.from_arrays(x.astype(np.float64), [0, 2, 0, 1, 0, 1, 0, 0, 1])
    u, s, vx, vy = even.factors
    turned = slimdc.SlimmableDataset.from_factors(
        *(u[:1, :, ::-1], s[:, ::-1], vx[:, ::-1], vy[:, ::-1]), shape=(4, 4)
    )
    eye = np.repeat(np.eye(3)[None], 3, axis=0)
    rows = slimdc.SlimmableDataset.from_factors(
        eye, np.ones((3, 3)), *(v.astype(float) for v in (vx, vy))
    )
    sets = [even, uneven, turned, even.quantize(8), uneven.quantize(6), rows.quantize(8)]
    made = []
    for data in sets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SlimdcWarning)  # some classes hold fewer components
            prefixes = [bits(data.truncate(k)) for k in range(1, data.components_per_class + 1)]
        made.append(Kind(slimdc.dumps(data), [*prefixes, bits(data)]))
    return made


def bits(data: slimdc.SlimmableDataset) -> tuple[Any, ...]:
    """All that a set is."""
    factors = ((x.dtype, x.shape, x.tobytes()) for x in data.factors)
    return (data.description, data.codes, *factors)


def taken_apart(payload: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Give the header and the components."""
    start = 8 + int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8:start])
    size = ITEMS[header[TENSOR]["dtype"]]
    components = []
    for items in json.loads(header["__metadata__"]["sizes"]):
        components.append(payload[start : start + items * size])
        start += items * size
    return header, components


def swap(payload: bytes, rng: random.Random) -> bytes:
    """Let two components change places, with their sizes and digests or without."""
    header, components = taken_apart(payload)
    i, j = rng.sample(range(len(components)), 2)
    components[i], components[j] = components[j], components[i]
    metadata = header["__metadata__"]
    if rng.random() < 0.7:
        sizes = json.loads(metadata["sizes"])
        sizes[i], sizes[j] = sizes[j], sizes[i]
        metadata["sizes"] = json.dumps(sizes)
    if rng.random() < 0.7:
        digests = [metadata["digests"][k : k + 12] for k in range(0, 12 * len(components), 12)]
        digests[i], digests[j] = digests[j], digests[i]
        metadata["digests"] = "".join(digests)
    return framed(json.dumps(header).encode(), b"".join(components))


def edit_metadata(payload: bytes, rng: random.Random) -> bytes:
    """Change, remove, rename or add a text of the metadata."""
    header, components = taken_apart(payload)
    metadata = header["__metadata__"]
    key = rng.choice([*metadata, "components", "places", "order", "stray"])
    match rng.randrange(4):
        case 0:
            metadata.pop(key, None)
        case 1:
            metadata[key] = rng.choice(TEXTS)
        case 2:
            metadata[key + " "] = metadata.pop(key, "1")
        case 3:
            metadata[key] = with_another_number(metadata.get(key, "[1]"), rng)
    return framed(json.dumps(header).encode(), b"".join(components))


def edit_the_tensor(payload: bytes, rng: random.Random) -> bytes:
    """Change what the header says of the tensor."""
    header, components = taken_apart(payload)
    tensor = header[TENSOR]
    items = tensor["shape"][0]
    match rng.randrange(5):
        case 0:
            tensor["dtype"] = rng.choice(("U8", "F32", "F64", "I8", "BF16", 3, None))
        case 1:
            tensor["shape"] = rng.choice(([items + 1], [items, 1], [], [-1], [2**62], items))
        case 2:
            tensor["data_offsets"] = rng.sample(range(9), 2)
        case 3:
            header[rng.choice(("stray", ""))] = tensor
        case 4:
            header["other"] = header.pop(TENSOR)
    return framed(json.dumps(header).encode(), b"".join(components))


def lose_a_component(payload: bytes, rng: random.Random) -> bytes:
    """Take one out of the data, which moves the others."""
    header, components = taken_apart(payload)
    del components[rng.randrange(len(components))]
    return framed(json.dumps(header).encode(), b"".join(components))


def forge(payload: bytes, rng: random.Random) -> bytes:
    """Change what is said, or the components, and make the digests anew."""
    start = 8 + int.from_bytes(payload[:8], "little")
    plain = json.loads(payload[8:start])
    metadata = plain.pop("__metadata__")
    _, components = taken_apart(payload)
    if rng.random() < 0.5:
        metadata["set"] = with_another_number(metadata["set"], rng)
    else:
        j = rng.randrange(len(components))
        damaged = bytearray(components[j])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        components[j] = bytes(damaged)
    try:
        header = Header.read(metadata, plain)
        digests = (digest_of(header.head(j), part) for j, part in enumerate(components))
        return replace(header, digests=tuple(digests)).written() + b"".join(components)
    except Exception:  # it is none; the plain edit is as good
        text = json.dumps({"__metadata__": metadata} | plain).encode()
        return framed(text, b"".join(components))


def with_another_number(text: str, rng: random.Random) -> str:
    """Replace a digit of a text."""
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    if not places:
        return text + rng.choice(NUMBERS)
    place = rng.choice(places)
    return text[:place] + rng.choice((*NUMBERS, "2147483647")) + text[place + 1 :]


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
    swap,
    edit_metadata,
    edit_the_tensor,
    lose_a_component,
    forge,
)


def attack(count: int, seed: int) -> Counts:
    """Read mutated files, and count what becomes of them by attack and outcome."""
    rng, made = random.Random(seed), kinds(seed)
    found: Counts = Counter()
    for i in range(count):
        change = ATTACKS[i % len(ATTACKS)]
        kind = made[i // len(ATTACKS) % len(made)]
        mutated = change(kind.payload, rng)
        found[change.__name__, outcome(lambda m=mutated: slimdc.loads(m), kind)] += 1
    return found


def outcome(read: Callable[[], slimdc.SlimmableDataset], kind: Kind) -> str:
    """Name what reading a file comes to."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            data = bits(read())
        except FileError:
            return REFUSED
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:80]
    if not told:
        return RIGHT if data == kind.sets[-1] else OTHER
    cut = all(w.category is SlimdcWarning and "is cut" in str(w.message) for w in told)
    return PREFIX if cut and len(told) == 1 and data in kind.sets[:-1] else OTHER


def failures(found: Counts) -> Counts:
    """Keep what must not be."""
    allowed = (REFUSED, RIGHT, PREFIX)
    return Counter(
        {
            (attack, result): count
            for (attack, result), count in found.items()
            if result not in allowed and not (attack == "forge" and result == OTHER)
        }
    )


def main() -> None:
    """Attack, print a table, and fail where an outcome must not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tracemalloc.start()
    found = attack(args.files, args.seed)
    peak = tracemalloc.get_traced_memory()[1]
    print(table(f"{args.files:,} mutated files", found))
    print(f"at most {peak:,} bytes of memory")
    wrong = failures(found)
    if peak > MOST:
        wrong["memory", f"{peak:,} bytes"] += 1
    for (name, result), number in sorted(wrong.items()):
        print(f"WRONG: {name}: {result} ({number:,})")
    print("every outcome is as it must be" if not wrong else "FAILED")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
