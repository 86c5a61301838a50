"""Every loss as a function of all its arrays, to be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from array_api_compat import array_namespace

from slimdc import losses
from slimdc.backend import Array, Backend, Tensors
from slimdc.parameterization import reconstruct
from slimdc.testing.comparison import Loss, Problem

__all__ = ["loss_problems"]


@cache
def loss_problems() -> dict[str, Problem]:
    """Each loss as a function of all its arrays, which are well conditioned."""
    rng = np.random.default_rng(0)
    x, y, w = (rng.standard_normal(shape) for shape in ((3, 5), (3, 2), (5, 2)))
    x_before, y_before = rng.standard_normal((6, 5)), rng.standard_normal((6, 2))
    pair = {"x": x, "y": y}
    factors = {
        "u": rng.standard_normal((2, 3, 2)),
        "s": rng.uniform(1, 2, (2, 2)),
        "vx": rng.standard_normal((2, 2, 5)),
        "vy": rng.standard_normal((2, 2, 2)),
    }
    before = (x_before, y_before)

    def simple(loss: Callable[..., Array]) -> Callable[[Backend], Loss]:
        return lambda _: lambda v, *constants: (loss(v, *constants), {})

    def total(v: Tensors, xb: Array, yb: Array, w: Array) -> Array:
        xp = array_namespace(v["u"])
        x, y = (xp.reshape(z, (-1, z.shape[2])) for z in reconstruct(**v))
        bases = (xp.reshape(v[name], (-1, v[name].shape[2])) for name in ("vx", "vy"))
        parts = {
            "first": losses.first_order(x, y, xb, yb, w, "relative"),
            "infinity": losses.infinity_order(x, y, xb, yb, 1e-2, "relative"),
            "skew": losses.skewness(v["s"]),
            "ortho": losses.orthogonality(*bases),
        }
        return losses.weighted_sum(parts, losses.Weights(0.5, 2.0, 0.3, 0.1))

    problems: dict[str, Problem] = {
        "training_loss (Eq. 5)": Problem(
            simple(lambda v: losses.training_loss(v["x"], v["y"], v["w"])),
            pair | {"w": w},
        ),
        "performance_matching (Eq. 1)": Problem(
            simple(lambda v, xt, yt: losses.performance_matching(xt, yt, v["x"], v["y"], 1e-2)),
            pair,
            before,
        ),
        "skewness (Eq. 11)": Problem(
            simple(lambda v: losses.skewness(v["s"])),
            {"s": factors["s"]},
        ),
        "skewness (Eq. 11) of equal values": Problem(
            simple(lambda v: losses.skewness(v["s"])),
            {"s": np.ones((2, 3))},
        ),
        "orthogonality (Eq. 12)": Problem(
            simple(lambda v: losses.orthogonality(v["x"], v["y"])),
            pair,
        ),
        "orthogonality (Eq. 12) of centred labels": Problem(
            simple(lambda v: losses.orthogonality(v["x"], v["y"], centred=True)),
            pair,
        ),
        "orthogonality (Eq. 12) of groups": Problem(
            simple(lambda v: losses.orthogonality(v["x"], v["y"], rows=2)),
            pair,
        ),
        "weighted_sum (Eq. 13) through factors (Eq. 8)": Problem(
            simple(total), factors, (*before, w)
        ),
    }
    forms: tuple[losses.Form, ...] = ("printed", "relative")
    for form in forms:

        def first(v: Tensors, xb: Array, yb: Array, form: losses.Form = form) -> Array:
            return losses.first_order(v["x"], v["y"], xb, yb, v["w"], form)

        def infinity(v: Tensors, xb: Array, yb: Array, form: losses.Form = form) -> Array:
            return losses.infinity_order(v["x"], v["y"], xb, yb, 1e-2, form)

        problems[f"first_order (Eq. 6), {form}"] = Problem(simple(first), pair | {"w": w}, before)
        problems[f"infinity_order (Eq. 7), {form}"] = Problem(simple(infinity), pair, before)
    return problems
