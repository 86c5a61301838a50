"""Slimming: a condensed set made smaller from the set alone (Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from slimdc._array import dtype_name, like
from slimdc._checks import whole_number
from slimdc._inputs import Openable, open_set
from slimdc.backend import Array, Backend, Tensors, resolve
from slimdc.errors import InvalidValueError
from slimdc.losses import first_order, infinity_order, orthogonality, skewness, weighted_sum
from slimdc.networks import HEAD, Network
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import Assembly, computed_in, network_for, samples_on
from slimdc.settings import SLIM, SlimSettings, chosen, suited
from slimdc.training.algorithm import Pair, Watch, fit
from slimdc.training.checkpoint import Terms, digest_of
from slimdc.training.monitor import Progress


@dataclass(frozen=True)
class Matching:
    """Eq. 13: the slimmed set is to train networks as the set before it does.

    Parameters
    ----------
    x, y : array
        The set before slimming: samples as networks take them, and labels.
    assembly : Assembly
        How the factors of the slimmed set are stacked.
    network : Network
        The pool's architecture.
    ops : Backend
        Where it lives.
    settings : SlimSettings
        Weights, form and ridge.
    """

    x: Array
    y: Array
    assembly: Assembly
    network: Network
    ops: Backend
    settings: SlimSettings

    def batch(self) -> tuple[Array, Array]:
        """Give the whole set before slimming."""
        return self.x, self.y

    def terms(
        self, after: Pair, factors: Tensors, parameters: Tensors, before: Pair
    ) -> tuple[Array, Tensors]:
        """Return Eq. 13 and its four parts, unweighted."""
        pair = (*after, *before)
        form, ridge = self.settings.form, self.settings.ridge
        parts = {
            "first": first_order(*pair, parameters[HEAD], form),
            "infinity": infinity_order(*pair, ridge, form),
            "skew": skewness(factors["s"]),
            "ortho": orthogonality(
                *self.assembly.stacked_bases(factors), centred=self.settings.centred
            ),
        }
        return weighted_sum(parts, self.settings.weights), parts


def slim(
    data: Openable,
    k: int,
    *,
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    network: str | Network = "auto",
    width: int | None = None,
    preset: str | SlimSettings = "default",
    samples: Literal["keep", "match"] = "keep",
    progress: Progress = None,
    history: list[Terms] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: int = 20,
) -> SlimmableDataset:
    """Make a condensed set smaller from the set alone.

    Components beyond the k most significant of each class are dropped (Prop. 1); then, unless
    ``steps`` is 0, the rest is trained so that networks learn from it what they learned from the
    whole set (Algorithm 1, Eq. 13). By default all samples stay: k counts what is stored.

    Parameters
    ----------
    data : SlimmableDataset, path or pair (samples, labels)
        The set. A path is read by `slimdc.load`; a pair is taken in by
        `SlimmableDataset.from_arrays`.
    k : int
        Components to keep per class, at least 1. A class that holds fewer keeps them all, with a
        warning.
    backend : str or Backend
        Name of the backend that computes, or one that `slimdc.backend.get` made with options of
        its own; ``"auto"`` takes the one of the arrays.
    device : str, optional
        Where it computes, in the words of its library, such as ``"cuda:1"``; by default where the
        arrays are, if they are the library's own.
    dtype : {"float32", "float64"}, optional
        What it computes in; by default that of the factors.
    steps : int, optional
        T, the number of training steps; 0 is learning-free. The preset's where None. Where no
        class loses a component there is nothing to train.
    seed : int
        Seed of every random draw. One seed means the same networks on every backend.
    network : {"auto", "convnet", "mlp"} or Network
        The pool's architecture: the ConvNet for images, the MLP for flat vectors.
    width : int, optional
        Width of the networks; the preset's where None.
    preset : {"default", "paper"} or SlimSettings
        All other settings.
    samples : {"keep", "match"}
        ``"match"`` leaves each class as many samples as components, U = I: the rows of ΣV. They
        lie far from the data at first, so that this needs training.
    progress : callable, bool or None
        A callable is given (count, steps, terms); None shows a bar on terminals.
    history : list, optional
        Is filled with the parts of the loss, a dict for each step.
    checkpoint : path, optional
        File to save the run to, and to resume it from where it exists.
    checkpoint_interval : int
        Steps between saves, rounded up to tens.

    Returns
    -------
    SlimmableDataset
        The smaller set, in the namespace, dtype and device of ``data``, its components sorted by
        significance.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used, or the checkpoint belongs to another run.
    MissingBackendError
        If the backend is unknown or its library is not installed.
    FileError
        If a file cannot be read or written.
    NumericalError
        If training leaves the finite numbers.

    Warns
    -----
    SlimdcWarning
        If some classes hold fewer than k components, or the ridge of the settings is too small for
        a backend without float64 (JAX without x64).

    Notes
    -----
    Algorithm 1 and Eq. 13 of Liu, Ye, Yu and Wang, "Slimmable Dataset Condensation", CVPR 2023.
    A run is repeatable to the bit on one backend and machine, whatever the number of threads; in
    JAX, with the same number of them.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((20, 8)), np.arange(20) % 2
    >>> slim((x, y), 3, steps=0)
    SlimmableDataset(classes=2, components=3, samples=20, shape=(8,), dtype=float64)
    >>> slim((x, y), 3, steps=10, width=16).components
    (3, 3)
    """
    before = open_set(data)
    rng = np.random.default_rng(whole_number("seed", seed, at_least=0))
    watch = Watch(progress, history, checkpoint, checkpoint_interval)
    settings = chosen(SLIM, preset, SlimSettings, steps=steps, width=width)
    after = before.truncate(k)
    if samples == "match":
        after = matched(after)
    elif samples != "keep":
        raise InvalidValueError("samples", repr(samples), "'keep' or 'match'")
    lossless = samples == "keep" and after.components == before.components
    if settings.steps == 0 or lossless:
        if backend != "auto" or device is not None:
            resolve(backend, before.u, device)
        return after
    ops = resolve(backend, before.u, device)
    dtype, settings = computed_in(dtype, before, ops), suited(settings, ops)
    with ops.session():
        x, y = samples_on(ops, before, dtype)
        architecture = network_for(network, before, settings.pool, ops)

    def objective(assembly: Assembly) -> Matching:
        return Matching(x, y, assembly, architecture, ops, settings)

    def identity() -> str:
        arguments = f"slim {k} {samples} {seed} {settings} {ops.name} {ops.device} {dtype}"
        return digest_of(before, architecture, arguments)

    title = f"slim to {k}"
    return fit(after, objective, architecture, settings, ops, dtype, rng, watch, identity, title)


def matched(data: SlimmableDataset) -> SlimmableDataset:
    """Give a set as many samples as components: U = I."""
    width = data.components_per_class
    held = data.components[: data.u.shape[0]]
    u = np.stack([np.diag(np.arange(width) < k) for k in held]).astype(dtype_name(data.u))
    return SlimmableDataset.from_factors(
        like(u, data.u),
        data.s,
        data.vx,
        data.vy,
        shape=data.shape,
        layout=data.layout,
        preprocessing=data.preprocessing,
        labels=data.labels,
        samples=data.components,
        components=data.components,
        dtype=data.dtype,
    )
