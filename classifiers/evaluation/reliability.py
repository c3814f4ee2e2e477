"""How well probabilities agree with outcomes: Brier score, calibration error, their bins."""

import numpy as np
from numpy.typing import ArrayLike

from classifiers.evaluation.weighting import labels_and_weights, ratio

BINS = 10


def brier(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> np.ndarray:
    """Mean squared difference between probability and label (Brier, 1950).

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        A number in 0..1, or B numbers.
    """
    labels, weights = labels_and_weights(labels, weights)
    return ratio(weights @ np.square(np.asarray(probabilities) - labels), weights.sum(axis=-1))


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> np.ndarray:
    """Expected calibration error: mean |fraction of positives - mean probability| over bins.

    Ten bins of equal width over the probability of the positive class, weighted by their images
    (Naeini et al., AAAI 2015).

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        A number in 0..1, or B numbers.

    Example:
        >>> calibration_error([0, 1], [0.25, 0.75]).item()
        0.25
    """
    labels, weights = labels_and_weights(labels, weights)
    surplus = weights * (np.asarray(probabilities, "float64") - labels)
    in_bin = _bins(probabilities)[:, None] == np.arange(BINS)
    return ratio(np.abs(surplus @ in_bin).sum(axis=-1), weights.sum(axis=-1))


def reliability(labels: ArrayLike, probabilities: ArrayLike) -> dict[str, np.ndarray]:
    """The non-empty bins of a reliability diagram.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).

    Returns:
        `count`, the number of images in each bin; `probability`, their mean probability;
        `positives`, the number of positive images among them.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    bins = _bins(probabilities)
    count = np.bincount(bins, minlength=BINS)
    filled = count > 0
    return {
        "count": count[filled],
        "probability": np.bincount(bins, probabilities, BINS)[filled] / count[filled],
        "positives": np.bincount(bins, labels, BINS)[filled].astype(int),
    }


def _bins(probabilities: ArrayLike) -> np.ndarray:
    """The bin of each probability, 0..BINS - 1; the last one includes 1."""
    return np.minimum((np.asarray(probabilities, "float64") * BINS).astype(int), BINS - 1)
