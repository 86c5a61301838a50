"""Sets that meet: classes taken out, labels moved, sets united, budgets class by class."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Space, library, make_space
from factor_sets import EPS, EXAMPLES, orthonormal
from hypothesis import given, settings
from hypothesis import strategies as st
from slimmable_sets import CODED, KINDS, bits

import slimdc
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcWarning
from slimdc.parameterization import Factors, Preprocessing, SlimmableDataset
from slimdc.parameterization.quantization.codes import Numbers, numbers_of, packed

SEEDS = st.integers(0, 2**32 - 1)
D = 6


def drawn(
    seed: int,
    labels: Sequence[int],
    *,
    entries: int = 9,
    dtype: str = "float32",
    mixed: bool = True,
) -> SlimmableDataset:
    """Draw classes of unequal size, their components in no order, rows in an order of their own."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(1, 6, len(labels))
    components = np.asarray([rng.integers(1, n + 1) for n in samples])
    n, k = samples.max(), components.max()
    u, s = np.zeros((len(labels), n, k)), np.zeros((len(labels), k))
    vx, vy = np.zeros((len(labels), k, D)), np.zeros((len(labels), k, entries))
    for i, (rows, held) in enumerate(zip(samples, components, strict=True)):
        u[i, :rows, :held] = orthonormal(rng, rows, held)
        s[i, :held] = np.round(rng.normal(size=held) * 4) / 2  # with ties, zeros and signs
        vx[i, :held], vy[i, :held] = rng.normal(size=(held, D)), rng.normal(size=(held, entries))
    known = {"labels": labels, "samples": samples.tolist(), "components": components.tolist()}
    made = SlimmableDataset.from_factors(*(f.astype(dtype) for f in (u, s, vx, vy)), **known)
    order = rng.permutation(len(made)).tolist() if mixed else None
    names = [f"class {label}" for label in labels]
    return SlimmableDataset(made.factors, replace(made.description, order=order, names=names))


def few(space: Space, seed: int) -> int:
    """Draw one set only for JAX, which compiles everything for each shape."""
    return 0 if space.name == "jax" else seed


def within(space: Space, data: SlimmableDataset) -> SlimmableDataset:
    """Bring a set to a namespace."""
    dtype = data.factor_dtype if data.factor_dtype in space.dtypes else "float32"
    factors = (space.array(np.asarray(factor), dtype) for factor in data.factors)
    return SlimmableDataset(Factors(*factors), data.description)


def same(one: SlimmableDataset, other: SlimmableDataset, space: Space) -> bool:
    """Whether two sets are the same to the bit."""
    mine, theirs = ([space.host(f) for f in data.factors] for data in (one, other))
    assert all(space.owns(f) for f in (*one.factors, *other.factors))
    return one.description == other.description and all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(mine, theirs, strict=True)
    )


def close(one: Any, other: Any, dtype: str = "float32") -> None:
    scale = max(1.0, float(np.abs(np.asarray(other)).max()))
    np.testing.assert_allclose(one, other, rtol=0, atol=64 * EPS[dtype] * scale)


def components_of(data: SlimmableDataset, label: int) -> tuple[int, list[tuple[float, Any, Any]]]:
    """Rows of a class, and (s, u, [vx, vy]) of each of its components."""
    i = data.labels.index(label)
    u, s, vx, vy = (np.asarray(f, np.float64) for f in data.factors)
    n, held = data.samples[i], data.components[i]
    own, shared = min(i, len(u) - 1), min(i, len(s) - 1)
    v = np.concatenate([vx, vy], axis=2)
    return n, [(s[shared, j], u[own, :n, j], v[i, j]) for j in range(held)]


def by_components(sets: Sequence[SlimmableDataset], label: int, k: int | None = None) -> np.ndarray:
    """Rows of a class in all sets, samples and labels side by side, of its k largest components."""
    parts, first = [], 0
    for data in sets:
        if label in data.labels:
            n, found = components_of(data, label)
            parts += [(s, first, u, v) for s, u, v in found]
            first += n
    kept = sorted(range(len(parts)), key=lambda j: (-abs(parts[j][0]), j))[:k]
    out = np.zeros((first, parts[0][3].size))
    for j in kept:
        s, start, u, v = parts[j]
        for row in range(u.size):
            out[start + row] += u[row] * s * v
    return out


def joint(data: SlimmableDataset, label: int) -> np.ndarray:
    x, y = (np.asarray(a, np.float64) for a in data.arrays())
    mine = data.members == label
    return np.concatenate([x[mine], y[mine]], axis=1)


# Classes


@given(seed=SEEDS, chosen=st.sets(st.sampled_from([0, 2, 3, 5, 8]), min_size=1))
@settings(max_examples=EXAMPLES)
def test_selected_classes_are_what_they_were(space: Space, seed: int, chosen: set[int]) -> None:
    data = within(space, drawn(few(space, seed), (0, 2, 3, 5, 8)))
    some = data.select([*chosen][::-1] * 2)
    SlimmableDataset(some.factors, some.description)  # passes every check
    assert some.labels == tuple(sorted(chosen))
    assert some.names == tuple(f"class {label}" for label in some.labels)
    assert some.label_entries == 9
    for label in chosen:
        i, j = some.labels.index(label), data.labels.index(label)
        n, k = data.samples[j], data.components[j]
        assert (some.samples[i], some.components[i]) == (n, k)
        for name, cut in (
            ("u", np.s_[:n, :k]),
            ("s", np.s_[:k]),
            ("vx", np.s_[:k]),
            ("vy", np.s_[:k]),
        ):
            mine, before = (space.host(getattr(d, name))[b] for d, b in ((some, i), (data, j)))
            assert (mine[cut] == before[cut]).all()
    stays = np.isin(data.members[np.argsort(data.order)], [*chosen])
    for mine, whole in zip(some.arrays("given"), data.arrays("given"), strict=True):
        close(space.host(mine), space.host(whole)[stays])


@given(seed=SEEDS, outer=st.sets(st.integers(0, 5), min_size=1), data=st.data())
def test_what_is_selected_twice_is_selected_at_once(seed: int, outer: set[int], data: Any) -> None:
    whole = drawn(seed, range(6))
    inner = data.draw(st.sets(st.sampled_from(sorted(outer)), min_size=1))
    assert bits(whole.select(outer).select(inner)) == bits(whole.select(inner))
    assert bits(whole.select(range(6))) == bits(whole)


def test_blocks_in_no_order_come_in_ascending_order() -> None:
    data = drawn(3, (4, 1, 7))
    assert data.select([7, 4, 1]).labels == (1, 4, 7)
    x, y = data.arrays("given")
    for mine, whole in zip(data.select([1, 4, 7]).arrays("given"), (x, y), strict=True):
        close(mine, whole)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("shared")])
def test_what_classes_share_stays_shared(kind: str) -> None:
    data = KINDS[kind]()
    some = data.select([0, 2])
    assert some.u.shape[0] == min(data.u.shape[0], 2)
    assert some.s.shape[0] == min(data.s.shape[0], 2)
    for label in (0, 2):
        close(joint(some, label), by_components([data], label))
    moved = data.relabel([2, 1, 0])
    assert moved.u.shape[0] == data.u.shape[0]
    for label in range(3):
        close(joint(moved, 2 - label)[:, :7], joint(data, label)[:, :7])


def test_a_selection_does_not_keep_its_parent_alive() -> None:
    data = drawn(1, range(4))
    for mine in data.select([2]).factors:
        base = mine if mine.base is None else mine.base
        assert base.nbytes == mine.nbytes
        assert not any(np.shares_memory(mine, theirs) for theirs in data.factors)
        assert not mine.flags.writeable


# Label spaces


@given(seed=SEEDS, to=st.permutations(range(5)), more=st.integers(0, 3))
@settings(max_examples=EXAMPLES)
def test_entries_move_and_come_back(space: Space, seed: int, to: list[int], more: int) -> None:
    data = within(space, drawn(few(space, seed), (0, 1, 3), entries=5))
    moved = data.relabel(to, 5 + more)
    SlimmableDataset(moved.factors, moved.description)  # passes every check
    assert moved.labels == tuple(sorted(to[label] for label in data.labels))
    assert moved.label_entries == 5 + more
    back = [to.index(j) if j < 5 else j for j in range(5 + more)]
    assert same(moved.relabel(back), data.relabel(range(5), 5 + more), space)
    if not more:
        assert same(moved.relabel({j: i for i, j in enumerate(to)}), data, space)
    x, y = map(space.host, data.arrays("given"))
    x_moved, y_moved = map(space.host, moved.arrays("given"))
    close(x_moved, x)
    close(y_moved[:, to], y)
    assert not y_moved[:, 5:].any()
    assert moved.members[np.argsort(moved.order)].tolist() == [
        to[label] for label in data.members[np.argsort(data.order)]
    ]


def test_a_mapping_moves_what_it_names() -> None:
    data = drawn(0, (0, 1, 2), entries=3)
    assert bits(data.relabel({0: 5})) == bits(data.relabel([5, 1, 2]))
    assert bits(data.relabel({0: 1, 1: 0})) == bits(data.relabel([1, 0, 2]))
    assert bits(data.relabel({})) == bits(data)
    assert data.relabel({}, entries=4).label_entries == 4
    assert data.relabel({np.int64(2): np.int64(3)}).labels == (0, 1, 3)


def test_centred_rows_are_not_centred_anew() -> None:
    data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    y = data.relabel(range(2), 4).arrays()[1]
    np.testing.assert_allclose(
        y, [[1.11803399, -1.11803399, 0, 0]] * 2 + [[-1.11803399, 1.11803399, 0, 0]] * 2
    )


# Unions


@given(
    seed=SEEDS,
    parts=st.permutations(range(9)),
    cut=st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=EXAMPLES)
def test_sets_of_other_classes_are_given_back_by_selection(
    space: Space, seed: int, parts: list[int], cut: list[int]
) -> None:
    seed, parts = few(space, seed), [*range(9)] if space.name == "jax" else parts
    groups = [sorted(group) for group in np.split(np.asarray(parts), sorted(cut))]
    sets = [within(space, drawn(seed + i, group)) for i, group in enumerate(groups)]
    whole = SlimmableDataset.union(*sets)
    SlimmableDataset(whole.factors, whole.description)  # passes every check
    assert whole.labels == tuple(range(9))
    for data in sets:
        assert same(whole.select(data.labels), data, space)
    found = [
        np.concatenate(arrays)
        for arrays in zip(*(map(space.host, d.arrays("given")) for d in sets), strict=True)
    ]
    for mine, theirs in zip(whole.arrays("given"), found, strict=True):
        close(space.host(mine), theirs)


@given(seed=SEEDS, k=st.integers(1, 6))
@settings(max_examples=EXAMPLES)
def test_a_class_that_is_in_several_is_merged(space: Space, seed: int, k: int) -> None:
    seed = few(space, seed)
    hosts = [drawn(seed, (0, 2, 5)), drawn(seed + 1, (2, 3)), drawn(seed + 2, (5, 2))]
    whole = within(space, hosts[0]).union(*(within(space, data) for data in hosts[1:]))
    SlimmableDataset(whole.factors, whole.description)  # passes every check
    assert whole.labels == (0, 2, 3, 5)
    assert whole.names == ("class 0", "class 2", "class 3", "class 5")
    for i, label in enumerate(whole.labels):
        mine = [data for data in hosts if label in data.labels]
        places = [data.labels.index(label) for data in mine]
        assert whole.samples[i] == sum(d.samples[j] for d, j in zip(mine, places, strict=True))
        assert whole.components[i] == sum(
            d.components[j] for d, j in zip(mine, places, strict=True)
        )
        if len(mine) > 1:
            size = np.abs(space.host(whole.s)[i])
            assert (size[1:] <= size[:-1]).all()
    small = whole
    if k < max(whole.components):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SlimdcWarning)
            small = whole.truncate(k)
    host = [SlimmableDataset(replace_factors(d, space), d.description) for d in (whole, small)]
    for data, kept in zip(host, (None, k), strict=True):
        for label in data.labels:
            close(joint(data, label), by_components(hosts, label, kept))
    given_rows = [
        np.concatenate(rows) for rows in zip(*(d.arrays("given") for d in hosts), strict=True)
    ]
    for mine, theirs in zip(whole.arrays("given"), given_rows, strict=True):
        close(space.host(mine), theirs)


def replace_factors(data: SlimmableDataset, space: Space) -> Any:
    """Factors of a set as NumPy arrays of their dtype."""
    named = data.factors._asdict().items()
    return data.factors._replace(**{n: space.host(f).astype("float32") for n, f in named})


def test_a_set_united_with_nothing_is_itself() -> None:
    data = drawn(5, range(4))
    assert bits(SlimmableDataset.union(data)) == bits(data)
    assert bits(data.union()) == bits(data)
    coded = KINDS["coded uneven"]()
    assert bits(coded.union()) == bits(coded)


def test_rows_of_fewer_entries_are_padded() -> None:
    few, more = drawn(1, (0, 1), entries=2), drawn(2, (1, 4), entries=6)
    whole = few.union(more)
    assert whole.label_entries == 6
    assert bits(whole) == bits(few.relabel(range(2), 6).union(more))
    assert bits(whole.select([0])) == bits(few.select([0]).relabel({}, 6))


def test_what_is_shared_is_repeated_for_each() -> None:
    for kind in ("shared us sorted", "shared u apart", "shared s alike"):
        data = KINDS[kind]()
        other = SlimmableDataset.from_arrays(np.eye(7)[:2], [1, 1], classes=3)
        whole = data.union(other)
        assert whole.u.shape[0] == whole.s.shape[0] == 3
        for label in range(3):
            close(joint(whole, label), by_components([data, other], label), "float64")


def test_the_union_gives_the_wider_dtype_back() -> None:
    x, y = np.eye(4), np.asarray([0, 1, 0, 1])
    sets = {
        name: SlimmableDataset.from_arrays(x.astype(name), y) for name in ("float16", "float32")
    }
    assert sets["float16"].union(sets["float32"]).dtype == "float32"
    assert sets["float16"].union(sets["float16"]).dtype == "float16"
    torch = library("torch")
    halves = [
        SlimmableDataset.from_arrays(torch.eye(4, dtype=t), torch.tensor(y))
        for t in (torch.bfloat16, torch.float16)
    ]
    assert [data.dtype for data in halves] == ["bfloat16", "float16"]
    assert halves[0].union(halves[1]).dtype == "float32"


def test_a_whitening_keeps_the_matrix_that_one_set_has() -> None:
    x = np.random.default_rng(0).normal(size=(20, 4))
    space, other = (Preprocessing.zca(part, base=Preprocessing()) for part in (x, x[:19]))
    data = SlimmableDataset.from_arrays(x, np.arange(20) % 2, preprocessing=space)
    bare = data.with_preprocessing(Preprocessing.from_dict(space.to_dict()))
    assert not bare.union(bare).preprocessing.is_complete
    assert bare.union(data).preprocessing.is_complete
    assert space.whitening is not None
    assert other.whitening is not None
    with pytest.raises(InvalidValueError, match=r"^sets\[1\]: found preprocessing") as caught:
        data.union(data.with_preprocessing(other))
    for digest in (space.whitening.data, other.whitening.data):
        assert digest in str(caught.value)
    plain = data.with_preprocessing(Preprocessing())
    with pytest.raises(InvalidValueError, match=r"preprocessing of fewer steps, .* Whitening"):
        data.union(plain)


# Samples that join


def test_appended_samples_are_a_set_that_joins(space: Space) -> None:
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(9, 4, 4)).astype(np.float32),
        np.asarray([0, 2, 1, 0, 2, 1, 0, 0, 1], np.int32),
    )
    make = lambda a, b: SlimmableDataset.from_arrays(space.array(a), space.array(b), classes=4)  # noqa: E731
    data = make(x[:5], y[:5])
    whole = data.append(space.array(x[5:]), space.array(y[5:]))
    assert same(whole, data.union(make(x[5:], y[5:])), space)
    assert whole.dtype == "float32"
    close(space.host(whole.arrays("given")[0])[..., 0], x)
    # Whatever they come in, the set stays what it is.
    soft = SlimmableDataset.from_arrays(x, y, classes=4).arrays("given")[1].astype(np.float64)
    again = data.append(x[5:].astype(np.float64), soft[5:], members=y[5:])
    assert again.description == whole.description
    assert all(space.owns(f) and space.dtype(f) == "float32" for f in again.factors)
    for mine, theirs in zip(again.arrays(), whole.arrays(), strict=True):
        close(space.host(mine), space.host(theirs))


def test_raw_pixels_go_through_the_preprocessing_of_the_set() -> None:
    raw = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 5), dtype=np.uint8)
    space = Preprocessing((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    y = np.arange(6) % 2
    data = SlimmableDataset.from_arrays(
        space.apply(raw[:3].astype(np.float64) / 255, "channels_first"),
        y[:3],
        layout="channels_first",
        preprocessing=space,
    )
    whole = data.append(raw[3:], y[3:])
    assert (whole.factor_dtype, whole.dtype) == ("float64", "float64")
    close(whole.arrays("given")[0], space.apply(raw, "channels_first"))
    coded = data.quantize(8)
    assert coded.append(raw[3:], y[3:]).codes is None


# Sets of few bits


def floats(data: SlimmableDataset) -> SlimmableDataset:
    """The same factors without codes."""
    return data.with_factors(*data.factors)


def wide(name: str = "float32") -> SlimmableDataset:
    """Code classes of 12, 7 and 5 components: padding past 8 changes how sums are rounded."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((24, 6, 5, 3)).cumsum(axis=1).astype(name)
    y = rng.permutation([0] * 12 + [1] * 7 + [3] * 5)
    return SlimmableDataset.from_arrays(x, y, classes=5).quantize(4)


CODES: dict[str, Callable[[], SlimmableDataset]] = {kind: KINDS[kind] for kind in CODED} | {
    "wide": wide,
    "wide in float64": lambda: wide("float64"),
}


@pytest.mark.parametrize("kind", CODES)
def test_a_coded_set_is_selected_and_united_to_the_bit(kind: str) -> None:
    data = CODES[kind]()
    parts = [data.select([label]) for label in data.labels] + [data.select(data.labels[1:])]
    for part in parts:
        assert part.codes is not None
        assert part.codes.nbytes <= data.nbytes
        assert bits(floats(part)) == bits(floats(data).select(part.labels))
        assert bits(slimdc.loads(slimdc.dumps(part))) == bits(part)
    whole = SlimmableDataset.union(parts[-1], parts[0])
    assert bits(whole)[1:] == bits(data)[1:]
    assert bits(whole.select(data.labels[:1])) == bits(parts[0])
    if data.description.order is None:
        assert bits(SlimmableDataset.union(*parts[:-1])) == bits(data)


def test_a_coded_set_is_selected_in_its_framework(space: Space) -> None:
    dtype = "float32"
    plain = wide().select([0, 1, 3])
    data = SlimmableDataset.from_codes(
        plain.codes, plain.description, 5, dtype=dtype, like=space.array(np.zeros(1, dtype))
    )
    some = data.select([3, 1])
    assert some.codes == plain.select([1, 3]).codes
    for mine, theirs in zip(some.factors, plain.select([1, 3]).factors, strict=True):
        assert space.owns(mine)
        assert space.host(mine).tobytes() == space.host(space.array(theirs)).tobytes()
    assert some.union(data.select([0])).codes == plain.codes


@pytest.mark.parametrize("kind", CODES)
def test_moved_entries_of_a_coded_set_are_floats_of_the_same_numbers(kind: str) -> None:
    data = CODES[kind]()
    c = data.label_entries
    moved = data.relabel(range(c), c + 2)
    assert moved.codes is None
    assert bits(moved) == bits(floats(data).relabel(range(c), c + 2))
    assert bits(data.relabel(range(c), c)) == bits(data.relabel({})) == bits(data)


def test_coded_sets_that_meet_otherwise_are_floats() -> None:
    data = wide()
    other = SlimmableDataset.from_arrays(
        np.random.default_rng(3).standard_normal((6, 6, 5, 3)).astype("float32"), [2] * 6, classes=5
    ).quantize(5)
    united = {
        "other steps": (data, other),
        "a class in both": (data, data.select([1])),
        "floats": (data, floats(data.select([1]))),
    }
    for sets in united.values():
        whole = SlimmableDataset.union(*sets)
        assert whole.codes is None
        assert bits(whole) == bits(SlimmableDataset.union(*map(floats, sets)))


def test_coded_sets_of_other_entries_are_floats_together() -> None:
    """Their label rows are turned by other rotations, whatever their steps."""
    data = KINDS["coded"]()
    assert data.codes is not None
    known, c = data.description, data.label_entries
    left, x, y = numbers_of(data.codes, known, c)
    wider = packed(Numbers(left, x, np.pad(y, ((0, 0), (0, 0), (0, 1)))), known)
    grown = SlimmableDataset.from_codes(replace(data.codes, components=wider), known, c + 1)
    sets = data.select([0]), grown.select([1, 2])
    for some in (sets, sets[::-1]):
        whole = SlimmableDataset.union(*some)
        assert whole.codes is None
        assert bits(whole) == bits(SlimmableDataset.union(*map(floats, some)))


def test_a_class_merged_and_quantised_keeps_its_largest_components() -> None:
    """A set of few bits keeps its first components: those of both sets, not of the first alone."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 8, 8)).cumsum(axis=1)
    parts = [SlimmableDataset.from_arrays(x[i::2] * (1 + i), [0] * 6, classes=2) for i in range(2)]
    whole = parts[0].union(parts[1])
    few = whole.quantize(12).truncate(6)
    exact = whole.truncate(6).arrays()[0]
    assert np.linalg.norm(few.arrays()[0] - exact) < 0.05 * np.linalg.norm(exact)


# Budgets class by class


@given(seed=SEEDS, data=st.data())
@settings(max_examples=EXAMPLES)
def test_classes_are_truncated_each_by_itself(space: Space, seed: int, data: Any) -> None:
    whole = within(space, drawn(few(space, seed), (0, 2, 3, 7)))
    held = dict(zip(whole.labels, whole.components, strict=True))
    named = data.draw(st.sets(st.sampled_from(whole.labels)))
    k = {label: data.draw(st.integers(1, held[label])) for label in named}
    small = whole.truncate(k)
    SlimmableDataset(small.factors, small.description)  # passes every check
    assert small.components == tuple(k.get(label, held[label]) for label in whole.labels)
    assert small.samples == whole.samples
    for label in whole.labels:
        alone = whole.select([label]).truncate(k.get(label, held[label]))
        assert same(small.select([label]), alone, space)


@pytest.mark.parametrize("kind", CODES)
def test_classes_of_a_coded_set_are_truncated_each_by_itself(kind: str) -> None:
    data = CODES[kind]()
    label = data.labels[0]
    small = data.truncate({label: 1})
    assert small.codes is not None
    assert small.components == (1, *data.components[1:])
    assert bits(small.select([label])) == bits(data.select([label]).truncate(1))
    for other in data.labels[1:]:
        assert bits(small.select([other])) == bits(data.select([other]))
    assert bits(slimdc.loads(slimdc.dumps(small))) == bits(small)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("shared")])
def test_shared_factors_are_split_where_classes_keep_different_numbers(kind: str) -> None:
    data = KINDS[kind]()
    small = data.truncate({0: 1, 2: 3})
    SlimmableDataset(small.factors, small.description)  # passes every check
    kept = {0: 1, 1: 4, 2: 3}
    assert small.components == tuple(kept[label] for label in data.labels)
    for label, k in kept.items():
        close(joint(small, label), by_components([data], label, k), "float64")


def test_budgets_beyond_what_a_class_holds() -> None:
    data = drawn(0, range(3))
    largest = max(data.components)
    short = data.components.index(min(data.components))
    assert min(data.components) < largest
    with pytest.warns(SlimdcWarning, match=r"^k: 1 of 3 classes hold fewer components than k says"):
        assert data.truncate({short: largest}).components == data.components
    with pytest.raises(
        InvalidValueError, match=rf"^k: found {largest + 1}, expected 1 to {largest}"
    ):
        data.truncate({0: largest + 1})


@pytest.mark.parametrize("method", ["parameter-matching", "truncate"])
def test_slim_takes_budgets_class_by_class(method: str) -> None:
    x = np.random.default_rng(0).standard_normal((20, 8, 8)).astype("float32")
    data = SlimmableDataset.from_arrays(x, np.arange(20) % 4)
    kept = {np.int64(0): 1, 2: np.int64(3)}
    assert bits(slimdc.slim(data, kept, steps=0, method=method)) == bits(data.truncate(kept))  # type: ignore[arg-type]
    if method == "truncate":
        return
    history: list[Any] = []
    small = slimdc.slim(data, kept, steps=6, width=4, history=history)  # type: ignore[arg-type]
    assert len(history) == 6
    assert small.components == (1, 5, 3, 5)
    assert bits(small) == bits(slimdc.slim(data, {0: 1, 2: 3, 1: 5}, steps=6, width=4))
    assert (small.vx[0, 0] != data.vx[0, 0]).any()
    assert slimdc.slim(data, kept, steps=0, samples="match").samples == (1, 5, 3, 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"^k: found a mapping beside bits="):
        slimdc.slim(data, {0: 1}, bits=2)
    with pytest.raises(InvalidTypeError, match=r"^k: found a mapping with method='random'"):
        slimdc.slim(data, {0: 1}, method="random")


def test_a_run_of_other_budgets_is_another_run(tmp_path: Any) -> None:
    x = np.random.default_rng(0).standard_normal((12, 6))
    data = SlimmableDataset.from_arrays(x, np.arange(12) % 3)
    run: dict[str, Any] = {"steps": 3, "width": 4, "checkpoint": tmp_path / "run"}
    small = slimdc.slim(data, {0: 1}, **run)
    assert bits(slimdc.slim(data, {0: 1}, **run)) == bits(small)
    with pytest.raises(InvalidValueError, match=r"^checkpoint"):
        slimdc.slim(data, {1: 1}, **run)


# What takes sets takes these


@pytest.mark.parametrize("name", ["numpy", "array_api_strict", "torch"])
def test_everything_takes_sets_that_met(name: str, tmp_path: Any) -> None:
    space = make_space(name)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 40)).astype("float32") * 3

    def client(labels: list[int], seed: int) -> SlimmableDataset:
        y = np.repeat(labels, 4)
        x = centres[y] + np.random.default_rng(seed).normal(size=(len(y), 40)).astype("float32")
        return SlimmableDataset.from_arrays(space.array(x), space.array(y), classes=4)

    whole = client([0, 1], 1).union(client([1, 3], 2)).select([0, 1, 3]).relabel({3: 2, 2: 3})
    assert (whole.labels, whole.samples) == ((0, 1, 2), (4, 8, 4))
    small = whole.truncate({1: 2})
    assert slimdc.certify(whole, small).truncation
    assert slimdc.certify(whole, small).holds
    again = slimdc.loads(slimdc.dumps(small), like=small.u)
    assert same(again, small, space)
    slimdc.save(whole, tmp_path / "set")
    assert same(slimdc.load(tmp_path / "set", like=whole.u), whole, space)
    with pytest.warns(SlimdcWarning):
        assert slimdc.load(tmp_path / "set", k=5).components == (4, 5, 4)
    where = {} if name != "array_api_strict" else {"backend": "numpy"}
    trained = slimdc.slim(whole, 2, steps=4, width=4, **where)  # type: ignore[arg-type]
    assert trained.components == (2, 2, 2)
    x_test = np.concatenate([centres[[0, 1, 3]]] * 3)
    found = slimdc.evaluate(
        whole, x_test, np.asarray([0, 1, 2] * 3), steps=200, repeats=1, width=16, **where
    )  # type: ignore[arg-type]
    assert found.mean == 100.0
    if name == "numpy":
        cells = slimdc.chain(
            None,
            None,
            (2, 1),
            start=whole,
            x_test=x_test,
            y_test=np.asarray([0, 1, 2] * 3),
            results=tmp_path / "chain",
            slim_by=("truncate",),
            evaluate={"steps": 2, "repeats": 1, "width": 4},
        ).cells
        assert [cell.k for cell in cells if cell.way == "truncate"] == [2, 1]


# What is refused

DATA = SlimmableDataset.from_arrays(np.eye(6), [0, 1, 3, 0, 1, 3], classes=4)
IMAGES = SlimmableDataset.from_arrays(np.ones((2, 3, 2)), [0, 1])


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (
            [],
            InvalidValueError,
            r"classes: found no class, expected classes of the set, \(0, 1, 3\)",
        ),
        ([1, 2], InvalidValueError, r"classes: found class 2, expected classes of the set"),
        ([-1], InvalidValueError, "classes: found -1"),
        ([2**31 - 1], InvalidValueError, "classes: found class 2147483647"),
        ([10**400], InvalidValueError, "classes: found"),
        ([True], InvalidTypeError, "classes: found True"),
        ([1.0], InvalidTypeError, r"classes: found 1\.0"),
        (1, InvalidTypeError, "classes: found 1, expected a sequence"),
        ("01", InvalidTypeError, "classes: found '01'"),
        (None, InvalidTypeError, "classes: found None"),
    ],
)
def test_classes_that_cannot_be_selected(classes: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        DATA.select(classes)


@pytest.mark.parametrize(
    ("to", "entries", "error", "message"),
    [
        ([0, 1, 2], None, InvalidValueError, "to: found 3 numbers, expected 4, one for each entry"),
        (range(5), None, InvalidValueError, "to: found 5 numbers, expected 4, one for each entry"),
        ([], None, InvalidValueError, "to: found 0 numbers"),
        (
            [0, 1, 1, 2],
            None,
            InvalidValueError,
            "to: found entries 1 and 2 both at 1, expected a place",
        ),
        ({0: 1}, None, InvalidValueError, "to: found entries 0 and 1 both at 1"),
        ({0: 7, 1: 7}, None, InvalidValueError, "to: found entries 0 and 1 both at 7"),
        ({4: 5}, None, InvalidValueError, "to: found entry 4, expected entries from 0 to 3"),
        ({0: True}, None, InvalidTypeError, "to: found True"),
        ({"a": 1}, None, InvalidTypeError, "to: found 'a'"),
        ({0, 1, 2, 3}, None, InvalidTypeError, "to: found set"),
        ([0, 1, 2, -1], None, InvalidValueError, "to: found -1"),
        (range(4), 3, InvalidValueError, "entries: found 3, expected an int of at least 4"),
        (range(4), True, InvalidTypeError, "entries: found True"),
        (range(4), 2**31 - 1, InvalidValueError, "entries: found 2147483647, expected at most"),
        (range(4), 10**400, InvalidValueError, "entries: found"),
        (None, None, InvalidTypeError, "to: found None"),
    ],
)
def test_entries_that_cannot_move(to: Any, entries: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        DATA.relabel(to, entries)


@pytest.mark.parametrize(
    ("sets", "error", "message"),
    [
        ([], InvalidValueError, "sets: found none, expected one set or more"),
        ([[DATA, DATA]], InvalidTypeError, r"sets\[0\]: found list, expected a SlimmableDataset"),
        ([DATA, (np.eye(2), [0, 1])], InvalidTypeError, r"sets\[1\]: found tuple"),
        (
            [DATA, DATA, DATA.with_preprocessing(Preprocessing(0.5, 0.25))],
            InvalidValueError,
            r"sets\[2\]: found preprocessing Stand.*0\.5.*that of sets\[0\], Stand.*0\.0",
        ),
        (
            [DATA, IMAGES],
            InvalidValueError,
            r"sets\[1\]: found shape \(3, 2, 1\), expected that of sets\[0\], \(6,\)",
        ),
        (
            [
                SlimmableDataset.from_arrays(np.ones((2, 3, 4, 3)), [0, 1], layout=layout)
                for layout in ("channels_last", "channels_first")
            ],
            InvalidValueError,
            r"sets\[1\]: found layout channels_first, expected that of sets\[0\], channels_last",
        ),
        (
            [DATA, SlimmableDataset.from_arrays(np.eye(6, dtype="float32"), [0] * 6)],
            InvalidTypeError,
            r"sets\[1\]: found factors of float32, which .*, expected factors of float64",
        ),
    ],
)  # fmt: skip
def test_sets_that_cannot_meet(sets: list[Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        SlimmableDataset.union(*sets)


def test_sets_of_two_frameworks_or_devices_cannot_meet() -> None:
    strict = make_space("array_api_strict")
    device = strict.xp.Device("device1")
    here = within(strict, DATA)
    with pytest.raises(
        InvalidTypeError, match=r"^sets: found .*array_api_strict.* and numpy\.ndarray"
    ):
        DATA.union(here)
    there = here.with_factors(*(strict.xp.asarray(f, device=device) for f in here.factors))
    with pytest.raises(InvalidValueError, match=r"^sets: found arrays on .*device1"):
        here.union(there)
    assert there.union(there).u.device == there.select([0]).vy.device == device
    assert there.relabel({3: 8}).vy.device == there.truncate({0: 1}).s.device == device


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((1, 5)), [0], r"x: found samples of shape \(5,\), expected \(6,\)"),
        (np.ones((1, 6)), [4], "y: found label 4, expected labels below 4"),
        (np.ones((1, 6)), np.ones((1, 3)), "y: found rows of 3 entries, expected 4 entries"),
        (np.ones((0, 6)), [], "x: found no samples"),
        (np.full((1, 6), np.nan), [0], "x: found NaN"),
        (np.ones((2, 6)), [0], "y: found 1 labels"),
    ],
)
def test_samples_that_cannot_join(x: Any, y: Any, message: str) -> None:
    with pytest.raises((InvalidTypeError, InvalidValueError), match=f"^{message}"):
        DATA.append(x, y)


def test_samples_that_the_dtype_of_the_set_cannot_hold() -> None:
    data = SlimmableDataset.from_arrays(np.eye(6, dtype="float32"), [0] * 6)
    with pytest.raises(InvalidValueError, match=r"^s: found NaN or infinite values"):
        data.append(np.full((1, 6), 1e300), [0])


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        ({2: 1}, InvalidValueError, r"k: found class 2, expected classes of the set, \(0, 1, 3\)"),
        ({0: 0}, InvalidValueError, "k: found 0"),
        ({0: True}, InvalidTypeError, "k: found True"),
        ({0: 1.0}, InvalidTypeError, r"k: found 1\.0"),
        ({True: 1}, InvalidTypeError, "k: found True"),
        ({"0": 1}, InvalidTypeError, "k: found '0'"),
        ({0: 10**400}, InvalidValueError, "k: found"),
        ([1, 1, 1], InvalidTypeError, r"k: found \[1, 1, 1\]"),
    ],
)
def test_budgets_that_name_no_class_or_no_number(k: Any, error: Any, message: str) -> None:
    for call in (DATA.truncate, lambda k: slimdc.slim(DATA, k, steps=0)):
        with pytest.raises(error, match=f"^{message}"):
            call(k)
    assert bits(DATA.truncate({})) == bits(DATA)
