"""Temperature and threshold from validation images: probabilities that mean what they say."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from classifiers.evaluation.metrics import SAME

LEAST, MOST = 0.5, 20.0
LOWEST, HIGHEST = 1e-38, 1 - 6e-8


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that makes the log loss of the scaled probabilities least, 0.5 to 20.

    Guo et al., On calibration of modern neural networks, ICML 2017, with the targets of Platt,
    1999, a little inside 0 and 1: perfect separation of a few images does not justify extreme
    probabilities. `labels` (N,) of 0 and 1 and `probabilities` (N,) are of validation images. 1
    with a single class: nothing can be learned.
    """
    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return 1.0
    scores, positives = _scores(probabilities), labels.sum()
    high = (positives + 1) / (positives + 2)
    low = 1 / (len(labels) - positives + 2)
    targets = np.where(labels == 1, high, low)

    def soft_log_loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        return (np.logaddexp(0, scaled) - targets * scaled).mean()

    result = minimize_scalar(soft_log_loss, bounds=np.log([LEAST, MOST]), method="bounded")
    return float(np.exp(result.x))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean -log of the probability (N,) of the true class; probabilities are kept off 0 and 1."""
    scores = _scores(probabilities)
    return float(np.logaddexp(0, np.where(np.asarray(labels) == 1, -scores, scores)).mean())


class Calibration(NamedTuple):
    """How raw probabilities become calibrated ones, and these a decision."""

    temperature: float
    threshold: float


def fit(labels: np.ndarray, raw: np.ndarray, sensitivity: float | None = None) -> Calibration:
    """Temperature, and threshold of the scaled probabilities, from validation images alone.

    The threshold is Youden's, or the highest one with the wanted `sensitivity`.
    """
    temperature = fit_temperature(labels, raw)
    scaled = scale(raw, temperature)
    if sensitivity:
        return Calibration(temperature, sensitivity_threshold(labels, scaled, sensitivity))
    return Calibration(temperature, youden_threshold(labels, scaled))


def youden_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the largest sensitivity + specificity - 1 (Youden 1950).

    Meant for validation images. It lies midway between two different scores (`_between`); of
    equals, the one nearest to 0.5 is taken, and 0.5 where there is only one class.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    if len(np.unique(labels)) < 2:
        return 0.5
    candidates = _between(probabilities)
    called = probabilities[None] >= candidates[:, None]
    index = called[:, labels == 1].mean(axis=1) - called[:, labels == 0].mean(axis=1)
    best = candidates[np.isclose(index, index.max())]
    return float(best[np.argmin(np.abs(best - 0.5))])


def sensitivity_threshold(
    labels: np.ndarray, probabilities: np.ndarray, sensitivity: float
) -> float:
    """The highest threshold that calls at least that share of the positive images positive.

    Meant for validation images. It lies midway between two different scores (`_between`); 0 where
    the lowest score that is needed is 0. Raises ValueError where no image is positive.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    of_positives = probabilities[labels == 1]
    if not len(of_positives):
        raise ValueError("there is no positive image: its sensitivity is undefined")
    candidates = _between(probabilities)
    reached = (of_positives[None] >= candidates[:, None]).mean(axis=1)
    return float(max(candidates[reached >= sensitivity - 1e-9], default=0.0))


def _between(probabilities: np.ndarray) -> np.ndarray:
    """Midpoints of neighbouring scores, also of 0 and the lowest, and of the highest and 1.

    Scores that differ by less than rounding may (`SAME`) count as one: no threshold parts them.
    """
    edges = np.unique(np.concatenate([[0.0], probabilities, [1.0]]))
    apart = np.diff(edges) > SAME
    return ((edges[1:] + edges[:-1]) / 2)[apart]


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by the temperature: same order, same calls at 0.5."""
    if temperature == 1:
        return np.asarray(probabilities)
    return expit(_scores(probabilities) / temperature)


def _scores(probabilities) -> np.ndarray:
    return logit(np.clip(np.asarray(probabilities, "float64"), LOWEST, HIGHEST))
