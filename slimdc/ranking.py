"""Scores of condensed sets beyond their accuracy, after DD-Ranking.

Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation", 2025
(github.com/NUS-HPC-AI-Lab/DD-Ranking). The scores are functions of accuracies as fractions. Take
these from `slimdc.evaluate` and `slimdc.references`: seeded, each at its last step. Its own code
seeds by the clock, and reports the best epoch on the test set.
"""

from __future__ import annotations

import math

from slimdc._checks import non_negative, shown
from slimdc.errors import InvalidValueError

__all__ = ["augmentation_robust_score", "label_robust_score"]


def label_robust_score(
    *, distilled: float, random: float, hard: float, full: float, weight: float = 0.5
) -> float:
    """Score what is in a set's samples, whatever its labels and its recipe add.

    ``LRS = (e^α − e⁻¹) / (e − e⁻¹)`` with ``α = w · IOR − (1 − w) · HLR``: the improvement over
    random samples IOR = distilled − random, less what hard labels do not recover of the real data,
    HLR = full − hard.

    Parameters
    ----------
    distilled : float
        Accuracy of the set under a recipe of any kind, as a fraction.
    random : float
        Accuracy of as many random real samples under the identical recipe.
    hard : float
        Accuracy of the set with hard labels.
    full : float
        Accuracy of all real data with hard labels.
    weight : float
        w, the share of the improvement over random samples.

    Returns
    -------
    float
        In [0, 1], larger for better sets; 0.269 where both differences are 0.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is not in [0, 1]: accuracies in percent are refused.

    Examples
    --------
    >>> round(label_robust_score(distilled=0.5, random=0.3, hard=0.5, full=0.9), 4)
    0.2285
    """
    _check_fractions(distilled=distilled, random=random, hard=hard, full=full, weight=weight)
    return _normalised(weight * (distilled - random) - (1.0 - weight) * (full - hard))


def augmentation_robust_score(
    *,
    distilled: float,
    random: float,
    distilled_plain: float,
    random_plain: float,
    weight: float = 0.5,
) -> float:
    """Score how far a set is ahead of random samples, with augmentation and without.

    ``ARS = (e^β − e⁻¹) / (e − e⁻¹)`` with ``β = γ (distilled − random) + (1 − γ) (distilled_plain −
    random_plain)``.

    Parameters
    ----------
    distilled, random : float
        Accuracies of the set and of as many random real samples under the identical recipe with
        augmentation, as fractions.
    distilled_plain, random_plain : float
        The same without augmentation.
    weight : float
        γ, the share of the former.

    Returns
    -------
    float
        In [0, 1]; 0.269 for a set that is as good as random samples.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is not in [0, 1]: accuracies in percent are refused.

    Examples
    --------
    >>> accuracies = {"distilled": 0.6, "random": 0.4, "distilled_plain": 0.5, "random_plain": 0.4}
    >>> round(augmentation_robust_score(**accuracies), 4)
    0.3378
    """
    _check_fractions(distilled=distilled, random=random, weight=weight)
    _check_fractions(distilled_plain=distilled_plain, random_plain=random_plain)
    with_it, without = distilled - random, distilled_plain - random_plain
    return _normalised(weight * with_it + (1.0 - weight) * without)


def _normalised(difference: float) -> float:
    """Map [−1, 1] to [0, 1], steeper where a set is better."""
    return (math.exp(difference) - math.exp(-1.0)) / (math.e - math.exp(-1.0))


def _check_fractions(**numbers: object) -> None:
    for name, value in numbers.items():
        if non_negative(name, value) > 1:
            raise InvalidValueError(name, shown(value), "a fraction from 0 to 1, not percent")
