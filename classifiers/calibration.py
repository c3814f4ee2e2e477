"""Temperature scaling: probabilities that mean what they say, fitted on validation images."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from classifiers import metrics

LEAST, MOST = 0.5, 20.0
LOWEST, HIGHEST = 1e-38, 1 - 6e-8


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that makes the log loss of the scaled probabilities least, 0.5 to 20.

    Guo et al., On calibration of modern neural networks, ICML 2017, with the targets of Platt,
    1999, a little inside 0 and 1: few images that are told apart perfectly prove no certainty.
    `labels` (N,) of 0 and 1 and
    `probabilities` (N,) are of validation images. 1 with a single class: nothing can be learned.
    """
    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return 1.0
    scores, positives = _scores(probabilities), labels.sum()
    high = (positives + 1) / (positives + 2)
    low = 1 / (len(labels) - positives + 2)
    targets = np.where(labels == 1, high, low)

    def log_loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        return (np.logaddexp(0, scaled) - targets * scaled).mean()

    found = minimize_scalar(log_loss, bounds=np.log([LEAST, MOST]), method="bounded")
    return float(np.exp(found.x))


class Judge(NamedTuple):
    """How raw probabilities become calibrated ones, and these a call."""

    temperature: float
    threshold: float


def fit(labels: np.ndarray, raw: np.ndarray, sensitivity: float | None = None) -> Judge:
    """Temperature, and threshold of the scaled probabilities, from validation images alone.

    The threshold is Youden's, or the highest one with the wanted `sensitivity`.
    """
    temperature = fit_temperature(labels, raw)
    scaled = scale(raw, temperature)
    if sensitivity:
        return Judge(temperature, metrics.sensitivity_threshold(labels, scaled, sensitivity))
    return Judge(temperature, metrics.youden_threshold(labels, scaled))


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by the temperature: same order, same calls at 0.5."""
    if temperature == 1:
        return np.asarray(probabilities)
    return expit(_scores(probabilities) / temperature)


def _scores(probabilities) -> np.ndarray:
    return logit(np.clip(np.asarray(probabilities, "float64"), LOWEST, HIGHEST))
