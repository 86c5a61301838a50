"""The spaces that samples live in: each step against plain NumPy, and what files keep of them."""

from __future__ import annotations

import json
import math
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Space

import slimdc
from slimdc import Preprocessing, SlimmableDataset, cli
from slimdc.errors import (
    FileError,
    InvalidTypeError,
    InvalidValueError,
    NumericalError,
    SlimdcError,
)
from slimdc.parameterization.preprocessing import ImageNorm, Standardisation, Whitening, in_space
from slimdc.parameterization.preprocessing.matrix import Matrix
from slimdc.storage.tensor_file import read_tensors, write_tensors

SHAPE = (8, 8, 3)
D = math.prod(SHAPE)
RECIPES = ("frepo", "rfad", "kip", "mtt")


def real(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw images whose values hang together, three classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    coarse = rng.normal(size=(n, 2, 2, 3)).repeat(4, axis=1).repeat(4, axis=2)
    x = 128 + 40 * coarse + 10 * rng.normal(size=(n, *SHAPE)) + 20 * (y - 1)[:, None, None, None]
    return np.clip(x, 0, 255).astype(np.uint8), y


def oracle(x: np.ndarray, recipe: str, r: float = 0.1) -> Callable[[np.ndarray], np.ndarray]:
    """Whiten in plain float64 NumPy, by a singular value decomposition, channels last."""
    train = x.astype(np.float64) / 255
    mean, std = train.mean(axis=(0, 1, 2)), train.std(axis=(0, 1, 2))

    def before(z: np.ndarray) -> np.ndarray:
        z = z.astype(np.float64) / 255
        if recipe != "mtt":
            z = (z - mean) / std
        z = z.reshape(len(z), -1)
        if recipe == "kip":
            z = z - z.mean(axis=1)[:, None]
            z = z / np.linalg.norm(z, axis=1)[:, None]
        return z

    rows = before(x)
    off = rows.mean(axis=0) if recipe in ("frepo", "mtt") else np.zeros(D)
    centred = rows - off
    cov = centred.T @ centred / (len(rows) - 1 if recipe == "mtt" else len(rows))
    added = r if recipe == "mtt" else r * np.trace(cov) / D
    u, s, _ = np.linalg.svd(cov)
    # As kornia writes it: U times the rows of Uᵀ, scaled.
    w = u @ ((1 / np.sqrt(s + added))[:, None] * u.T)
    return lambda z: ((before(z) - off) @ w).reshape(len(z), *SHAPE)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_whitening_is_that_of_the_peers(recipe, layout) -> None:
    x, _ = real()
    test, _ = real(20, seed=1)
    first = layout == "channels_first"
    moved, moved_test = (np.moveaxis(z, 3, 1) if first else z for z in (x, test))
    space = Preprocessing.zca(moved, recipe=recipe)
    found = space.apply(moved_test, layout)
    wanted = oracle(x, recipe)(test)
    np.testing.assert_allclose(np.moveaxis(found, 1, 3) if first else found, wanted, atol=2e-5)
    # Weak data: the regularisation must be seen.
    assert np.abs(oracle(x, recipe, 0.2)(test) - wanted).max() > 1e-2


def test_whitening_gives_the_identity_for_covariance() -> None:
    x, _ = real()
    rows = Preprocessing.zca(x, regularisation=1e-9).apply(x, "channels_last").reshape(len(x), -1)
    np.testing.assert_allclose(np.cov(rows.T, bias=True), np.eye(D), atol=1e-3)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("recipe", ["frepo", "rfad", "mtt"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-5), ("float64", 1e-13)])
def test_what_is_applied_can_be_undone(space: Space, recipe, dtype, tolerance) -> None:
    if dtype not in space.dtypes:
        pytest.skip(f"{space.name} has no {dtype} here")
    x, _ = real()
    chain = Preprocessing.zca(x, recipe=recipe)
    raw = space.array(x[:7] / 255.0, dtype)
    there = chain.apply(raw, "channels_last")
    assert space.owns(there)
    assert space.dtype(there) == space.dtype(raw)
    back = space.host(chain.invert(there, "channels_last"))
    np.testing.assert_allclose(back, x[:7] / 255.0, atol=tolerance)
    assert chain.is_exact
    assert chain.is_complete
    wanted = oracle(x, recipe)(x[:7])
    np.testing.assert_allclose(space.host(there), wanted, atol=1e-4)


def test_half_precision_sums_in_single() -> None:
    x, _ = real()
    chain = Preprocessing.zca(x)
    half = chain.apply((x / 255.0).astype(np.float16), "channels_last")
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, chain.apply(x, "channels_last"), atol=0.05)


def test_the_norm_of_an_image_is_shown_approximately() -> None:
    x, _ = real()
    chain = Preprocessing(0.5, 0.25, (ImageNorm(),))
    there = chain.apply(x, "channels_last")
    rows = there.reshape(len(x), -1)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    assert not chain.is_exact
    shown = chain.invert(there, "channels_last").reshape(len(x), -1)
    np.testing.assert_allclose(shown.mean(axis=1), 0.5, atol=1e-5)
    np.testing.assert_allclose(shown.std(axis=1), 0.25, atol=1e-5)
    pixels = x.reshape(len(x), -1) / 255
    for mine, wanted in zip(shown, pixels, strict=True):  # the same up to scale and shift
        assert np.corrcoef(mine, wanted)[0, 1] == pytest.approx(1, abs=1e-5)
    grey = chain.apply(np.full((2, *SHAPE), 7, np.uint8), "channels_last")
    assert grey.tolist() == np.zeros((2, *SHAPE)).tolist()


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("cifar10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
        ("cifar10-vico", (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ("cifar100", (0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
        ("cifar100-vico", (0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
        ("cifar100-mtt", (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ("fashion-mnist", (0.2861,), (0.3530,)),
        ("mnist", (0.1307,), (0.3081,)),
    ],
)
def test_named_statistics(name, mean, std) -> None:
    assert Preprocessing.named(name) == Preprocessing(mean, std)


def test_a_base_takes_the_place_of_what_goes_before() -> None:
    x, _ = real()
    base = Preprocessing.named("cifar10")
    chain = Preprocessing.zca(x, base=base)
    assert (chain.mean, chain.std) == (base.mean, base.std)
    assert [type(step) for step in chain.steps] == [Standardisation, Whitening]
    kip = Preprocessing.zca(x, recipe="kip")
    assert [type(step) for step in kip.steps] == [Standardisation, ImageNorm, Whitening]
    base = Preprocessing(kip.mean, kip.std, (ImageNorm(),))
    assert kip == Preprocessing.zca(x, recipe="rfad", base=base)


def test_parts_are_what_the_whole_is() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2500, *SHAPE)).astype(np.uint8)
    plain = Preprocessing((0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    np.testing.assert_array_equal(
        in_space(x, "channels_last", plain), plain.apply(x, "channels_last")
    )
    chain = Preprocessing.zca(x)
    found = in_space(x, "channels_last", chain)
    np.testing.assert_allclose(found, chain.apply(x, "channels_last"), atol=1e-5)
    assert found.dtype == np.float32
    assert in_space(x / 255.0, "channels_last", chain).dtype == np.float64


def test_memory_is_that_of_the_result_and_a_part() -> None:
    x = np.zeros((16_384, 16, 16, 1), np.uint8)
    x[::2] = 9
    noise = np.random.default_rng(0).integers(0, 9, (600, 16, 16, 1)).astype(np.uint8)
    chain = Preprocessing.zca(noise)
    tracemalloc.start()
    whole = in_space(x, "channels_last", chain)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.4 * whole.nbytes


def kept(space: Preprocessing) -> Preprocessing:
    """Bring a chain through the form in which files hold it."""
    return Preprocessing.from_dict(json.loads(json.dumps(space.to_dict())))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_kept_and_its_matrix_is_not(recipe) -> None:
    x, _ = real()
    whole = Preprocessing.zca(x, recipe=recipe)
    without = kept(whole)
    assert without == whole
    assert hash(without) == hash(whole)
    assert not without.is_complete
    assert len(json.dumps(whole.to_dict())) < 1500
    for call in (without.apply, without.invert):
        with pytest.raises(InvalidValueError, match=r"without its matrix.*fitted\(x_train\)"):
            call(np.zeros((2, *SHAPE)), "channels_last")
    with pytest.raises(InvalidValueError, match="without its matrix"):
        without.save_matrix("nowhere")
    again = without.fitted(x)
    np.testing.assert_array_equal(
        again.apply(x[:5], "channels_last"), whole.apply(x[:5], "channels_last")
    )
    as_floats = without.fitted(x.astype(np.float32) / np.float32(255))
    assert as_floats == again
    assert "Matrix" not in repr(whole)
    assert pickle.loads(pickle.dumps(whole)).is_complete


def test_the_matrix_in_a_file(tmp_path) -> None:
    x, _ = real()
    whole = Preprocessing.zca(x)
    assert whole.save_matrix(tmp_path) == tmp_path / whole.matrix_name
    assert whole.matrix_name.startswith("zca-")
    file = whole.save_matrix(tmp_path / "other.safetensors")
    for source in (tmp_path, str(file), whole):
        found = kept(whole).with_matrix(source)
        assert found.whitening is not None
        assert whole.whitening is not None
        np.testing.assert_array_equal(found.whitening.held().w, whole.whitening.held().w)
        np.testing.assert_array_equal(found.whitening.held().mean, whole.whitening.held().mean)
    assert kept(whole).matrix_name == whole.matrix_name
    assert Preprocessing.zca(x, recipe="rfad").matrix_name != whole.matrix_name


def test_matrices_of_others_are_refused(tmp_path) -> None:
    x, _ = real()
    whole = Preprocessing.zca(x)
    others = [
        Preprocessing.zca(x, recipe="rfad"),
        Preprocessing.zca(x, recipe="mtt"),
        Preprocessing.zca(x, regularisation=0.1001),
        Preprocessing.zca(x[:-1]),
        Preprocessing.zca(x[..., ::-1]),
    ]
    for other in others:
        with pytest.raises(InvalidValueError, match="the matrix of another whitening"):
            kept(whole).with_matrix(other)
        assert other != whole
    small = Preprocessing.zca(x[:, :2]).save_matrix(tmp_path / "small")
    with pytest.raises(FileError, match="a matrix of 192 x 192"):
        kept(whole).with_matrix(small)


def test_another_rounding_is_no_other_matrix() -> None:
    x, _ = real()
    whitening = Preprocessing.zca(x).whitening
    assert whitening is not None
    held = whitening.held()
    rng = np.random.default_rng(0)
    noise = 1 + 3e-7 * rng.choice([-1, 1], (D, D))
    assert whitening.holding(Matrix(held.mean * (1 + 1e-12), held.w * noise)).matrix is not None
    for mean, w in ((held.mean + 1e-3, held.w), (held.mean, held.w * 1.0001), (held.mean, -held.w)):
        with pytest.raises(InvalidValueError, match="another whitening"):
            whitening.holding(Matrix(mean, w))
    swapped = held.w.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    with pytest.raises(InvalidValueError, match="another whitening"):
        whitening.holding(Matrix(held.mean, swapped))


def test_other_data_are_refused() -> None:
    x, _ = real()
    without = kept(Preprocessing.zca(x))
    changed = x.copy()
    changed[3, 2, 1, 0] ^= 1
    for other in (changed, x[::-1], x[:-1], x[:, :2], np.moveaxis(x, 3, 1).copy()):
        with pytest.raises(SlimdcError, match=r"x: found|layout"):
            without.fitted(other)
    with pytest.raises(InvalidValueError, match="one with a whitening"):
        Preprocessing().fitted(x)


def test_damaged_files_of_matrices(tmp_path) -> None:
    x, _ = real()
    whole = Preprocessing.zca(x)
    file = whole.save_matrix(tmp_path)
    payload = bytearray(file.read_bytes())
    for place in (0, 9, 100, len(payload) // 2, len(payload) - 1):
        damaged = bytearray(payload)
        damaged[place] ^= 4
        file.write_bytes(damaged)
        with pytest.raises(FileError):
            kept(whole).with_matrix(file)
    tensors, metadata = read_tensors(whole.save_matrix(tmp_path / "whole"))
    cases = [
        (tensors, metadata | {"format": "slimdc"}),
        (tensors | {"more": np.zeros(1)}, metadata),
        ({"matrix": tensors["matrix"]}, metadata),
        (tensors | {"matrix": tensors["matrix"].astype(np.float64)}, metadata),
        (tensors | {"matrix": np.full((D, D), np.nan, np.float32)}, metadata),
    ]
    for case in cases:
        write_tensors(file, *case)
        with pytest.raises(FileError, match="a matrix of 192 x 192"):
            kept(whole).with_matrix(file)
    with pytest.raises(FileError, match="no such file"):
        kept(whole).with_matrix(tmp_path / "nowhere")
    with pytest.raises(InvalidTypeError, match="source: found"):
        kept(whole).with_matrix(5)  # type: ignore[arg-type]


def test_a_matrix_fits_one_layout_and_one_shape() -> None:
    x, y = real()
    space = Preprocessing.zca(x)
    first = np.moveaxis(x, 3, 1) / 255.0
    with pytest.raises(InvalidValueError, match="that of the whitening, 'channels_last'"):
        space.apply(first, "channels_first")
    with pytest.raises(InvalidValueError, match="preprocessing: found a whitening of samples"):
        SlimmableDataset.from_arrays(first, y, preprocessing=space)
    with pytest.raises(InvalidValueError, match="preprocessing: found a whitening of samples"):
        SlimmableDataset.from_arrays(x[:, :2] / 255.0, y, preprocessing=space)
    with pytest.raises(InvalidValueError, match="x_raw: found shape"):
        space.apply(np.zeros((2, 5, 5, 3)), "channels_last")


def condensed(**options: Any) -> SlimmableDataset:
    x, y = real()
    return slimdc.condense(x, y, 4, **({"steps": 3, "width": 4} | options))


def accuracies(data: SlimmableDataset, **options: Any) -> tuple[float, ...]:
    x, y = real(60, seed=1)
    known = {"repeats": 2, "steps": 20, "width": 8}
    return slimdc.evaluate(data, x, y, **(known | options)).accuracies


def test_condense_takes_names() -> None:
    x, _ = real()
    named = condensed(preprocessing="zca")
    assert named.preprocessing == Preprocessing.zca(x)
    explicit = condensed(preprocessing=Preprocessing.zca(x))
    np.testing.assert_array_equal(named.vx, explicit.vx)
    np.testing.assert_array_equal(condensed(preprocessing="standardise").vx, condensed().vx)
    assert condensed(preprocessing="none").preprocessing == Preprocessing()
    assert condensed().preprocessing == Preprocessing.standardise(x)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"preprocessing": "standard"}, "one of 'standardise', 'zca', 'none'"),
        ({"preprocessing": "zca", "preprocessed": True}, "'zca' of samples that are preprocessed"),
        ({"preprocessing": 5}, "a Preprocessing"),
    ],
)
def test_condense_refuses_other_names(changed, message) -> None:
    with pytest.raises(SlimdcError, match=f"preprocessing: found .*{message}"):
        condensed(**changed)


def test_a_set_in_zca_space_from_condensing_to_evaluation(tmp_path) -> None:
    x, _ = real()
    data = condensed(preprocessing="zca", steps=20)
    slimdc.save(data, tmp_path / "set")
    assert (tmp_path / "set").stat().st_size < data.nbytes + 4096
    loaded = slimdc.load(tmp_path / "set")
    assert not loaded.preprocessing.is_complete
    with pytest.raises(InvalidValueError, match=r"with_preprocessing\(data\.preprocessing\.fitted"):
        accuracies(loaded)
    data.preprocessing.save_matrix(tmp_path)
    space = loaded.preprocessing
    wanted = accuracies(data)
    in_memory = space.with_matrix(data.preprocessing)
    for attached in (space.with_matrix(tmp_path), space.fitted(x), in_memory):
        whole = loaded.with_preprocessing(attached)
        assert accuracies(whole) == wanted
        np.testing.assert_array_equal(whole.vx, data.vx)
    # The set lives in that space: the same whitened by hand.
    test, y = real(60, seed=1)
    rows = oracle(x, "frepo")(test).astype(np.float32)
    known: dict[str, Any] = {"repeats": 2, "steps": 20, "width": 8}
    by_hand = slimdc.evaluate(loaded, rows, y, preprocessed=True, **known)
    assert by_hand.accuracies == wanted


def test_what_needs_no_matrix_works_without_it(tmp_path) -> None:
    data = condensed(preprocessing="zca")
    slimdc.save(data, tmp_path / "set")
    loaded = slimdc.load(tmp_path / "set")
    small = slimdc.slim(loaded, 2, steps=2, width=4)
    whole = slimdc.slim(data, 2, steps=2, width=4)
    np.testing.assert_array_equal(small.vx, whole.vx)
    assert small.preprocessing == data.preprocessing
    assert slimdc.certify(data, loaded.truncate(2)).bounds
    network = slimdc.train_network(loaded, steps=2, width=4)
    with pytest.raises(InvalidValueError, match="without its matrix"):
        network.predict(real(5)[0])
    # What is made of it keeps the space, with the matrix where it was at hand.
    assert data.truncate(1).preprocessing.is_complete


def test_runs_resume_with_and_without_the_matrix(tmp_path) -> None:
    data = condensed(preprocessing="zca")
    slimdc.save(data, tmp_path / "set")
    options: dict[str, Any] = {"steps": 4, "width": 4, "checkpoint_interval": 1}
    for i, before in enumerate((data, slimdc.load(tmp_path / "set"))):
        found = slimdc.slim(before, 2, checkpoint=tmp_path / "run", **options)
        wanted = slimdc.slim(data, 2, **options)
        np.testing.assert_array_equal(found.vx, wanted.vx, err_msg=str(i))


def test_raw_pixels_are_taken_into_zca_space() -> None:
    x, y = real()
    space = Preprocessing.zca(x)
    data = SlimmableDataset.from_arrays(x[:9], y[:9], preprocessing=space)
    np.testing.assert_allclose(data.arrays("given")[0], oracle(x, "frepo")(x[:9]), atol=1e-4)
    shown = space.invert(data.arrays("given")[0], data.layout)
    np.testing.assert_allclose(shown, x[:9] / 255, atol=1e-4)
    with pytest.raises(InvalidValueError, match="without its matrix"):
        SlimmableDataset.from_arrays(x[:9], y[:9], preprocessing=kept(space))


def test_the_command_line_finds_or_fits_the_matrix(tmp_path, capsys, monkeypatch) -> None:
    x, y = real()
    held = slimdc.datasets.RealDataset(x, y, x[:50], y[:50])
    monkeypatch.setattr(slimdc.datasets, "read", lambda *_: held)
    space = Preprocessing.zca(x)
    path = tmp_path / "set"
    slimdc.save(SlimmableDataset.from_arrays(x[:30], y[:30], preprocessing=space), path)
    arguments = ["evaluate", str(path), "--repeats", "1", "--steps", "2", "--width", "2"]
    assert cli.main([*arguments, "--data", "anything"]) == 0
    fitted = capsys.readouterr().out
    assert cli.main([*arguments, "--data", "sample"]) == 1
    assert space.matrix_name in capsys.readouterr().err
    space.save_matrix(tmp_path)
    monkeypatch.setattr(Preprocessing, "fitted", None)
    assert cli.main([*arguments, "--data", "anything"]) == 0
    assert capsys.readouterr().out == fitted


def test_with_preprocessing_says_anew_what_a_set_is() -> None:
    data = condensed()
    other = data.with_preprocessing(Preprocessing(0.5, 0.5))
    assert other.preprocessing == Preprocessing(0.5, 0.5)
    np.testing.assert_array_equal(other.vx, data.vx)
    for wrong in (None, "zca", Preprocessing((0, 0), (1, 1))):
        with pytest.raises(SlimdcError, match="preprocessing: found"):
            data.with_preprocessing(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"recipe": "pca"}, InvalidValueError, "recipe: found 'pca'"),
        ({"recipe": None}, InvalidTypeError, "recipe: found"),
        ({"regularisation": 0.0}, InvalidValueError, "regularisation: found"),
        ({"regularisation": "0.1"}, InvalidTypeError, "regularisation: found"),
        ({"regularisation": 1e300}, NumericalError, "single precision"),
        ({"layout": "nhwc"}, InvalidValueError, "layout: found"),
        ({"base": "cifar10"}, InvalidTypeError, "base: found str"),
        ({"base": Preprocessing((0, 0), (1, 1))}, InvalidValueError, "2 channels"),
        ({"base": Preprocessing.zca(real()[0])}, InvalidValueError, "base: found"),
        ({"x": np.full((5, *SHAPE), np.nan)}, InvalidValueError, "finite"),
        ({"x": np.full((5, *SHAPE), 7, np.uint8)}, InvalidValueError, "all alike"),
        ({"x": np.zeros((0, 4))}, InvalidValueError, "at least one sample"),
        ({"x": np.zeros(4)}, InvalidValueError, "at least one sample"),
        ({"x": np.zeros((2, 4), bool)}, InvalidTypeError, "dtype bool"),
        ({"x": "images"}, InvalidTypeError, "x: found"),
    ],
)
def test_what_cannot_be_whitened(options, error, message) -> None:
    with pytest.raises(error, match=message):
        Preprocessing.zca(**({"x": real()[0]} | options))


def test_one_sample_is_whitened_by_what_is_added() -> None:
    x, _ = real(1)
    found = Preprocessing.zca(x, recipe="mtt").apply(x, "channels_last")
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("then", [5, "zca", [5], ImageNorm(), [Standardisation()], None])
def test_steps_that_are_none(then) -> None:
    with pytest.raises(InvalidTypeError, match=r"preprocessing\.then: found"):
        Preprocessing(0.0, 1.0, then)


def test_one_whitening_at_most() -> None:
    whitening = Preprocessing.zca(real()[0]).whitening
    with pytest.raises(InvalidValueError, match="several whitenings"):
        Preprocessing(then=(whitening, whitening))  # type: ignore[arg-type]
    assert whitening is not None
    with pytest.raises(InvalidTypeError, match="matrix: found ndarray"):
        replace(whitening, matrix=np.eye(D))  # type: ignore[arg-type]


STORED = Preprocessing.zca(real()[0]).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "pca"},
        {"kind": None},
        {"shape": [8, 8, -3]},
        {"shape": "443"},
        {"layout": "flat"},
        {"regularisation": 0},
        {"regularisation": None},
        {"regularisation": math.inf},
        {"relative": 1},
        {"centred": "yes"},
        {"unbiased": None},
        {"data": "0" * 63},
        {"data": "g" * 64},
        {"data": 5},
        {"fingerprint": []},
        {"fingerprint": [[0.0] * 10, [0.0] * 4]},
        {"fingerprint": [[0.0] * 10, [0.0] * 4 + [math.nan]]},
        {"fingerprint": [[0.0] * 9 + [True], [0.0] * 5]},
        {"more": 1},
    ],
)
def test_stored_recipes_that_are_none(tmp_path, change) -> None:
    (step,) = STORED["then"]
    plain = STORED | {"then": [step | change]}
    with pytest.raises((InvalidValueError, InvalidTypeError)):
        Preprocessing.from_dict(plain)
    slimdc.save(condensed(preprocessing="zca", steps=0), tmp_path / "set")
    tensors, metadata = read_tensors(tmp_path / "set")
    write_tensors(tmp_path / "set", tensors, metadata | {"preprocessing": json.dumps(plain)})
    with pytest.raises(FileError, match="a damaged set"):
        slimdc.load(tmp_path / "set")


@pytest.mark.parametrize("then", [None, {}, "zca", [None], [[]], [{}], [{"kind": ["zca"]}]])
def test_stored_steps_that_are_none(then) -> None:
    with pytest.raises((InvalidValueError, InvalidTypeError), match="preprocessing"):
        Preprocessing.from_dict({"mean": [0.0], "std": [1.0], "then": then})
    with pytest.raises(InvalidValueError, match="without more"):
        Preprocessing.from_dict(
            {"mean": [0.0], "std": [1.0], "then": [{"kind": "image-norm", "more": 1}]}
        )


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 100.1, 1e30, 1e-30, 0.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["flat", "channels_last", "channels_first"])
def test_a_constant_channel_keeps_its_scale_to_rounding(
    value: float, dtype: str, layout: Any
) -> None:
    shape = {"flat": (40, 3), "channels_last": (40, 8, 8, 3), "channels_first": (40, 3, 8, 8)}
    x = np.random.default_rng(0).random(shape[layout]).astype(dtype)
    index = (slice(None), 1) if layout != "channels_last" else (..., 1)
    x[index] = value
    std = np.asarray(Preprocessing.standardise(x, layout).std)
    if layout == "flat":  # of all values together
        assert std.size == 1
    else:
        assert std[1] == 1.0
        assert std[0] == pytest.approx(np.sqrt(1 / 12), rel=0.05)


def test_a_whitening_is_fitted_again_to_quotients_in_any_precision() -> None:
    for seed in range(10):
        x = np.random.default_rng(seed).integers(0, 256, (500, 4, 4, 3)).astype(np.uint8)
        kept = Preprocessing.from_dict(Preprocessing.zca(x).to_dict())
        for given in (x, x / np.float32(255), x / 255):
            assert kept.fitted(given).is_complete
        other = np.random.default_rng(seed + 100).integers(0, 256, x.shape).astype(np.uint8)
        with pytest.raises(InvalidValueError):
            kept.fitted(other)
