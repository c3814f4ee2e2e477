"""Holm's method against statsmodels, and the confidence levels that go with it."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from experiments import statistics

RNG = np.random.default_rng


def test_holm_is_that_of_statsmodels():
    for seed in range(20):
        p = RNG(seed).uniform(0, 0.1, 5)
        assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert statistics.holm([0.01, np.nan]) == pytest.approx([0.02, 1.0])


@pytest.mark.parametrize("p", [[0.9, 0.8], [0.01, 0.01, 0.04], [0.5], [0.2, 0.9, 0.001, 0.2]])
def test_holm_at_its_limits_is_that_of_statsmodels(p):
    assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_s_intervals_leave_out_zero_where_holm_rejects():
    for seed in range(50):
        p = RNG(seed).uniform(0, 0.06, 4)
        rejected = statistics.holm(p) <= 0.05
        assert (p <= 1 - statistics.holm_confidences(p, 0.95)).tolist() == rejected.tolist()
    assert statistics.holm_confidences([0.04], 0.95) == pytest.approx([0.95])


def test_undefined_p_values_are_in_the_family_and_reject_nothing():
    assert statistics.holm([np.nan, 0.01, np.nan]) == pytest.approx([1, 0.03, 1])
    assert statistics.holm([np.nan]) == pytest.approx([1])
    confidences = statistics.holm_confidences([np.nan, 0.01, 0.015, 0.9], 0.95)
    assert confidences == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 4, 1 - 0.05 / 3, 1 - 0.05 / 2])


def test_a_p_value_just_at_its_level_is_rejected():
    """Binary fractions, so that the limit is met: 0.25 of 2 at a confidence of one half."""
    assert statistics.holm_confidences([0.25, 0.9], 0.5).tolist() == [0.75, 0.5]
    assert statistics.holm_confidences([0.26, 0.9], 0.5).tolist() == [0.75, 0.75]


def test_a_family_without_arms_is_empty():
    assert statistics.holm([]).shape == statistics.holm_confidences([], 0.95).shape == (0,)
    assert statistics.family_verdicts([], 0.02, 0.95) == []
