"""Condensing: real data made into a slimmable set (Eq. 1 in the parameterization of Eq. 8)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from slimdc._array import as_array, like
from slimdc._checks import truth, whole_number
from slimdc._inputs import open_real
from slimdc.backend import Backend, Compute, resolve
from slimdc.methods.method import Material, Method, Task
from slimdc.methods.registry import condensing
from slimdc.networks import Network
from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.parameterization.labels import label_rows
from slimdc.parameterization.layout import shape_of_samples
from slimdc.parameterization.preprocessing import chosen as chosen_preprocessing
from slimdc.parameterization.preprocessing import in_space
from slimdc.settings import Settings, chosen
from slimdc.training.algorithm import run
from slimdc.training.identity import identity
from slimdc.training.monitor import Monitor, Terms
from slimdc.training.progress import Progress
from slimdc.typing import CondenseMethod, FactorDtype, Layout, NetworkName, PresetName, SpaceName

__all__ = ["condense"]


def condense(
    x: Any,
    y: Any,
    ipc: int,
    *,
    classes: int | None = None,
    method: CondenseMethod | str | Method = "parameter-matching",
    backend: str | Backend = "auto",
    device: str | None = None,
    dtype: FactorDtype | None = None,
    steps: int | None = None,
    seed: int = 0,
    network: NetworkName | Network = "auto",
    width: int | None = None,
    preset: PresetName | Settings = "default",
    preprocessing: SpaceName | Preprocessing | None = None,
    preprocessed: bool = False,
    layout: Layout | None = None,
    progress: Progress = None,
    history: list[Terms] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: int = 20,
) -> SlimmableDataset:
    """Condense real data into a set that can be slimmed.

    The set starts as the per-class SVD of random real samples and is trained so that regression
    on its embeddings predicts real labels (Eq. 1), with its significances kept skewed (Eq. 11) and
    its bases orthogonal (Eq. 12). The same SVD of the trained samples and labels ends it.

    Parameters
    ----------
    x : array
        Real samples: vectors (n, d), or images (n, h, w), (n, h, w, channels) or
        (n, channels, h, w). uint8 is divided by 255 first.
    y : array
        Their classes (n,), integers from 0.
    ipc : int
        Samples, and components, per class of the set.
    classes : int, optional
        Entries c of a label row, as for `SlimmableDataset.from_arrays`: with more than there are
        classes in ``y``, the set can meet sets of the others later. By default the largest class
        plus one, and then classes must leave no gap.
    method : str or Method
        How: the paper's by default, or another of `slimdc.methods`, or one of your own.
    backend : str or Backend
        Name of the backend that computes, or a backend; ``"auto"`` takes the one of ``x``.
    device, dtype
        As for `slimdc.slim`.
    steps : int, optional
        Number of training steps; 0 leaves the start. The preset's where None.
    seed : int
        Seed of every random draw.
    network, width
        As for `slimdc.slim`.
    preset : {"default", "paper"} or settings
        All other settings: `slimdc.settings.CondenseSettings`, or those of the method.
    preprocessing : {"standardise", "zca", "none"} or Preprocessing, optional
        Brings samples into the space in which the set lives, and is recorded with it. By default
        they are standardised by the mean and deviation of each channel; "zca" whitens them as
        `Preprocessing.zca` does.
    preprocessed : bool
        True says that ``x`` already lives in that space.
    layout : {"flat", "channels_last", "channels_first"}, optional
        Where the channels are; inferred as in `SlimmableDataset.from_arrays`.
    progress, history, checkpoint, checkpoint_interval
        As for `slimdc.slim`.

    Returns
    -------
    SlimmableDataset
        The condensed set, in the namespace and on the device of ``x``.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used, or the checkpoint belongs to another run.
    MissingBackendError
        If the backend is unknown or its library is not installed.
    FileError
        If the checkpoint cannot be read or written.
    NumericalError
        If training leaves the finite numbers.

    Warns
    -----
    SlimdcWarning
        If some classes have fewer than ``ipc`` samples, or the ridge of the settings is too small
        for a backend without float64 (JAX without x64).

    Notes
    -----
    The paper trains its own sets ("Ours RT") with this objective; its Sec. 3.5 and 4.1 leave the
    start open. The rate of network steps, the pool and the pseudo-inverse are those of slimming.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> x = rng.standard_normal((60, 8)) + y[:, None]
    >>> condense(x, y, 4, steps=10, width=16)
    SlimmableDataset(classes=3, components=4, samples=12, shape=(8,), dtype=float64)
    """
    way = condensing(method)
    settings = chosen(way.presets, preset, steps=steps, width=width)
    monitor = Monitor(progress, history, checkpoint, checkpoint_interval)
    ipc = whole_number("ipc", ipc, at_least=1)
    source = as_array(x, "x")
    shape, layout = shape_of_samples(source, layout)
    preprocessed = truth("preprocessed", preprocessed)
    raw, members = open_real(source, y, shape, layout, Preprocessing(), "")
    preprocessing = chosen_preprocessing(preprocessing, raw, layout, preprocessed)
    real = raw if preprocessed else in_space(raw, layout, preprocessing)
    rng = np.random.default_rng(whole_number("seed", seed, at_least=0))
    rows, members = label_rows(members, len(members), classes)
    dtype_of_real: FactorDtype = "float64" if real.dtype == np.float64 else "float32"
    material = Material(real, rows, members, layout, preprocessing, dtype_of_real)
    place = partial(Compute.chosen, like(real[:1], source), backend, device, dtype)
    task = Task(material, None, ipc, source, network, settings, rng, place)
    start = way.begun(task)
    if way.plan is None or settings.steps == 0:
        if not isinstance(backend, str) or backend != "auto" or device is not None:
            resolve(backend, like(real[:1], source), device)
        return start
    plan = way.plan(start, task)

    def digest() -> str:
        told = ("condense", method, ipc, seed, settings, real, members)
        return identity(plan.compute, plan.network, start, *told)

    return run(plan, monitor, digest, f"condense to {ipc}")
