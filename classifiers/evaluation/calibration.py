"""Temperature scaling and decision threshold, both fitted on validation images."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from classifiers.evaluation.metrics import TOLERANCE

TEMPERATURES = (0.5, 20.0)
PROBABILITIES = (1e-38, 1 - 6e-8)
"""Probabilities are clipped to what float32 distinguishes from 0 and 1."""


def fit_temperature(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Fit the temperature that minimises the log loss of the scaled probabilities.

    Guo et al., On calibration of modern neural networks, ICML 2017, with Platt's targets (1999), a
    little inside 0 and 1: perfect separation of a few images does not justify extreme
    probabilities.

    Args:
        labels: 0 or 1, (N,), of validation images.
        probabilities: Raw probabilities of the positive class, (N,).

    Returns:
        A temperature within `TEMPERATURES`; 1 if all images are of one class.
    """
    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return 1.0
    scores, positives = _logits(probabilities), labels.sum()
    high = (positives + 1) / (positives + 2)
    low = 1 / (len(labels) - positives + 2)
    targets = np.where(labels == 1, high, low)

    def soft_log_loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        return (np.logaddexp(0, scaled) - targets * scaled).mean()

    result = minimize_scalar(soft_log_loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(result.x))


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log-likelihood; probabilities are clipped to `PROBABILITIES`.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).

    Returns:
        The log loss, 0 or more.

    Example:
        >>> round(log_loss([1, 0], [0.5, 0.5]), 4)
        0.6931
    """
    scores = _logits(probabilities)
    return float(np.logaddexp(0, np.where(np.asarray(labels) == 1, -scores, scores)).mean())


class Calibration(NamedTuple):
    """What turns raw probabilities into calibrated ones, and these into predicted classes."""

    temperature: float
    threshold: float


def fit(labels: ArrayLike, raw: ArrayLike, sensitivity: float | None = None) -> Calibration:
    """Fit the temperature, and the threshold on the scaled probabilities.

    Args:
        labels: 0 or 1, (N,), of validation images.
        raw: Raw probabilities of the positive class, (N,).
        sensitivity: The threshold is the highest one with at least this sensitivity; None for
            Youden's.

    Returns:
        Temperature and threshold.
    """
    temperature = fit_temperature(labels, raw)
    scaled = scale(raw, temperature)
    if sensitivity:
        return Calibration(temperature, sensitivity_threshold(labels, scaled, sensitivity))
    return Calibration(temperature, youden_threshold(labels, scaled))


def youden_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold that maximises sensitivity + specificity - 1 (Youden, 1950).

    It lies midway between two different scores; of equally good ones, the nearest to 0.5.

    Args:
        labels: 0 or 1, (N,), of validation images.
        probabilities: Of the positive class, in 0..1, (N,).

    Returns:
        The threshold; 0.5 if all images are of one class.

    Example:
        >>> youden_threshold([0, 0, 1, 1], [0.1, 0.3, 0.4, 0.9])
        0.35
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    if len(np.unique(labels)) < 2:
        return 0.5
    candidates = _midpoints(probabilities)
    predicted = probabilities[None] >= candidates[:, None]
    index = predicted[:, labels == 1].mean(axis=1) - predicted[:, labels == 0].mean(axis=1)
    best = candidates[np.isclose(index, index.max())]
    return float(best[np.argmin(np.abs(best - 0.5))])


def sensitivity_threshold(labels: ArrayLike, probabilities: ArrayLike, sensitivity: float) -> float:
    """The highest threshold with at least the given sensitivity, midway between two scores.

    Args:
        labels: 0 or 1, (N,), of validation images.
        probabilities: Of the positive class, in 0..1, (N,).
        sensitivity: Above 0, up to 1.

    Returns:
        The threshold; 0 where the lowest score that is needed is 0.

    Raises:
        ValueError: If no image is positive.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    of_positives = probabilities[labels == 1]
    if not len(of_positives):
        raise ValueError("there is no positive image: its sensitivity is undefined")
    candidates = _midpoints(probabilities)
    reached = (of_positives[None] >= candidates[:, None]).mean(axis=1)
    return float(max(candidates[reached >= sensitivity - 1e-9], default=0.0))


def _midpoints(probabilities: np.ndarray) -> np.ndarray:
    """Midpoints between neighbouring scores, 0 and 1 among these.

    Scores that differ by no more than `TOLERANCE` count as one: no threshold separates them.
    """
    edges = np.unique(np.concatenate([[0.0], probabilities, [1.0]]))
    separated = np.diff(edges) > TOLERANCE
    return ((edges[1:] + edges[:-1]) / 2)[separated]


def scale(probabilities: ArrayLike, temperature: float) -> np.ndarray:
    """Divide the logits of probabilities by a temperature; their order is kept, and 0.5.

    Args:
        probabilities: In 0..1, (N,).
        temperature: Above 0; with 1 the probabilities are returned as they are.

    Returns:
        The scaled probabilities, (N,).
    """
    if temperature == 1:
        return np.asarray(probabilities)
    return expit(_logits(probabilities) / temperature)


def _logits(probabilities: ArrayLike) -> np.ndarray:
    return logit(np.clip(np.asarray(probabilities, "float64"), *PROBABILITIES))
