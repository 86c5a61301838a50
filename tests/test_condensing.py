"""Condensing real data, and the evaluation of what comes out."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import library

import slimdc
from slimdc import evaluation, learning
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcError, SlimdcWarning
from slimdc.networks import MLP


@pytest.fixture
def real():
    """Classes around means of their own."""
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    x = 0.5 * rng.standard_normal((3, 32))[y] + rng.standard_normal((600, 32))
    return x.astype(np.float32), y


def condense(x, y, ipc=5, **options):
    return slimdc.condense(x, y, ipc, **({"steps": 20, "width": 16} | options))


def held_out_error(data, x, y, seed):
    """Squared error on real data of heads regressed on a set, in an unseen network; plain NumPy."""
    parameters = MLP(32, 3, width=64).draw(np.random.default_rng(seed))

    def embed(z):
        for i in range(2):
            z = np.maximum(z @ parameters[f"dense{i}.weight"] + parameters[f"dense{i}.bias"], 0)
        return z

    rows, labels = (np.asarray(a, dtype=np.float64) for a in data.arrays())
    features = embed(rows)
    kernel = features @ features.T
    ridge = 1e-3 * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    head = features.T @ np.linalg.inv(kernel + ridge) @ labels
    wanted = (np.eye(3)[y] - 1 / 3) / np.sqrt(0.3)
    real = data.preprocessing.apply(x.astype(np.float64), "flat")
    return np.mean(np.sum((embed(real) @ head - wanted) ** 2, axis=1))


def weighted(s, v):
    """Weigh the rows of V of each class; U is orthonormal and changes no product of rows."""
    return s[:, :, None] * v


def test_condensing_lowers_the_error_on_unseen_data_in_unseen_networks(real):
    x, y = real
    start, condensed = (
        slimdc.condense(x[:300], y[:300], 2, steps=steps, width=64) for steps in (0, 100)
    )
    errors = [
        [held_out_error(s, x[300:], y[300:], seed) for s in (start, condensed)]
        for seed in (100, 101, 102)
    ]
    before, after = np.mean(errors, axis=0)
    assert after < 0.8 * before


def test_no_steps_gives_random_real_samples(real):
    x, y = real
    data = condense(x, y, steps=0)
    rows, labels = data.arrays()
    raw = data.preprocessing.invert(rows, data.layout)
    for row, label in zip(raw, labels.argmax(axis=1), strict=True):
        nearest = np.abs(x - row).max(axis=1).argmin()
        assert np.abs(x[nearest] - row).max() < 1e-5
        assert y[nearest] == label


def test_trained_components_are_those_of_an_svd(real):
    """Of [X, αY] side by side at equal energy, or α a few times doubled, as for any other set."""
    data = condense(*real)
    _, s, vx, vy = (np.asarray(factor, np.float64) for factor in data.factors)
    for lengths, x, y in zip(s, weighted(s, vx), weighted(s, vy), strict=True):
        equal = np.linalg.norm(x) / np.linalg.norm(y)
        sides = [np.concatenate([x, equal * 2.0**i * y], axis=1) for i in range(7)]
        products = [(side / lengths[:, None]) @ (side / lengths[:, None]).T for side in sides]
        assert min(np.abs(p / p[0, 0] - np.eye(len(p))).max() for p in products) < 1e-5


@pytest.mark.parametrize(
    ("option", "of_ten", "of_twenty"), [("u_s_rate", 1.0, 0.5), ("ortho", 1e-4, 2.5e-5)]
)
def test_options_of_many_entries_fall_with_their_number(option, of_ten, of_twenty):
    """U and s move at 10 / c of the rate, and Eq. 12 weighs (10 / c)² of what it does for ten."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 20
    x = rng.standard_normal((80, 16)).astype(np.float32)

    def condensed(classes, entries=None, **told):
        few = y < classes
        settings = replace(slimdc.settings.CONDENSE["default"], steps=3, **told)
        made = condense(x[few], y[few], 2, classes=entries, preset=settings, steps=None)
        return made.arrays()[0]

    # A task of some classes of a joint space has label rows as short as all of them have.
    for present, entries in ((20, None), (4, 20)):
        found = condensed(present, entries)
        np.testing.assert_array_equal(found, condensed(present, entries, **{option: of_twenty}))
        assert not np.array_equal(found, condensed(present, entries, **{option: of_ten}))
    for few in (5, 10):
        np.testing.assert_array_equal(condensed(few), condensed(few, **{option: of_ten}))
    assert getattr(slimdc.settings.CONDENSE["paper"], f"{option}_for")(100) == of_ten


@pytest.mark.parametrize("option", ["u_s_rate", "ortho"])
@pytest.mark.parametrize("number", [-0.1, np.nan, np.inf, "fast"])
def test_odd_options_of_many_classes_are_named(option, number):
    with pytest.raises(SlimdcError, match=f"{option}: found"):
        replace(slimdc.settings.CONDENSE["default"], **{option: number})


def test_images_are_standardised_once():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    y = np.arange(40) % 2
    data = condense(x, y, width=4)
    pixels = x.astype(np.float64) / 255
    np.testing.assert_allclose(data.preprocessing.mean, pixels.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(data.preprocessing.std, pixels.std(axis=(0, 1, 2)), rtol=1e-6)
    options = {"steps": 10, "repeats": 1, "width": 4}
    raw = slimdc.evaluate(data, x, y, **options)
    by_hand = data.preprocessing.apply(x, data.layout)
    assert slimdc.evaluate(data, by_hand, y, preprocessed=True, **options) == raw


def test_preprocessed_data_stay_as_they_are(real):
    x, y = real
    data = condense(x, y, steps=0, preprocessed=True)
    assert data.preprocessing == slimdc.Preprocessing()
    nearest = np.abs(x[None] - data.arrays()[0][:, None]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-5


def test_seed_decides(real):
    first, again, other = (condense(*real, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.vx, again.vx)
    assert not np.array_equal(first.vx, other.vx)


def test_small_classes_give_all_they_have(real):
    x, y = real
    keep = np.concatenate([np.flatnonzero(y == 0)[:3], np.flatnonzero(y != 0)])
    with pytest.warns(SlimdcWarning, match="ipc"):
        data = condense(x[keep], y[keep])
    assert data.samples == (3, 5, 5)


def test_callers_arrays_are_not_changed(real):
    x, y = real
    held = x.copy(), y.copy()
    data = condense(x, y)
    slimdc.evaluate(data, x, y, steps=5, repeats=1, width=4)
    np.testing.assert_array_equal(x, held[0])
    np.testing.assert_array_equal(y, held[1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ipc": 0}, "ipc: found 0"),
        ({"ipc": 2.0}, "ipc: found 2.0"),
        ({"ipc": 201}, "ipc: found 201"),
        ({"x": np.zeros((0, 32)), "y": np.zeros(0, dtype=int)}, "x: found"),
        ({"x": np.full((600, 32), np.nan)}, "x: found"),
        ({"y": np.zeros(599, dtype=int)}, "y: found 599"),
        ({"y": np.zeros(600)}, "y: found"),
        ({"y": 2 * (np.arange(600) % 3)}, "y: found"),
        ({"preset": "fast"}, "preset: found"),
        ({"preprocessing": "standard"}, "preprocessing: found"),
        ({"preprocessing": slimdc.Preprocessing((0.0, 0.0), (1.0, 1.0))}, "preprocessing: found"),
    ],
)
def test_bad_input_is_named(real, changed, message):
    arguments = {"x": real[0], "y": real[1], "ipc": 5} | changed
    with pytest.raises(SlimdcError) as caught:
        condense(**arguments)
    assert str(caught.value).startswith(message)


def test_evaluation_repeats_and_spreads(real):
    x, y = real
    data = condense(x, y)
    options = {"steps": 50, "width": 16, "repeats": 3}
    first = slimdc.evaluate(data, x, y, **options)
    assert first == slimdc.evaluate(data, x, y, **options)
    assert len(set(first.accuracies)) > 1
    assert first.mean == pytest.approx(sum(first.accuracies) / 3)
    deviations = sum((a - first.mean) ** 2 for a in first.accuracies)
    assert first.std == pytest.approx((deviations / 2) ** 0.5)


def test_minibatches_see_every_sample(real):
    """One class fills more than a batch: an order that stayed in front would miss the others."""
    x, y = real
    order = np.argsort(y, kind="stable")
    settings = slimdc.settings.EvaluationSettings(batch=100, rate=1e-2, width=32)
    found = slimdc.evaluate(
        (x[order], y[order]), x, y, preprocessed=True, protocol=settings, steps=150, repeats=1
    )
    assert found.mean > 60


def test_steps_follow_frepo_and_never_fall():
    known = {10: 1000, 100: 2000, 500: 5000, 1000: 10000, 2000: 40000}
    assert {n: learning.steps_for(n) for n in known} == known
    rule = [learning.steps_for(n) for n in range(1, 3000, 7)]
    assert rule == sorted(rule)


def test_test_images_may_lack_the_channel_axis():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 8, 8)), np.arange(12) % 3
    with_axis, without = (
        slimdc.evaluate((x, y), images, y, steps=5, repeats=1, width=4)
        for images in (x[..., None], x)
    )
    assert with_axis == without


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"x_test": np.zeros((600, 5))}, InvalidValueError),
        ({"y_test": np.zeros(3, dtype=int)}, InvalidValueError),
        ({"y_test": np.zeros(600)}, InvalidTypeError),
        ({"y_test": 7 + np.arange(600) % 3}, InvalidValueError),
        ({"x_test": np.ma.masked_less(np.zeros((600, 32)), 0)}, InvalidTypeError),
        ({"protocol": "paper"}, InvalidValueError),
        ({"protocol": None}, InvalidTypeError),
        ({"repeats": 0}, InvalidValueError),
        ({"steps": 0}, InvalidValueError),
        ({"repeats": True}, InvalidTypeError),
    ],
)
def test_bad_evaluation_input_is_named(real, changed, kind):
    x, y = real
    arguments = {"x_test": x, "y_test": y, "steps": 5, "repeats": 1, "width": 4} | changed
    with pytest.raises(kind) as caught:
        slimdc.evaluate((x[:6], y[:6]), **arguments)
    assert str(caught.value).startswith(next(iter(changed)))


def test_test_samples_in_another_space_are_told():
    rng = np.random.default_rng(0)
    y = np.arange(12) % 3
    raw = rng.integers(0, 256, (12, 8, 8), dtype=np.uint8)
    standardised = (raw / 255 - 0.5) / 0.25
    options = {"steps": 3, "repeats": 1, "width": 4}
    with pytest.warns(SlimdcWarning, match="x_test: found"):
        slimdc.evaluate((standardised, y), raw, y, **options)
    known = slimdc.SlimmableDataset.from_arrays(
        standardised, y, preprocessing=slimdc.Preprocessing(0.5, 0.25)
    )
    with pytest.warns(SlimdcWarning, match="x_test: found"):
        slimdc.evaluate(known, raw.astype(np.float32), y, **options)
    told = slimdc.evaluate(known, raw, y, **options)
    assert told == slimdc.evaluate(known, standardised, y, preprocessed=True, **options)


def test_one_network_has_no_spread_to_show():
    assert str(evaluation.Evaluation((70.0,), 5)) == "70.00 % (1 network, 5 steps)"


@pytest.mark.parametrize("method", sorted(slimdc.methods.METHODS))
def test_classes_of_a_joint_space_may_be_missing(method):
    """A task of a stream: classes 2 and 4 of seven; label rows are those of the whole space."""
    if slimdc.methods.METHODS[method].condense is None:
        pytest.skip("does not condense")
    if method == "kmeans":
        library("sklearn")
    rng = np.random.default_rng(0)
    y = np.asarray([2, 4])[np.arange(40) % 2]
    x = rng.standard_normal((7, 8, 8))[y] + 0.3 * rng.standard_normal((40, 8, 8))
    few = {} if method in ("random", "kmeans") else {"steps": 2}
    few |= {} if method in ("random", "kmeans", "kip") else {"width": 4}
    data = slimdc.condense(x.astype(np.float32), y, 2, classes=7, method=method, **few)
    assert data.labels == (2, 4)
    assert data.label_entries == 7
    assert np.argmax(data.arrays()[1], axis=1).tolist() == [2, 2, 4, 4]
    with pytest.raises(InvalidValueError, match="label 4"):
        slimdc.condense(x, y, 2, classes=4, method=method, **few)


@pytest.mark.parametrize("told", [{"steps": 0}, {"method": "random", "steps": None, "width": None}])
def test_a_backend_is_looked_at_where_nothing_is_trained(told):
    x, y = np.zeros((6, 4)) + np.arange(6)[:, None], np.arange(6) % 2
    with pytest.raises(slimdc.errors.MissingBackendError):
        condense(x, y, 2, backend="nonsense", **told)
