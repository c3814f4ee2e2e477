"""Several arms at once: Holm's method, and the confidence levels that go with it."""

import numpy as np
from numpy.typing import ArrayLike


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust the p-values of a family by Holm's step-down method (Scand J Stat 1979).

    Args:
        p_values: P-values, (A,); NaN counts as 1.

    Returns:
        Adjusted p-values, (A,).

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.nan_to_num(p_values, nan=1.0)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def holm_confidences(p_values: ArrayLike, confidence: float) -> np.ndarray:
    """Confidence levels whose intervals exclude zero if and only if Holm's method rejects.

    The first hypothesis that is not rejected sets the level of all that follow it.

    Args:
        p_values: P-values of the family, (A,); NaN counts as 1.
        confidence: Confidence level of the family.

    Returns:
        The confidence level of each interval, (A,).

    Example:
        >>> holm_confidences([0.01, 0.04, 0.03], 0.95).round(4).tolist()
        [0.9833, 0.975, 0.975]
    """
    p = np.nan_to_num(p_values, nan=1.0)
    order, confidences = np.argsort(p, kind="stable"), np.empty(len(p))
    rejected = 0
    for index in order:
        level = (1 - confidence) / (len(p) - rejected)
        confidences[index] = 1 - level
        rejected += int(p[index] <= level)
    return confidences
