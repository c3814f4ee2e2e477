"""Mean squares against the analysis of variance, covariances against their definition."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from experiments import statistics
from experiments.statistics.components import mean_squares

RNG = np.random.default_rng


def test_mean_squares_are_those_of_the_analysis_of_variance():
    deltas = RNG(0).normal(0, 1, (3, 5)) + np.arange(3)[:, None]
    rows = [(g, s, deltas[g, s]) for g in range(3) for s in range(5)]
    table = pd.DataFrame(rows, columns=["g", "s", "d"])
    expected = anova_lm(ols("d ~ C(g) + C(s)", table).fit())["mean_sq"].to_numpy()
    assert mean_squares(deltas[None]) == pytest.approx(expected)


def test_mean_squares_of_nested_generators_are_pooled_over_folds():
    """Those of each fold by itself have G - 1 degrees of freedom; seeds are crossed with folds."""
    deltas = RNG(1).normal(0, 1, (4, 3, 5)) + 9 * np.arange(4)[:, None, None]
    each = [mean_squares(fold[None]) for fold in deltas]
    found = mean_squares(deltas)
    assert found.generators == pytest.approx(np.mean([one.generators for one in each]))
    assert found.residual == pytest.approx(np.mean([one.residual for one in each]))
    rows = [(k, s, deltas[k, g, s]) for k in range(4) for g in range(3) for s in range(5)]
    table = pd.DataFrame(rows, columns=["k", "s", "d"])
    expected = anova_lm(ols("d ~ C(k) * C(s)", table).fit()).loc["C(s)", "mean_sq"]
    assert found.seeds == pytest.approx(expected)


def test_expected_mean_squares_are_those_of_the_components():
    rng, found = RNG(2), []
    for _ in range(1000):
        deltas = (
            rng.normal(0, 3, (2, 3, 1)) + rng.normal(0, 2, (1, 1, 4)) + rng.normal(0, 1, (2, 3, 4))
        )
        found.append(mean_squares(deltas + 50 * np.arange(2)[:, None, None]))
    assert np.mean(found, axis=0) == pytest.approx([1 + 4 * 9, 1 + 6 * 4, 1], rel=0.1)


def test_with_one_generator_all_is_between_seeds():
    deltas = RNG(0).normal(size=(3, 1, 4))
    expected = 3 * deltas.mean(axis=0)[0].var(ddof=1)
    assert mean_squares(deltas) == pytest.approx([expected] * 3)


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
    square = replicates[:, :2, :2]  # as many generators as seeds
    both = [np.cov(square[:, g, s], square[:, 1 - g, 1 - s])[0, 1] for g in (0, 1) for s in (0, 1)]
    assert statistics.between_run_covariance(square) == pytest.approx(np.mean(both))
    opposed = RNG(0).normal(size=(50, 1, 1)) * np.array([[[1.0, -1.0]]])
    assert statistics.between_run_covariance(opposed) < 0
