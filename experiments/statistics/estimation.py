"""The estimate of a study's effect: mean delta, interval, p-value and probabilities."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.statistics.components import (
    UNKNOWN,
    Components,
    MeanSquares,
    between_run_covariance,
    mean_squares,
)

MIN_DEFINED_FRACTION = 0.95
ROUNDING_VARIANCE = 1e-20  # at most this: rounding errors alone
POWER = 0.8
METHOD = (
    "analysis of variance of generators (nested in folds) and classifier seeds, bootstrap of test "
    "groups, Student's t"
)


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
        """Interval of the mean delta.

        Args:
            confidence: Confidence level, between 0 and 1.

        Returns:
            Lower and upper bound; NaN where the standard error is.
        """
        half = self._quantile((1 + confidence) / 2)
        return float(self.delta - half), float(self.delta + half)

    def p_value(self) -> float:
        """Two-sided p-value of no difference.

        Returns:
            The p-value; NaN where the standard error is.
        """
        return 2 * self._beyond(abs(self.delta))

    def probability_above(self, value: float) -> float:
        """Probability that the true delta is above a value.

        Args:
            value: The value; 0 for the probability that an improvement is real.

        Returns:
            The probability, from the distribution whose quantiles are the interval; NaN where the
            standard error is.
        """
        return self._beyond(value - self.delta)

    def probabilities(self, margin: float) -> tuple[float, float, float]:
        """Probabilities that the true delta hurts, does not matter, and helps.

        Args:
            margin: Equivalence margin.

        Returns:
            Probabilities of a true delta below -margin, within the margin, and above it, which sum
            to 1; NaN where the standard error is.
        """
        hurts, helps = self._beyond(margin + self.delta), self._beyond(margin - self.delta)
        return hurts, 1 - hurts - helps, helps

    def minimum_detectable_effect(self, confidence: float, power: float = POWER) -> float:
        """The true delta that a study with this standard error detects.

        Args:
            confidence: Confidence level of the interval that must exclude zero.
            power: Probability of detection.

        Returns:
            The absolute delta, by the usual sum of two quantiles.
        """
        return self._quantile((1 + confidence) / 2) + self._quantile(power)

    def _quantile(self, probability: float) -> float:
        """Quantile of the error of the mean delta."""
        return float(stats.t.ppf(probability, self.df) * self.standard_error)

    def _beyond(self, error: float) -> float:
        """Probability of an error of the mean delta above this one."""
        return float(stats.t.sf(error / self.standard_error, self.df))


def estimate(deltas: np.ndarray, replicates: np.ndarray, groups: float = np.inf) -> Estimate:
    """Estimate the mean of paired deltas and its standard error: a family of one arm.

    Args:
        deltas: Arm minus reference, (K, G, S) for K folds, G generators of each and S classifier
            seeds; (G, S) without folds.
        replicates: The same deltas on B bootstrap samples of the test groups, (B, K, G, S) or
            (B, G, S).
        groups: Number of test groups in the class with fewer groups, which limits a comparison.

    Returns:
        The estimate (see `estimate_family`).

    Example:
        >>> deltas = np.array([[0.01, 0.02, 0.03]])
        >>> result = estimate(deltas, np.repeat(deltas[None], 9, axis=0))
        >>> round(result.delta, 3), round(result.standard_error, 5), result.df
        (0.02, 0.00577, 2.0)
    """
    deltas, replicates = np.asarray(deltas, float), np.asarray(replicates, float)
    if deltas.ndim == 2:
        deltas, replicates = deltas[None], replicates[:, None]
    return estimate_family(deltas[None], replicates[:, None], groups)[0]


def estimate_family(
    deltas: np.ndarray, replicates: np.ndarray, groups: float = np.inf
) -> list[Estimate]:
    """Estimate the mean deltas of arms that share generators, seeds and test images.

    Generators are nested in folds, classifier seeds crossed with both. Replicates in which a metric
    is undefined are left out. With a single generator a fold the variance between generators is
    not part of the standard error.

    Args:
        deltas: Arm minus reference, (A, K, G, S) for A arms, K folds (1 without cross-validation),
            G generators of each fold and S classifier seeds, scaled such that the effect is the
            plain mean over K, G and S.
        replicates: The same deltas on B bootstrap samples of the test groups, (B, A, K, G, S).
        groups: Number of test groups in the class with fewer groups, which limits a comparison.

    Returns:
        One estimate for each arm. Its standard error, degrees of freedom and components are NaN
        with a single seed, where more than 5 % of the replicates are undefined, where there is a
        single group, and where nothing varies: then the test images are too few, or perfectly
        separated.
    """
    deltas, replicates = np.asarray(deltas, float), np.asarray(replicates, float)
    return [_estimate(arm, replicates[:, a], groups) for a, arm in enumerate(deltas)]


def _estimate(deltas: np.ndarray, replicates: np.ndarray, groups: float) -> Estimate:
    """The estimate of one arm, (K, G, S), with replicates (B, K, G, S)."""
    defined = np.isfinite(replicates).all(axis=(1, 2, 3))
    unknown = Estimate(float(deltas.mean()), float("nan"), float("nan"), UNKNOWN)
    if not np.isfinite(deltas).all() or defined.mean() < MIN_DEFINED_FRACTION or groups < 2:
        return unknown
    folds, generators, seeds = deltas.shape
    if seeds < 2:
        return unknown
    covariance = between_run_covariance(replicates[defined].mean(axis=1))
    components = _components(
        mean_squares(deltas), max(covariance, 0.0) / (1 - 1 / groups), folds * generators, seeds
    )
    if sum(components) < ROUNDING_VARIANCE:
        return unknown
    return _from_components(unknown.delta, components, folds, generators, seeds, groups)


def _components(squares: MeanSquares, groups: float, generators: int, seeds: int) -> Components:
    """Components that these mean squares are expected of; never negative."""
    return Components(
        max(squares.generators - squares.residual, 0.0) / seeds,
        max(squares.seeds - squares.residual, 0.0) / generators,
        squares.residual,
        groups,
    )


def expected_estimate(
    components: Components, generators: int, seeds: int, groups: float = np.inf, folds: int = 1
) -> Estimate:
    """The estimate to expect of a planned study, given the variance components of a pilot.

    With a single generator a fold (or a single seed) the variance between generators (or seeds) is
    left out, and that of the other factor is part of the residual.

    Args:
        components: Variance components, taken as true.
        generators: Number of generators of each fold of the planned study.
        seeds: Number of classifier seeds of the planned study.
        groups: Number of its test groups in the class with fewer groups.
        folds: Number of its folds, 1 without cross-validation.

    Returns:
        An estimate with a delta of 0.
    """
    if min(generators, seeds) == 1:
        varying = components.generators * (generators > 1) + components.seeds * (seeds > 1)
        components = Components(0.0, 0.0, varying + components.residual, components.groups)
    return _from_components(0.0, components, folds, generators, seeds, groups)


def _from_components(
    delta: float, components: Components, folds: int, generators: int, seeds: int, groups: float
) -> Estimate:
    """The estimate with the standard error, and its degrees of freedom, of these components.

    Cochran and Cox (Experimental Designs, 1957) average Student's quantiles, weighted by each
    component's fraction of the variance. Quantiles are nearly linear in 1 / df, so that 1 / df is
    averaged here. (Satterthwaite's degrees of freedom are larger and give anti-conservative
    intervals where there are few runs.)
    """
    parts = components.variance_contributions(folds * generators, seeds)
    between = max(folds * (generators - 1), 1), max(seeds - 1, 1)
    variance, dfs = sum(parts), (*between, between[0] * between[1], groups - 1)
    inverse = sum(part / df for part, df in zip(parts, dfs, strict=True) if part)
    df = variance / inverse if inverse else float("inf")
    return Estimate(delta, float(np.sqrt(variance)), df, components)
