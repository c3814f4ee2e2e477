"""Intervals, p-values and verdicts against statsmodels, scipy, hand-worked cases, known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from classifiers.evaluation import intervals
from experiments import statistics

RNG = np.random.default_rng


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
    assert result.p_value() == pytest.approx(expected.pvalue)
    assert result.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert result.df == pytest.approx(5)


def test_mean_squares_are_those_of_the_analysis_of_variance():
    deltas = RNG(0).normal(0, 1, (3, 5)) + np.arange(3)[:, None]
    rows = [(g, s, deltas[g, s]) for g in range(3) for s in range(5)]
    table = pd.DataFrame(rows, columns=["g", "s", "d"])
    expected = anova_lm(ols("d ~ C(g) + C(s)", table).fit())["mean_sq"].to_numpy()
    components = statistics.estimate(deltas, np.zeros((9, 3, 5))).components
    assert components.residual == pytest.approx(expected[2])
    assert components.generators == pytest.approx((expected[0] - expected[2]) / 5)
    assert components.seeds == pytest.approx(max(expected[1] - expected[2], 0) / 3)


def test_runs_without_a_common_seed_have_the_mean_covariance_of_such_pairs():
    replicates = RNG(0).normal(size=(40, 3, 4)) + RNG(1).normal(size=(40, 1, 1))
    covariance = np.cov(replicates.reshape(40, 12).T)
    pairs = [
        covariance[4 * g + s, 4 * h + t]
        for g in range(3)
        for h in range(3)
        for s in range(4)
        for t in range(4)
        if g != h and s != t
    ]
    assert statistics.between_run_covariance(replicates) == pytest.approx(np.mean(pairs))
    one = np.cov(replicates[:, 0].T)
    expected = one[~np.eye(4, dtype=bool)].mean()
    assert statistics.between_run_covariance(replicates[:, :1]) == pytest.approx(expected)
    assert statistics.between_run_covariance(replicates[:, :, :1][:, :1]) == pytest.approx(
        replicates[:, 0, 0].var(ddof=1)
    )


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Normal deltas with known variances of generators, seeds, residual, and test groups."""
    rng, covered, count = RNG(0), 0, 1500
    for _ in range(count):
        deltas = rng.normal(0, 1, (3, 1)) + rng.normal(0, 1, (1, 5)) + rng.normal(0, 1, (3, 5))
        deltas = deltas + rng.normal(0, 0.5)
        replicates = np.repeat(rng.normal(0, 0.5, (60, 1, 1)), 15, axis=1).reshape(60, 3, 5)
        low, high = statistics.estimate(deltas, replicates).interval(0.95)
        covered += low <= 0 <= high
    assert 0.93 < covered / count < 0.98


def test_three_training_runs_err_no_more_often_than_they_say():
    """At the confidence that the first of three arms needs; Satterthwaite's errs more."""
    rng, covered, count, confidence = RNG(0), 0, 4000, 1 - 0.05 / 3
    for _ in range(count):
        deltas = rng.normal(0, 3**0.5, (1, 3)) + rng.normal()
        replicates = np.repeat(rng.normal(size=(200, 1, 1)), 3, axis=2)
        low, high = statistics.estimate(deltas, replicates).interval(confidence)
        covered += low <= 0 <= high
    assert confidence - 0.003 < covered / count < confidence + 0.01


def test_undefined_replicates_make_the_interval_undefined():
    replicates = np.full((100, 1, 2), 0.1)
    replicates[:6] = np.nan
    result = statistics.estimate([[0.1, 0.1]], replicates)
    assert np.isnan(result.interval(0.95)).all() and np.isnan(result.p_value())
    replicates[:] = RNG(0).normal(size=replicates.shape)
    replicates[:3] = np.nan
    assert np.isfinite(statistics.estimate([[0.1, 0.2]], replicates).interval(0.95)).all()
    assert np.isnan(statistics.estimate([[np.nan, 0.1]], replicates).interval(0.95)).all()


def test_one_seed_has_no_interval_however_many_generators():
    """What another seed would change is unknown: such intervals were wrong most of the time."""
    replicates = RNG(0).normal(0.1, 0.01, (200, 3, 1))
    result = statistics.estimate([[0.1], [0.11], [0.09]], replicates)
    assert result.delta == pytest.approx(0.1)
    assert np.isnan(result.interval(0.95)).all() and np.isnan(result.p_value())


def test_where_nothing_varies_nothing_is_shown():
    """Test images that every network classifies correctly separate no arms: not `equivalent`."""
    result = statistics.estimate(np.zeros((2, 3)), np.zeros((50, 2, 3)))
    assert np.isnan(result.interval(0.95)).all()
    assert statistics.verdict(*result.interval(0.95), 0.02) == "inconclusive"


def test_few_test_groups_are_paid_for():
    """Means of 3 normal values: the interval is Student's, and with one value there is none."""
    rng, covered, count = RNG(0), 0, 1500
    for _ in range(count):
        values = rng.normal(size=3)
        weights = intervals.group_weights(np.arange(3), 300, rng)
        replicates = np.repeat((weights @ values / weights.sum(axis=1))[:, None, None], 2, axis=2)
        low, high = statistics.estimate([[values.mean()] * 2], replicates, 3).interval(0.95)
        covered += low <= 0 <= high
    assert 0.93 < covered / count < 0.98
    assert np.isnan(statistics.estimate([[0.1, 0.1]], replicates, 1).interval(0.95)).all()


def test_the_minimum_detectable_effect_is_detected_four_times_in_five():
    deltas = np.linspace(-0.02, 0.02, 7)[None]
    result = statistics.estimate(deltas, np.repeat(deltas[None], 20, axis=0))
    effect = result.minimum_detectable_effect(0.95) / result.standard_error
    beyond = stats.t.ppf(0.975, 6)
    exact = stats.nct.sf(beyond, 6, effect)
    assert exact == pytest.approx(0.8, abs=0.03)


def test_holm_is_that_of_statsmodels():
    for seed in range(20):
        p = RNG(seed).uniform(0, 0.1, 5)
        assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert statistics.holm([0.01, np.nan]) == pytest.approx([0.02, 1.0])


def test_holm_s_intervals_leave_out_zero_where_holm_rejects():
    for seed in range(50):
        p = RNG(seed).uniform(0, 0.06, 4)
        rejected = statistics.holm(p) <= 0.05
        assert (p <= 1 - statistics.holm_confidences(p, 0.95)).tolist() == rejected.tolist()
    assert statistics.holm_confidences([0.04], 0.95) == pytest.approx([0.95])


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.06, "helps"),
        (-0.06, -0.01, "hurts"),
        (-0.01, 0.015, "equivalent"),
        (0.001, 0.015, "equivalent"),
        (-0.01, 0.05, "inconclusive"),
        (float("nan"), float("nan"), "inconclusive"),
    ],
)
def test_verdicts(low, high, word):
    assert statistics.verdict(low, high, 0.02) == word


def test_a_plan_expects_what_a_study_of_its_size_finds():
    rng, wanted = RNG(0), statistics.Components(0.4, 0.3, 0.5, 0.0)
    variances = []
    for _ in range(400):
        deltas = rng.normal(0, 0.4**0.5, (4, 1)) + rng.normal(0, 0.3**0.5, (1, 6))
        deltas = deltas + rng.normal(0, 0.5**0.5, (4, 6))
        variances.append(statistics.estimate(deltas, np.zeros((9, 4, 6))).standard_error ** 2)
    planned = statistics.expected_estimate(wanted, 4, 6)
    assert np.mean(variances) == pytest.approx(planned.standard_error**2, rel=0.1)
    assert statistics.expected_estimate(wanted, 1, 6).df == pytest.approx(5)
    assert planned.minimum_detectable_effect(0.95) > statistics.expected_estimate(
        wanted, 8, 12
    ).minimum_detectable_effect(0.95)


def test_rounding_is_no_variance():
    """Constant networks have an area of 0.5, but for the last digit."""
    noise = RNG(0).choice([0.0, 1.1e-16], (50, 2, 3))
    result = statistics.estimate(noise[0], noise)
    assert np.isnan(result.standard_error) and np.isnan(result.interval(0.95)).all()
