"""From paired deltas to intervals, p-values and a verdict: pure functions on arrays.

A study compares an arm with `real` by trainings that differ in their seeds, all tested on the same
images. That is the design of a reader study, with trainings as readers and test images as cases,
and it is analysed as one: Obuchowski & Rockette, Commun Stat Simul 1995; Hillis, Stat Med 2007. The
generator's seed is a second factor of the same kind.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

MIN_DEFINED_FRACTION = 0.95
ROUNDING_VARIANCE = 1e-20  # a variance that is rounding alone
POWER = 0.8


class Components(NamedTuple):
    """Variances of the delta of one training: what they add to that of a mean over trainings.

    `generators` and `seeds` come with another generator or another seed of the classifier,
    `residual` with any other pair of these, `groups` with other test groups, for all trainings
    alike.
    """

    generators: float
    seeds: float
    residual: float
    groups: float

    def variance_contributions(
        self, generators: int, seeds: int
    ) -> tuple[float, float, float, float]:
        """What each adds to the variance of the mean delta over so many of both."""
        each = generators * seeds
        return self.generators / generators, self.seeds / seeds, self.residual / each, self.groups


UNKNOWN = Components(*[float("nan")] * 4)


class Estimate(NamedTuple):
    """A mean delta, its standard error, and the degrees of freedom of that."""

    delta: float
    error: float
    df: float
    components: Components

    def interval(self, confidence: float) -> tuple[float, float]:
        """Student's interval; undefined (NaN) where the error is."""
        half = stats.t.ppf((1 + confidence) / 2, self.df) * self.error
        return float(self.delta - half), float(self.delta + half)

    def p_value(self) -> float:
        """Two-sided, of no difference; undefined (NaN) where the error is."""
        return float(2 * stats.t.sf(abs(self.delta) / self.error, self.df))

    def minimum_detectable_effect(self, confidence: float, power: float = POWER) -> float:
        """The true delta that a study like this one finds with the given `power`."""
        found, sure = stats.t.ppf([(1 + confidence) / 2, power], self.df)
        return float((found + sure) * self.error)


def estimate(deltas: np.ndarray, replicates: np.ndarray, groups: float = np.inf) -> Estimate:
    """The mean of paired `deltas` (G generators, S seeds), and how sure it is.

    `replicates` (B, G, S) are the same deltas for resampled test groups; `groups` is the number of
    those that hold images of the rarer class, which is what limits a comparison. Replicates in
    which a metric is undefined are left out. The error is undefined (NaN) when more than one in
    twenty is, with a single group, and where nothing varies at all: then the test images are too
    easy, or too few, to show any difference. With a single generator, or seed, what another one
    would change is not in the error.
    """
    deltas, replicates = np.asarray(deltas, float), np.asarray(replicates, float)
    defined = np.isfinite(replicates).all(axis=(1, 2))
    unknown = Estimate(float(deltas.mean()), float("nan"), float("nan"), UNKNOWN)
    if not np.isfinite(deltas).all() or defined.mean() < MIN_DEFINED_FRACTION or groups < 2:
        return unknown
    of_generators, of_seeds, of_rest = _mean_squares(deltas)
    components = Components(
        max(of_generators - of_rest, 0.0) / deltas.shape[1],
        max(of_seeds - of_rest, 0.0) / deltas.shape[0],
        of_rest,
        max(between_run_covariance(replicates[defined]), 0.0) / (1 - 1 / groups),
    )
    if sum(components) < ROUNDING_VARIANCE:
        return unknown
    return _expected(float(deltas.mean()), components, *deltas.shape, groups)


def expected_estimate(
    components: Components, generators: int, seeds: int, groups: float = np.inf
) -> Estimate:
    """What to expect of a study with so many trainings, if `components`, of a pilot, are true.

    One with a single generator, or seed, does not see what another one would change.
    """
    if min(generators, seeds) == 1:
        seen = components.generators * (generators > 1) + components.seeds * (seeds > 1)
        components = Components(0.0, 0.0, seen + components.residual, components.groups)
    return _expected(0.0, components, generators, seeds, groups)


def _expected(delta: float, components, generators: int, seeds: int, groups: float) -> Estimate:
    """The estimate with the error, and its degrees of freedom, that `components` make.

    Cochran and Cox (Experimental Designs, 1957) average Student's quantiles by each component's
    share of the variance. Quantiles are nearly linear in 1 / freedom, so that this is averaged
    here. (Satterthwaite's freedom is larger: it errs too often where there are few trainings.)
    """
    parts = components.variance_contributions(generators, seeds)
    between = max(generators - 1, 1), max(seeds - 1, 1)
    variance, dfs = sum(parts), (*between, between[0] * between[1], groups - 1)
    inverse = sum(part / df for part, df in zip(parts, dfs, strict=True) if part)
    df = variance / inverse if inverse else float("inf")
    return Estimate(delta, float(np.sqrt(variance)), df, components)


def _mean_squares(deltas: np.ndarray) -> tuple[float, float, float]:
    """Between generators, between seeds, and of the rest; all the same where one has one level."""
    generators, seeds = deltas.shape
    mean, rows, columns = deltas.mean(), deltas.mean(axis=1), deltas.mean(axis=0)
    if min(generators, seeds) == 1:
        rest = float(deltas.var(ddof=1)) if deltas.size > 1 else 0.0
        return rest, rest, rest
    left = deltas - rows[:, None] - columns[None] + mean
    return (
        seeds * float(rows.var(ddof=1)),
        generators * float(columns.var(ddof=1)),
        float((left**2).sum()) / ((generators - 1) * (seeds - 1)),
    )


def between_run_covariance(replicates: np.ndarray) -> float:
    """The mean covariance, over replicates (B, G, S), of trainings that share no seed."""

    def spread(sums: np.ndarray) -> float:
        return float(np.var(sums.reshape(len(sums), -1), axis=0, ddof=1).sum())

    _, generators, seeds = replicates.shape
    everything, alone = spread(replicates.sum(axis=(1, 2))), spread(replicates)
    if generators * seeds == 1:
        return alone
    if min(generators, seeds) == 1:
        return (everything - alone) / (replicates[0].size * (replicates[0].size - 1))
    same = spread(replicates.sum(axis=1)) + spread(replicates.sum(axis=2))
    pairs = replicates[0].size * (generators - 1) * (seeds - 1)
    return (everything - same + alone) / pairs


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values of a family (Holm, Scand J Stat 1979); undefined ones count as 1."""
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def holm_confidences(p_values: np.ndarray, confidence: float) -> np.ndarray:
    """The confidence of each interval of a family that leaves out 0 just where Holm rejects.

    The first that Holm's steps do not reject sets the confidence of all that follow it.
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    alpha, order, found = 1 - confidence, np.argsort(p, kind="stable"), np.empty(len(p))
    level = 0.0
    for step, index in enumerate(order):
        if not step or p[order[step - 1]] <= level:
            level = alpha / (len(p) - step)
        found[index] = 1 - level
    return found


def verdict(low: float, high: float, margin: float) -> str:
    """`helps`, `hurts`, `equivalent` or `inconclusive`, from an interval and never from a point.

    `low` and `high` bound the delta of a metric of which more is better; `margin` is the largest
    difference that does not matter. An interval within the margin is `equivalent` (both one-sided
    tests of Schuirmann, 1987, reject), even if it leaves out zero: too small to matter.
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


def cohens_d(deltas: np.ndarray) -> float:
    """The mean delta in standard deviations between trainings (Cohen's d of pairs)."""
    spread = np.std(deltas, ddof=1) if np.size(deltas) > 1 else 0.0
    return float(np.mean(deltas) / spread) if spread else float("nan")


def probability_of_improvement(arm: np.ndarray, real: np.ndarray) -> float:
    """That one training of the arm beats one of `real`; ties count half.

    The mean over all pairs of their scores (Agarwal et al., NeurIPS 2021), any shapes.
    """
    difference = np.subtract.outer(np.ravel(arm), np.ravel(real))
    if not np.isfinite(difference).all():
        return float("nan")
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> float:
    """Exact two-sided p-value that two models are right equally often on the same images."""
    only = [
        int(np.sum(a & ~b)) for a, b in ((first_right, second_right), (second_right, first_right))
    ]
    return float(stats.binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0


def delong_p_value(areas: np.ndarray, covariance: np.ndarray) -> float:
    """Two-sided p-value of equal areas under two ROC curves, from `intervals.delong`."""
    difference = areas[0] - areas[1]
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if difference == 0:
        return 1.0
    return float(2 * stats.norm.sf(abs(difference) / np.sqrt(variance))) if variance > 0 else 0.0


def permutation_p_value(
    score, first: np.ndarray, second: np.ndarray, groups: np.ndarray, rng, permutations: int = 999
) -> float:
    """Two-sided p-value that two arms answer alike, by exchanging their answers to whole groups.

    `first` and `second` (K, N) are what K pairs of trainings say of N images; `score` takes (K, N)
    to (K,). The images of a group change sides together, in all pairs. It holds for these very
    trainings: other seeds may say otherwise. At least 1 / (permutations + 1).
    """
    names, members = np.unique(groups, return_inverse=True)

    def difference(a, b) -> float:
        return float(np.mean(score(a) - score(b)))

    seen, as_far = abs(difference(first, second)), 1
    for _ in range(permutations):
        swapped = rng.integers(0, 2, len(names), dtype=bool)[members]
        made = np.where(swapped, second, first), np.where(swapped, first, second)
        as_far += abs(difference(*made)) >= seen - 1e-12
    return as_far / (permutations + 1)
