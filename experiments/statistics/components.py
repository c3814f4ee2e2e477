"""Variance components of paired deltas, by the analysis of variance and by the bootstrap."""

from typing import NamedTuple

import numpy as np


class Components(NamedTuple):
    """Variance components of the delta of one run (one generator with one classifier seed).

    Attributes:
        generators: Variance between generators of a fold, trained with different seeds.
        seeds: Variance between seeds of the classifier.
        residual: Interaction of seed and generator, and noise; with a single generator or seed, all
            variance between runs.
        groups: Variance due to the sample of test groups, which all runs have in common.
    """

    generators: float
    seeds: float
    residual: float
    groups: float

    def variance_contributions(
        self, generators: int, seeds: int
    ) -> tuple[float, float, float, float]:
        """What each component adds to the variance of the mean delta of a study.

        Args:
            generators: Number of generators of the study, those of all folds together.
            seeds: Number of classifier seeds of the study.

        Returns:
            One variance for each component, in their order.

        Example:
            >>> Components(0.4, 0.3, 0.6, 0.1).variance_contributions(4, 2)
            (0.1, 0.15, 0.075, 0.1)
        """
        runs = generators * seeds
        return self.generators / generators, self.seeds / seeds, self.residual / runs, self.groups


UNKNOWN = Components(*[float("nan")] * 4)


class MeanSquares(NamedTuple):
    """Mean squares of generators nested in folds and of classifier seeds crossed with both.

    Attributes:
        generators: Of the generators within their folds, K (G - 1) degrees of freedom.
        seeds: Of the seeds, in the mean over folds and generators, S - 1 degrees of freedom.
        residual: Of generator and seed within folds, K (G - 1) (S - 1) degrees of freedom.
    """

    generators: float
    seeds: float
    residual: float


def mean_squares(deltas: np.ndarray) -> MeanSquares:
    """Mean squares of the deltas of an arm.

    Args:
        deltas: Arm minus reference, (K, G, S) for K folds, G generators of each, S > 1 seeds.

    Returns:
        The mean squares; all equal to that of the seeds where a fold has a single generator.

    Example:
        >>> [round(square, 9) for square in mean_squares(np.array([[[0.0, 2.0], [4.0, 6.0]]]))]
        [16.0, 4.0, 0.0]
    """
    folds, generators, seeds = deltas.shape
    of_seeds = folds * generators * float(deltas.mean(axis=(0, 1)).var(ddof=1))
    if generators == 1:
        return MeanSquares(of_seeds, of_seeds, of_seeds)
    centered = deltas - deltas.mean(axis=1, keepdims=True)
    means = centered.mean(axis=2, keepdims=True)
    df = folds * (generators - 1)
    return MeanSquares(
        seeds * float((means**2).sum()) / df,
        of_seeds,
        float(((centered - means) ** 2).sum()) / (df * (seeds - 1)),
    )


def between_run_covariance(replicates: np.ndarray) -> float:
    """Mean covariance of two runs with neither generator nor classifier seed in common.

    This is the covariance of Obuchowski & Rockette's model for different readers.

    Args:
        replicates: Deltas on B bootstrap samples of the test groups, (B, G, S).

    Returns:
        The covariance over replicates, which may be negative; the variance of a single run.
    """

    def total_variance(sums: np.ndarray) -> float:
        return float(np.var(sums.reshape(len(sums), -1), axis=0, ddof=1).sum())

    _, generators, seeds = replicates.shape
    of_sum, of_runs = total_variance(replicates.sum(axis=(1, 2))), total_variance(replicates)
    if generators * seeds == 1:
        return of_runs
    if min(generators, seeds) == 1:
        return (of_sum - of_runs) / (replicates[0].size * (replicates[0].size - 1))
    same = total_variance(replicates.sum(axis=1)) + total_variance(replicates.sum(axis=2))
    pairs = replicates[0].size * (generators - 1) * (seeds - 1)
    return (of_sum - same + of_runs) / pairs
