"""The real-vs-real reference: a metric between random parts of the real images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

SPLITS = 10


class RealReference(NamedTuple):
    """A metric between parts of the real images: mean, minimum and maximum over the splits.

    All are nan where the images are too few to split.
    """

    mean: float
    low: float
    high: float


def stratified_splits(
    labels: np.ndarray, ratio: float = 1.0, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split images into two random parts, each class in the same ratio, 10 times.

    Args:
        labels: Labels of the images, (N,).
        ratio: Size of the second part over that of the first.
        seed: Seed of the permutations.

    Yields:
        Rows of the first and of the second part, int (n,) and (N - n,). Nothing where a part would
        hold fewer than two images.

    Example:
        >>> [(len(a), len(b)) for a, b in stratified_splits(np.zeros(6), ratio=0.5)][0]
        (4, 2)
    """
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    ends = [round(len(rows) / (1 + ratio)) for rows in classes]
    too_few = min(sum(ends), len(labels) - sum(ends)) < 2
    for _ in range(0 if too_few else SPLITS):
        shuffled = [rng.permutation(rows) for rows in classes]
        first = [rows[:end] for rows, end in zip(shuffled, ends, strict=True)]
        second = [rows[end:] for rows, end in zip(shuffled, ends, strict=True)]
        yield np.concatenate(first), np.concatenate(second)


def reference_over_splits(values: list[float]) -> RealReference:
    """Summarise a metric over the splits.

    Args:
        values: The metric's value for each split; may be empty.

    Returns:
        Mean, minimum and maximum.

    Example:
        >>> reference_over_splits([3.0, 1.0, 5.0])
        RealReference(mean=3.0, low=1.0, high=5.0)
    """
    if not values:
        return RealReference(np.nan, np.nan, np.nan)
    return RealReference(float(np.mean(values)), float(np.min(values)), float(np.max(values)))


def between_halves(
    distance: Callable[[np.ndarray, np.ndarray], float], features: np.ndarray, labels: np.ndarray
) -> RealReference:
    """Compute a distance between random halves of the real images.

    Args:
        distance: Distance of two sets of features, (n, D) and (m, D).
        features: Features of the real images, (N, D).
        labels: Their labels, (N,); each class is halved.

    Returns:
        The distance over 10 splits.
    """
    halves = stratified_splits(labels)
    return reference_over_splits([distance(features[a], features[b]) for a, b in halves])
