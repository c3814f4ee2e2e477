"""Estimates against scipy, baycomp, hand-worked cases and known truth."""

import baycomp
import numpy as np
import pytest
from scipy import stats

from classifiers.evaluation import intervals
from experiments import statistics
from experiments.statistics import Components, Estimate
from experiments.statistics.components import UNKNOWN

RNG = np.random.default_rng
PARTS = Components(0.4, 0.3, 0.5, 0.1)


def test_images_of_a_group_are_drawn_together():
    groups = np.array(["a", "b", "a", "c", "b"])
    weights = intervals.group_weights(groups, 500, RNG(0))
    assert weights.shape == (500, 5)
    assert (weights[:, 0] == weights[:, 2]).all() and (weights[:, 1] == weights[:, 4]).all()
    assert weights[:, [0, 1, 3]].sum(axis=1) == pytest.approx(np.full(500, 3))


def test_where_runs_agree_the_interval_is_that_of_the_test_images():
    values = RNG(0).normal(0.3, 1.0, 400)
    weights = intervals.group_weights(np.arange(400), 4000, RNG(1))
    replicates = np.repeat((weights @ values / weights.sum(axis=1))[:, None, None], 2, axis=2)
    low, high = statistics.estimate([[values.mean()] * 2], replicates).interval(0.95)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)


def test_with_endless_test_images_it_is_the_paired_t_test():
    deltas = RNG(0).normal(0.02, 0.01, (1, 6))
    result = statistics.estimate(deltas, np.repeat(deltas[None], 50, axis=0))
    expected = stats.ttest_1samp(deltas[0], 0)
    assert result.p_value() == pytest.approx(expected.pvalue, rel=1e-3)
    assert result.interval(0.9) == pytest.approx(expected.confidence_interval(0.9), rel=1e-3)
    assert result.standard_error == pytest.approx(deltas.std(ddof=1) / 6**0.5)
    assert result.df == pytest.approx(5, rel=1e-3)


def test_arms_are_estimated_one_by_one():
    deltas = RNG(0).normal(size=(3, 2, 3, 4))
    replicates = (
        deltas + RNG(1).normal(size=(60, 3, 2, 3, 4)) + RNG(2).normal(size=(60, 3, 1, 1, 1))
    )
    family = statistics.estimate_family(deltas, replicates, 30)
    for arm, found in enumerate(family):
        alone = statistics.estimate(deltas[arm], replicates[:, arm], 30)
        assert found.interval(0.9) == alone.interval(0.9) and found.components == alone.components
        covariance = statistics.between_run_covariance(replicates[:, arm].mean(axis=1))
        assert found.components.groups == pytest.approx(max(covariance, 0) / (1 - 1 / 30))
    without_folds = statistics.estimate(deltas[0, 0], replicates[:, 0, 0], 30)
    with_one = statistics.estimate(deltas[0, :1], replicates[:, 0, :1], 30)
    assert without_folds.interval(0.9) == with_one.interval(0.9)


def test_an_interval_is_made_of_quantiles_and_p_values_of_the_same_distribution():
    deltas = RNG(0).normal(0.5, 1, (2, 3, 4))
    result = statistics.estimate(deltas, deltas + RNG(1).normal(size=(90, 1, 1, 1)), 20)
    low, high = result.interval(0.9)
    assert low + high == pytest.approx(2 * result.delta)
    assert result.probability_above(high) == pytest.approx(0.05)
    assert result.probability_above(low) == pytest.approx(0.95)
    assert result.p_value() == pytest.approx(2 * (1 - result.probability_above(0)))
    hurts, equivalent, helps = result.probabilities(0.3)
    assert hurts == pytest.approx(1 - result.probability_above(-0.3))
    assert helps == pytest.approx(result.probability_above(0.3))
    assert hurts + equivalent + helps == pytest.approx(1)
    low, high = result.interval(0.95)
    half = stats.t.ppf(0.975, result.df) * result.standard_error
    assert (high - low) / 2 == pytest.approx(half)
    turned = statistics.estimate(-deltas, -deltas - RNG(1).normal(size=(90, 1, 1, 1)), 20)
    assert turned.interval(0.95) == pytest.approx((-high, -low))


def test_each_level_has_its_quantile_of_the_error_s_distribution():
    """Which is no Student's t where generators are few."""
    deltas = RNG(3).normal(0, 0.02, (1, 2, 1)) + RNG(4).normal(0, 0.01, (1, 2, 5))
    found = statistics.estimate(deltas, deltas + np.array([0.005, -0.005])[:, None, None, None], 50)
    student = found._replace(error=None)
    for level in (0.8, 0.95, 0.99):
        low, high = found.interval(level)
        assert (high - low) / 2 == pytest.approx(found.error.quantile((1 + level) / 2))
    widths = [np.diff([one.interval(0.99), one.interval(0.95)]).ravel() for one in (found, student)]
    assert widths[0][1] == pytest.approx(widths[1][1], rel=1e-4)
    assert widths[0][0] != pytest.approx(widths[1][0], rel=0.01)


def test_probabilities_are_those_of_baycomp():
    """Its correlated t-test adds to the variance of the mean that of overlapping training sets."""
    deltas, margin = RNG(0).normal(0.01, 0.03, 10), 0.01
    error = deltas.std(ddof=1) * (1 / 10 + 1 / 9) ** 0.5
    result = Estimate(deltas.mean(), error, 9, UNKNOWN)
    expected = baycomp.CorrelatedTTest.probs(np.zeros(10), deltas, rope=margin)
    assert result.probabilities(margin) == pytest.approx(expected)
    below, above = baycomp.CorrelatedTTest.probs(np.zeros(10), deltas)
    assert result.probability_above(0) == pytest.approx(above)
    assert result.p_value() == pytest.approx(2 * min(below, above))


@pytest.mark.parametrize(
    ("design", "parts", "deviations", "most"),
    [
        ((1, 3, 5), (1.0, 1.0, 1.0), 0.5, 0.99),
        ((1, 2, 5), (3.0, 1.0, 1.0), 0.7, 0.99),
        ((4, 3, 5), (2.0, 0.5, 1.0), 0.3, 0.98),
    ],
)
def test_intervals_cover_the_truth_as_often_as_they_say(design, parts, deviations, most):
    """Normal deltas with known deviations of generators, seeds, residual, and test groups."""
    (folds, generators, seeds), rng, covered, count = design, RNG(0), 0, 500
    for _ in range(count):
        deltas = parts[0] * rng.normal(size=(folds, generators, 1))
        deltas = deltas + parts[1] * rng.normal(size=seeds) + parts[2] * rng.normal(size=design)
        deltas = deltas + rng.normal(0, deviations)
        replicates = deltas + rng.normal(0, deviations, (60, 1, 1, 1))
        covered += statistics.estimate(deltas, replicates).p_value() >= 0.05
    assert 0.925 < covered / count < most


def test_three_training_runs_err_no_more_often_than_they_say():
    """At the confidence that the first of three arms needs; Satterthwaite's errs more."""
    rng, covered, count = RNG(0), 0, 1500
    for _ in range(count):
        deltas = rng.normal(0, 3**0.5, (1, 3)) + rng.normal()
        replicates = np.repeat(rng.normal(size=(200, 1, 1)), 3, axis=2)
        covered += statistics.estimate(deltas, replicates).p_value() >= 0.05 / 3
    assert 1 - 0.05 / 3 - 0.005 < covered / count < 0.999


def test_few_test_groups_are_paid_for():
    """Means of 3 normal values: the interval is Student's, and with one value there is none."""
    rng, covered, count = RNG(0), 0, 800
    for _ in range(count):
        values = rng.normal(size=3)
        weights = intervals.group_weights(np.arange(3), 300, rng)
        replicates = np.repeat((weights @ values / weights.sum(axis=1))[:, None, None], 2, axis=2)
        covered += statistics.estimate([[values.mean()] * 2], replicates, 3).p_value() >= 0.05
    assert 0.93 < covered / count < 0.98
    assert np.isnan(statistics.estimate([[0.1, 0.1]], replicates, 1).interval(0.95)).all()


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
        assert np.isnan([*result.interval(0.95), result.p_value()]).all()
        assert np.isnan([*result.probabilities(0.1), result.probability_above(0)]).all()
        assert np.isnan(result.minimum_detectable_effect(0.95))
    edge = np.where(np.arange(100)[:, None, None] < 5, np.nan, good)
    assert np.isfinite(statistics.estimate([[0.1, 0.3]], edge, 2).interval(0.95)).all()
    assert np.isnan(statistics.estimate([[np.nan, 0.1]], good).interval(0.95)).all()


def test_one_seed_has_no_interval_however_many_generators():
    """What another seed would change is unknown: such intervals were wrong most of the time."""
    replicates = RNG(0).normal(0.1, 0.01, (200, 3, 1))
    result = statistics.estimate([[0.1], [0.11], [0.09]], replicates)
    assert result.delta == pytest.approx(0.1)
    assert np.isnan(result.interval(0.95)).all() and np.isnan(result.p_value())


def test_rounding_is_no_variance():
    """Constant networks have an area of 0.5, but for the last digit."""
    noise = RNG(0).choice([0.0, 1.1e-16], (50, 2, 3))
    result = statistics.estimate(noise[0], noise)
    assert np.isnan(result.standard_error) and np.isnan(result.interval(0.95)).all()


def test_components_are_never_negative():
    """Rows and columns that balance each other, and replicates that do so too."""
    result = statistics.estimate([[1.0, -1.0], [-1.0, 1.0]], [[[1.0, -1], [-1, 1]]] * 5)
    assert result.components.seeds == 0 and result.components.residual == pytest.approx(4)
    replicates = RNG(0).normal(size=(50, 1, 1)) * np.array([[[1.0, -1.0]]])
    assert statistics.estimate([[0.1, 0.3]], replicates).components.groups == 0


def test_the_minimum_detectable_effect_is_detected_four_times_in_five():
    deltas = np.linspace(-0.02, 0.02, 7)[None]
    result = statistics.estimate(deltas, np.repeat(deltas[None], 20, axis=0))
    effect = result.minimum_detectable_effect(0.95) / result.standard_error
    assert stats.nct.sf(stats.t.ppf(0.975, 6), 6, effect) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("folds", "generators", "seeds"), [(1, 4, 6), (5, 3, 10), (2, 30, 4)])
def test_a_plan_adds_what_each_component_leaves_in_the_mean(folds, generators, seeds):
    result = statistics.expected_estimate(PARTS, generators, seeds, 20, folds)
    assert result.delta == 0 and result.components[1:] == pytest.approx(PARTS[1:])
    parts = result.components.variance_contributions(folds * generators, seeds)
    assert result.standard_error == pytest.approx(sum(parts) ** 0.5)
    assert result.components.generators == pytest.approx(0.4, rel=0.3)


def test_a_plan_without_generators_counts_seeds_and_groups():
    result = statistics.expected_estimate(PARTS, 1, 6, 20)
    assert result.standard_error**2 == pytest.approx((0.3 + 0.5) / 6 + 0.1)
    endless = statistics.expected_estimate(Components(0.0, 0.0, 0.0, 0.2), 2, 3)
    assert endless.df == float("inf") and endless.standard_error == pytest.approx(0.2**0.5)


def test_a_plan_expects_what_a_study_of_its_size_finds():
    rng, wanted, widths = RNG(0), Components(0.4, 0.3, 0.5, 0.0), []
    for _ in range(200):
        deltas = rng.normal(0, 0.4**0.5, (3, 4, 1)) + rng.normal(0, 0.3**0.5, (1, 6))
        deltas = deltas + rng.normal(0, 0.5**0.5, (3, 4, 6))
        result = statistics.estimate(deltas, np.repeat(deltas[None], 9, axis=0))
        widths.append(result.minimum_detectable_effect(0.95))
    planned = statistics.expected_estimate(wanted, 4, 6, folds=3)
    assert np.median(widths) == pytest.approx(planned.minimum_detectable_effect(0.95), rel=0.1)
    larger = statistics.expected_estimate(wanted, 8, 12, folds=3)
    assert larger.minimum_detectable_effect(0.95) < planned.minimum_detectable_effect(0.95)
