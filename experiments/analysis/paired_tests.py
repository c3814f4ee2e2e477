"""Comparisons of pairs of trained networks: significance tests and effect sizes, on arrays."""

from collections.abc import Callable

import numpy as np
from scipy import stats


def cohens_d(deltas: np.ndarray) -> float:
    """Cohen's d of paired differences: their mean in standard deviations between runs.

    Args:
        deltas: Paired differences, any shape.

    Returns:
        The effect size; NaN where the deltas do not vary.

    Example:
        >>> cohens_d(np.array([1.0, 2.0, 3.0]))
        2.0
    """
    spread = np.std(deltas, ddof=1) if np.size(deltas) > 1 else 0.0
    return float(np.mean(deltas) / spread) if spread else float("nan")


def probability_of_improvement(arm: np.ndarray, reference: np.ndarray) -> float:
    """Probability that a run of the arm scores higher than one of the reference.

    The mean over all pairs of runs, in which ties count half (Agarwal et al., NeurIPS 2021).

    Args:
        arm: Scores of the arm's runs, any shape; higher is better.
        reference: Scores of the reference's runs, any shape.

    Returns:
        From 0 to 1; NaN where a score is undefined.

    Example:
        >>> probability_of_improvement(np.array([0.8, 0.9]), np.array([0.7, 0.8]))
        0.875
    """
    difference = np.subtract.outer(np.ravel(arm), np.ravel(reference))
    if not np.isfinite(difference).all():
        return float("nan")
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def mcnemar(first_correct: np.ndarray, second_correct: np.ndarray) -> float:
    """McNemar's exact test that two classifiers are correct equally often on the same images.

    Args:
        first_correct: Whether the first classifies each image correctly, bool, (N,).
        second_correct: The same of the second.

    Returns:
        Two-sided p-value; 1 where both are correct on the same images.
    """
    pairs = (first_correct, second_correct), (second_correct, first_correct)
    discordant = [int(np.sum(a & ~b)) for a, b in pairs]
    if not sum(discordant):
        return 1.0
    return float(stats.binomtest(discordant[0], sum(discordant)).pvalue)


def delong_p_value(areas: np.ndarray, covariance: np.ndarray) -> float:
    """DeLong's test that the areas under two ROC curves of the same images are equal.

    Args:
        areas: Both areas, (2,), as `classifiers.evaluation.intervals.delong` returns them.
        covariance: Their covariance matrix, (2, 2), from the same function.

    Returns:
        Two-sided p-value; without variance 1 for equal areas and 0 for others; NaN where an area
        or the covariance is undefined.
    """
    difference = areas[0] - areas[1]
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if not np.isfinite([difference, variance]).all():
        return float("nan")
    if difference == 0:
        return 1.0
    return float(2 * stats.norm.sf(abs(difference) / np.sqrt(variance))) if variance > 0 else 0.0


def permutation_p_value(
    score: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray,
    rng: np.random.Generator,
    permutations: int = 999,
) -> float:
    """Permutation test that two arms predict alike, swapping their predictions of whole groups.

    The images of a group are swapped together, in all pairs of runs. The result holds for these
    runs: it says nothing about other seeds.

    Args:
        score: Takes predictions (K, N), returns a score for each run, (K,).
        first: Predictions of the first arm, K runs of N images, (K, N).
        second: Predictions of the second arm, paired with those of the first, (K, N).
        groups: Group of each image, (N,).
        rng: Draws the permutations.
        permutations: Number of random permutations.

    Returns:
        Two-sided p-value of the mean difference in score, at least 1 / (permutations + 1).
    """
    names, members = np.unique(groups, return_inverse=True)

    def difference(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean(score(a) - score(b)))

    observed, as_extreme = abs(difference(first, second)), 1
    for _ in range(permutations):
        swapped = rng.integers(0, 2, len(names), dtype=bool)[members]
        permuted = np.where(swapped, second, first), np.where(swapped, first, second)
        as_extreme += abs(difference(*permuted)) >= observed - 1e-12
    return as_extreme / (permutations + 1)
