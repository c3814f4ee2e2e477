"""Labels with weights, and ratios of weighted sums."""

import numpy as np
from numpy.typing import ArrayLike


def labels_and_weights(
    labels: ArrayLike, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and weights as arrays.

    Args:
        labels: 0 or 1, (N,).
        weights: Non-negative, (N,) or (B, N); None for ones.

    Returns:
        The labels, and the weights as float64.
    """
    labels = np.asarray(labels)
    return labels, np.ones(len(labels)) if weights is None else np.asarray(weights, "float64")


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Divide; the result is NaN where the denominator is not positive.

    Args:
        numerator: A number or an array.
        denominator: A number or an array of the same shape.

    Returns:
        The quotients, a scalar for two numbers.

    Example:
        >>> ratio([1, 0], [2, 0]).tolist()
        [0.5, nan]
    """
    denominator = np.asarray(denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, np.divide(numerator, denominator), np.nan)[()]
