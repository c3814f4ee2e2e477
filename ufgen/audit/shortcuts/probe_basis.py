"""Values as columns for a linear model: categories as indicators, numbers as hat functions."""

import numpy as np


def indicators(values: np.ndarray, fewest: int = 3) -> np.ndarray:
    """Turn categories into one column each.

    Args:
        values: A category for each image, (N,); those of fewer than `fewest` images become one.
        fewest: See `values`.

    Returns:
        0 or 1: (N, categories).
    """
    names, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    index = np.where(counts[index] >= fewest, index, len(names))
    return (index[:, None] == np.unique(index)).astype("float64")


def hats(values: np.ndarray, knots: int) -> np.ndarray:
    """Turn numbers into hat functions of their ranks, for a continuous, piecewise linear fit.

    Args:
        values: A number for each image, (N,); NaN is a level of its own.
        knots: How many hats; of no more different values than that, one indicator each.

    Returns:
        Values in 0..1: (N, knots or fewer).
    """
    known = np.isfinite(values)
    levels, index = np.unique(values[known], return_inverse=True)
    if len(levels) <= knots:
        return indicators(np.where(known, values, np.inf), 1)
    counts = np.bincount(index)
    position = (np.cumsum(counts) - counts / 2) / counts.sum() * (knots - 1)
    columns = np.zeros((len(values), knots + 1))
    distance = np.abs(position[index][:, None] - np.arange(knots))
    columns[known, :knots] = np.clip(1 - distance, 0, None)
    columns[~known, knots] = 1
    return columns[:, columns.any(axis=0)]
