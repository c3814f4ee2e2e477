"""Distances between two sets of features: kernel distance (KD) and Frechet distance (FD)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ufgen.errors import UserError

BLOCK = 512
NORMAL_95 = 1.959964


def kernel_distance(real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Compute the kernel distance: squared maximum mean discrepancy, kernel (x.y / D + 1)^3.

    Unbiased, also for few images: its mean is 0 for two samples of one distribution, so that it
    may fall a little below 0. Where the numbers of images of each class are fixed, the
    expectation is lowered by the between-class variance divided by N and by M. Binkowski et al.,
    Demystifying MMD GANs, ICLR 2018.

    Args:
        real: Features of real images, (N, D), any float.
        fake: Features of synthetic images, (M, D).
        weights: Weights of the synthetic images, (M,), which sum to 1: those of `class_weights`
            make classes count as they do among the real images. By default all are equal.

    Returns:
        The distance: around 0, possibly negative, for equal distributions.

    Raises:
        UserError: Fewer than 2 rows, different D, or features that are not finite.

    Example:
        >>> real = np.random.default_rng(0).normal(size=(200, 4))
        >>> kernel_distance(real[:100], real[100:]) < 0.1 < kernel_distance(real, real + 1)
        True
    """
    of_real, of_fake = _samples(real, fake, weights)
    return float(of_real.within() + of_fake.within() - 2 * of_real.between())


def kernel_distance_interval(
    real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Compute the kernel distance and its 95 % confidence interval.

    The interval is normal, with the jackknife's variance over both sets of images (Arvesen, 1969):
    how far KD would move with other images from the same two distributions.

    Args:
        real: Features of real images, (N, D), any float.
        fake: Features of synthetic images, (M, D).
        weights: Weights of the synthetic images, (M,), as in `kernel_distance`.

    Returns:
        The distance, and the lower and upper end of its interval, which are nan where either set
        has fewer than 3 images.

    Raises:
        UserError: See `kernel_distance`.
    """
    samples = _samples(real, fake, weights)
    value = float(samples[0].within() + samples[1].within() - 2 * samples[0].between())
    if min(len(sample.weights) for sample in samples) < 3:
        return value, np.nan, np.nan
    leave_one_out = [
        sample.jackknife_within() - 2 * sample.jackknife_between() for sample in samples
    ]
    variance = sum((len(values) - 1) * values.var() for values in leave_one_out)
    half_width = NORMAL_95 * np.sqrt(variance)
    return value, value - half_width, value + half_width


def class_weights(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Compute weights that give each class the proportion that it has among the real images.

    Args:
        real: Labels of the real images, (N,).
        fake: Labels of the synthetic images, (M,), of the same classes.

    Returns:
        Weights of the synthetic images, (M,), which sum to 1.

    Example:
        >>> class_weights(np.array(["a", "b"]), np.array(["a", "a", "b"])).tolist()
        [0.25, 0.25, 0.5]
    """
    labels, index, counts = np.unique(fake, return_inverse=True, return_counts=True)
    proportions = np.array([np.mean(real == label) for label in labels])
    return (proportions / counts)[index]


def frechet_distance(
    real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Compute the Frechet distance |difference of means|^2 + trace(A + B - 2 (A B)^(1/2)).

    A and B are the covariances. Biased upward for few images, far more so below D of them. Heusel
    et al., NeurIPS 2017. The trace of the root is that of the eigenvalues of the symmetric
    A^(1/2) B A^(1/2), which exist for singular covariances too.

    Args:
        real: Features of real images, (N, D), any float.
        fake: Features of synthetic images, (M, D).
        weights: Weights of the synthetic images, (M,), as in `kernel_distance`.

    Returns:
        The distance, 0 for equal means and covariances.

    Raises:
        UserError: See `kernel_distance`.
    """
    real, fake = _checked(real, fake)
    difference = real.mean(0) - np.average(fake, 0, weights)
    a = np.atleast_2d(np.cov(real, rowvar=False))
    b = np.atleast_2d(np.cov(fake, rowvar=False, aweights=weights))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ b @ root)
    trace = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    return float(difference @ difference + np.trace(a) + np.trace(b) - 2 * trace)


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Compute squared Euclidean distances of all pairs of rows, in blocks of rows of `a`.

    Args:
        a: Features, (N, D).
        b: Features, (M, D).

    Yields:
        A slice of n rows of `a`, and their distances to all rows of `b`, float64 (n, M).
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    norms = (b * b).sum(1)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, min(start + BLOCK, len(a)))
        squared = (a[rows] ** 2).sum(1)[:, None] + norms - 2 * a[rows] @ b.T
        yield rows, np.maximum(squared, 0)


class _Sample(NamedTuple):
    """Weights of one of the two sets, and weighted sums of its rows' kernel values.

    The weights sum to 1. `own` sums over the other rows of the same set, `other` over all rows of
    the other set.
    """

    weights: np.ndarray
    own: np.ndarray
    other: np.ndarray

    def within(self) -> float:
        """Mean kernel value of two rows of this set."""
        return self.weights @ self.own / (1 - self.weights @ self.weights)

    def between(self) -> float:
        """Mean kernel value of a row of this set and one of the other."""
        return self.weights @ self.other

    def jackknife_within(self) -> np.ndarray:
        """`within` without each row in turn."""
        w = self.weights
        return (w @ self.own - 2 * w * self.own) / ((1 - w) ** 2 - (w @ w - w**2))

    def jackknife_between(self) -> np.ndarray:
        """`between` without each row in turn."""
        w = self.weights
        return (w @ self.other - w * self.other) / (1 - w)


def _samples(
    real: np.ndarray, fake: np.ndarray, weights: np.ndarray | None
) -> tuple[_Sample, _Sample]:
    real, fake = _checked(real, fake)
    of_real = np.full(len(real), 1 / len(real))
    of_fake = np.full(len(fake), 1 / len(fake)) if weights is None else weights
    rows, columns = np.zeros(len(real)), np.zeros(len(fake))
    for part, kernel in _kernel(real, fake):
        rows[part] = kernel @ of_fake
        columns += of_real[part] @ kernel
    return (
        _Sample(of_real, _own(real, of_real), rows),
        _Sample(of_fake, _own(fake, of_fake), columns),
    )


def _own(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    rows = np.concatenate([kernel @ weights for _, kernel in _kernel(features, features)])
    return rows - weights * ((features**2).sum(1) / features.shape[1] + 1) ** 3


def _kernel(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(a), BLOCK):
        rows = slice(start, min(start + BLOCK, len(a)))
        yield rows, (a[rows] @ b.T / a.shape[1] + 1) ** 3


def _checked(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
