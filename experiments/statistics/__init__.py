"""Multi-reader multi-case statistics: from paired deltas to interval, p-value and verdict.

A study compares an arm with its reference by networks trained with different seeds, all tested on
the same images. That is the design of a multi-reader multi-case study, with trained networks as
readers and test images as cases, and it is analysed as one: Obuchowski & Rockette, Commun Stat
Simul 1995; Hillis, Stat Med 2007. Where generators are trained, their seeds are a second random
factor, nested in the folds of a cross-validation. All functions are pure, and need numpy and scipy
alone.

What they take are deltas, arm minus reference: one number for each arm A, fold K, generator G of
the fold and classifier seed S, and the same numbers on B bootstrap samples of the test groups.
Values are scaled such that the effect is their plain mean over folds, generators and seeds.

Example:
    Two arms, one fold, three generators, five seeds, and 200 bootstrap samples of 160 test groups:
    the first arm helps, the second has no effect.

    >>> import numpy as np
    >>> from experiments import statistics
    >>> rng = np.random.default_rng(0)
    >>> truth = np.array([0.08, 0.0])[:, None, None, None]
    >>> deltas = truth + rng.normal(0, 0.01, (2, 1, 3, 5))
    >>> replicates = deltas + rng.normal(0, 0.012, (200, 2, 1, 1, 1))
    >>> helpful, idle = statistics.estimate_family(deltas, replicates, groups=160)
    >>> low, high = helpful.interval(0.95)
    >>> bool(low < 0.08 < high), helpful.p_value() < 0.01, idle.p_value() > 0.05
    (True, True, True)
    >>> [word for word, *_ in statistics.family_verdicts([helpful, idle], 0.05, 0.95)]
    ['helps', 'equivalent']
"""

from experiments.statistics.components import Components, between_run_covariance
from experiments.statistics.estimation import (
    METHOD,
    MIN_DEFINED_FRACTION,
    POWER,
    Estimate,
    estimate,
    estimate_family,
    expected_estimate,
)
from experiments.statistics.multiplicity import holm, holm_confidences
from experiments.statistics.verdicts import (
    FamilyVerdict,
    equivalence_p_value,
    family_verdicts,
    verdict,
)

__all__ = [
    "METHOD",
    "MIN_DEFINED_FRACTION",
    "POWER",
    "Components",
    "Estimate",
    "FamilyVerdict",
    "between_run_covariance",
    "equivalence_p_value",
    "estimate",
    "estimate_family",
    "expected_estimate",
    "family_verdicts",
    "holm",
    "holm_confidences",
    "verdict",
]
