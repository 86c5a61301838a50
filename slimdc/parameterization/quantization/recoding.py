"""Other classes or components of sets of few bits: their whole numbers are coded again, no others.

Nothing is rounded, so that what stays is the same to the bit. It may take a few bytes more or less,
since a component's scales are of all classes that hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slimdc.parameterization.description import Description
from slimdc.parameterization.quantization.codes import Codes, Numbers, numbers_of, packed

__all__ = ["joined", "picked", "shortened"]


def picked(
    codes: Codes,
    description: Description,
    entries: int,
    blocks: Sequence[int],
    chosen: Description,
) -> Codes:
    """Code some classes of a set.

    Parameters
    ----------
    codes, description, entries
        Of the set, as for `slimdc.parameterization.quantization.unpacked`.
    blocks : sequence of int
        Which class blocks, in their new order.
    chosen : Description
        Of them.

    Returns
    -------
    Codes
        With the steps of the set.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> few = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2).quantize(9)
    >>> known = few.description
    >>> half = replace(known, labels=(1,), samples=(4,), components=(4,), order=None)
    >>> picked(few.codes, known, 2, [1], half).nbytes < few.nbytes
    True
    """
    numbers = numbers_of(codes, description, entries)
    return _recoded(codes, _of_blocks(numbers, blocks), chosen)


def shortened(
    codes: Codes, description: Description, entries: int, kept: tuple[int, ...]
) -> tuple[Codes, Description]:
    """Keep the first components of each class.

    Parameters
    ----------
    codes, description, entries
        Of the set, as for `slimdc.parameterization.quantization.unpacked`.
    kept : tuple of int
        How many of each class.

    Returns
    -------
    codes : Codes
    description : Description
        Of what is left; where components are samples, the others are gone.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> few = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2).quantize(9)
    >>> shortened(few.codes, few.description, 2, (4, 1))[1].components
    (4, 1)
    """
    left, k = codes.described(description, kept), max(kept)
    if all(mine == min(k, held) for mine, held in zip(kept, description.components, strict=True)):
        return codes.truncated(k), left
    return _recoded(codes, numbers_of(codes, description, entries), left), left


def joined(sets: Sequence[tuple[Codes, Description]], entries: int, whole: Description) -> Codes:
    """Code several sets of the same steps as one.

    Parameters
    ----------
    sets : sequence of (Codes, Description)
        Their classes are all different.
    entries : int
        Entries c of a label row, in all of them.
    whole : Description
        Of the set that they make, its classes in ascending order.

    Returns
    -------
    Codes

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> few = SlimmableDataset.from_arrays(np.eye(8), np.arange(8) % 2).quantize(9)
    >>> parts = [few.select([1]), few.select([0])]
    >>> joined([(p.codes, p.description) for p in parts], 2, few.description) == few.codes
    True
    """
    n, k = max(whole.samples), max(whole.components)
    parts = [_padded(numbers_of(codes, known, entries), n, k) for codes, known in sets]
    left, x, y = zip(*parts, strict=True)
    lefts = None if sets[0][0].rows else np.concatenate(left)
    together = Numbers(lefts, np.concatenate(x), np.concatenate(y))
    blocks = np.argsort([label for _, known in sets for label in known.labels]).tolist()
    return _recoded(sets[0][0], _of_blocks(together, blocks), whole)


def _of_blocks(numbers: Numbers, blocks: Sequence[int]) -> Numbers:
    left, x, y = numbers
    return Numbers(None if left is None else left[list(blocks)], x[list(blocks)], y[list(blocks)])


def _padded(numbers: Numbers, n: int, k: int) -> Numbers:
    left, x, y = numbers
    more = k - x.shape[1]
    if left is not None:
        left = np.pad(left, ((0, 0), (0, n - left.shape[1]), (0, more)))
    x, y = (np.pad(part, ((0, 0), (0, more), (0, 0))) for part in (x, y))
    return Numbers(left, x, y)


def _recoded(steps: Codes, numbers: Numbers, description: Description) -> Codes:
    """Code numbers at the same steps, without padding that no class needs any longer."""
    n, k = max(description.samples), max(description.components)
    left = None if numbers.left is None else numbers.left[:, :n, :k]
    cut = Numbers(left, numbers.x[:, :k], numbers.y[:, :k])
    return replace(steps, components=packed(cut, description), reason="")
