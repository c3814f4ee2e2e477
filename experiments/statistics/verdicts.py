"""From estimates to words: helps, hurts, equivalent or inconclusive."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.statistics.estimation import Estimate
from experiments.statistics.multiplicity import holm_confidences


class FamilyVerdict(NamedTuple):
    """What is said of one arm of a family.

    Attributes:
        verdict: "helps", "hurts", "equivalent" or "inconclusive".
        confidence: Confidence level of the interval.
        low: Lower bound of the interval; NaN if undefined.
        high: Upper bound.
    """

    verdict: str
    confidence: float
    low: float
    high: float


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


def equivalence_p_value(estimate: Estimate, margin: float) -> float:
    """P-value of non-equivalence.

    Args:
        estimate: Estimate of an arm.
        margin: Equivalence margin.

    Returns:
        The smallest alpha whose (1 - alpha) interval lies within the margin, 1 if none does; NaN
        where the standard error is.
    """
    hurts, _, helps = estimate.probabilities(margin)
    return min(2 * max(hurts, helps), 1.0) if np.isfinite(hurts) else float("nan")


def family_verdicts(
    estimates: Sequence[Estimate],
    margin: float,
    confidence: float,
    decided: Sequence[str] = (),
) -> list[FamilyVerdict]:
    """Verdicts of a family of arms, with the intervals that they are read from.

    An arm helps or hurts where Holm's method on the p-values of no difference rejects, and is
    equivalent, which goes first, where Holm's method on those of non-equivalence does: false
    claims of either kind are as rare in the whole family as `confidence` says.

    Args:
        estimates: Estimates of the arms, of a metric of which higher is better.
        margin: Equivalence margin.
        confidence: Confidence level of the family.
        decided: Verdicts of further arms of the family, from an earlier look at it. What was
            claimed of them is no longer tested; what was not still counts: that an equivalent arm
            has no effect, and that one which helps or hurts is not equivalent.

    Returns:
        One verdict for each arm. Its interval has the level at which its claim is made, and where
        nothing is claimed the wider of both levels: it excludes zero where an arm helps or hurts,
        lies within the margin where it is equivalent, and does neither where it is inconclusive.
    """
    difference = [estimate.p_value() for estimate in estimates]
    equivalence = [equivalence_p_value(estimate, margin) for estimate in estimates]
    claimed = sum(word == "equivalent" for word in decided)
    levels = zip(
        holm_confidences([*difference, *[1.0] * claimed], confidence)[: len(estimates)],
        holm_confidences([*equivalence, *[1.0] * (len(decided) - claimed)], confidence)[
            : len(estimates)
        ],
        strict=True,
    )
    found = []
    for arm, (different, equivalent) in enumerate(levels):
        estimate = estimates[arm]
        if equivalence[arm] <= 1 - equivalent:
            word, level = "equivalent", equivalent
        elif difference[arm] <= 1 - different:
            word, level = "helps" if estimate.delta > 0 else "hurts", different
        else:
            word, level = "inconclusive", max(different, equivalent)
        found.append(FamilyVerdict(word, float(level), *estimate.interval(level)))
    return found
