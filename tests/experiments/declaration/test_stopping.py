"""What is stopped at a look, what goes on for others' sake, and whose rows are whose."""

import numpy as np
import pandas as pd
import pytest
from declared_study import study

from experiments.analysis.deltas import deltas_table, headline_table
from experiments.analysis.scores import evaluate_trials
from experiments.declaration.looks import Look
from experiments.declaration.stopping import take_looks

PLAIN = ["real", "real+synthetic@0.5", "real+synthetic@1.0", "real+duplicated@1.0"]
TEN = list(range(10))
LOOKS = [Look(1, 2, 5, 0.01, 0.01), Look(2, 2, 10, 0.04, 0.05)]


def _scores(planted, effects, noisy=(), spread=0.5):
    """Of arms whose classes lie further apart; the effect of `noisy` arms varies with the run."""
    rng, target = np.random.default_rng(1), np.arange(160) % 2
    names, image = [f"{i:03d}" for i in range(160)], rng.normal(0, 1, 160)
    tables = []
    for arm in planted.parsed_arms():
        for generator in planted.generator.seeds if arm.synthetic else [""]:
            for seed in planted.seeds:
                gap = 1 + effects.get(arm.name, 0) + rng.normal(0, spread) * (arm.name in noisy)
                score = target * gap + image + rng.normal(0, 0.05, 160)
                tables.append(pd.DataFrame({
                    "arm": arm.name, "classifier": "hybrid", "generator": generator, "seed": seed,
                    "repeat": "", "fold": "", "path": names, "group": names, "target": target,
                    "probability": 1 / (1 + np.exp(-score)), "threshold": 0.5,
                }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _words(looked):
    return looked.verdicts(), looked.headline["verdict"].iloc[0]


def _primary(looked):
    rows = looked.deltas[looked.deltas["classifier"] == "all"]
    return rows[rows["metric"] == "roc_auc"].set_index("arm")


def test_an_arm_keeps_the_row_of_the_look_at_which_it_was_stopped():
    planted = study(arms=PLAIN, seeds=TEN, looks=[5, 10], bootstrap=100)
    predictions = _scores(planted, {PLAIN[1]: 1.5, PLAIN[2]: 0.15}, PLAIN[2:3], 0.2)
    stopped = predictions["arm"].isin([PLAIN[1], PLAIN[3]])
    trained = predictions[(predictions["seed"] < 5) | ~stopped]
    scores = evaluate_trials(planted, trained)
    first = take_looks(planted, TEN, scores, LOOKS[:1])
    assert first.verdicts()[PLAIN[3]] == "equivalent" and first.study.seeds == TEN[:5]
    assert first.needed == ["real", PLAIN[2]]  # the headline, their mean, is in
    both = take_looks(planted, TEN, scores, LOOKS)
    rows = _primary(both)
    assert rows["look"].tolist() == [1, 2, 1] and rows["seeds"].tolist() == [5, 10, 5]
    pd.testing.assert_frame_equal(
        both.deltas[both.deltas["arm"] == PLAIN[3]].reset_index(drop=True),
        first.deltas[first.deltas["arm"] == PLAIN[3]].reset_index(drop=True),
    )
    assert rows.loc[PLAIN[3], "confidence"] == 0.99  # no arm with synthetic images: alone
    # still a family of two: one arm helps, and whether it is equivalent is not yet decided
    assert rows.loc[PLAIN[2], "confidence"] == pytest.approx(0.98)
    assert rows.loc[PLAIN[2], "p_holm"] == rows.loc[PLAIN[2], "p_value"]  # no control counts
    assert both.headline["look"].tolist() == [1]
    assert both.study.seeds == TEN


def test_the_arms_of_the_headline_go_on_until_its_verdict_is_in():
    planted = study(arms=PLAIN[:3], seeds=TEN, looks=[5, 10], bootstrap=100)
    predictions = _scores(planted, {PLAIN[1]: 1.5, PLAIN[2]: -0.3}, noisy=PLAIN[2:3])
    scores = evaluate_trials(planted, predictions)
    first = take_looks(planted, TEN, scores, LOOKS[:1])
    words, headline = _words(first)
    assert words == {PLAIN[1]: "helps", PLAIN[2]: "inconclusive"} and headline == "inconclusive"
    assert first.needed == PLAIN[:3]
    named = planted.model_copy(update={"headline": [PLAIN[1]]})
    first = take_looks(named, TEN, scores, LOOKS[:1])
    assert _words(first)[1] == "helps" and first.needed == ["real", PLAIN[2]]


def test_the_reference_of_an_arm_goes_on_with_it():
    arms = ["real", "real+classical", "real+classical+synthetic@1.0"]
    planted = study(arms=arms, seeds=TEN, looks=[5, 10], bootstrap=100)
    scores = evaluate_trials(planted, _scores(planted, {arms[2]: 0.2}, noisy=arms[2:]))
    looked = take_looks(planted, TEN, scores, LOOKS[:1])
    assert looked.verdicts() == {arms[1]: "equivalent", arms[2]: "inconclusive"}
    assert looked.needed == arms
    rows = _primary(take_looks(planted, TEN, scores, LOOKS))
    assert rows["look"].tolist() == [1, 2] and rows["seeds"].tolist() == [5, 10]


def test_a_study_ends_where_all_verdicts_are_in():
    planted = study(seeds=TEN, looks=[5, 10], bootstrap=100)
    predictions = _scores(planted, {"real+synthetic@1.0": 1.5})
    scores = evaluate_trials(planted, predictions[predictions["seed"] < 5])
    looked = take_looks(planted, TEN, scores, LOOKS)
    assert looked.needed == [] and looked.look == LOOKS[0] and looked.study.seeds == TEN[:5]
    assert "has ended" in looked.comparison(0.05).look


def test_a_single_look_is_the_study_as_it_was():
    planted = study(arms=PLAIN, bootstrap=100)
    scores = evaluate_trials(planted, _scores(planted, {PLAIN[1]: 0.1}, noisy=PLAIN[1:]))
    looked = take_looks(planted, planted.seeds, scores, [Look(1, 1, 5, 1 - 0.95, 0.05)])
    for found, make in ((looked.deltas, deltas_table), (looked.headline, headline_table)):
        pd.testing.assert_frame_equal(found.drop(columns="look"), make(planted, scores))
    assert looked.comparison(0.05).look == ""


@pytest.mark.parametrize("lost", [[0, 7], [0, 1, 2, 3, 4]])
def test_seeds_of_failed_trials_are_left_out_of_every_look(lost):
    planted = study(seeds=TEN, looks=[5, 10], bootstrap=100)
    seeds = [seed for seed in TEN if seed not in lost]
    predictions = _scores(planted, {}, noisy=["real+synthetic@1.0"])
    scores = evaluate_trials(planted, predictions[predictions["seed"].isin(seeds)])
    looked = take_looks(planted, seeds, scores, LOOKS)
    assert looked.study.seeds == seeds and _primary(looked)["seeds"].tolist() == [len(seeds)]
