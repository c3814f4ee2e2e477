"""Words that never contradict the interval beside them, and their error rates over a family."""

import numpy as np
import pytest

from experiments import statistics
from experiments.statistics import Estimate
from experiments.statistics.components import UNKNOWN

RNG = np.random.default_rng
MARGIN = 0.02


def student(delta: float, error: float, df: float = 20) -> Estimate:
    return Estimate(delta, error, df, UNKNOWN)


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
    assert statistics.verdict(low, high, MARGIN) == word


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
    assert statistics.verdict(low, high, MARGIN) == "inconclusive"


@pytest.mark.parametrize("delta", [0.0, 0.012, -0.015])
def test_the_p_value_of_equivalence_is_that_of_the_interval_that_just_fits(delta):
    estimate = student(delta, 0.004)
    alpha = statistics.equivalence_p_value(estimate, MARGIN)
    low, high = estimate.interval(1 - alpha)
    assert max(-low, high) == pytest.approx(MARGIN)


def test_outside_of_the_margin_nothing_is_equivalent():
    assert statistics.equivalence_p_value(student(0.03, 0.001), MARGIN) == 1
    assert np.isnan(statistics.equivalence_p_value(student(0.0, np.nan, np.nan), MARGIN))


def test_the_word_and_the_interval_agree():
    rng, words = RNG(0), set()
    for _ in range(300):
        family = [
            student(delta, error)
            for delta, error in zip(
                rng.normal(0, 0.02, 4), rng.uniform(0.002, 0.02, 4), strict=True
            )
        ]
        for estimate, (word, level, low, high) in zip(
            family, statistics.family_verdicts(family, MARGIN, 0.95), strict=True
        ):
            assert (low, high) == pytest.approx(estimate.interval(level)) and level >= 0.95
            within, positive, negative = low > -MARGIN and high < MARGIN, low > 0, high < 0
            assert positive == (word == "helps") or word == "equivalent"
            assert negative == (word == "hurts") or word == "equivalent"
            assert within or word != "equivalent"
            assert not within or word != "inconclusive"
            words.add(word)
    assert words == {"helps", "hurts", "equivalent", "inconclusive"}


def test_claims_are_those_of_holm_s_method_and_equivalence_goes_first():
    family = [student(0.05, 0.01), student(0.01, 0.003), student(0.0, 0.003), student(-0.03, 0.02)]
    p = [statistics.equivalence_p_value(one, MARGIN) for one in family]
    equivalent = statistics.holm(p) <= 0.05
    different = statistics.holm([one.p_value() for one in family]) <= 0.05
    found = [one.verdict for one in statistics.family_verdicts(family, MARGIN, 0.95)]
    assert equivalent.tolist() == [False, True, True, False] and different[:2].all()
    assert found == ["helps", "equivalent", "equivalent", "inconclusive"]
    assert [
        one.verdict for one in statistics.family_verdicts([student(-0.05, 0.01)], 0.02, 0.95)
    ] == ["hurts"]


def test_the_undefined_is_inconclusive_and_counts_in_the_family():
    undefined, clear = student(0.05, np.nan, np.nan), student(0.05, 0.01)
    first, second = statistics.family_verdicts([undefined, clear], MARGIN, 0.95)
    assert first.verdict == "inconclusive" and np.isnan([first.low, first.high]).all()
    assert second.verdict == "helps" and second.confidence == pytest.approx(0.975)


@pytest.mark.parametrize(
    ("decided", "of_difference", "of_equivalence"),
    [
        ([], 1, 1),
        (["equivalent"], 2, 1),
        (["helps"], 1, 2),
        (["equivalent", "hurts", "equivalent"], 3, 2),
    ],
)
def test_what_was_not_claimed_of_decided_arms_still_counts(decided, of_difference, of_equivalence):
    clear, same = student(0.05, 0.001), student(0.0, 0.001)
    (helps,) = statistics.family_verdicts([clear], MARGIN, 0.95, decided)
    assert helps.verdict == "helps"
    assert helps.confidence == pytest.approx(1 - 0.05 / of_difference)
    (equivalent,) = statistics.family_verdicts([same], MARGIN, 0.95, decided)
    assert equivalent.verdict == "equivalent"
    assert equivalent.confidence == pytest.approx(1 - 0.05 / of_equivalence)


def test_false_equivalence_is_as_rare_in_a_family_as_it_says():
    """Four arms exactly at the margin, whose intervals are precise."""
    rng, false = RNG(0), 0
    for _ in range(2000):
        family = [student(MARGIN + error, 0.003, 1e6) for error in rng.normal(0, 0.003, 4)]
        false += any(
            v.verdict == "equivalent" for v in statistics.family_verdicts(family, MARGIN, 0.95)
        )
    assert 0.01 < false / 2000 < 0.04
