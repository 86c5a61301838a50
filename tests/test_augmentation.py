"""Augmentation held against PyTorch's and SciPy-like sampling, exact cases, and differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import library
from differences import relative

from slimdc import backend
from slimdc.backend import Compute
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.testing import ReferenceBackend
from slimdc.training.augmentation import DSA, Augmentation, augmented, mixed, placed
from slimdc.training.sampling import PlaneMap, composed, identity_map, neighbours, sampled
from slimdc.training.transformations import MAPS, MASKS, draw_mixing

EVERY = ("color", "flip", "scale", "zoom", "rotate", "crop", "translate", "cutout", "hole")
SIZE = (6, 8)


def images(count: int, channels: int = 3, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, *size, channels))


def drawn_of(name: str, count: int, seed: int = 0, **options: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return Augmentation((name,), **options).draw(rng, (*SIZE, 3), count)


def plain_sample(image: np.ndarray, row: float, column: float) -> np.ndarray:
    """Bilinear with zeros outside, one pixel: every pixel weighs by how near it is."""
    value = np.zeros(image.shape[2])
    for i, j in itertools.product(range(image.shape[0]), range(image.shape[1])):
        value += image[i, j] * max(0.0, 1 - abs(i - row)) * max(0.0, 1 - abs(j - column))
    return value


def test_sampling_is_that_of_the_plain_loop() -> None:
    rng, x = np.random.default_rng(2), images(3)
    plane = PlaneMap(rng.standard_normal((3, 2, 2)), 2 * rng.standard_normal((3, 2)))
    found = sampled(x, *neighbours(plane, SIZE))
    centre = (np.asarray(SIZE) - 1) / 2
    for n, i, j in np.ndindex(3, *SIZE):
        place = plane.matrix[n] @ (np.asarray([i, j]) - centre) + plane.shift[n] + centre
        np.testing.assert_allclose(found[n, i, j], plain_sample(x[n], *place), atol=1e-12)


def test_composed_maps_are_one_after_the_other() -> None:
    rng = np.random.default_rng(3)
    first, second = (
        PlaneMap(rng.standard_normal((2, 2, 2)), rng.standard_normal((2, 2))) for _ in range(2)
    )
    both, place = composed(first, second), rng.standard_normal((2, 2))

    def through(plane: PlaneMap, at: np.ndarray) -> np.ndarray:
        return np.stack([plane.matrix[n] @ at[n] + plane.shift[n] for n in range(2)])

    # Each pixel of the last result comes from a pixel of the first.
    np.testing.assert_allclose(through(both, place), through(first, through(second, place)))


@pytest.mark.parametrize("name", ["scale", "rotate", "flip"])
def test_maps_are_those_of_torchs_grids(name: str) -> None:
    """DSA's code gives grid_sample these matrices, in (column, row) order, on square images."""
    torch = library("torch")
    rng, x = np.random.default_rng(4), images(5, size=(7, 7))
    plane = MAPS[name]({"scale": 1.2, "rotate": 15.0, "flip": 0.5}[name], rng, (7, 7), 5)
    theta = np.zeros((5, 2, 3))
    theta[:, :, :2] = plane.matrix[:, ::-1, ::-1]
    grid = torch.nn.functional.affine_grid(torch.tensor(theta), (5, 3, 7, 7), align_corners=False)
    expected = torch.nn.functional.grid_sample(
        torch.tensor(x).permute(0, 3, 1, 2), grid, align_corners=False
    )
    found = sampled(x, *neighbours(plane, (7, 7)))
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=1e-12)


def test_matrices_are_those_of_dsa() -> None:
    """Redrawn by hand from the same generator: the ranges, and what is drawn first."""
    count, again = 50, np.random.default_rng
    angle = np.radians(again(0).uniform(-15, 15, count))
    turned = MAPS["rotate"](15.0, again(0), SIZE, count).matrix
    for n in range(count):
        c, s = np.cos(angle[n]), np.sin(angle[n])
        # (x, y) -> (c x - s y, s x + c y), here rows first.
        np.testing.assert_allclose(turned[n], [[c, s], [-s, c]])
    stretched = MAPS["scale"](1.2, again(0), SIZE, count).matrix
    np.testing.assert_allclose(
        stretched[:, [0, 1], [0, 1]], again(0).uniform(1 / 1.2, 1.2, (count, 2))
    )
    assert not stretched[:, [0, 1], [1, 0]].any()


def test_flips_are_exact() -> None:
    x = images(40)
    found = augmented(x, drawn_of("flip", 40))
    turned = np.asarray([np.array_equal(a, b[:, ::-1]) for a, b in zip(found, x, strict=True)])
    kept = np.asarray([np.array_equal(a, b) for a, b in zip(found, x, strict=True)])
    assert (turned ^ kept).all()
    assert 10 < turned.sum() < 30
    every = augmented(x, drawn_of("flip", 1, flip=1.0))
    assert np.array_equal(every, x[:, :, ::-1])
    assert np.array_equal(augmented(x, drawn_of("flip", 40, flip=0.0)), x)


def test_crops_shift_by_whole_pixels_and_fill_with_zeros() -> None:
    x, drawn = images(60), drawn_of("crop", 60)
    found, seen = augmented(x, drawn), set()
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for n in range(60):
        fitting = [
            (a, b)
            for a, b in itertools.product((-1, 0, 1), repeat=2)
            if np.array_equal(found[n], padded[n, 1 + a : 7 + a, 1 + b : 9 + b])
        ]
        assert len(fitting) == 1
        seen.add(fitting[0])
    assert len(seen) == 9  # an eighth of 6 and of 8 pixels are both 1


@pytest.mark.parametrize(
    ("size", "crop", "most"), [((28, 28), 0.125, 4), ((32, 32), 0.125, 4), ((11, 11), 0.125, 1)]
)
def test_crops_go_as_far_as_dsas(size: tuple[int, int], crop: float, most: int) -> None:
    shift = MAPS["crop"](crop, np.random.default_rng(0), size, 500).shift
    assert set(shift.ravel().tolist()) == set(range(-most, most + 1))


def test_translations_and_zooms_stay_in_their_ranges() -> None:
    shift = MAPS["translate"](0.125, np.random.default_rng(0), (8, 16), 2000).shift
    np.testing.assert_allclose(np.abs(shift).max(axis=0), [1, 2], rtol=0.01)
    zoom = MAPS["zoom"](1.25, np.random.default_rng(0), (8, 16), 2000)
    factor = 1 / zoom.matrix[:, 0, 0]
    assert np.array_equal(zoom.matrix[:, 0, 0], zoom.matrix[:, 1, 1])
    assert not zoom.matrix[:, [0, 1], [1, 0]].any()
    assert 0.8 <= factor.min() < 0.805
    assert 1.24 < factor.max() <= 1.25
    assert np.median(np.log(factor)) == pytest.approx(0, abs=0.01)
    # A zoomed image's frame lies inside of it, a small image inside of the frame: to the edge.
    room = np.abs(zoom.shift * factor[:, None]) / (np.abs(factor - 1)[:, None] * [8, 16] / 2)
    assert 0.98 < room.max() <= 1 + 1e-9


@pytest.mark.parametrize(("side", "pixels"), [(0.5, (3, 4)), (0.25, (2, 2)), (0.0, (0, 0))])
def test_cutouts_are_squares_around_any_pixel(side: float, pixels: tuple[int, int]) -> None:
    masks = MASKS["cutout"](side, np.random.default_rng(0), SIZE, 400)
    assert set(np.unique(masks)) <= {0.0, 1.0}
    cut = 1 - masks[..., 0]
    rows, columns = cut.max(axis=2).sum(axis=1), cut.max(axis=1).sum(axis=1)
    assert np.array_equal(cut.sum(axis=(1, 2)), rows * columns)
    assert (rows.max(), columns.max()) == pixels
    if side == 0.5:
        # Parts of squares lie outside; the corners of the image are in some of them.
        assert rows.min() < 3
        assert cut[:, 0, 0].any()
        assert cut[:, -1, -1].any()
        middle = rows == 3
        assert len({int(np.argmax(c.max(axis=1))) for c in cut[middle]}) == 4


@pytest.mark.parametrize("size", [(6, 8), (7, 10)])
@pytest.mark.parametrize("side", [0.5, 0.3, 1.0])
def test_cutouts_are_redrawn_by_hand(size: tuple[int, int], side: float) -> None:
    """DSA's offsets: one more place where the side is even."""
    pixels = np.asarray([int(n * side + 0.5) for n in size])
    offsets = np.random.default_rng(1).integers(
        0, [n + (1 - p % 2) for n, p in zip(size, pixels, strict=True)], (30, 2)
    )
    expected = np.ones((30, *size, 1))
    for n, (row, column) in enumerate(offsets):
        for i, j in np.ndindex(*pixels):
            at = row + i - pixels[0] // 2, column + j - pixels[1] // 2
            if 0 <= at[0] < size[0] and 0 <= at[1] < size[1]:
                expected[n, at[0], at[1]] = 0
    found = MASKS["cutout"](side, np.random.default_rng(1), size, 30)
    assert np.array_equal(found, expected)


def test_maps_are_applied_in_the_order_of_their_table() -> None:
    x, rng = images(4), np.random.default_rng(2)
    names = ("flip", "scale", "zoom", "rotate", "crop", "translate")
    assert tuple(MAPS) == names
    how = Augmentation(("translate", "rotate", "crop", "flip", "zoom", "scale"), mode="all")
    drawn = how.draw(np.random.default_rng(2), (*SIZE, 3), 4)
    plane = identity_map(4)
    for name in names:
        plane = composed(plane, MAPS[name](getattr(how, name), rng, SIZE, 4))
    np.testing.assert_allclose(augmented(x, drawn), sampled(x, *neighbours(plane, SIZE)))


def test_a_flipped_image_is_cropped_not_a_cropped_one_flipped() -> None:
    x, how = images(6), Augmentation(("crop", "flip"), mode="all", flip=1.0)
    drawn, rng = how.draw(np.random.default_rng(2), (*SIZE, 3), 6), np.random.default_rng(2)
    flip, crop = (MAPS[name](getattr(how, name), rng, SIZE, 6) for name in ("flip", "crop"))
    expected = sampled(sampled(x, *neighbours(flip, SIZE)), *neighbours(crop, SIZE))
    assert np.array_equal(augmented(x, drawn), expected)
    assert crop.shift[:, 1].any()


@pytest.mark.parametrize(("size", "pixels"), [((6, 10), (1, 2)), ((28, 28), (7, 7))])
def test_holes_are_a_quarter_rounded_down(size: tuple[int, int], pixels: tuple[int, int]) -> None:
    cut = 1 - MASKS["hole"](0.25, np.random.default_rng(0), size, 9)[..., 0]
    assert (cut.max(axis=2).sum(axis=1) == pixels[0]).all()
    assert (cut.max(axis=1).sum(axis=1) == pixels[1]).all()


def test_holes_lie_inside() -> None:
    cut = 1 - MASKS["hole"](0.25, np.random.default_rng(0), (8, 12), 400)[..., 0]
    assert (cut.sum(axis=(1, 2)) == 2 * 3).all()
    assert cut.max(axis=0).all()


def test_colours_are_redrawn_by_hand() -> None:
    x, drawn = images(4), drawn_of("color", 4)
    rng = np.random.default_rng(0)
    rng.integers(1)  # which transformation
    bright, saturation, contrast = (
        rng.uniform(low, high, 4) for low, high in ((-0.5, 0.5), (0, 2), (0.5, 1.5))
    )
    for n in range(4):
        expected = x[n] + bright[n]
        mean = expected.mean(axis=2, keepdims=True)
        expected = (expected - mean) * saturation[n] + mean
        expected = (expected - expected.mean()) * contrast[n] + expected.mean()
        np.testing.assert_allclose(augmented(x, drawn)[n], expected, atol=1e-12)


def test_colours_come_first_and_cutting_last() -> None:
    x = np.ones((1, *SIZE, 3))
    options = {"mode": "all", "brightness": 0.5, "saturation": (1.0, 1.0), "contrast": (1.0, 1.0)}
    how = Augmentation(("crop", "color", "cutout"), **options)
    for seed in range(20):
        drawn = how.draw(np.random.default_rng(seed), (*SIZE, 3), 1)
        values = set(np.unique(augmented(x, drawn)).round(12))
        assert values <= {0.0, round(1 + drawn["brightness"].item(), 12)}


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_drawn_leaves_every_bit(count: int) -> None:
    x = images(3)
    drawn = Augmentation(()).draw(np.random.default_rng(0), (*SIZE, 3), count)
    assert np.array_equal(augmented(x, drawn), x)
    assert mixed(x, x, drawn)[0] is x


@pytest.mark.parametrize("name", EVERY)
def test_one_draw_for_all_images_is_the_same_for_each(name: str) -> None:
    """Siamese: batches of any size are treated as an image alone is."""
    x, drawn = images(4), drawn_of(name, 1, seed=5)
    whole = augmented(x, drawn)
    for n in range(4):
        np.testing.assert_allclose(whole[n : n + 1], augmented(x[n : n + 1], drawn), atol=1e-15)
    if name != "flip":
        assert not np.allclose(whole, x)


def test_the_structure_is_the_same_at_every_step() -> None:
    rng, how = np.random.default_rng(0), Augmentation(DSA, cutmix=0.5)
    shapes = [
        {name: (x.shape, x.dtype) for name, x in how.draw(rng, (*SIZE, 3), 4).items()}
        for _ in range(40)
    ]
    assert all(found == shapes[0] for found in shapes)


def test_one_of_the_strategy_is_drawn_and_all_that_is_always() -> None:
    rng = np.random.default_rng(0)
    how = Augmentation(("crop", "cutout", "rotate"), always=("color",))
    found = {how._chosen(rng) for _ in range(60)}
    assert found == {("color", name) for name in how.strategy}
    assert Augmentation(("crop", "flip"), mode="all")._chosen(rng) == ("crop", "flip")
    seen = [how._chosen(rng)[1] for _ in range(3000)]
    assert all(900 < seen.count(name) < 1100 for name in how.strategy)


def gradient(ops: Any, x: np.ndarray, drawn: dict[str, np.ndarray], dtype: str) -> np.ndarray:
    compute = Compute(ops, dtype)
    constants = placed(drawn, compute)

    def loss(variables: Any, drawn: Any) -> Any:
        y = augmented(variables["images"]["x"], drawn)
        y = mixed(y, y[:, 0, 0, :], drawn)[0]
        return {"images": (y * y * y).sum() if hasattr(y, "sum") else _sum(y * y * y)}, {}

    variables = {"images": {"x": compute.asarray(x)}}
    _, _, gradients = ops.differentiate(loss)(variables, constants)
    return np.asarray(ops.to_numpy(gradients["images"]["x"]))


def _sum(y: Any) -> Any:
    from array_api_compat import array_namespace

    return array_namespace(y).sum(y)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_gradients_in_images_are_those_of_differences(name: str, count: int) -> None:
    library(name)
    x = images(3, size=(4, 5))
    how = Augmentation(EVERY, mode="all", cutout=0.3, cutmix=float(count == 3))
    drawn = how.draw(np.random.default_rng(6), (4, 5, 3), count)
    if count == 1:
        drawn = {key: part for key, part in drawn.items() if key not in ("partner", "patch")}
    expected = gradient(ReferenceBackend(), x, drawn, "float64")
    dtype = "float32" if name == "jax" else "float64"
    found = gradient(backend.get(name), x, drawn, dtype)
    assert relative(found, expected) < (1e-4 if name == "jax" else 1e-7)
    assert np.abs(expected).max() > 0.1


def test_cutmix_mixes_rectangles_and_as_much_of_the_labels() -> None:
    x, y = images(5), np.eye(5)
    areas = []
    for seed in range(300):
        drawn = draw_mixing(0.5, np.random.default_rng(seed), SIZE, 5)
        found, labels = mixed(x, y, drawn)
        patch, partner = drawn["patch"][0, :, :, 0], drawn["partner"]
        for n in range(5):
            assert np.array_equal(found[n][patch == 1], x[partner[n]][patch == 1])
            assert np.array_equal(found[n][patch == 0], x[n][patch == 0])
        area = patch.sum() / patch.size
        np.testing.assert_allclose(labels, (1 - area) * y + area * y[partner], atol=1e-15)
        rows, columns = patch.max(axis=1).sum(), patch.max(axis=0).sum()
        assert patch.sum() == rows * columns
        areas.append(area)
    assert 0.4 < np.mean(np.asarray(areas) == 0) < 0.7
    assert max(areas) > 0.45


def test_cutmix_is_redrawn_by_hand() -> None:
    rng = np.random.default_rng(8)
    drawn = draw_mixing(1.0, np.random.default_rng(8), (10, 10), 4)
    rng.random()
    area, partner, middle = rng.random(), rng.permutation(4), None
    middle = rng.integers(0, np.asarray((10, 10)), (1, 2))[0]
    half = int(10 * area**0.5) // 2
    expected = np.zeros((10, 10))
    expected[
        max(0, middle[0] - half) : middle[0] + half, max(0, middle[1] - half) : middle[1] + half
    ] = 1
    assert np.array_equal(drawn["patch"][0, :, :, 0], expected)
    assert np.array_equal(drawn["partner"], partner)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strategy": "flip"}, InvalidTypeError, "strategy: found 'flip'"),
        ({"strategy": ("twirl",)}, InvalidValueError, "strategy: found 'twirl'"),
        ({"strategy": ("flip", "flip")}, InvalidValueError, "strategy: found"),
        ({"always": ("flip",)}, InvalidValueError, "strategy: found"),
        ({"mode": "some"}, InvalidValueError, "mode: found 'some'"),
        ({"cutout": 1.5}, InvalidValueError, "cutout: found 1.5"),
        ({"scale": 0.0}, InvalidValueError, "scale: found 0.0"),
        ({"saturation": (2.0, 1.0)}, InvalidValueError, "saturation: found"),
        ({"contrast": 1.0}, InvalidTypeError, "contrast: found 1.0"),
        ({"rotate": float("nan")}, InvalidValueError, "rotate: found nan"),
    ],
)
def test_strategies_that_cannot_be_are_named(
    options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Augmentation(**options)


def test_what_is_drawn_for_other_images_is_refused() -> None:
    drawn = Augmentation(cutmix=1.0).draw(np.random.default_rng(0), (*SIZE, 3), 2)
    with pytest.raises(InvalidValueError, match="drawn: found places for 2 images"):
        augmented(images(3), drawn)
    with pytest.raises(InvalidValueError, match="drawn: found places for 2 images"):
        augmented(images(2, size=(8, 8)), drawn)
    with pytest.raises(InvalidValueError, match="drawn: found CutMix of 2 images"):
        mixed(images(3), images(3), drawn)
    with pytest.raises(InvalidValueError, match="count: found 0"):
        Augmentation().draw(np.random.default_rng(0), (*SIZE, 3), 0)


def test_identity_maps_are_as_many_as_asked() -> None:
    assert identity_map(3).shift.shape == (3, 2)
