"""KIP, RFAD and FRePo's label margin against slow float64 forms, wide networks and differences."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Space, library
from differences import central_differences, relative

import slimdc
from slimdc import backend
from slimdc.backend import value_and_grad
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.losses import kernel_regression
from slimdc.methods.frepo import FREPO, FrepoSettings, PerformanceMatching, label_margin
from slimdc.methods.kip import KIP, KernelMatching, KipSettings
from slimdc.methods.method import Task
from slimdc.methods.registry import METHODS
from slimdc.methods.rfad import PLATT, RFAD, PlattMatching, RfadSettings, rfad_plan
from slimdc.methods.tangent_kernel import tangent_kernel
from slimdc.networks import HEAD, HEAD_BIAS, MLP, ConvNet, fresh, predict
from slimdc.networks.ensemble import Ensemble
from slimdc.networks.pixels import Pixels
from slimdc.parameterization import SlimmableDataset
from slimdc.training.strategies import View

# Any, opposite, and no sample.
SAMPLES = np.array([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2], [-1.0, -2.0, 1.0], [0.0, 0.0, 0.0]])
# Of neural-tangents 0.6.5 (stax.Dense with W_std √2 and b_std 0.1, stax.Relu) with jax 0.4.30.
PUBLISHED = {
    1: [
        [8.030000000000003, 0.16395030047972864, -0.11647597557505598, 0.08398002226188171],
        [0.16395030047972864, 0.536666664989697, 0.5677075975177611, 0.03726982231089813],
        [-0.11647597557505598, 0.5677075975177611, 8.030000000000003, 0.08398002226188171],
        [0.08398002226188171, 0.03726982231089813, 0.08398002226188171, 0.030000000000000006],
    ],
    3: [
        [16.100000000000012, 0.9928175673978619, 2.7539847981288395, 0.32417051717015055],
        [0.9928175673978619, 1.1133333224196642, 1.3688330914637046, 0.12180129441174115],
        [2.7539847981288395, 1.3688330914637046, 16.100000000000012, 0.32417051717015055],
        [0.32417051717015055, 0.12180129441174115, 0.32417051717015055, 0.10000000000000006],
    ],
}
NUMPY = backend.get("numpy")
Variables = dict[str, Any]


def plain_kernel(x: np.ndarray, other: np.ndarray, settings: KipSettings) -> np.ndarray:
    """Compute the tangent kernel entry by entry, with angles."""
    weight, bias = settings.weight_variance, settings.bias_variance
    found = np.zeros((len(x), len(other)))
    for i, a in enumerate(x):
        for j, b in enumerate(other):
            kernel, own, others = (
                weight * float(u @ v) / a.size + bias for u, v in ((a, b), (a, a), (b, b))
            )
            tangent = kernel
            for _ in range(settings.depth):
                length = math.sqrt(own * others)
                angle = math.acos(max(-1.0, min(1.0, kernel / length)))
                arc1 = (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
                arc0 = (math.pi - angle) / math.pi
                kernel = weight / 2 * length * arc1 + bias
                tangent = kernel + weight / 2 * arc0 * tangent
                own, others = weight / 2 * own + bias, weight / 2 * others + bias
            found[i, j] = tangent
    return found


def plain_regression(cross: np.ndarray, kernel: np.ndarray, y: np.ndarray, ridge: float) -> Any:
    return cross @ np.linalg.inv(kernel + ridge * np.trace(kernel) / len(y) * np.eye(len(y))) @ y


def view_of(network: Any, parameters: Variables, x: Any, y: Any, **others: Any) -> View:
    return View(NUMPY, network, parameters, {"x": x, "y": y} | others, x, y)


def problem(seed: int = 0) -> tuple[Variables, np.ndarray, np.ndarray]:
    """Draw a set of 5 samples of 6 values and 3 label entries, and 7 real samples."""
    rng = np.random.default_rng(seed)
    own = {"x": rng.standard_normal((5, 6)), "y": rng.standard_normal((5, 3))}
    return own, rng.standard_normal((7, 6)), rng.standard_normal((7, 3))


def real(count: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    return rng.standard_normal((count, 8)) + 0.7 * y[:, None], y


# The tangent kernel


@pytest.mark.parametrize("depth", PUBLISHED)
def test_the_tangent_kernel_is_that_of_neural_tangents(space: Space, depth: int) -> None:
    dtype = "float64" if "float64" in space.dtypes else "float32"
    x = space.array(SAMPLES, dtype)
    found = space.host(tangent_kernel(x, x, depth))
    # Theirs is a little off on the diagonal, where it keeps away from the arc cosine of 1.
    tolerance = 1e-7 if dtype == "float64" else 1e-5
    assert np.allclose(found, PUBLISHED[depth], rtol=tolerance, atol=0.0)


def test_the_tangent_kernel_is_the_slow_one() -> None:
    rng = np.random.default_rng(0)
    settings = KipSettings(depth=3, weight_variance=1.6, bias_variance=0.3)
    x, other = rng.standard_normal((6, 5)), rng.standard_normal((4, 5))
    found = tangent_kernel(x, other, 3, 1.6, 0.3)
    assert np.allclose(found, plain_kernel(x, other, settings), rtol=1e-12)
    assert tangent_kernel(x.astype(np.float32), other.astype(np.float32), 1).dtype == np.float64


def test_the_tangent_kernel_is_the_mean_over_wide_random_networks() -> None:
    width, weight, bias = 512, 1.7, 0.2
    x = np.random.default_rng(1).standard_normal((4, 3))
    drawn = [finite_kernel(np.random.default_rng(seed), x, width, (weight, bias))
             for seed in range(60)]  # fmt: skip
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0) / math.sqrt(len(drawn))
    exact = tangent_kernel(x, x, 2, weight, bias)
    assert np.all(np.abs(mean - exact) < 4.0 * error + 3.0 / width * np.abs(exact))
    assert np.all(error < 0.03 * np.diag(exact).max())


def finite_kernel(
    rng: np.random.Generator, x: np.ndarray, width: int, variances: tuple[float, float]
) -> np.ndarray:
    """Sum products of the derivatives of a network's output in each of its parameters."""
    weight, bias = variances
    sizes = (x.shape[1], width, width, 1)
    weights = [rng.standard_normal((m, n)) for m, n in itertools.pairwise(sizes)]
    inputs, rectified = [x], []
    for w in weights[:-1]:
        z = inputs[-1] @ w * math.sqrt(weight / len(w))
        z += math.sqrt(bias) * rng.standard_normal(w.shape[1])
        rectified.append(z > 0)
        inputs.append(np.maximum(z, 0))
    slope = np.ones((len(x), 1))
    total = np.zeros((len(x), len(x)))
    for i in reversed(range(len(weights))):
        total += (slope @ slope.T) * (weight / len(weights[i]) * inputs[i] @ inputs[i].T + bias)
        if i:
            slope = slope @ weights[i].T * math.sqrt(weight / len(weights[i])) * rectified[i - 1]
    return total


def test_gradients_are_finite_where_samples_meet() -> None:
    x = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [2.0, 4.0]])

    def total(v: Variables) -> tuple[Any, Variables]:
        kernel = tangent_kernel(v["x"], v["x"], 2, 2.0, 0.0)
        return (kernel * kernel).sum() if isinstance(kernel, np.ndarray) else squares(kernel), {}

    _, _, gradients = value_and_grad(NUMPY, total)({"x": x})
    assert np.isfinite(gradients["x"]).all()
    assert gradients["x"][0].tolist() == gradients["x"][1].tolist()


def squares(x: Any) -> Any:
    return x.__array_namespace__().sum(x * x)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_the_loss_of_kip_has_the_gradients_of_differences(name: str) -> None:
    ops = backend.get(name) if name == "numpy" or library(name) else None
    own, x, y = problem()
    settings, objective = KipSettings(depth=2), None
    objective = KernelMatching(None, settings, 1e-2)  # type: ignore[arg-type]
    dtype = "float32" if name == "jax" else "float64"

    def loss(v: Variables, target: Any) -> tuple[Any, Variables]:
        network = Pixels((6,), 3)
        view = View(ops, network, {}, v, v["x"], v["y"])
        return objective.loss(view, target)

    enter = ops.asarray
    target = objective.target(
        ops, Pixels((6,), 3), {}, (enter(x.astype(dtype)), enter(y.astype(dtype)))
    )
    entered = {k: enter(v.astype(dtype)) for k, v in own.items()}
    value, _, found = value_and_grad(ops, loss)(entered, target)
    expected = central_differences(lambda v: plain_kip(v, x, y, settings, 1e-2), own)
    accuracy = 2e-3 if name == "jax" else 1e-6
    assert float(value) == pytest.approx(plain_kip(own, x, y, settings, 1e-2), rel=accuracy)
    for part, gradient in expected.items():
        assert relative(ops.to_numpy(found[part]), gradient) < accuracy


def plain_kip(
    own: Variables, x: np.ndarray, y: np.ndarray, settings: KipSettings, ridge: float
) -> float:
    cross, kernel = (plain_kernel(v, own["x"], settings) for v in (x, own["x"]))
    return float(((plain_regression(cross, kernel, own["y"], ridge) - y) ** 2).sum() / len(y))


def test_kernel_regression_is_eq_1_of_kernels(space: Space) -> None:
    rng = np.random.default_rng(0)
    dtype = "float64" if "float64" in space.dtypes else "float32"
    x_t, x_s, y = (rng.standard_normal(shape) for shape in ((4, 9), (3, 9), (3, 2)))
    found = kernel_regression(*(space.array(v, dtype) for v in (x_t @ x_s.T, x_s @ x_s.T, y)), 0.1)
    expected = plain_regression(x_t @ x_s.T, x_s @ x_s.T, y, 0.1)
    assert np.allclose(space.host(found), expected, rtol=1e-4 if dtype == "float32" else 1e-10)


def test_kernel_regression_refuses_what_does_not_fit() -> None:
    one, two = np.ones((1, 1)), np.ones((2, 2))
    with pytest.raises(InvalidValueError, match=r"kernel: found shape \(2, 2\)"):
        kernel_regression(one, two, one, 0.1)
    with pytest.raises(InvalidValueError, match="ridge"):
        kernel_regression(one, one, one, -0.1)
    with pytest.raises(NumericalError, match="singular"):
        kernel_regression(two, two, two, 0.0)


# RFAD


@pytest.mark.parametrize("network", [MLP(6, 3, width=5), ConvNet((8, 8, 2), 3, width=2)])
def test_an_ensemble_averages_kernels_and_sums_predictions(network: Any) -> None:
    ensemble = Ensemble(network, 3)
    parameters = fresh(ensemble, NUMPY, np.random.default_rng(0), "float64")
    rng = np.random.default_rng(0)
    members = [fresh(network, NUMPY, rng, "float64") for _ in range(3)]
    x = np.random.default_rng(1).standard_normal((4, *getattr(network, "image", (6,))))
    found = ensemble.embed(NUMPY, parameters, x)
    features = [network.embed(NUMPY, own, x) for own in members]
    assert np.allclose(found @ found.T, np.mean([v @ v.T for v in features], axis=0))
    scores = [predict(own, v) for own, v in zip(members, features, strict=True)]
    assert np.allclose(predict(parameters, found), sum(scores) / math.sqrt(3))


def test_an_ensemble_of_no_networks_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="count: found 0"):
        Ensemble(MLP(6, 3), 0)
    with pytest.raises(InvalidTypeError, match="count"):
        Ensemble(MLP(6, 3), True)


def plain_predictions(own: Variables, x: np.ndarray, parameters: Variables, ridge: float) -> Any:
    """Predict by the mean kernel of networks with one layer, kept apart."""
    count = sum(name.endswith("dense0.weight") for name in parameters)
    cross, kernel = np.zeros((len(x), len(own["x"]))), np.zeros((len(own["x"]),) * 2)
    for i in range(count):
        weight, bias = (parameters[f"{i}.dense0.{part}"] for part in ("weight", "bias"))
        target, features = (np.maximum(v @ weight + bias, 0) for v in (x, own["x"]))
        cross += target @ features.T / count
        kernel += features @ features.T / count
    return plain_regression(cross, kernel, own["y"], ridge)


@pytest.mark.parametrize("loss", ["squared", "platt"])
def test_the_losses_of_rfad_are_the_slow_ones(loss: str) -> None:
    own, x, y = problem()
    ensemble = Ensemble(MLP(6, 3, width=16, depth=1), 4)
    parameters = fresh(ensemble, NUMPY, np.random.default_rng(2), "float64")
    scale = {PLATT: np.array([0.3])} if loss == "platt" else {}
    objective = (
        PlattMatching(None, 1e-2, 16.0) if scale else PerformanceMatching(None, 1e-2)  # type: ignore[arg-type]
    )
    target = objective.target(NUMPY, ensemble, parameters, (x, y))

    def value(v: Variables) -> float:
        predictions = plain_predictions(v, x, parameters, 1e-2)
        if not scale:
            return float(((predictions - y) ** 2).sum() / len(y))
        scores = predictions * math.exp(v[PLATT][0]) * 16.0
        total = 0.0
        for row, label in zip(scores, y.argmax(axis=1), strict=True):
            total += math.log(np.exp(row - row[label]).sum())
        return total / len(y)

    def traced(v: Variables) -> tuple[Any, Variables]:
        return objective.loss(View(NUMPY, ensemble, parameters, v, v["x"], v["y"]), target)

    found, _, gradients = value_and_grad(NUMPY, traced)(own | scale)
    assert float(found) == pytest.approx(value(own | scale), rel=1e-9)
    for name, expected in central_differences(value, own | scale).items():
        assert relative(gradients[name], expected) < 1e-6, name


def test_rfad_draws_new_networks_for_each_step() -> None:
    x, y = real()
    data = SlimmableDataset.from_arrays(x, y)
    settings = RfadSettings(networks=2, width=4)
    task = Task.slimming(
        data, 2, "auto", settings, np.random.default_rng(0),
        lambda: slimdc.backend.Compute.chosen(data.u, "numpy", None, None),
    )  # fmt: skip
    plan = rfad_plan(data.truncate(2), task)
    source = plan.networks(np.random.default_rng(0))
    first, second = (source.draw({}) for _ in range(2))
    assert first.step_size is None
    assert not np.array_equal(first.parameters["0.dense0.weight"],
                              second.parameters["0.dense0.weight"])  # fmt: skip
    assert not np.array_equal(first.parameters["0.dense0.weight"],
                              first.parameters["1.dense0.weight"])  # fmt: skip


# FRePo's label margin


def test_the_label_margin_is_the_slow_one(space: Space) -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((9, 4))
    y[0] = [0.3, 0.3, 0.1, 0.0]
    y[1] = [-5.0, -7.0, 9.0, 1.0]
    leads = [min(float(np.sort(row)[-1] - np.sort(row)[-2]), 0.25) for row in y]
    dtype = "float64" if "float64" in space.dtypes else "float32"
    found = float(label_margin(space.array(y, dtype), 0.25))
    assert found == pytest.approx(np.mean(leads), rel=1e-6)


def test_the_label_margin_has_the_gradients_of_differences() -> None:
    y = np.random.default_rng(0).standard_normal((9, 4))
    _, _, found = value_and_grad(NUMPY, lambda v: (label_margin(v["y"], 0.4), {}))({"y": y})
    expected = central_differences(lambda v: label_margin(v["y"], 0.4), {"y": y})
    assert relative(found["y"], expected["y"]) < 1e-7


def test_the_margin_does_not_depend_on_units() -> None:
    own, x, y = problem()
    network = Pixels((6,), 3)
    plain, scaled = (
        PerformanceMatching(None, 1e-2, 2.0, unit)  # type: ignore[arg-type]
        for unit in (1.0, 16.0)
    )
    before, terms = plain.loss(view_of(network, {}, own["x"], own["y"]), (x, y))
    after, _ = scaled.loss(view_of(network, {}, own["x"], own["y"] / 16), (x, y / 16))
    assert float(after) * 16**2 == pytest.approx(float(before))
    lead = float(terms["performance"]) - 2.0 * float(label_margin(own["y"], 1 / 3))
    assert float(before) == pytest.approx(lead)


def test_the_margin_keeps_learned_labels_apart() -> None:
    x, y = real()
    x[:] = np.random.default_rng(0).standard_normal(x.shape)  # nothing to learn from
    leads = []
    for margin in (0.0, 20.0):
        settings = FrepoSettings(steps=150, margin=margin, rate=5e-2)
        data = slimdc.condense(x, y, 2, method="frepo", preset=settings, width=8)
        _, labels = data.arrays()
        leads.append(float(label_margin(np.asarray(labels), 1.0 / 3)))
    assert leads[1] > leads[0] + 0.05


def test_the_margin_is_frepos_in_the_papers_preset() -> None:
    assert FREPO["default"].margin == 0.0
    assert FREPO["paper"].margin == 2.0
    with pytest.raises(InvalidValueError, match="margin"):
        FrepoSettings(margin=-1.0)


# Runs


CASES: dict[str, dict[str, Any]] = {
    "kip": {"method": "kip"},
    "kip, fixed labels": {"method": "kip", "preset": KipSettings(labels="fixed")},
    "rfad": {"method": "rfad", "width": 32},
    "rfad, platt": {"method": "rfad", "preset": RfadSettings(loss="platt", width=32)},
    "frepo, margin": {"method": "frepo", "preset": FrepoSettings(margin=2.0), "width": 8},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_short_runs_lower_the_loss_and_the_result_can_be_slimmed(
    case: str, name: str, tmp_path: Any
) -> None:
    if name != "numpy":
        library(name)
    x, y = real()
    history: list[dict[str, float]] = []
    options = CASES[case] | {"steps": 40, "backend": name}
    data = slimdc.condense(x.astype(np.float32), y, 4, history=history, **options)
    loss = next(iter(k for k in history[0] if k != "margin"))
    # Networks and batches differ from step to step.
    first, last = (np.mean([terms[loss] for terms in part]) for part in (history[:4], history[-4:]))
    assert last < 0.9 * first
    assert data.components == (4, 4, 4)
    if name != "numpy":
        return
    small = slimdc.slim(data, 2, **options)
    slimdc.save(small, tmp_path / "small.safetensors")
    again = slimdc.load(tmp_path / "small.safetensors")
    assert again.samples == (2, 2, 2)
    assert all(np.array_equal(a, b) for a, b in zip(again.factors, small.factors, strict=True))


def test_labels_of_kip_stay_where_they_are_fixed() -> None:
    x, y = real()
    rows = {}
    for labels in ("fixed", "learned"):
        settings = KipSettings(steps=10, labels=labels)  # type: ignore[arg-type]
        data = slimdc.condense(x, y, 2, method="kip", preset=settings)
        rows[labels] = np.asarray(data.arrays()[1])
    start = np.asarray(slimdc.condense(x, y, 2, method="kip", steps=0).arrays()[1])
    assert np.allclose(rows["fixed"], start)
    assert not np.allclose(rows["learned"], start)


def test_images_are_taken_flat_by_kip_and_as_images_by_rfad() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = rng.standard_normal((40, 8, 8, 3)) + y[:, None, None, None]
    for method in ("kip", "rfad"):
        options = {"width": 2} if method == "rfad" else {}
        data = slimdc.condense(x, y, 2, method=method, steps=2, **options)
        assert data.shape == (8, 8, 3)


class StopError(Exception):
    pass


def stop_at(step: int) -> Any:
    def progress(count: int, steps: int, terms: Any) -> None:
        if count >= step:
            raise StopError

    return progress


@pytest.mark.parametrize("case", CASES)
def test_resumed_runs_end_as_uninterrupted_ones(case: str, tmp_path: Any) -> None:
    x, y = real(30)
    options = CASES[case] | {"steps": 40}
    expected = slimdc.condense(x, y, 2, **options)
    options |= {"checkpoint": tmp_path / "run", "checkpoint_interval": 10}
    for step in (10, 30):
        with pytest.raises(StopError):
            slimdc.condense(x, y, 2, progress=stop_at(step), **options)
    resumed = slimdc.condense(x, y, 2, **options)
    assert all(np.array_equal(a, b) for a, b in zip(resumed.factors, expected.factors, strict=True))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "kip", "network": "convnet"}, InvalidValueError, "neural-tangents.*rfad"),
        ({"method": "kip", "network": MLP(8, 3)}, InvalidValueError, "infinitely wide perceptron"),
        ({"method": "kip", "width": 8}, InvalidValueError, "infinitely wide"),
        ({"method": "kip", "preset": RFAD["default"]}, InvalidValueError, "KipSettings"),
        ({"method": "rfad", "network": "resnet18"}, InvalidValueError, "network"),
    ],
)
def test_what_cannot_be_done_is_told(options: Any, error: Any, message: str) -> None:
    x, y = real()
    with pytest.raises(error, match=message):
        slimdc.condense(x, y, 2, **options)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: KipSettings(depth=0), "depth"),
        (lambda: KipSettings(bias_variance=-1.0), "bias_variance"),
        (lambda: KipSettings(weight_variance=0.0), "weight_variance"),
        (lambda: KipSettings(labels="other"), "labels"),  # type: ignore[arg-type]
        (lambda: RfadSettings(networks=0), "networks"),
        (lambda: RfadSettings(loss="other"), "loss"),  # type: ignore[arg-type]
        (lambda: RfadSettings(norm="other"), "norm"),  # type: ignore[arg-type]
        (lambda: tangent_kernel(SAMPLES, SAMPLES, 0), "depth"),
        (lambda: tangent_kernel(SAMPLES, SAMPLES[:, :2], 1), "other"),
        (lambda: tangent_kernel(SAMPLES, SAMPLES, 1, 0.0), "weight_variance"),
        (lambda: tangent_kernel(SAMPLES, SAMPLES, 1, 2.0, -1.0), "bias_variance"),
        (lambda: Pixels((3,), 0), "outputs"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: Any, name: str) -> None:
    with pytest.raises(InvalidValueError, match=f"^{name}: found"):
        make()


def test_the_papers_presets_are_those_of_the_papers() -> None:
    assert (KIP["paper"].batch, KIP["paper"].ridge, KIP["paper"].rate) == (5000, 1e-6, 4e-2)
    slim: Any = METHODS["kip"].slim
    assert slim.presets == {"default": replace(KIP["default"], rate=4e-3), "paper": KIP["paper"]}
    assert (RFAD["paper"].networks, RFAD["paper"].ridge, RFAD["paper"].loss) == (8, 5e-3, "platt")


def test_pixels_have_a_head_of_zeros() -> None:
    parameters = Pixels((2, 3), 4).draw(np.random.default_rng(0))
    assert parameters[HEAD].shape == (6, 4)
    assert not parameters[HEAD].any()
    assert not parameters[HEAD_BIAS].any()
