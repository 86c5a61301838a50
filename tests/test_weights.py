"""The weight between samples and labels: no truncation takes a row's class, in any units."""

from __future__ import annotations

import numpy as np
import pytest
from factor_sets import EXAMPLES, one_hot_by_loops
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.decomposition import DOUBLINGS

SCALES = st.floats(-6, 6) | st.sampled_from([-120.0, -30.0, 30.0, 120.0])


def centred(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Spread about a mean at least as large as the spread: what condensed images are like."""
    mean = rng.normal(size=d)
    return rng.normal(size=(n, d)) + mean * np.sqrt(d) / np.linalg.norm(mean)


def independent(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, d))


def decaying(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    u, v = (np.linalg.qr(rng.normal(size=(size, n)))[0] for size in (n, d))
    return (u * 0.5 ** np.arange(n)) @ v.T


def opposite(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Rows ±v: one component holds all samples, and nothing of their common label."""
    return np.where(np.arange(n) % 2, 1.0, -1.0)[:, None] * rng.normal(size=d)


def of_rank_two(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, d))


def with_an_outlier(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    x = rng.normal(size=(n, d))
    x[0] *= 30
    return x


def of_all_lengths(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, d)) * 10 ** rng.uniform(-3, 3, size=(n, 1))


KINDS = (
    centred,
    independent,
    decaying,
    opposite,
    of_rank_two,
    with_an_outlier,
    of_all_lengths,
)


def soft(rng: np.random.Generator, members: np.ndarray, classes: int) -> np.ndarray:
    """Labels about those of their class, as smoothing and training leave them."""
    y = one_hot_by_loops(members.tolist(), classes)
    return y + 0.1 * np.abs(y).max() * rng.uniform(-1, 1, size=y.shape)


def rebuilt(data: SlimmableDataset, k: int) -> tuple[np.ndarray, np.ndarray]:
    small = data if k == data.components_per_class else data.truncate(k)
    x, y = small.arrays()
    return x, y


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 12),
    classes=st.integers(2, 5),
    kind=st.sampled_from(KINDS),
    scale_x=SCALES,
    scale_y=SCALES,
    hard=st.booleans(),
)
@example(seed=0, n=12, classes=2, kind=opposite, scale_x=0.0, scale_y=0.0, hard=True)
@example(seed=0, n=2, classes=2, kind=opposite, scale_x=6.0, scale_y=-6.0, hard=False)
@settings(max_examples=EXAMPLES)
def test_no_row_loses_its_class_at_any_k(
    seed: int, n: int, classes: int, kind: object, scale_x: float, scale_y: float, hard: bool
) -> None:
    rng = np.random.default_rng(seed)
    members = np.repeat(np.arange(classes), n)
    assert callable(kind)
    x = 10.0**scale_x * np.concatenate([kind(rng, n, 40) for _ in range(classes)])
    y = 10.0**scale_y * soft(rng, members, classes)
    data = SlimmableDataset.from_arrays(x, members if hard else y)
    for k in range(1, n + 1):
        assert (rebuilt(data, k)[1].argmax(axis=1) == members).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 12),
    scale_x=SCALES,
    scale_y=SCALES,
    hard=st.booleans(),
)
@settings(max_examples=EXAMPLES)
def test_samples_stay_near_the_best_of_their_rank(
    seed: int, n: int, scale_x: float, scale_y: float, hard: bool
) -> None:
    rng = np.random.default_rng(seed)
    members = np.zeros(n, np.int64)
    x, y = 10.0**scale_x * centred(rng, n, 8 * n), 10.0**scale_y * soft(rng, members, 3)
    if hard:
        data = SlimmableDataset.from_arrays(x, members, classes=3)
    else:
        data = SlimmableDataset.from_arrays(x, y)
    sigma = np.linalg.svd(x, compute_uv=False)
    for k in range(1, n):
        error = np.linalg.norm((rebuilt(data, k)[0] - x) / sigma[0])
        assert error <= 1.25 * np.linalg.norm(sigma[k:] / sigma[0])


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), kind=st.sampled_from(KINDS))
@settings(max_examples=EXAMPLES)
def test_labels_cost_samples_no_more_components_than_their_rank(
    seed: int, n: int, kind: object
) -> None:
    """Whatever the samples: ‖X − X_k‖ is at most the best error of rank k − rank(Y)."""
    rng = np.random.default_rng(seed)
    assert callable(kind)
    x = kind(rng, n, 40)
    for rank in (1, 2):
        y = np.abs(rng.normal(size=(n, rank))) @ np.abs(rng.normal(size=(rank, 3)))
        data = SlimmableDataset.from_arrays(x, y, members=np.zeros(n, np.int64))
        sigma = np.linalg.svd(x, compute_uv=False)
        for k in range(1, n):
            error = np.linalg.norm(rebuilt(data, k)[0] - x)
            best = np.linalg.norm(sigma[max(k - rank, 0) :])
            assert error <= best + 1e-12 * sigma[0]


@pytest.mark.parametrize("kind", [centred, opposite, of_rank_two])
@pytest.mark.parametrize("hard", [True, False])
def test_other_units_change_no_bit(kind: object, hard: bool) -> None:
    rng = np.random.default_rng(7)
    members = np.arange(14) % 2
    assert callable(kind)
    x, y = kind(rng, 14, 30), soft(rng, members, 2)
    plain = SlimmableDataset.from_arrays(x, members if hard else y)
    for power_x, power_y in ((60, 0), (-300, 0), (0, 41), (0, -300), (33, -70), (-500, 490)):
        labels = members if hard else np.ldexp(y, power_y)
        power_y = 0 if hard else power_y
        other = SlimmableDataset.from_arrays(np.ldexp(x, power_x), labels)
        assert (other.u == plain.u).all()
        assert (other.s == np.ldexp(plain.s, power_x)).all()
        assert (other.vx == plain.vx).all()
        assert (other.vy == np.ldexp(plain.vy, power_y - power_x)).all()


def test_samples_and_labels_that_are_zero_have_no_weight() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(4, 6)), np.ones((4, 2)) + np.eye(2)[[0, 0, 0, 0]]
    for samples, labels in ((0 * x, y), (x, 0 * y), (0 * x, 0 * y)):
        data = SlimmableDataset.from_arrays(samples, labels, members=[0] * 4)
        back_x, back_y = data.arrays()
        np.testing.assert_allclose(back_x, samples, atol=1e-14)
        np.testing.assert_allclose(back_y, labels, atol=1e-14)
        assert all(np.isfinite(factor).all() for factor in data.factors)


def test_the_weight_is_that_of_equal_energy_where_it_suffices_and_else_the_least_doubled() -> None:
    rng = np.random.default_rng(9)
    y = np.full((8, 1), 0.5) * np.asarray([[1.0, -1.0]])

    def weight(x: np.ndarray) -> float:
        """α over that of equal energy, from the rows of [V_x, αV_y], which have length 1."""
        data = SlimmableDataset.from_arrays(x, y)
        vx, vy = data.vx[0, 0], data.vy[0, 0]
        found = np.sqrt((1 - vx @ vx) / (vy @ vy))
        return float(found / (np.linalg.norm(x) / np.linalg.norm(y)))

    assert weight(centred(rng, 8, 40)) == pytest.approx(1)
    # One row against all others, and larger: at equal energy the first component gives it a
    # negative share of the common label.
    against = np.asarray([-3.0, 1, 1, 1, 1, 1, 1, 1])[:, None] * rng.normal(size=40)
    assert weight(against) == pytest.approx(2)


def test_labels_that_no_weight_can_keep_are_left_at_equal_energy() -> None:
    # The third row points away from the others: any single component gives it another class.
    y = np.asarray([[1.0, 0.0, 0.99], [1.0, 0.99, 0.0], [1e-3, 0.0, 0.0], [-1.0, -2.0, -2.0]])
    x = np.random.default_rng(10).normal(size=(4, 9))
    data = SlimmableDataset.from_arrays(x, y, members=[0] * 4)
    weight = np.linalg.norm(x) / np.linalg.norm(y)
    want = np.linalg.svd(np.concatenate([x, weight * y], axis=1), compute_uv=False)
    np.testing.assert_allclose(data.s[0], want, rtol=1e-12)


def test_for_classes_as_labels_some_weight_that_is_tried_always_suffices() -> None:
    """The bound of docs/math.md: α² > 1 + √n / 2 times equal energy keeps n equal label rows."""
    largest = (4.0**DOUBLINGS - 1) * 2
    assert largest**2 > 6e7
    for n in (2, 7, 40):
        least = np.sqrt(1 + np.sqrt(n) / 2)
        e, rng = np.ones(n) / np.sqrt(n), np.random.default_rng(n)
        for _ in range(50):
            # The hardest samples: one direction w of rows, at an angle to e, and all of the energy.
            w = e + rng.normal(size=n) * 10 ** rng.uniform(-2, 2)
            w /= np.linalg.norm(w)
            joint = np.stack([w, 1.001 * least * e], axis=1)
            u = np.linalg.svd(joint, full_matrices=False)[0]
            assert (u[:, 0] * (u[:, 0] @ e) > 0).all()
