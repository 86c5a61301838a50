"""Factors to codes of a number of bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization.codes import Codes, Parts
from slimdc.parameterization.quantization.rate import coded_within, step_within
from slimdc.parameterization.quantization.rounding import parts_of_factors

__all__ = ["are_rows", "quantized"]


def quantized(factors: Factors, description: Description, nbytes: int) -> Codes:
    """Code factors in at most so many bytes, as finely as these allow.

    Parameters
    ----------
    factors : Factors
        On the host.
    description : Description
        Of their set.
    nbytes : int
        Bytes of all components.

    Returns
    -------
    Codes
        Of rows where the components are the samples themselves, U = I.

    Raises
    ------
    InvalidValueError
        No step is coarse enough; the message says what the set takes at least.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> x = np.random.default_rng(0).normal(size=(6, 40))
    >>> data = SlimmableDataset.from_arrays(x, np.arange(6) % 2)
    >>> quantized(data.host_factors(), data.description, 300).nbytes <= 300
    True
    """
    left, x, y = parts_of_factors(factors, rows=are_rows(factors, description))
    # By powers of two, which change no bit: squares of 1e200 would overflow.
    exponents = [int(np.frexp(np.abs(part).max())[1]) for part in (x, y)]
    x, y = (np.ldexp(part, -e) for part, e in zip((x, y), exponents, strict=True))
    parts = Parts(left, x, y)
    codes, _ = coded_within(nbytes, step_within(nbytes, parts, description), parts, description)
    steps = (codes.step, codes.label_step)
    step, label_step = (float(np.ldexp(v, e)) for v, e in zip(steps, exponents, strict=True))
    return replace(codes, step=step, label_step=label_step)


def are_rows(factors: Factors, description: Description) -> bool:
    """Tell whether U is the identity in each class: components are samples then."""
    if description.samples != description.components:
        return False
    padded = [np.diag(np.arange(factors.u.shape[2]) < k) for k in description.components]
    return bool((factors.u == np.stack(padded[: factors.u.shape[0]])).all())
