"""Batch sampling, loading and class weights."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from classifiers.training.augmentation import augmenter
from classifiers.training.frozen_features import FrozenFeatures
from classifiers.training.settings import Training

Loader = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From rows, (B,), to the inputs of a batch, (B, ...), and its targets, float32 (B,)."""


class Examples(NamedTuple):
    """Images and their targets.

    Attributes:
        pixels: uint8 (N, size, size, channels).
        targets: 0 or 1, (N,).
        pretraining: Where there are any, boolean (N,): the first half of the optimiser steps uses
            these rows alone, and the second half the others.
    """

    pixels: np.ndarray
    targets: np.ndarray
    pretraining: np.ndarray | None = None


def class_weights(targets: np.ndarray, balance: str) -> np.ndarray:
    """Compute the weights of the two classes in the loss.

    Args:
        targets: 0 or 1, (N,).
        balance: "class_weights", or anything else for equal weights.

    Returns:
        Inversely proportional to the class frequencies, with mean 1 over the images: float32 (2,).

    Example:
        >>> print(class_weights(np.array([0, 0, 0, 1]), "class_weights").round(2))
        [0.67 2.  ]
    """
    counts = np.bincount(targets, minlength=2)
    if balance != "class_weights" or (counts == 0).any():
        return np.ones(2, "float32")
    return (len(targets) / (2 * counts)).astype("float32")


def batches(train: Examples, training: Training, seed: int) -> Iterator[np.ndarray]:
    """Sample batches: whole shuffled passes through the images, without end.

    Args:
        train: Training images.
        training: Gives the batch size, `balance` and, for pretraining, the number of steps.
        seed: Of the order.

    Yields:
        Rows of a batch, (training.batch,).
    """
    if train.pretraining is None:
        yield from _passes(train.targets, np.arange(len(train.targets)), training, seed)
        return
    first, then = (
        _passes(train.targets, np.flatnonzero(rows), training, seed)
        for rows in (train.pretraining, ~train.pretraining)
    )
    yield from islice(first, training.steps // 2)
    yield from then


def image_loader(train: Examples, augmentation: str, seed: int) -> Loader:
    """Load batches of augmented images.

    Args:
        train: Training images.
        augmentation: An augmentation policy.
        seed: Of the augmentation.

    Returns:
        A function whose inputs are float32 pixels in 0..255.
    """
    targets = train.targets.astype("float32")
    augment = augmenter(augmentation, seed)
    return lambda rows: augment(train.pixels[rows], targets[rows])


def feature_loader(
    features: FrozenFeatures, train: Examples, training: Training, augmentation: str, seed: int
) -> Loader:
    """Load batches of the features of images, each of one of its augmented views at random.

    Args:
        features: The frozen backbones.
        train: Training images.
        training: Gives the number of views.
        augmentation: An augmentation policy that changes each image on its own.
        seed: Of the views.

    Returns:
        A function whose inputs are float32 features.
    """
    targets = train.targets.astype("float32")
    of_views = features.views(train.pixels, augmentation, training.views, seed)
    rng = np.random.default_rng([seed, 1])

    def load(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        view = rng.integers(0, of_views.shape[1], len(rows))
        return of_views[rows, view], targets[rows]

    return load


def _passes(
    targets: np.ndarray, rows: np.ndarray, training: Training, seed: int
) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    pools = [rows]
    if training.balance == "oversample":
        pools = [rows[targets[rows] == c] for c in (0, 1) if (targets[rows] == c).any()]

    def shuffled(pool: np.ndarray) -> Iterator[int]:
        while True:
            yield from rng.permutation(pool)

    streams = [shuffled(pool) for pool in pools]
    position = 0
    while True:
        batch = []
        for _ in range(training.batch):
            batch.append(next(streams[position % len(streams)]))
            position += 1
        yield np.array(batch)
