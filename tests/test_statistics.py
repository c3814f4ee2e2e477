"""Intervals and verdicts: coverage, pairing, and words."""

import numpy as np
import pytest

from classifiers import intervals
from experiments import statistics


def test_images_of_a_group_are_drawn_together():
    groups = np.array(["a", "b", "a", "c", "b"])
    weights = intervals.group_weights(groups, 500, np.random.default_rng(0))
    assert weights.shape == (500, 5)
    assert (weights[:, 0] == weights[:, 2]).all() and (weights[:, 1] == weights[:, 4]).all()
    assert weights[:, [0, 1, 3]].sum(axis=1) == pytest.approx(np.full(500, 3))


def test_interval_of_a_mean_matches_the_normal_theory():
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1.0, 400)
    weights = intervals.group_weights(np.arange(400), 4000, rng)
    deltas = (weights @ values / weights.sum(axis=1))[:, None]
    low, high = statistics.crossed_interval(deltas, np.ones((4000, 1)), 0.95)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)


def test_more_spread_between_seeds_widens_the_interval():
    rng = np.random.default_rng(0)
    seeds = statistics.seed_weights(5, 2000, rng)
    noise = rng.normal(0, 0.01, (2000, 1))
    narrow = statistics.crossed_interval(noise + np.zeros(5), seeds, 0.95)
    wide = statistics.crossed_interval(noise + np.linspace(-0.1, 0.1, 5), seeds, 0.95)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_undefined_replicates_make_the_interval_undefined():
    deltas = np.full((100, 1), 0.1)
    deltas[:6] = np.nan
    assert np.isnan(statistics.crossed_interval(deltas, np.ones((100, 1)), 0.95)).all()
    deltas[:3] = 0.1
    assert statistics.crossed_interval(deltas, np.ones((100, 1)), 0.95) == (0.1, 0.1)


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


def test_simultaneous_confidence_is_bonferroni():
    assert statistics.simultaneous_confidence(0.95, 5) == pytest.approx(0.99)
    assert statistics.simultaneous_confidence(0.95, 0) == pytest.approx(0.95)
