"""The real-against-real reference: what a number comes to between random halves of real images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

SPLITS = 10


class Reference(NamedTuple):
    """The mean, least and largest of a number over the splits; all nan where there is none."""

    mean: float
    low: float
    high: float


def halves(count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of two random halves of `count` images, 10 times; none for fewer than four images."""
    rng = np.random.default_rng(seed)
    for _ in range(SPLITS if count >= 4 else 0):
        yield tuple(np.array_split(rng.permutation(count), 2))


def summary(values: list[float]) -> Reference:
    """The reference of a number that is `values` over the splits."""
    if not values:
        return Reference(np.nan, np.nan, np.nan)
    return Reference(float(np.mean(values)), float(np.min(values)), float(np.max(values)))


def between_halves(distance: Callable, features: np.ndarray, seed: int = 0) -> Reference:
    """The reference of `distance`, a function of two sets of features, among features (N, D)."""
    return summary([distance(features[a], features[b]) for a, b in halves(len(features), seed)])
