"""Do synthetic images lie closer to the training images than unseen real ones do?"""

import numpy as np


def closer(
    synthetic: np.ndarray, unseen: np.ndarray, labels: np.ndarray, unseen_labels: np.ndarray
) -> dict[str, float]:
    """`p`, one-sided, and `closer`, for distances to the nearest training image (N,) and (M,).

    `closer` is the probability that a synthetic image lies closer than an unseen one of its class
    (0.5: alike). Ranks are compared within classes, whose distances and shares may differ, and
    combined by van Elteren's test (1960), the stratified Wilcoxon-Mann-Whitney test, with the
    normal approximation and mid-ranks for ties; one class alone is Mann-Whitney's test, as in
    Meehan et al., A non-parametric test to detect data-copying in generative models, AISTATS 2020.
    Both are nan where no class has images on both sides.
    """
    from scipy.stats import norm

    excess, variance, wins, pairs = 0.0, 0.0, 0.0, 0
    for label in np.intersect1d(labels, unseen_labels):
        one, other = synthetic[labels == label], unseen[unseen_labels == label]
        statistic, spread = _mann_whitney(one, other)
        weight = 1 / (len(one) + len(other) + 1)
        excess += weight * (statistic - len(one) * len(other) / 2)
        variance += weight**2 * spread
        wins += len(one) * len(other) - statistic
        pairs += len(one) * len(other)
    if not pairs:
        return {"p": float("nan"), "closer": float("nan")}
    p = norm.cdf(excess / np.sqrt(variance)) if variance > 0 else 1.0
    return {"p": float(p), "closer": float(wins / pairs)}


def _mann_whitney(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How often `one` exceeds `other` (ties count half), and its variance where they are alike."""
    from scipy.stats import rankdata

    n, m = len(one), len(other)
    both = np.concatenate([one, other])
    statistic = rankdata(both)[:n].sum() - n * (n + 1) / 2
    ties = np.unique(both, return_counts=True)[1]
    correction = (ties**3 - ties).sum() / ((n + m) * (n + m - 1))
    return statistic, n * m / 12 * (n + m + 1 - correction)
