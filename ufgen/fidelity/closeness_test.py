"""Closeness test: are synthetic images closer to the training images than held-out real ones?"""

import numpy as np


def closeness_test(
    synthetic: np.ndarray, held_out: np.ndarray, labels: np.ndarray, held_out_labels: np.ndarray
) -> dict[str, float]:
    """Test whether synthetic images lie closer to the training images than held-out real ones.

    Van Elteren's test (1960), the stratified Wilcoxon-Mann-Whitney test, with the normal
    approximation and mid-ranks for ties: ranks are compared within classes, whose distances and
    proportions may differ. With a single class it is the Mann-Whitney test of Meehan et al., A
    non-parametric test to detect data-copying in generative models, AISTATS 2020.

    Args:
        synthetic: Distance of each synthetic image to its nearest training image, (N,).
        held_out: The same of each real image that the generator has not seen, (M,).
        labels: Classes of the synthetic images, (N,).
        held_out_labels: Classes of the held-out images, (M,).

    Returns:
        `p`, the one-sided p-value, and `probability_closer`, the probability that a synthetic
        image lies closer than a held-out one of its class (0.5 if they are alike). Both are nan
        where no class has images in both samples.

    Example:
        >>> synthetic, held_out = np.array([0.1, 0.2]), np.array([0.3, 0.4])
        >>> closeness_test(synthetic, held_out, np.zeros(2), np.zeros(2))["probability_closer"]
        1.0
    """
    from scipy.stats import norm

    excess, variance, wins, pairs = 0.0, 0.0, 0.0, 0
    for label in np.intersect1d(labels, held_out_labels):
        one, other = synthetic[labels == label], held_out[held_out_labels == label]
        u, u_variance = _mann_whitney(one, other)
        weight = 1 / (len(one) + len(other) + 1)
        excess += weight * (u - len(one) * len(other) / 2)
        variance += weight**2 * u_variance
        wins += len(one) * len(other) - u
        pairs += len(one) * len(other)
    if not pairs:
        return {"p": float("nan"), "probability_closer": float("nan")}
    p = norm.cdf(excess / np.sqrt(variance)) if variance > 0 else 1.0
    return {"p": float(p), "probability_closer": float(wins / pairs)}


def _mann_whitney(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mann-Whitney's U of `one` (ties count half), and its variance under the null hypothesis."""
    from scipy.stats import rankdata

    n, m = len(one), len(other)
    both = np.concatenate([one, other])
    u = rankdata(both)[:n].sum() - n * (n + 1) / 2
    ties = np.unique(both, return_counts=True)[1]
    correction = (ties**3 - ties).sum() / ((n + m) * (n + m - 1))
    return u, n * m / 12 * (n + m + 1 - correction)
