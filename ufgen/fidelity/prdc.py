"""Precision, recall, density and coverage: how far two sets of features overlap."""

import numpy as np

from ufgen.fidelity.distances import squared_distances

NEIGHBOURS = 5


def precision_recall_density_coverage(
    real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS
) -> dict[str, float]:
    """Compute precision, recall, density and coverage from balls out to the k-th neighbour.

    Precision is the fraction of synthetic images inside some real image's ball, recall the
    fraction of real images inside some synthetic image's ball (Kynkaanniemi et al., NeurIPS 2019).
    Density is the mean number of real images' balls around a synthetic image over k, coverage the
    fraction of real images with a synthetic one in their ball (Naeem et al., ICML 2020).

    Args:
        real: Features of real images, (N, D).
        fake: Features of synthetic images, (M, D).
        k: The neighbour that the ball of an image reaches out to.

    Returns:
        The four numbers by name, in 0..1 but for density; all nan where either set has k images or
        fewer.

    Example:
        >>> real, fake = np.array([[0.0], [1.0], [3.0], [10.0]]), np.array([[0.5], [4.0]])
        >>> precision_recall_density_coverage(real, fake, k=1)
        {'precision': 1.0, 'recall': 0.75, 'density': 2.0, 'coverage': 1.0}
    """
    names = ("precision", "recall", "density", "coverage")
    if min(len(real), len(fake)) <= k:
        return dict.fromkeys(names, np.nan)
    real_radii, fake_radii = squared_knn_radii(real, k), squared_knn_radii(fake, k)
    inside_real = np.zeros(len(fake))
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, squared in squared_distances(real, fake):
        within = squared < real_radii[rows, None]
        inside_real += within.sum(0)
        covered[rows] = within.any(1)
        recalled[rows] = (squared < fake_radii).any(1)
    values = (inside_real > 0).mean(), recalled.mean(), inside_real.mean() / k, covered.mean()
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def squared_knn_radii(features: np.ndarray, k: int) -> np.ndarray:
    """Compute the squared distance of each row to its k-th nearest neighbour.

    Args:
        features: Features, (N, D), N above `k`.
        k: Which neighbour; the row itself does not count.

    Returns:
        Squared Euclidean distances, float64 (N,).

    Example:
        >>> squared_knn_radii(np.array([[0.0], [1.0], [3.0]]), 1).tolist()
        [1.0, 1.0, 4.0]
    """
    radii = np.empty(len(features))
    for rows, squared in squared_distances(features, features):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        radii[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii
