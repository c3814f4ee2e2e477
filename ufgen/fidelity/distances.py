"""Distances between two sets of features: kernel distance (KD) and Frechet distance (FD)."""

from collections.abc import Iterator

import numpy as np

from ufgen.errors import UserError

BLOCK = 512
NORMAL_95 = 1.959964


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3.

    Features (N, D) and (M, D), any float. 0 in the mean for two samples of one distribution, also
    for few images; it may come out a little below 0. Binkowski et al., Demystifying MMD GANs,
    ICLR 2018. Raises UserError for fewer than 2 rows, unlike D, or numbers that are not finite.
    """
    return _statistic(*_sums(real, fake))


def kernel_distance_interval(real: np.ndarray, fake: np.ndarray) -> tuple[float, float, float]:
    """KD with its 95 % interval: (value, low, high).

    The interval is normal, with the jackknife's variance over both sets of images (Arvesen, 1969);
    it says how far KD would move with other images of the same two kinds. It is nan below 3 images
    in either set.
    """
    rows_xx, rows_yy, rows_xy, columns_xy = _sums(real, fake)
    value = _statistic(rows_xx, rows_yy, rows_xy, columns_xy)
    n, m = len(rows_xx), len(rows_yy)
    if min(n, m) < 3:
        return value, np.nan, np.nan
    xx, yy, xy = rows_xx.sum(), rows_yy.sum(), rows_xy.sum()
    without_x = (xx - 2 * rows_xx) / ((n - 1) * (n - 2)) - 2 * (xy - rows_xy) / ((n - 1) * m)
    without_y = (yy - 2 * rows_yy) / ((m - 1) * (m - 2)) - 2 * (xy - columns_xy) / (n * (m - 1))
    variance = (n - 1) * without_x.var() + (m - 1) * without_y.var()
    reach = NORMAL_95 * np.sqrt(variance)
    return value, value - reach, value + reach


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """|mean difference|^2 + trace(A + B - 2 (A B)^(1/2)) with the covariances A and B.

    Features (N, D) and (M, D). Biased upward for few images, far more so below D of them. Heusel
    et al., NeurIPS 2017. The root's trace comes from the eigenvalues of the symmetric
    A^(1/2) B A^(1/2), which exist for singular covariances too.
    """
    real, fake = _checked(real, fake)
    difference = real.mean(0) - fake.mean(0)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, fake))
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


def _statistic(rows_xx, rows_yy, rows_xy, _) -> float:
    n, m = len(rows_xx), len(rows_yy)
    within = rows_xx.sum() / (n * (n - 1)) + rows_yy.sum() / (m * (m - 1))
    return float(within - 2 * rows_xy.sum() / (n * m))


def _sums(real, fake) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sums of the kernel by row: within each set (without the diagonal), and between them."""
    real, fake = _checked(real, fake)
    rows_xy, columns_xy = np.zeros(len(real)), np.zeros(len(fake))
    for part, kernel in _kernel(real, fake):
        rows_xy[part] = kernel.sum(1)
        columns_xy += kernel.sum(0)
    within = []
    for features in (real, fake):
        rows = np.concatenate([kernel.sum(1) for _, kernel in _kernel(features, features)])
        diagonal = ((features**2).sum(1) / features.shape[1] + 1) ** 3
        within.append(rows - diagonal)
    return within[0], within[1], rows_xy, columns_xy


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
