"""Tests of pairs of networks against statsmodels and scipy, by hand, and at their limits."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats import contingency_tables

from classifiers.evaluation import intervals
from experiments.analysis.paired_tests import (
    cohens_d,
    delong_p_value,
    mcnemar,
    permutation_p_value,
    probability_of_improvement,
)
from experiments.analysis.paired_tests_table import Pair

RNG = np.random.default_rng


def _means(scores):
    return scores.mean(axis=1)


def test_mcnemar_is_that_of_statsmodels():
    first, second = RNG(0).random((2, 60)) < [[0.8], [0.6]]
    table = [[np.sum(a & b) for b in (second, ~second)] for a in (first, ~first)]
    expected = contingency_tables.mcnemar(table, exact=True).pvalue
    assert mcnemar(first, second) == pytest.approx(expected)
    assert mcnemar(first, first) == 1


def test_delong_compares_two_areas_by_hand():
    covariance = np.array([[4e-4, 1e-4], [1e-4, 4e-4]])
    expected = 2 * stats.norm.sf(0.05 / np.sqrt(6e-4))
    assert delong_p_value(np.array([0.9, 0.85]), covariance) == pytest.approx(expected)
    assert delong_p_value(np.array([0.9, 0.9]), 0 * covariance) == 1


def test_permutation_is_that_of_scipy():
    first, second = RNG(0).normal([[0.4], [0.0]], 1, (2, 25))
    expected = stats.permutation_test(
        (first, second),
        lambda a, b: np.mean(a) - np.mean(b),
        permutation_type="samples",
        n_resamples=4000,
        rng=RNG(1),
    ).pvalue
    p = permutation_p_value(
        _means, first[None], second[None], np.arange(25), RNG(2), permutations=4000
    )
    assert p == pytest.approx(expected, abs=0.03)


def test_permutation_keeps_groups_whole():
    """Two groups can only be swapped in four ways: no p-value lies far below a half."""
    first, groups = np.ones((1, 20)), np.repeat([0, 1], 10)

    p = permutation_p_value(_means, first, 0 * first, groups, RNG(0))
    assert p == pytest.approx(0.5, abs=0.06)


def test_improvement_is_the_mann_whitney_statistic():
    arm, real = RNG(0).integers(0, 9, (2, 3)), RNG(1).integers(0, 9, (1, 7))
    expected = stats.mannwhitneyu(arm.ravel(), real.ravel()).statistic / (6 * 7)
    assert probability_of_improvement(arm, real) == pytest.approx(expected)
    assert cohens_d([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert np.isnan(cohens_d([1.0]))


def test_cohen_s_d_is_the_t_statistic_over_the_root_of_the_count():
    values = RNG(0).normal(0.3, 2, 9)
    assert cohens_d(values) == pytest.approx(stats.ttest_1samp(values, 0).statistic / 3)
    assert cohens_d([1.0, 3.0]) == pytest.approx(2 / 2**0.5)
    assert np.isnan(cohens_d([2.0, 2.0]))


def test_improvement_over_an_undefined_score_is_undefined():
    assert np.isnan(probability_of_improvement(np.array([0.5, np.nan]), np.ones(3)))
    assert probability_of_improvement(np.ones(2), np.ones(3)) == 0.5


def test_areas_that_differ_without_variance_differ_surely():
    zero = np.zeros((2, 2))
    assert delong_p_value(np.array([0.9, 0.8]), zero) == 0
    assert delong_p_value(np.array([0.8, 0.8]), zero) == 1
    covariance = np.array([[5e-4, 2e-4], [2e-4, 3e-4]])
    z = 0.05 / (5e-4 + 3e-4 - 4e-4) ** 0.5
    p = delong_p_value(np.array([0.85, 0.9]), covariance)
    assert p == pytest.approx(2 * stats.norm.sf(z))


def test_areas_that_are_undefined_have_no_p_value():
    """DeLong's areas and covariance are NaN with fewer than two images of a class."""
    undefined = intervals.delong([0, 0, 1], [[0.1, 0.2, 0.9], [0.3, 0.1, 0.2]])
    assert np.isnan(delong_p_value(*undefined))
    assert np.isnan(delong_p_value(np.array([0.9, 0.8]), np.full((2, 2), np.nan)))


def test_equal_predictions_have_the_p_value_1_and_opposite_ones_the_least():
    groups, zeros = np.arange(40), np.zeros((2, 40))
    assert permutation_p_value(_means, zeros, zeros, groups, RNG(0)) == 1
    for count in (1, 9, 99):
        p = permutation_p_value(_means, zeros + 1, zeros, groups, RNG(0), count)
        assert p == 1 / (count + 1)
    assert permutation_p_value(_means, zeros, zeros + 1, groups, RNG(0)) == 1 / 1000


def test_pairs_of_runs_are_swapped_together():
    """Two pairs whose differences cancel: whatever is swapped, their mean stays 0."""
    first = np.stack([np.ones(30), np.zeros(30)])
    assert permutation_p_value(_means, first, 1 - first, np.arange(30), RNG(0)) == 1


def test_a_prediction_is_correct_by_its_target_however_many_classes_are_not_positive():
    rows = pd.DataFrame({"label": ["a", "b", "c", "a", "b"], "target": [1, 0, 0, 1, 0]})
    rows = rows.assign(threshold=0.5, probability=[0.5, 0.4, 0.2, 0.1, 0.9], fold="")
    rows = rows.assign(predicted=np.where(rows["probability"] >= 0.5, "a", "not a"))
    pair = Pair.of(rows["target"].to_numpy(), rows, rows.assign(probability=1.0))
    assert pair.correct.tolist() == [[1, 1, 1, 0, 0], [1, 0, 0, 1, 0]]
