"""Intervals, p-values and verdicts: limits, ties and undefined values, and formulas by hand."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from experiments import statistics
from experiments.statistics import Components

RNG = np.random.default_rng
PARTS = Components(0.4, 0.3, 0.5, 0.1)


@pytest.mark.parametrize(
    ("generators", "seeds", "parts", "dfs"),
    [
        (4, 6, (0.4 / 4, 0.3 / 6, 0.5 / 24, 0.1), (3, 5, 15, 19)),
        (2, 2, (0.4 / 2, 0.3 / 2, 0.5 / 4, 0.1), (1, 1, 1, 19)),
        (1, 6, (0, 0, (0.3 + 0.5) / 6, 0.1), (1, 5, 5, 19)),
        (1, 2, (0, 0, (0.3 + 0.5) / 2, 0.1), (1, 1, 1, 19)),
        (4, 1, (0, 0, (0.4 + 0.5) / 4, 0.1), (3, 1, 3, 19)),
        (2, 1, (0, 0, (0.4 + 0.5) / 2, 0.1), (1, 1, 1, 19)),
        (1, 1, (0, 0, 0.5, 0.1), (1, 1, 1, 19)),
    ],
)
def test_a_plan_adds_what_each_component_leaves_in_the_mean(generators, seeds, parts, dfs):
    result = statistics.expected_estimate(PARTS, generators, seeds, 20)
    assert result.delta == 0
    assert result.standard_error == pytest.approx(sum(parts) ** 0.5)
    inverse = sum(part / df for part, df in zip(parts, dfs, strict=True))
    assert result.df == pytest.approx(sum(parts) / inverse)
    reach = stats.t.ppf(0.95, result.df) * result.standard_error
    assert result.interval(0.9) == pytest.approx((-reach, reach))


def test_with_endless_groups_only_runs_cost_degrees_of_freedom():
    result = statistics.expected_estimate(Components(0.0, 0.0, 0.0, 0.2), 2, 3)
    assert result.df == float("inf") and result.standard_error == pytest.approx(0.2**0.5)


def test_components_are_those_of_the_mean_squares_and_of_the_groups():
    deltas, draws = RNG(0).normal(0.1, 1, (3, 4)) + np.arange(3)[:, None], RNG(1).normal(size=80)
    replicates = np.repeat(draws, 12).reshape(80, 3, 4)
    result = statistics.estimate(deltas, replicates, groups=10)
    assert result.delta == pytest.approx(deltas.mean())
    assert result.components.groups == pytest.approx(draws.var(ddof=1) / (1 - 1 / 10))
    planned = statistics.expected_estimate(result.components, 3, 4, 10)
    assert result.standard_error == pytest.approx(planned.standard_error)
    assert result.df == pytest.approx(planned.df)
    expected = 2 * stats.t.sf(abs(result.delta) / result.standard_error, result.df)
    assert result.p_value() == pytest.approx(expected)
    turned = statistics.estimate(-deltas, -replicates, groups=10)
    assert turned.p_value() == pytest.approx(result.p_value())
    assert turned.interval(0.8) == pytest.approx(tuple(-x for x in result.interval(0.8)[::-1]))


def test_components_are_never_negative():
    """Rows and columns that balance each other, and replicates that do so too."""
    result = statistics.estimate([[1.0, -1.0], [-1.0, 1.0]], [[[1.0, -1], [-1, 1]]] * 5)
    assert result.components[:2] == (0, 0) and result.components.residual == pytest.approx(4)
    replicates = RNG(0).normal(size=(50, 1, 1)) * np.array([[[1.0, -1.0]]])
    assert statistics.between_run_covariance(replicates) < 0
    assert statistics.estimate([[0.1, 0.3]], replicates).components.groups == 0


def test_what_is_undefined_has_a_mean_and_nothing_else():
    good = RNG(0).normal(size=(100, 1, 2))
    for deltas, replicates, groups in (
        ([[0.1, 0.3]], good, 1),
        ([[0.1, 0.3]], np.where(np.arange(100)[:, None, None] < 6, np.nan, good), 9),
        ([[0.2, 0.2]], 0 * good, 9),
    ):
        result = statistics.estimate(deltas, replicates, groups)
        assert result.delta == pytest.approx(0.2)
        assert np.isnan([result.standard_error, result.df, *result.components]).all()
    edge = np.where(np.arange(100)[:, None, None] < 5, np.nan, good)
    assert np.isfinite(statistics.estimate([[0.1, 0.3]], edge, 2).standard_error)


@pytest.mark.parametrize("p", [[0.9, 0.8], [0.01, 0.01, 0.04], [0.5], [0.2, 0.9, 0.001, 0.2]])
def test_holm_at_its_limits_is_that_of_statsmodels(p):
    assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_undefined_p_values_are_in_the_family_and_reject_nothing():
    assert statistics.holm([np.nan, 0.01, np.nan]) == pytest.approx([1, 0.03, 1])
    assert statistics.holm([np.nan]) == pytest.approx([1])
    confidences = statistics.holm_confidences([np.nan, 0.01, 0.015, 0.9], 0.95)
    assert confidences == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 4, 1 - 0.05 / 3, 1 - 0.05 / 2])


def test_a_p_value_just_at_its_level_is_rejected():
    """Binary fractions, so that the limit is met: 0.25 of 2 at a confidence of one half."""
    assert statistics.holm_confidences([0.25, 0.9], 0.5).tolist() == [0.75, 0.5]
    assert statistics.holm_confidences([0.26, 0.9], 0.5).tolist() == [0.75, 0.75]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-0.02, 0.01),
        (-0.01, 0.02),
        (0.0, 0.05),
        (-0.05, 0.0),
        (0.5, float("nan")),
        (float("nan"), -0.5),
        (0.5, float("inf")),
    ],
)
def test_an_interval_that_touches_a_limit_decides_nothing(low, high):
    assert statistics.verdict(low, high, 0.02) == "inconclusive"
