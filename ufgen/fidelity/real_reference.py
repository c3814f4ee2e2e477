"""The real-against-real reference: what a number comes to between random parts of real images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

SPLITS = 10


class Reference(NamedTuple):
    """The mean, least and largest of a number over the splits; all nan where there is none."""

    mean: float
    low: float
    high: float


def splits(
    labels: np.ndarray, ratio: float = 1.0, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of two random parts of the images with these `labels` (N,), 10 times.

    Each class is divided alike: the second part holds `ratio` times as many images as the first.
    None where a part would hold fewer than two images.
    """
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    ends = [round(len(rows) / (1 + ratio)) for rows in classes]
    small = min(sum(ends), len(labels) - sum(ends)) < 2
    for _ in range(0 if small else SPLITS):
        shuffled = [rng.permutation(rows) for rows in classes]
        first = [rows[:end] for rows, end in zip(shuffled, ends, strict=True)]
        second = [rows[end:] for rows, end in zip(shuffled, ends, strict=True)]
        yield np.concatenate(first), np.concatenate(second)


def summary(values: list[float]) -> Reference:
    """The reference of a number that is `values` over the splits."""
    if not values:
        return Reference(np.nan, np.nan, np.nan)
    return Reference(float(np.mean(values)), float(np.min(values)), float(np.max(values)))


def between_halves(distance: Callable, features: np.ndarray, labels: np.ndarray) -> Reference:
    """The reference of `distance`, a function of two sets of features (N, D)."""
    return summary([distance(features[a], features[b]) for a, b in splits(labels)])
