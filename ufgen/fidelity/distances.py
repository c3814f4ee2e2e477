"""Distances between two sets of features: kernel distance (KD) and Frechet distance (FD)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ufgen.errors import UserError

BLOCK = 512
NORMAL_95 = 1.959964


def kernel_distance(real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3.

    Features (N, D) and (M, D), any float. 0 in the mean for two samples of one distribution, also
    for few images; it may come out a little below 0. `weights` (M,) of the fakes, which sum to 1,
    make classes count as they do among the real images (`class_weights`). Where the numbers of
    each class are fixed it is a little lower, by the spread between classes over N and over M.
    Binkowski et al., Demystifying MMD GANs, ICLR 2018. Raises UserError for fewer than 2 rows,
    unlike D, or numbers that are not finite.
    """
    of_real, of_fake = _sides(real, fake, weights)
    return float(of_real.within() + of_fake.within() - 2 * of_real.between())


def kernel_distance_interval(
    real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float, float]:
    """KD with its 95 % interval: (value, low, high).

    The interval is normal, with the jackknife's variance over both sets of images (Arvesen, 1969);
    it says how far KD would move with other images of the same two kinds. It is nan below 3 images
    in either set.
    """
    sides = _sides(real, fake, weights)
    value = float(sides[0].within() + sides[1].within() - 2 * sides[0].between())
    if min(len(side.weights) for side in sides) < 3:
        return value, np.nan, np.nan
    without = [side.within_without_each() - 2 * side.between_without_each() for side in sides]
    reach = NORMAL_95 * np.sqrt(sum((len(found) - 1) * found.var() for found in without))
    return value, value - reach, value + reach


def class_weights(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Weights (M,) that give each class of `fake` (M,) its share among the labels `real` (N,).

    They sum to 1. Both hold the same classes.
    """
    labels, index, counts = np.unique(fake, return_inverse=True, return_counts=True)
    shares = np.array([np.mean(real == label) for label in labels])
    return (shares / counts)[index]


def frechet_distance(
    real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """|mean difference|^2 + trace(A + B - 2 (A B)^(1/2)) with the covariances A and B.

    Features (N, D) and (M, D), `weights` as above. Biased upward for few images, far more so below
    D of them. Heusel et al., NeurIPS 2017. The root's trace comes from the eigenvalues of the
    symmetric A^(1/2) B A^(1/2), which exist for singular covariances too.
    """
    real, fake = _checked(real, fake)
    difference = real.mean(0) - np.average(fake, 0, weights)
    a = np.atleast_2d(np.cov(real, rowvar=False))
    b = np.atleast_2d(np.cov(fake, rowvar=False, aweights=weights))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ b @ root)
    trace = np.sqrt(np.clip(shared, 0, None)).sum()
    return float(difference @ difference + np.trace(a) + np.trace(b) - 2 * trace)


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared Euclidean distances of rows (N, D) to rows (M, D), block by block of rows of `a`."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    norms = (b * b).sum(1)
    for start in range(0, len(a), BLOCK):
        part = slice(start, min(start + BLOCK, len(a)))
        found = (a[part] ** 2).sum(1)[:, None] + norms - 2 * a[part] @ b.T
        yield part, np.maximum(found, 0)


class _Side(NamedTuple):
    """One of the two sets: its weights, which sum to 1, and for each row the weighted sums of the
    kernel with the rest of its own set (`own`) and with the whole other set (`other`).
    """

    weights: np.ndarray
    own: np.ndarray
    other: np.ndarray

    def within(self) -> float:
        return self.weights @ self.own / (1 - self.weights @ self.weights)

    def between(self) -> float:
        return self.weights @ self.other

    def within_without_each(self) -> np.ndarray:
        """`within`, had each row in turn been left out."""
        w = self.weights
        return (w @ self.own - 2 * w * self.own) / ((1 - w) ** 2 - (w @ w - w**2))

    def between_without_each(self) -> np.ndarray:
        w = self.weights
        return (w @ self.other - w * self.other) / (1 - w)


def _sides(real, fake, weights) -> tuple[_Side, _Side]:
    real, fake = _checked(real, fake)
    of_real = np.full(len(real), 1 / len(real))
    of_fake = np.full(len(fake), 1 / len(fake)) if weights is None else weights
    rows, columns = np.zeros(len(real)), np.zeros(len(fake))
    for part, kernel in _kernel(real, fake):
        rows[part] = kernel @ of_fake
        columns += of_real[part] @ kernel
    return (
        _Side(of_real, _own(real, of_real), rows),
        _Side(of_fake, _own(fake, of_fake), columns),
    )


def _own(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    rows = np.concatenate([kernel @ weights for _, kernel in _kernel(features, features)])
    return rows - weights * ((features**2).sum(1) / features.shape[1] + 1) ** 3


def _kernel(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(a), BLOCK):
        part = slice(start, min(start + BLOCK, len(a)))
        yield part, (a[part] @ b.T / a.shape[1] + 1) ** 3


def _checked(real, fake) -> tuple[np.ndarray, np.ndarray]:
    real, fake = np.asarray(real, "float64"), np.asarray(fake, "float64")
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise UserError(
            f"features of shape {real.shape} and {fake.shape} cannot be compared: expected (N, D) "
            "and (M, D)"
        )
    if min(len(real), len(fake)) < 2:
        raise UserError(
            f"found {len(real)} real and {len(fake)} synthetic images: a distance needs two of each"
        )
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        raise UserError("some features are not finite numbers: look at the images and the weights")
    return real, fake
