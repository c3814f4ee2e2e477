"""Which images a step trains on, and how much each counts."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from classifiers.training.settings import Training


class Examples(NamedTuple):
    """Pixels uint8 (N, size, size, channels) and targets 0/1 (N,), row by row.

    Where some rows are for `pretraining` (boolean (N,)), the first half of the steps uses these
    alone, and the second half the others.
    """

    pixels: np.ndarray
    targets: np.ndarray
    pretraining: np.ndarray | None = None


def class_weights(targets: np.ndarray, balance: str) -> np.ndarray:
    """A weight for target 0 and for target 1, with mean 1 over the images: float32 (2,)."""
    counts = np.bincount(targets, minlength=2)
    if balance != "class_weights" or (counts == 0).any():
        return np.ones(2, "float32")
    return (len(targets) / (2 * counts)).astype("float32")


def batches(train: Examples, training: Training, seed: int) -> Iterator[np.ndarray]:
    """Row numbers, batch after batch: whole shuffled passes, without end."""
    if train.pretraining is None:
        yield from _passes(train.targets, np.arange(len(train.targets)), training, seed)
    first, then = (
        _passes(train.targets, np.flatnonzero(rows), training, seed)
        for rows in (train.pretraining, ~train.pretraining)
    )
    yield from islice(first, training.steps // 2)
    yield from then


def _passes(targets, rows: np.ndarray, training: Training, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    pools = [rows]
    if training.balance == "oversample":
        pools = [rows[targets[rows] == c] for c in (0, 1) if (targets[rows] == c).any()]

    def stream(pool: np.ndarray) -> Iterator[int]:
        while True:
            yield from rng.permutation(pool)

    streams = [stream(pool) for pool in pools]
    position = 0
    while True:
        batch = []
        for _ in range(training.batch):
            batch.append(next(streams[position % len(streams)]))
            position += 1
        yield np.array(batch)
