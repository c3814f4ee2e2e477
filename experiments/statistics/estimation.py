"""The estimate of a study's effect: mean delta, interval, p-value and probabilities."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from experiments.statistics.components import (
    UNKNOWN,
    Components,
    MeanSquares,
    between_run_covariance,
    mean_squares,
)
from experiments.statistics.error_distribution import (
    Design,
    ErrorDistribution,
    error_distribution,
)

MIN_DEFINED_FRACTION = 0.95
ROUNDING_VARIANCE = 1e-20  # at most this: rounding errors alone
POWER = 0.8
LEVEL = 0.975  # the quantile at which the effective degrees of freedom are read
METHOD = (
    "Obuchowski-Rockette model with generators nested in folds and crossed classifier seeds; "
    "Behrens-Fisher intervals; prior for the standard deviation between generators: half-t with "
    "1/L degrees of freedom and a scale of that between trainings / sqrt(L), L = folds x "
    "(generators - 1)"
)


class Estimate(NamedTuple):
    """A mean delta with the distribution of its error.

    Attributes:
        delta: Mean delta of all runs.
        standard_error: Square root of the sum of what the components contribute; NaN where it
            cannot be estimated.
        df: Effective degrees of freedom: Student's t with these and the standard error has the same
            95 % interval.
        components: Variance components that the standard error is made of.
        error: Distribution that intervals and probabilities are read from; None for Student's t.
    """

    delta: float
    standard_error: float
    df: float
    components: Components
    error: ErrorDistribution | None = None

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
        if self.error is not None:
            return self.error.quantile(probability)
        return float(special.stdtrit(self.df, probability) * self.standard_error)

    def _beyond(self, error: float) -> float:
        """Probability of an error of the mean delta above this one."""
        if self.error is not None:
            return self.error.beyond(error)
        return float(special.stdtr(self.df, -error / self.standard_error))


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
        >>> round(result.delta, 3), round(result.standard_error, 5), round(result.df, 2)
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

    Generators are nested in folds, classifier seeds crossed with both. The mean delta has three
    errors: Student's of the seeds, Student's of the test groups (together a Behrens-Fisher
    distribution, which is conservative), and that of the generators, whose standard deviation has
    a posterior given their mean square and a half-t prior (see `METHOD`). With few generators the
    prior keeps intervals from being absurdly wide or narrow; with ten degrees of freedom it
    changes little. An estimate does not depend on the other arms of its family. With two
    generators that differ more than twice as much as trainings do, intervals are too narrow.

    Replicates in which a metric is undefined are left out. With a single generator a fold the
    variance between generators is not part of the standard error; it is, together with all else
    that differs between folds, where folds are passed as the generators of one fold.

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
    squares = mean_squares(deltas)
    covariance = between_run_covariance(replicates[defined].mean(axis=1))
    variance = max(covariance, 0.0) / (1 - 1 / groups)
    if max(squares) + variance < ROUNDING_VARIANCE:
        return unknown
    design = Design(folds, generators, seeds, groups)
    return _from_mean_squares(unknown.delta, squares, variance, design)


def expected_estimate(
    components: Components, generators: int, seeds: int, groups: float = np.inf, folds: int = 1
) -> Estimate:
    """The estimate to expect of a planned study, given the variance components of a pilot.

    With a single generator a fold the variance between generators is left out, and that between
    seeds is part of the residual.

    Args:
        components: Variance components, taken as true.
        generators: Number of generators of each fold of the planned study.
        seeds: Number of its classifier seeds, at least 2.
        groups: Number of its test groups in the class with fewer groups.
        folds: Number of its folds, 1 without cross-validation.

    Returns:
        An estimate with a delta of 0.
    """
    of_seeds = components.residual + folds * generators * components.seeds
    squares = MeanSquares(
        components.residual + seeds * components.generators, of_seeds, components.residual
    )
    if generators == 1:
        squares = MeanSquares(of_seeds, of_seeds, of_seeds)
    design = Design(folds, generators, seeds, groups)
    return _from_mean_squares(0.0, squares, components.groups, design)


def _from_mean_squares(
    delta: float, squares: MeanSquares, groups: float, design: Design
) -> Estimate:
    """The estimate with these mean squares and this variance due to the sample of test groups."""
    error, of_generators = error_distribution(squares, groups, design)
    generators = design.folds * design.generators
    of_seeds = max(squares.seeds - squares.residual, 0.0) / generators
    components = Components(of_generators, of_seeds, squares.residual, groups)
    standard_error = sum(components.variance_contributions(generators, design.seeds)) ** 0.5
    df = _effective_df(error.quantile(LEVEL) / standard_error)
    return Estimate(delta, standard_error, df, components, error)


def _effective_df(quantile: float) -> float:
    """Degrees of freedom with which Student's t has this 97.5 % quantile."""
    if quantile <= special.ndtri(LEVEL) * (1 + 1e-6):
        return float("inf")
    found = optimize.brentq(lambda x: special.stdtrit(np.exp(x), LEVEL) - quantile, -4, 16)
    return float(np.exp(found))
