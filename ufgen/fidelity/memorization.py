"""Memorization: are synthetic images copies of training images?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ufgen.fidelity.closeness_test import closeness_test
from ufgen.fidelity.nearest_neighbours import nearest_by_correlation, nearest_by_features

MIN_COPY_CORRELATION = 0.9
MAX_DEVIATIONS = 5
MAX_CORRELATION = 1 - 1e-9
NEAR_DUPLICATE = 0.99
CONFIDENCE = 0.95
SIGNIFICANCE_LEVEL = 0.01

Features = tuple[np.ndarray, np.ndarray, np.ndarray | None]
Labels = tuple[np.ndarray, np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class CopyReport:
    """Which synthetic images are copies, and whether they lie closer to training than others do.

    Attributes:
        table: A row for each synthetic image: train_row (the nearest training image), correlation,
            flipped (it is mirrored), copy, and feature_row and feature_distance where features
            were given.
        threshold: An image is a copy if its correlation is above it.
        rate: The proportion of copies.
        low: The lower end of its 95 % confidence interval.
        high: The upper end.
        tests: Rows `pixels` and, where features were given, `features`, with the columns of
            `closeness_test`: a small p says that synthetic images lie closer to the training images
            than those of the baseline do.
        baseline: What the tests compare with, as the end of a sentence: held-out real images, or
            without them the training images themselves.
        duplicates: Near-duplicates among the training images: pairs (row, other) of different
            groups whose correlation is above the threshold or above 0.99.
    """

    table: pd.DataFrame
    threshold: float
    rate: float
    low: float
    high: float
    tests: pd.DataFrame
    baseline: str
    duplicates: pd.DataFrame

    @property
    def rate_above_chance(self) -> bool:
        """Whether the lower end of the 95 % interval of the copy rate exceeds 5 %."""
        return self.low > 1 - CONFIDENCE

    @property
    def copying(self) -> bool:
        """Whether `rate_above_chance` holds, or pixels are significantly closer (p below 0.01)."""
        p = self.tests.loc["pixels", "p"]
        return self.rate_above_chance or bool(p < SIGNIFICANCE_LEVEL)

    def count_text(self) -> str:
        """State how many of the images are copies.

        Returns:
            A clause without a full stop.
        """
        return (
            f"{int(self.table['copy'].sum())} of {len(self.table)} synthetic images are copies "
            f"({self.rate:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"
        )

    def verdict(self) -> str:
        """State whether the generator copies, with counts and p-values.

        Returns:
            One line.
        """
        word = "copying" if self.copying else "no sign of copying"
        p = ", ".join(f"{name} p = {row['p']:.2g}" for name, row in self.tests.iterrows())
        test = f"test for being closer to training images than {self.baseline}"
        return f"{word}: {self.count_text()}; {test}: {p}"


def find_copies(
    synthetic: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray | None = None,
    features: Features | None = None,
    groups: np.ndarray | None = None,
    labels: Labels | None = None,
) -> CopyReport:
    """Compare each synthetic image with every training image.

    For the threshold of a copy see `copy_threshold`, for the test `closeness_test`.

    Args:
        synthetic: Synthetic images, uint8 (N, H, W, C).
        train: Training images of the generator, uint8 (M, H, W, C).
        held_out: Real images that the generator has not seen, uint8 (K, H, W, C). Without them the
            training images stand in, each compared with those of other groups.
        features: Features of the three sets, (N, D), (M, D) and (K, D) or None.
        groups: Groups of the training images, (M,); by default each image is its own.
        labels: Labels of the three sets, within which the tests compare; by default one class.

    Returns:
        The copies, the tests, and near-duplicates among the training images.
    """
    groups = np.arange(len(train)) if groups is None else np.unique(groups, return_inverse=True)[1]
    synthetic_labels, train_labels, held_out_labels = labels or (
        np.zeros(len(synthetic), int),
        np.zeros(len(train), int),
        None if held_out is None else np.zeros(len(held_out), int),
    )
    rows, correlation, flipped = nearest_by_correlation(synthetic, train)
    other_rows, among_train, _ = nearest_by_correlation(train, train, groups)
    comparable = np.isfinite(among_train)
    threshold = copy_threshold(among_train[comparable])
    table = pd.DataFrame({"train_row": rows, "correlation": correlation, "flipped": flipped})
    table["copy"] = table["correlation"] > threshold
    if held_out is None:
        baseline = "these are to each other"
        unseen, unseen_labels = among_train[comparable], train_labels[comparable]
    else:
        assert held_out_labels is not None
        baseline = "unseen real images"
        unseen, unseen_labels = nearest_by_correlation(held_out, train)[1], held_out_labels
    tests = {"pixels": closeness_test(1 - correlation, 1 - unseen, synthetic_labels, unseen_labels)}
    if features is not None:
        of_synthetic, of_train, of_held_out = features
        feature_rows, distance = nearest_by_features(of_synthetic, of_train)
        table["feature_row"], table["feature_distance"] = feature_rows, distance
        if of_held_out is None:
            unseen_distance = nearest_by_features(of_train, of_train, groups)[1][comparable]
        else:
            unseen_distance = nearest_by_features(of_held_out, of_train)[1]
        tests["features"] = closeness_test(
            distance, unseen_distance, synthetic_labels, unseen_labels
        )
    low, high = binomial_interval(int(table["copy"].sum()), len(table))
    return CopyReport(
        table,
        threshold,
        float(table["copy"].mean()),
        low,
        high,
        pd.DataFrame(tests).T,
        baseline,
        _duplicates(other_rows, among_train, threshold),
    )


def copy_threshold(among_train: np.ndarray) -> float:
    """Compute the correlation above which an image is a copy.

    The 99 % quantile of the nearest-neighbour correlations between different groups of training
    images, but at most the median plus 5 standard deviations, both robust and after Fisher's z
    (the median absolute deviation times 1.4826), so that a few near-duplicate training images do
    not raise it; at least 0.9.

    Args:
        among_train: Each training image's largest correlation with one of another group, (N,).

    Returns:
        The threshold, 0.9..1.

    Example:
        >>> copy_threshold(np.array([0.2, 0.3, 0.4]))
        0.9
    """
    if not len(among_train):
        return MIN_COPY_CORRELATION
    z = np.arctanh(np.clip(among_train, -MAX_CORRELATION, MAX_CORRELATION))
    median = np.median(z)
    robust = np.tanh(median + MAX_DEVIATIONS * 1.4826 * np.median(np.abs(z - median)))
    return float(max(MIN_COPY_CORRELATION, min(np.quantile(among_train, 0.99), robust)))


def _duplicates(other_rows: np.ndarray, among_train: np.ndarray, threshold: float) -> pd.DataFrame:
    """Near-duplicate pairs of training images of different groups, the closest first."""
    rows = np.flatnonzero(among_train > min(threshold, NEAR_DUPLICATE))
    ordered = np.sort(np.stack([rows, other_rows[rows]], 1), 1)
    pairs = pd.DataFrame(ordered, columns=["row", "other"])
    pairs["correlation"] = among_train[rows]
    pairs = pairs.sort_values("correlation", ascending=False, kind="stable")
    return pairs.drop_duplicates(["row", "other"], ignore_index=True)


def binomial_interval(count: int, total: int) -> tuple[float, float]:
    """Compute the exact 95 % confidence interval of a proportion (Clopper & Pearson, 1934).

    Args:
        count: Number of successes.
        total: Number of trials, at least 1.

    Returns:
        The lower and the upper end, in 0..1.

    Example:
        >>> [round(end, 3) for end in binomial_interval(5, 10)]
        [0.187, 0.813]
    """
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE, "exact")
    return float(interval.low), float(interval.high)
