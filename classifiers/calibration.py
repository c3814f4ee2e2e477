"""Temperature scaling: probabilities that mean what they say, fitted on validation images."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

LEAST, MOST = 0.05, 20.0
EDGE = 1e-7


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that makes the log loss of the scaled probabilities least, 0.05 to 20.

    Guo et al., On calibration of modern neural networks, ICML 2017. `labels` (N,) of 0 and 1 and
    `probabilities` (N,) are of validation images. 1 with a single class: nothing can be learned.
    """
    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return 1.0
    scores, signs = _scores(probabilities), 2 * labels - 1

    def log_loss(log_temperature: float) -> float:
        return np.logaddexp(0, -signs * scores / np.exp(log_temperature)).mean()

    found = minimize_scalar(log_loss, bounds=np.log([LEAST, MOST]), method="bounded")
    return float(np.exp(found.x))


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by the temperature: same order, same calls at 0.5."""
    if temperature == 1:
        return np.asarray(probabilities)
    return expit(_scores(probabilities) / temperature)


def _scores(probabilities) -> np.ndarray:
    return logit(np.clip(np.asarray(probabilities, "float64"), EDGE, 1 - EDGE))
