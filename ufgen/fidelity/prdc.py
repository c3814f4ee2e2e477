"""Precision, recall, density and coverage: how far two sets of features overlap."""

import numpy as np

from ufgen.fidelity.distances import squared_distances

NEIGHBOURS = 5


def precision_recall_density_coverage(
    real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS
) -> dict[str, float]:
    """The four numbers for features (N, D) and (M, D), with balls out to the k-th neighbour.

    precision: share of fakes inside some real image's ball; recall: share of real images inside
    some fake's ball (Kynkaanniemi et al., NeurIPS 2019). density: balls of real images around a
    fake, over k; coverage: share of real images with a fake in their ball (Naeem et al., ICML
    2020). All are nan where either set has k images or fewer.
    """
    names = ("precision", "recall", "density", "coverage")
    if min(len(real), len(fake)) <= k:
        return dict.fromkeys(names, np.nan)
    real_radius, fake_radius = radii(real, k), radii(fake, k)
    inside_real = np.zeros(len(fake))
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for part, squared in squared_distances(real, fake):
        within = squared < real_radius[part, None]
        inside_real += within.sum(0)
        covered[part] = within.any(1)
        recalled[part] = (squared < fake_radius).any(1)
    found = (inside_real > 0).mean(), recalled.mean(), inside_real.mean() / k, covered.mean()
    return {name: float(value) for name, value in zip(names, found, strict=True)}


def radii(features: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each row (N, D) to its k-th neighbour, itself not counted."""
    found = np.empty(len(features))
    for part, squared in squared_distances(features, features):
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        found[part] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return found
