"""How far the mean delta of a study may lie from the true one: a mixture of normal distributions.

Its variance is that between generators, between seeds, and of the sample of test groups; each has
a distribution of its own, and all are integrated by the trapezoidal rule on logarithms.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from experiments.statistics.components import MeanSquares

GENERATOR_NODES, COARSE_NODES = 40, 240
BELOW, ABOVE = 1e-4, 1e-9  # posterior probability that the generators' nodes leave out
WIDEST = 1e5  # ratio to the prior's scale


class Design(NamedTuple):
    """How many of each a study has.

    Attributes:
        folds: Folds, 1 without cross-validation.
        generators: Generators of each fold.
        seeds: Classifier seeds.
        groups: Test groups in the class with fewer groups.
    """

    folds: int
    generators: int
    seeds: int
    groups: float

    @property
    def runs(self) -> int:
        """Number of runs."""
        return self.folds * self.generators * self.seeds

    @property
    def generator_df(self) -> int:
        """Degrees of freedom of the generators within their folds."""
        return self.folds * (self.generators - 1)


class ErrorDistribution(NamedTuple):
    """A mixture of normal distributions around zero.

    Attributes:
        weights: Weights, which sum to 1, (P,).
        sds: Standard deviations, (P,).
    """

    weights: np.ndarray
    sds: np.ndarray

    def beyond(self, error: float) -> float:
        """Probability of a larger error.

        Args:
            error: The error, of either sign.

        Returns:
            The probability.

        Example:
            >>> round(ErrorDistribution(np.ones(1), np.ones(1)).beyond(1.96), 3)
            0.025
        """
        return float(self.weights @ special.ndtr(-error / self.sds))

    def quantile(self, probability: float) -> float:
        """Quantile of the error.

        Args:
            probability: Between 0 and 1.

        Returns:
            The error that is exceeded with a probability of 1 - `probability`.

        Example:
            >>> round(ErrorDistribution(np.ones(1), np.ones(1)).quantile(0.025), 2)
            -1.96
        """
        tail = min(probability, 1 - probability)
        if tail == 0.5:
            return 0.0
        least, most = np.log(self.sds.min()), np.log(self.sds.max() + 1e-300)
        unit = -special.ndtri(tail)
        if most - least < 1e-12:
            found = most
        else:
            found = optimize.brentq(
                lambda x: self.beyond(unit * np.exp(x)) - tail, least - 1e-9, most + 1e-9, xtol=1e-9
            )
        return float(np.copysign(unit * np.exp(found), probability - 0.5))


def error_distribution(
    squares: MeanSquares, groups_variance: float, design: Design
) -> tuple[ErrorDistribution, float]:
    """The distribution of the error of a mean delta, given the mean squares of its runs.

    - Seeds, test groups: the estimated variance over a chi-square divided by its degrees of
      freedom, as for Student's t. That of the seeds is never less than the residual's.
    - Generators: the posterior of their standard deviation, given their mean square, with a
      half-t prior (see `METHOD`).

    Args:
        squares: Mean squares of the runs.
        groups_variance: Variance due to the sample of test groups.
        design: The study's size.

    Returns:
        The distribution, and the posterior median of the variance between generators.
    """
    of_seeds = max(squares.seeds, squares.residual) / design.runs
    seeds, seed_weights = _scaled_inverse_chi_square(design.seeds - 1)
    groups, group_weights = _scaled_inverse_chi_square(design.groups - 1)
    sds, weights = generator_posterior(squares, design)
    variances = (
        (sds**2 / (design.folds * design.generators))[:, None, None]
        + (of_seeds * seeds)[:, None]
        + groups_variance * groups
    )
    joint = weights[:, None, None] * seed_weights[:, None] * group_weights
    median = float(np.interp(0.5, np.cumsum(weights) - weights / 2, sds)) ** 2
    return ErrorDistribution(joint.ravel(), np.sqrt(variances.ravel())), median


def generator_posterior(squares: MeanSquares, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Posterior of the standard deviation between generators.

    With L degrees of freedom between generators the prior is a half-t with 1 / L degrees of
    freedom (one: half-Cauchy), whose scale is the standard deviation between trainings (seeds and
    residual) divided by the root of L: the more the generators say themselves, the less it does.

    Args:
        squares: Mean squares of the runs.
        design: The study's size.

    Returns:
        Standard deviations and their weights, (P,): 0 alone with one generator a fold, or where
        neither generators nor trainings differ.
    """
    training = max(squares.seeds - squares.residual, 0.0) / (design.folds * design.generators)
    apparent = np.sqrt(squares.generators / design.seeds)
    count = design.generator_df
    width = max(np.sqrt((training + squares.residual) / max(count, 1)), apparent / WIDEST)
    if not count or not width:
        return np.zeros(1), np.ones(1)

    def log_density(log_sd: np.ndarray) -> np.ndarray:
        variance = np.exp(2 * log_sd)
        expected = squares.residual + design.seeds * variance
        likelihood = -count / 2 * (np.log(expected) + squares.generators / expected)
        prior = -(1 / count + 1) / 2 * np.log1p(count * variance / width**2)
        return likelihood + prior + log_sd

    reach = np.log(WIDEST)
    coarse = np.log(max(width, apparent)) + np.linspace(-reach, reach, COARSE_NODES)
    cumulated = np.cumsum(_normalised(log_density(coarse)))
    first, last = np.searchsorted(cumulated, (BELOW, 1 - ABOVE))
    limits = coarse[max(first - 1, 0)], coarse[min(last, COARSE_NODES - 1)]
    nodes = np.linspace(*limits, GENERATOR_NODES)
    return np.exp(nodes), _normalised(log_density(nodes))


def _normalised(logarithms: np.ndarray) -> np.ndarray:
    weights = np.exp(logarithms - logarithms.max())
    return weights / weights.sum()


@lru_cache(maxsize=64)
def _scaled_inverse_chi_square(df: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of df / chi-square(df)."""
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    chi_square = stats.chi2(df)
    count = 8 if df >= 30 else 16 if df >= 4 else 48
    least, most = np.log([chi_square.ppf(1e-7), chi_square.isf(1e-7)])
    nodes = np.linspace(least, most, count)
    return df / np.exp(nodes), _normalised(chi_square.logpdf(np.exp(nodes)) + nodes)
