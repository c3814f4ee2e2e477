"""Which images a step trains on, and how much each counts."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from classifiers.settings import Training


class Examples(NamedTuple):
    """Pixels uint8 (N, size, size, channels) and targets 0/1 (N,), row by row."""

    pixels: np.ndarray
    targets: np.ndarray


def class_weights(targets: np.ndarray, balance: str) -> np.ndarray:
    """A weight for target 0 and for target 1, with mean 1 over the images: float32 (2,)."""
    counts = np.bincount(targets, minlength=2)
    if balance != "class_weights" or (counts == 0).any():
        return np.ones(2, "float32")
    return (len(targets) / (2 * counts)).astype("float32")


def batches(targets: np.ndarray, training: Training, seed: int) -> Iterator[np.ndarray]:
    """Row numbers, batch after batch: whole shuffled passes, without end."""
    rng = np.random.default_rng(seed)
    pools = [np.arange(len(targets))]
    if training.balance == "oversample":
        pools = [np.flatnonzero(targets == c) for c in (0, 1) if (targets == c).any()]

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
