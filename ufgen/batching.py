"""Predictions in batches of one size: nothing is compiled anew for the last, smaller one."""

from collections.abc import Callable

import numpy as np


def in_batches(function: Callable, size: int, *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of whole batches to any number of rows.

    The last batch is filled up with copies of its first row, whose results are dropped: for
    functions that treat rows independently, results do not depend on the batch.

    Args:
        function: Takes one array of `size` rows for each of `arrays`, returns an array of as many.
        size: Rows of a batch.
        *arrays: Arrays with the same number of rows, (N, ...), N at least 1.

    Returns:
        The results, (N, ...), row by row.

    Example:
        >>> in_batches(lambda x: 2 * x, 4, np.arange(6)).tolist()
        [0, 2, 4, 6, 8, 10]
    """
    results = []
    for start in range(0, len(arrays[0]), size):
        batch = [array[start : start + size] for array in arrays]
        count = len(batch[0])
        padded = [np.concatenate([x, np.repeat(x[:1], size - count, axis=0)]) for x in batch]
        results.append(np.asarray(function(*padded))[:count])
    return np.concatenate(results)
