"""Families at a later look: what an earlier one claimed is no longer tested, the rest still is."""

import numpy as np
import pytest

from experiments import statistics


def _estimate(mean):
    rng = np.random.default_rng(0)
    deltas = mean + rng.normal(0, 0.004, (1, 3, 5))
    return statistics.estimate(deltas, deltas + rng.normal(0, 0.004, (200, 1, 1, 1)), groups=160)


@pytest.mark.parametrize(
    ("decided", "difference", "equivalence"),
    [([], 1, 1), (["equivalent"] * 3, 4, 1), (["helps", "hurts"], 1, 3)],
)
def test_decided_arms_count_where_nothing_was_claimed(decided, difference, equivalence):
    """A claim is made where the level is the p-value times the size of the family, or more."""
    arm = _estimate(0.03)
    for word, margin, p, family in (
        ("helps", 1e-6, arm.p_value(), difference),
        ("equivalent", 0.06, statistics.equivalence_p_value(arm, 0.06), equivalence),
    ):
        for factor, claimed in ((1.001, True), (0.999, False)):
            confidence = 1 - p * family * factor
            (found,) = statistics.family_verdicts([arm], margin, confidence, decided)
            assert (found.verdict == word) == claimed
