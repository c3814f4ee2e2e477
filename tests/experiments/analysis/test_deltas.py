"""How arms are compared: folds, generators and seeds as factors, and the headline comparison."""

import numpy as np
import pandas as pd
import pytest

from classifiers.evaluation import metrics
from experiments import statistics
from experiments.analysis import deltas
from experiments.analysis.scores import evaluate_trials
from experiments.design import study

ARMS = ["real", "real+synthetic@0.5", "real+synthetic@1.0", "real+synthetic@1.0:filtered"]
IMAGES = 120


def _study(**changes) -> study.Study:
    content = {"name": "s", "arms": ARMS, "classifiers": ["hybrid"], "bootstrap": 100}
    return study.Study(**(content | changes))


def _predictions(planted: study.Study, effect=None, spread=0.0) -> pd.DataFrame:
    """Scores whose classes lie apart by 1, an arm's effect, and its generator's of each fold."""
    rng, target = np.random.default_rng(0), np.arange(IMAGES) % 2
    names = [f"{i:03d}" for i in range(IMAGES)]
    tables = []
    for repeat in range(planted.repeats) if planted.folds else [""]:
        fold = np.random.default_rng(int(repeat or 0)).permutation(IMAGES) % max(planted.folds, 1)
        for arm in planted.parsed_arms():
            for generator in planted.generator.seeds if arm.synthetic else [""]:
                own = rng.normal(0, spread, max(planted.folds, 1))[fold]
                for seed in planted.seeds:
                    gap = 1 + (effect or {}).get(arm.name, 0) + own * (arm.synthetic > 0)
                    score = target * gap + rng.normal(0, 0.9, IMAGES)
                    tables.append(pd.DataFrame({
                        "arm": arm.name, "classifier": "hybrid", "generator": generator,
                        "seed": seed, "repeat": repeat, "fold": fold if planted.folds else "",
                        "path": names, "group": names, "target": target, "label": target,
                        "probability": 1 / (1 + np.exp(-score)), "threshold": 0.5,
                    }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _row(table: pd.DataFrame, arm: str) -> pd.Series:
    chosen = (table["arm"] == arm) & (table["classifier"] == "all") & (table["metric"] == "roc_auc")
    (row,) = table[chosen].to_dict("records")
    return row


def test_each_fold_has_generators_of_its_own_and_every_metric_is_the_mean_over_folds():
    planted = _study(folds=4, repeats=2, seeds=[3, 5, 7], generator={"seeds": [0, 1]})
    predictions = _predictions(planted)
    scores = evaluate_trials(planted, predictions)
    arm = planted.parsed_arms()[1]
    for name in metrics.NAMES:
        values = scores.of(arm, ["hybrid"], name)
        assert values.shape == (101, 2 if name in metrics.POOLED else 8, 2, 3)
        of_run = []
        for repeat in (0, 1):
            for generator in (0, 1):
                rows = predictions[
                    (predictions["arm"] == arm.name)
                    & (predictions["generator"] == generator)
                    & (predictions["repeat"] == repeat)
                    & (predictions["seed"] == 5)
                ]
                of_run.append(
                    metrics.evaluate(
                        rows["target"], rows["probability"], 0.5, folds=rows["fold"].to_numpy()
                    )[name]
                )
        assert values[0, :, :, 1].mean() == pytest.approx(np.mean(of_run), abs=1e-12)


def test_generators_are_never_crossed_over_folds():
    """Exchanging two generators of one fold changes nothing: they have no common number."""
    planted = _study(folds=4, generator={"seeds": [0, 1, 2]})
    predictions = _predictions(planted, spread=0.5)
    swapped = predictions.copy()
    of_fold = (predictions["fold"] == 1) & predictions["generator"].isin([0, 1])
    swapped.loc[of_fold, "generator"] = 1 - swapped.loc[of_fold, "generator"].astype(int)
    before, after = (
        _row(deltas.deltas_table(planted, evaluate_trials(planted, one)), ARMS[1])
        for one in (predictions, swapped)
    )
    for name in ("delta", "variance_generators", "variance_seeds", "variance_residual"):
        assert after[name] == pytest.approx(before[name], rel=1e-9)
    assert before["variance_generators"] > 0 and before["folds"] == 4 and before["generators"] == 3


def test_with_parts_each_seed_has_generators_of_its_own():
    planted = _study(
        images={"fraction": 0.2, "parts": 5}, generator={"seeds": [0, 1]}, seeds=[0, 1, 2, 3, 4]
    )
    scores = evaluate_trials(planted, _predictions(planted, spread=0.5))
    assert scores.of(planted.parsed_arms()[1], ["hybrid"], "roc_auc").shape == (101, 1, 1, 5)
    row = _row(deltas.deltas_table(planted, scores), ARMS[1])
    assert row["verdict"] != "pilot"


def test_the_headline_is_the_unadjusted_mean_over_the_plain_ratios():
    planted = _study()
    scores = evaluate_trials(planted, _predictions(planted, dict.fromkeys(ARMS[1:3], 0.2)))
    (row,) = deltas.headline_table(planted, scores).to_dict("records")
    parts = [
        scores.of(arm, ["hybrid"], "roc_auc")
        - scores.of(planted.parsed_arms()[0], ["hybrid"], "roc_auc")
        for arm in planted.parsed_arms()[1:3]
    ]
    mean = np.mean(parts, axis=0)
    expected = statistics.estimate(mean[0], mean[1:], scores.groups)
    assert row["arm"] == "real+synthetic@0.5, real+synthetic@1.0" and row["reference"] == "real"
    assert (row["low"], row["high"]) == pytest.approx(expected.interval(0.95))
    assert row["confidence"] == 0.95
    family = deltas.deltas_table(planted, scores)
    assert min(_row(family, arm)["confidence"] for arm in ARMS[1:]) >= 0.95
    assert max(_row(family, arm)["confidence"] for arm in ARMS[1:]) > 0.95


def test_a_single_headline_arm_is_not_adjusted_and_the_others_are_a_family_without_it():
    planted = _study(headline=["real+synthetic@1.0"])
    table = deltas.deltas_table(planted, evaluate_trials(planted, _predictions(planted)))
    headline = _row(table, "real+synthetic@1.0")
    assert headline["confidence"] == 0.95 and np.isnan(headline["p_holm"])
    others = [_row(table, arm) for arm in (ARMS[1], ARMS[3])]
    assert max(row["confidence"] for row in others) == pytest.approx(0.975)


def test_the_largest_claim_is_never_contradicted_by_the_interval_that_is_shown():
    rng = np.random.default_rng(1)
    for _ in range(8):
        effect = dict(zip(ARMS[1:], rng.normal(0, 0.3, 3), strict=True))
        planted = _study(margin=0.03)
        table = deltas.deltas_table(
            planted, evaluate_trials(planted, _predictions(planted, effect))
        )
        for arm in ARMS[1:]:
            row = _row(table, arm)
            inside = row["low"] > -0.03 and row["high"] < 0.03
            beyond = row["low"] > 0 or row["high"] < 0
            assert (row["verdict"] == "equivalent") == inside
            assert (row["verdict"] in ("helps", "hurts")) == (beyond and not inside)


def test_of_a_loss_less_is_better_in_word_and_probabilities():
    planted = _study(primary_metric="brier", arms=ARMS[:2])
    scores = evaluate_trials(planted, _predictions(planted, {ARMS[1]: 1.5}))
    (row,) = deltas.headline_table(planted, scores).to_dict("records")
    assert row["delta"] < 0 and row["verdict"] == "helps"
    assert row["probability_helps"] > 0.9 and row["probability_better"] > 0.95
