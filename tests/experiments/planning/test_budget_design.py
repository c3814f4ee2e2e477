"""The design for a given time: by hand-made costs and variance components."""

import itertools

import pytest

from experiments import statistics
from experiments.planning import budget_design
from experiments.planning.budget_design import Costs
from ufgen.errors import UserError

COSTS = Costs(start=60.0, generator=180.0, seed=1.0, plain=3.0, synthetic=4.0)
NOISY_SEEDS = statistics.Components(0.0, 4e-4, 4e-4, 1e-5)
NOISY_GENERATORS = statistics.Components(9e-4, 1e-6, 1e-5, 1e-5)


def _choose(components, seconds, folds=5):
    return budget_design.choose(components, 200, COSTS, folds, seconds, 0.95)


@pytest.mark.parametrize("components", [NOISY_SEEDS, NOISY_GENERATORS])
def test_no_affordable_design_is_shorter_by_more_than_a_percent(components):
    chosen = _choose(components, 7200)
    assert chosen.seconds <= budget_design.RESERVE * 7200
    for generators, seeds in itertools.product(budget_design.GENERATORS, budget_design.SEEDS):
        if COSTS.of(5, generators, seeds) <= budget_design.RESERVE * 7200:
            one = statistics.expected_estimate(components, generators, seeds, 200, 5)
            assert one.interval(0.95)[1] > 0.99 * chosen.half_width


def test_what_varies_gets_the_time():
    seeds, generators = _choose(NOISY_SEEDS, 7200), _choose(NOISY_GENERATORS, 7200)
    assert seeds.seeds > generators.seeds and seeds.generators < generators.generators


def test_more_time_is_never_worse():
    widths = [_choose(NOISY_GENERATORS, 3600 * hours).half_width for hours in (1, 2, 4, 8)]
    assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]


def test_folds_are_as_many_as_the_time_allows():
    needed = COSTS.of(5, 2, 5) / budget_design.FOLD_RESERVE
    assert budget_design.choose_folds(COSTS, needed + 1) == 5
    assert budget_design.choose_folds(COSTS, needed - 1) == 3
    with pytest.raises(UserError, match=r"5 s are too short: .* Give --hours 0\.4"):
        budget_design.choose_folds(COSTS, 5)


def test_without_folds_there_are_three_generators():
    assert _choose(NOISY_SEEDS, 1.0, folds=0)[:3] == (0, 3, 5)
