"""The error of a mean delta against Student's t, quadrature, and random draws."""

import numpy as np
import pytest
from scipy import special, stats

from experiments.statistics.components import MeanSquares
from experiments.statistics.error_distribution import (
    Design,
    error_distribution,
    generator_posterior,
)

SQUARES = MeanSquares(generators=3e-3, seeds=1e-3, residual=2e-4)


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_with_seeds_alone_it_is_student_s_t(seeds):
    error, _ = error_distribution(MeanSquares(2, 2, 2), 0.0, Design(1, 1, seeds, np.inf))
    expected = stats.t(seeds - 1, scale=(2 / seeds) ** 0.5)
    for probability in (0.001, 0.3, 0.9, 0.975, 0.9999):
        assert error.quantile(probability) == pytest.approx(expected.ppf(probability), rel=1e-3)
        assert error.beyond(expected.ppf(probability)) == pytest.approx(1 - probability, rel=2e-3)
    assert error.quantile(0.5) == 0


@pytest.mark.parametrize("groups", [3, 12, 31, 200])
def test_with_test_groups_alone_it_is_student_s_t(groups):
    error, _ = error_distribution(MeanSquares(0, 0, 0), 4.0, Design(5, 3, 5, groups))
    assert error.quantile(0.975) == pytest.approx(2 * stats.t.ppf(0.975, groups - 1), rel=1e-3)


def test_seeds_and_groups_together_are_behrens_and_fisher_s():
    error, _ = error_distribution(MeanSquares(1, 1, 1), 0.3, Design(1, 1, 5, 20))
    rng = np.random.default_rng(0)
    draws = stats.t(4, scale=0.2**0.5).rvs(400000, random_state=rng)
    draws += stats.t(19, scale=0.3**0.5).rvs(400000, random_state=rng)
    for limit in (0.5, 1.0, 2.0):
        assert error.beyond(limit) == pytest.approx((draws > limit).mean(), abs=0.003)


@pytest.mark.parametrize("design", [Design(1, 2, 5, 80), Design(1, 3, 5, 80), Design(5, 3, 10, 80)])
@pytest.mark.parametrize("of_generators", [1e-6, 3e-3, 0.3])
def test_the_posterior_of_the_generators_is_that_by_quadrature(design, of_generators):
    squares = SQUARES._replace(generators=of_generators)
    count = design.folds * (design.generators - 1)
    training = (1e-3 - 2e-4) / (design.folds * design.generators) + 2e-4
    prior = stats.t(1 / count, scale=(training / count) ** 0.5)

    sds = np.exp(np.linspace(np.log(1e-9), np.log(1e6), 20001))
    expected = 2e-4 + design.seeds * sds**2
    weights = stats.chi2.pdf(count * of_generators / expected, count) / expected
    weights = weights * prior.pdf(sds) * sds
    found, found_weights = generator_posterior(squares, design)
    for limit in (0.005, 0.02, 0.05, 0.3):
        beyond = weights @ special.ndtr(-limit / sds) / weights.sum()
        assert found_weights @ special.ndtr(-limit / found) == pytest.approx(beyond, abs=2e-4)


def test_the_whole_is_that_of_random_draws():
    design, rng, count = Design(1, 2, 5, 20), np.random.default_rng(0), 400000
    training = (1e-3 - 2e-4) / 2 + 2e-4
    sds = np.abs(rng.standard_cauchy(count)) * training**0.5
    variance = 2e-4 + 5 * sds**2
    weights = np.exp(-np.log(variance) / 2 - 3e-3 / variance / 2)
    total = (
        sds**2 / 2 + 1e-3 / 10 * 4 / rng.chisquare(4, count) + 1e-4 * 19 / rng.chisquare(19, count)
    )
    error, _ = error_distribution(SQUARES, 1e-4, design)
    for limit in (0.01, 0.05, 0.2):
        expected = weights @ special.ndtr(-limit / np.sqrt(total)) / weights.sum()
        assert error.beyond(limit) == pytest.approx(expected, rel=0.02)


def test_many_generators_need_no_prior():
    """With 10 degrees of freedom and more it comes near the estimate by moments."""
    squares = MeanSquares(0.1, 1e-3, 1e-3)
    for folds, tolerance in ((5, 0.1), (50, 0.01)):
        error, median = error_distribution(squares, 0.0, Design(folds, 3, 10, np.inf))
        variance = (0.1 - 1e-3) / 10
        assert median == pytest.approx(variance, rel=tolerance)
        expected = stats.t.ppf(0.975, 2 * folds) * (0.1 / (30 * folds)) ** 0.5
        assert error.quantile(0.975) == pytest.approx(expected, rel=tolerance / 2)


def test_two_generators_that_agree_are_no_proof_that_all_do():
    error, _ = error_distribution(MeanSquares(0.0, 1e-3, 1e-3), 0.0, Design(1, 2, 5, np.inf))
    alone, _ = error_distribution(MeanSquares(1e-3, 1e-3, 1e-3), 0.0, Design(1, 1, 10, np.inf))
    assert error.quantile(0.975) > 1.5 * alone.quantile(0.975)


def test_constant_trainings_of_different_generators_have_an_error():
    error, median = error_distribution(MeanSquares(1.0, 0.0, 0.0), 0.0, Design(1, 3, 5, np.inf))
    assert median > 0 and np.isfinite(error.quantile(0.975))


def test_seeds_that_agree_by_chance_do_not_make_runs_more_alike_than_they_are():
    design = Design(2, 3, 5, 80)
    agreeing, _ = error_distribution(SQUARES._replace(seeds=1e-9), 1e-4, design)
    residual, _ = error_distribution(SQUARES._replace(seeds=SQUARES.residual), 1e-4, design)
    assert agreeing.quantile(0.975) == pytest.approx(residual.quantile(0.975))
