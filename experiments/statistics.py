"""Intervals, p-values and verdicts for paired deltas: pure functions on arrays.

A study compares an arm with its reference by networks trained with different seeds, all tested on
the same images. That is the design of a multi-reader multi-case study, with trained networks as
readers and test images as cases, and it is analysed as one: Obuchowski & Rockette, Commun Stat
Simul 1995; Hillis, Stat Med 2007. The generator's seed is a second factor of the same kind.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

MIN_DEFINED_FRACTION = 0.95
ROUNDING_VARIANCE = 1e-20  # at most this: rounding errors alone
POWER = 0.8


class Components(NamedTuple):
    """Variance components of the delta of one run (one generator with one classifier seed).

    Attributes:
        generators: Variance between generators, trained with different seeds.
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
            generators: Number of generators of the study.
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


class Estimate(NamedTuple):
    """A mean delta with its standard error.

    Attributes:
        delta: Mean delta of all runs.
        standard_error: NaN where it cannot be estimated.
        df: Degrees of freedom of the standard error.
        components: Variance components that the standard error is made of.
    """

    delta: float
    standard_error: float
    df: float
    components: Components

    def interval(self, confidence: float) -> tuple[float, float]:
        """Student's t interval of the mean delta.

        Args:
            confidence: Confidence level, between 0 and 1.

        Returns:
            Lower and upper bound; NaN where the standard error is.
        """
        half = stats.t.ppf((1 + confidence) / 2, self.df) * self.standard_error
        return float(self.delta - half), float(self.delta + half)

    def p_value(self) -> float:
        """Two-sided p-value of no difference.

        Returns:
            The p-value; NaN where the standard error is.
        """
        return float(2 * stats.t.sf(abs(self.delta) / self.standard_error, self.df))

    def minimum_detectable_effect(self, confidence: float, power: float = POWER) -> float:
        """The true delta that a study with this standard error detects.

        Args:
            confidence: Confidence level of the interval that must exclude zero.
            power: Probability of detection.

        Returns:
            The absolute delta, by the usual sum of two quantiles of Student's t distribution.
        """
        significance, detection = stats.t.ppf([(1 + confidence) / 2, power], self.df)
        return float((significance + detection) * self.standard_error)


def estimate(deltas: np.ndarray, replicates: np.ndarray, groups: float = np.inf) -> Estimate:
    """Estimate the mean of paired deltas and its standard error.

    Replicates in which a metric is undefined are left out. With a single generator the variance
    between generators is not part of the standard error.

    Args:
        deltas: Arm minus reference, (G, S) for G generators and S classifier seeds.
        replicates: The same deltas on B bootstrap samples of the test groups, (B, G, S).
        groups: Number of test groups in the class with fewer groups, which limits a comparison.

    Returns:
        The estimate. Its standard error, degrees of freedom and components are NaN with a single
        seed, where more than 5 % of the replicates are undefined, where there is a single group,
        and where nothing varies: then the test images are too few, or perfectly separated.

    Example:
        >>> deltas = np.array([[0.01, 0.02, 0.03]])
        >>> result = estimate(deltas, np.repeat(deltas[None], 9, axis=0))
        >>> round(result.delta, 3), round(result.standard_error, 5), result.df
        (0.02, 0.00577, 2.0)
    """
    deltas, replicates = np.asarray(deltas, float), np.asarray(replicates, float)
    defined = np.isfinite(replicates).all(axis=(1, 2))
    unknown = Estimate(float(deltas.mean()), float("nan"), float("nan"), UNKNOWN)
    if not np.isfinite(deltas).all() or defined.mean() < MIN_DEFINED_FRACTION or groups < 2:
        return unknown
    generators, seeds = deltas.shape
    if seeds < 2:
        return unknown
    of_generators, of_seeds, of_residual = _mean_squares(deltas)
    components = Components(
        max(of_generators - of_residual, 0.0) / seeds,
        max(of_seeds - of_residual, 0.0) / generators,
        of_residual,
        max(between_run_covariance(replicates[defined]), 0.0) / (1 - 1 / groups),
    )
    if sum(components) < ROUNDING_VARIANCE:
        return unknown
    return _from_components(float(deltas.mean()), components, generators, seeds, groups)


def expected_estimate(
    components: Components, generators: int, seeds: int, groups: float = np.inf
) -> Estimate:
    """The estimate to expect of a planned study, given the variance components of a pilot.

    With a single generator (or seed) the variance between generators (or seeds) is left out, and
    that of the other factor is part of the residual.

    Args:
        components: Variance components, taken as true.
        generators: Number of generators of the planned study.
        seeds: Number of classifier seeds of the planned study.
        groups: Number of its test groups in the class with fewer groups.

    Returns:
        An estimate with a delta of 0.
    """
    if min(generators, seeds) == 1:
        varying = components.generators * (generators > 1) + components.seeds * (seeds > 1)
        components = Components(0.0, 0.0, varying + components.residual, components.groups)
    return _from_components(0.0, components, generators, seeds, groups)


def _from_components(
    delta: float, components: Components, generators: int, seeds: int, groups: float
) -> Estimate:
    """The estimate with the standard error, and its degrees of freedom, of these components.

    Cochran and Cox (Experimental Designs, 1957) average Student's quantiles, weighted by each
    component's fraction of the variance. Quantiles are nearly linear in 1 / df, so that 1 / df is
    averaged here. (Satterthwaite's degrees of freedom are larger and give anti-conservative
    intervals where there are few runs.)
    """
    parts = components.variance_contributions(generators, seeds)
    between = max(generators - 1, 1), max(seeds - 1, 1)
    variance, dfs = sum(parts), (*between, between[0] * between[1], groups - 1)
    inverse = sum(part / df for part, df in zip(parts, dfs, strict=True) if part)
    df = variance / inverse if inverse else float("inf")
    return Estimate(delta, float(np.sqrt(variance)), df, components)


def _mean_squares(deltas: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of generators, seeds and residual; all equal where a factor has one level."""
    generators, seeds = deltas.shape
    mean, rows, columns = deltas.mean(), deltas.mean(axis=1), deltas.mean(axis=0)
    if min(generators, seeds) == 1:
        total = float(deltas.var(ddof=1)) if deltas.size > 1 else 0.0
        return total, total, total
    residuals = deltas - rows[:, None] - columns[None] + mean
    return (
        seeds * float(rows.var(ddof=1)),
        generators * float(columns.var(ddof=1)),
        float((residuals**2).sum()) / ((generators - 1) * (seeds - 1)),
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


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust the p-values of a family by Holm's step-down method (Scand J Stat 1979).

    Args:
        p_values: P-values, (K,); NaN counts as 1.

    Returns:
        Adjusted p-values, (K,).

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def holm_confidences(p_values: np.ndarray, confidence: float) -> np.ndarray:
    """Confidence levels whose intervals exclude zero if and only if Holm's method rejects.

    The first hypothesis that is not rejected sets the level of all that follow it.

    Args:
        p_values: P-values of the family, (K,); NaN counts as 1.
        confidence: Confidence level of the family.

    Returns:
        The confidence level of each interval, (K,).
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    alpha, order, confidences = 1 - confidence, np.argsort(p, kind="stable"), np.empty(len(p))
    level = 0.0
    for step, index in enumerate(order):
        if not step or p[order[step - 1]] <= level:
            level = alpha / (len(p) - step)
        confidences[index] = 1 - level
    return confidences


def verdict(low: float, high: float, margin: float) -> str:
    """Classify a difference by its interval, never by its point estimate.

    An interval within the margin is `equivalent` even if it excludes zero: both one-sided tests
    reject (Schuirmann, J Pharmacokinet Biopharm 1987).

    Args:
        low: Lower bound of the delta of a metric of which higher is better; NaN if undefined.
        high: Upper bound.
        margin: Equivalence margin, the largest difference that does not matter.

    Returns:
        "helps", "hurts", "equivalent" or "inconclusive".

    Example:
        >>> verdict(-0.01, 0.015, 0.02), verdict(-0.01, 0.05, 0.02)
        ('equivalent', 'inconclusive')
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
