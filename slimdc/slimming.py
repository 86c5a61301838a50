"""Slimming: a condensed set made smaller from the set alone (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from slimdc._array import like
from slimdc._checks import shown, whole_number
from slimdc._inputs import Openable, open_set
from slimdc.backend import Backend, Compute, resolve
from slimdc.budgets.budget import Budget
from slimdc.budgets.within import Hurdle, agree, choose, coded, fits, rounding_plan
from slimdc.errors import InvalidTypeError
from slimdc.methods.method import Method, Task
from slimdc.methods.parameter_matching import truncated
from slimdc.methods.registry import slimming
from slimdc.networks import Network
from slimdc.parameterization import SlimmableDataset
from slimdc.settings import Settings, chosen
from slimdc.training.algorithm import run
from slimdc.training.identity import identity
from slimdc.training.monitor import Monitor, Terms
from slimdc.training.progress import Progress, reporting
from slimdc.typing import FactorDtype, KeptSamples, NetworkName, PresetName, SlimMethod, Start

__all__ = ["matched", "slim"]


def slim(
    data: Openable,
    k: int | Mapping[int, int] | None = None,
    *,
    bits: float | None = None,
    nbytes: int | None = None,
    keep: float | None = None,
    start: Start = "auto",
    method: SlimMethod | str | Method = "parameter-matching",
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: FactorDtype | None = None,
    steps: int | None = None,
    seed: int = 0,
    network: NetworkName | Network = "auto",
    width: int | None = None,
    preset: PresetName | Settings = "default",
    samples: KeptSamples = "keep",
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
    k : int or mapping of int to int, optional
        Components to keep per class, at least 1; or of some classes, by their labels, where the
        others keep all. A class that holds fewer keeps them all, with a warning. Without it, bytes
        or a share say how many. A mapping goes with the paper's method and ``"truncate"``, and
        with neither `bits`, `nbytes` nor `keep`.
    bits : float, optional
        Bits for each number of the result, on average, as for `SlimmableDataset.quantize`;
        training sees the set as it will be rounded.
    nbytes : int, optional
        Bytes that a file of the result may take, header and all. Directions or rows, their number
        and their bits are chosen together so that the solutions of random networks (Eq. 7) turn
        least; ``print`` says what and why. A set that fits already stays as it is.
    keep : float, optional
        Share of the solutions of random networks to be kept, such as 0.9, in as few bytes as may
        be. One of `bits`, `nbytes` and `keep` can be given.
    start : {"auto", "components", "rows"}
        Whether directions are kept, or samples as they are; ``"auto"`` takes what loses less.
        Rows that are kept come in an order of their own, the most significant first: to say where
        each stood would take bytes.
    method : str or Method
        How: the paper's by default, or another of `slimdc.methods`, or one of your own. Most others
        train k samples of each class for what they train real data for, with the set in the place
        of real data.
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
    network : str or Network
        The pool's architecture, by name as for `slimdc.networks.build`; ``"auto"`` is the ConvNet
        for images and the MLP for flat vectors.
    width : int, optional
        Width of the networks; the preset's where None.
    preset : {"default", "paper"} or settings
        All other settings: `slimdc.settings.SlimSettings`, or those of the method.
    samples : {"keep", "match"}
        ``"match"`` leaves each class as many samples as components, U = I: the rows of ΣV. They
        lie far from the data at first, so that this needs training. A set that has no more samples
        than components stays as it is.
    progress : callable, bool or None
        A callable is given (count, steps, terms); None shows a bar on terminals and in notebooks.
    history : list, optional
        Is filled with the parts of the loss, a dict for each step.
    checkpoint : path, optional
        File to save the run to, and to resume it from where it exists; of several processes, each
        has its own beside it.
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
    A run is repeatable to the bit on one backend and machine: on NumPy whatever the number of
    threads, on PyTorch and JAX with the same number of them.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((20, 8)), np.arange(20) % 2
    >>> slim((x, y), 3, steps=0)
    SlimmableDataset(classes=2, components=3, samples=20, shape=(8,), dtype=float64)
    >>> slim((x, y), 3, steps=10, width=16).components
    (3, 3)
    >>> slim((x, y), {1: 3}, steps=0).components
    (10, 3)
    """
    before = open_set(data)
    way = slimming(method)
    rng = np.random.default_rng(whole_number("seed", seed, at_least=0))
    monitor = Monitor(progress, history, checkpoint, checkpoint_interval)
    settings = chosen(way.presets, preset, steps=steps, width=width)
    place = partial(Compute.chosen, before.u, backend, device, dtype)
    by_class = dict(k) if isinstance(k, Mapping) else None
    budget = Budget(None if isinstance(k, Mapping) else k, bits, nbytes, keep, start, by_class)
    count = budget.k or before.components_per_class
    if by_class is not None and way.start is not truncated:
        raise InvalidTypeError("k", f"a mapping with method={shown(method)}", "an int")
    task = Task.slimming(before, count, network, settings, rng, place, by_class)
    agree(budget, way, samples)
    if budget.nbytes is not None and k is None and fits(before, budget.nbytes):
        return before
    if budget.coded:
        with reporting(progress, "choose what is kept", aside=True) as report:
            choice = choose(budget, task, way, report)
        after, lossless = choice.candidate.data, False
    else:
        choice, after = None, way.begun(task)
        if samples == "match" and len(after) > sum(after.components):
            after = matched(after)
        lossless = samples == "keep" and after.components == before.components
    if way.plan is None or settings.steps == 0 or lossless:
        if not isinstance(backend, str) or backend != "auto" or device is not None:
            resolve(backend, before.u, device)
        return after if choice is None else coded(choice, after)
    hurdle = None
    if choice is not None and way.start is truncated:  # what others make begins with no choice
        hurdle = Hurdle.of(choice, task)
        if hurdle.is_out_of_reach:
            return hurdle.start()
    plan = way.plan(after, task)
    if choice is not None:
        plan = rounding_plan(plan, choice)

    def digest() -> str:
        told = ("slim", method, count, samples, seed, settings, budget, after.components)
        return identity(plan.compute, plan.network, before, *told)

    after = run(plan, monitor, digest, f"slim to {after.components_per_class}")
    if hurdle is not None:
        return hurdle.cleared(after)
    return after if choice is None else coded(choice, after)


def matched(data: SlimmableDataset) -> SlimmableDataset:
    """Give a set as many samples as components: U = I.

    Parameters
    ----------
    data : SlimmableDataset
        Any set.

    Returns
    -------
    SlimmableDataset
        Its samples are the rows of ΣV.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(6), [0, 0, 0, 1, 1, 1]).truncate(1)
    >>> len(data), len(matched(data))
    (6, 2)
    """
    width = data.components_per_class
    held = data.components[: data.u.shape[0]]
    u = np.stack([np.diag(np.arange(width) < k) for k in held]).astype(data.factor_dtype)
    factors = data.factors._replace(u=like(u, data.u))
    # Rows of ΣV stand at no place of the arrays that the set was made of.
    known = replace(data.description, samples=data.components, order=None)
    return SlimmableDataset(factors, known)
