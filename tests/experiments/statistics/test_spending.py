"""Error rates of looks against the published table, and against what they must add up to."""

import numpy as np
import pytest

from experiments.statistics import spending


def test_the_spending_function_is_that_of_lan_and_demets():
    """Five equal looks, 0.025 on each side (DeMets & Lan, Stat Med 1994; gsDesign's sfLDOF)."""
    looks = [0.2, 0.4, 0.6, 0.8, 1.0]
    both_sides = [2 * spending.spent(0.025, fraction) for fraction in looks]
    assert both_sides == pytest.approx([0.0, 0.0008, 0.0076, 0.0244, 0.05], abs=5e-5)


@pytest.mark.parametrize("sizes", [[5, 10, 20], [7], [1, 2, 3, 40]])
def test_declared_looks_spend_the_whole_level_and_most_of_it_last(sizes):
    levels = spending.increments(0.05, sizes)
    assert sum(levels) == pytest.approx(0.05, abs=1e-15) and min(levels) > 0
    assert levels == sorted(levels)
    cumulative = [spending.spent(0.05, size / sizes[-1]) for size in sizes]
    assert np.cumsum(levels).tolist() == pytest.approx(cumulative, abs=1e-15)


def test_one_look_is_tested_at_the_level_itself():
    assert spending.increments(1 - 0.95, [5]) == [1 - 0.95]


def test_any_number_of_undeclared_looks_spends_no_more_than_the_level():
    total = sum(spending.undeclared_level(0.05, look) for look in range(1, 100_000))
    assert 0.0499 < total < 0.05
