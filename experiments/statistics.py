"""From predictions to paired deltas, intervals and a verdict: pure functions on arrays.

A score is a function from (B, N) bootstrap weights to B values, as `classifiers.metrics` gives.
"""

import numpy as np


def seed_weights(seeds: int, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights of seeds drawn with replacement, each row summing to 1: float (B, S)."""
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates) / seeds


def crossed_interval(
    deltas: np.ndarray, weights: np.ndarray, confidence: float
) -> tuple[float, float]:
    """Percentile interval of a delta whose test groups and seeds are both resampled.

    `deltas` (B, S) holds for each replicate of the test groups the delta of each seed, and
    `weights` (B, S) the seeds' weights. Replicates in which a metric is undefined are left out;
    when more than one in twenty is, the interval is undefined too (NaN, NaN).
    """
    means = (deltas * weights).sum(axis=1)
    defined = means[np.isfinite(means)]
    if len(defined) < 0.95 * len(means):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def simultaneous_confidence(confidence: float, comparisons: int) -> float:
    """Each interval's confidence so that all of them hold together (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, comparisons)


def verdict(low: float, high: float, margin: float) -> str:
    """`helps`, `hurts`, `equivalent` or `inconclusive`, from an interval and never from a point.

    `low` and `high` bound the delta of a metric of which more is better; `margin` is the largest
    difference that does not matter. An interval that excludes zero and lies within the margin is
    `equivalent`: too small to matter.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return "inconclusive"
    if -margin < low and high < margin:
        return "equivalent"
    if low > 0:
        return "helps"
    if high < 0:
        return "hurts"
    return "inconclusive"
