"""What a study concludes from predictions whose truth is planted."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from experiments.analysis import checks, paired_tests_table, results, scores, verdict
from experiments.analysis.deltas import deltas_table, headline_table
from experiments.design import study

CLASSICAL = ["real", "real+classical", "real+classical+synthetic@1.0"]
NO_SETS = pd.DataFrame(columns=["unlike_real", "copies", "coverage-texture"])


def _study(**changes) -> study.Study:
    content = {
        "name": "planted",
        "arms": ["real", "real+synthetic@1.0"],
        "classifiers": ["hybrid"],
        "seeds": [0, 1, 2, 3, 4],
        "bootstrap": 200,
    }
    return study.Study(**(content | changes))


def _predictions(planted: study.Study, signal: dict, positives=150, negatives=150, offsets=0.0):
    """Trials and predictions of every arm, whose positive images score higher by `signal`.

    With folds the scores of each network are shifted by a normal `offsets` of its own.
    """
    rng = np.random.default_rng(0)
    target = np.repeat([1, 0], [positives, negatives])
    names = [f"{i:03d}" for i in range(len(target))]
    rows, predictions = [], []
    for arm in planted.parsed_arms():
        generators = planted.generator.seeds if arm.synthetic else [""]
        repeats = range(planted.repeats) if planted.folds else [""]
        for generator, seed, repeat in itertools.product(generators, planted.seeds, repeats):
            fold = ""
            if planted.folds:
                fold = np.random.default_rng(repeat).permutation(len(target)) % planted.folds
            shift = rng.normal(0, offsets, planted.folds)[fold] if planted.folds else 0.0
            score = rng.normal(target * signal[arm.name], 1) + shift
            metadata = {"arm": arm.name, "classifier": "hybrid", "seed": seed}
            metadata |= {"generator": generator, "repeat": repeat}
            rows.append(metadata | {"n_train": 9, "trial": "x"})
            table = pd.DataFrame({"path": names, "group": names, "sha256": names})
            probability = 1 / (1 + np.exp(-score))
            predictions.append(table.assign(
                target=target, label=target, probability=probability, threshold=0.5, fold=fold,
                predicted=(probability > 0.5).astype(int), **metadata,
            ))  # fmt: skip
    return pd.DataFrame(rows), pd.concat(predictions, ignore_index=True)


def _tables(planted, trials, predictions, sets=NO_SETS):
    scored = scores.evaluate_trials(planted, predictions)
    unlike = bool(checks.unlike_real(sets))
    compared = [make(planted, scored, unlike) for make in (deltas_table, headline_table)]
    return checks.StudyTables(*compared, results.baseline_table(planted, scored), trials, sets)


def _conclude(planted, tables):
    return verdict.conclude(planted, tables, checks.check(planted, tables))


def _shift(**signal):
    planted = _study()
    return planted, *_predictions(planted, {"real": 1.2, "real+synthetic@1.0": 1.2} | signal)


@pytest.mark.parametrize(("effect", "word"), [(2.4, "helps"), (0.3, "hurts")])
def test_a_planted_effect_is_found(effect, word):
    planted, *results = _shift(**{"real+synthetic@1.0": effect})
    deltas = _tables(planted, *results).deltas
    row = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == "roc_auc")].iloc[0]
    assert row["verdict"] == word and row["low"] < row["delta"] < row["high"]
    brier = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == "brier")].iloc[0]
    assert (brier["delta"] < 0) == (word == "helps")


def test_the_gain_of_augmentation_is_not_the_synthetic_images(capsys):
    planted = _study(arms=CLASSICAL)
    signal = dict(zip(CLASSICAL, (1.2, 2.4, 2.4), strict=True))
    tables = _tables(planted, *_predictions(planted, signal))
    rows = {row["arm"]: row for row in tables.primary(planted)}
    assert rows["real+classical"]["verdict"] == "helps"
    mixed = rows["real+classical+synthetic@1.0"]
    assert mixed["reference"] == "real+classical" and mixed["verdict"] != "helps"
    assert abs(mixed["delta"]) < 0.02
    conclusion = _conclude(planted, tables)
    assert "helps" not in conclusion["headline"]
    assert "real+classical+synthetic@1.0 against real+classical" in conclusion["headline"]


def test_the_primary_metric_alone_has_a_verdict():
    planted, *results = _shift(**{"real+synthetic@1.0": 2.4})
    deltas = _tables(planted, *results).deltas
    headline = (deltas["classifier"] == "all") & (deltas["metric"] == planted.primary_metric)
    assert (deltas[headline]["verdict"] == "helps").all()
    assert set(deltas[~headline]["verdict"]) == {""}


def test_classifiers_that_learn_nothing_are_not_interpretable():
    planted, trials, predictions = _shift()
    tables = _tables(planted, trials, predictions.assign(probability=0.5))
    (row,) = tables.primary(planted)
    assert row["delta"] == 0 and row["verdict"] == "not interpretable"
    conclusion = _conclude(planted, tables)
    assert "did not beat chance" in conclusion["headline"]
    assert "did not beat" in conclusion["warnings"][0]


def test_a_perfect_baseline_beats_chance():
    planted, trials, predictions = _shift()
    perfect = predictions.assign(probability=predictions["target"] * 0.8 + 0.1)
    tables = _tables(planted, trials, perfect)
    assert tables.baseline["beats_chance"].all()
    assert tables.deltas["reference_beats_chance"].all()
    conclusion = _conclude(planted, tables)
    assert "did not beat chance" not in json.dumps(conclusion)
    assert "perfectly separated" in json.dumps(conclusion["warnings"])


def test_few_groups_of_the_smaller_class_widen_and_warn():
    planted = _study(seeds=[0, 1, 2, 3, 4])
    signal = {"real": 1.2, "real+synthetic@1.0": 1.2}
    few = _tables(planted, *_predictions(planted, signal, positives=4, negatives=60))
    (row,) = few.primary(planted)
    assert row["test_groups"] == 4 and row["df"] <= 4
    names = [one.name for one in checks.check(planted, few) if not one.passed]
    assert "Enough test groups" in names
    many = _tables(planted, *_predictions(planted, signal, positives=60, negatives=60))
    assert "Enough test groups" not in [
        one.name for one in checks.check(planted, many) if not one.passed
    ]


def test_images_that_are_not_like_real_ones_come_first():
    planted, *results = _shift(**{"real+synthetic@1.0": 2.4})
    sets = pd.DataFrame({"unlike_real": ["their coverage is 0.01"], "copies": [0.0]})
    sets = sets.assign(**{"coverage-texture": 0.01, "coverage-texture reference": 0.95})
    tables = _tables(planted, *results, sets)
    conclusion = _conclude(planted, tables)
    assert conclusion["headline"].startswith("Not interpretable")
    assert "0.01" in conclusion["headline"]
    assert tables.primary(planted)[0]["verdict"] == "not interpretable"
    one_of_three = pd.concat([sets, *[sets.assign(unlike_real="")] * 2])
    assert not checks.unlike_real(one_of_three)


def test_constant_and_untrained_networks_are_named():
    planted, trials, predictions = _shift()
    trials = trials.assign(constant=[True] + [False] * 19, kept_first=[False] * 19 + [True])
    texts = " ".join(_conclude(planted, _tables(planted, trials, predictions))["warnings"])
    assert "1 trial (real hybrid seed 0) gave all test images the same" in texts
    assert "(real+synthetic@1.0 hybrid seed 4) kept the weights of the first" in texts


def test_offsets_between_folds_change_no_rank_metric():
    """The same ranks within folds; pooled, they would lose as much as Airola et al. report."""
    planted = _study(folds=5, seeds=[0, 1])
    signal = {"real": 1.2, "real+synthetic@1.0": 1.2}
    pair = [_predictions(planted, signal, offsets=size) for size in (0.0, 2.0)]
    plain, shifted = (_tables(planted, *one).primary(planted)[0] for one in pair)
    for name in ("baseline", "value", "delta", "error"):
        assert shifted[name] == pytest.approx(plain[name], abs=1e-12)
    trials, predictions = pair[1]
    pooled = roc_auc_score(predictions[predictions["arm"] == "real"]["target"],
                           predictions[predictions["arm"] == "real"]["probability"])  # fmt: skip
    assert pooled < plain["baseline"] - 0.03
    pairs = paired_tests_table.table(planted, predictions)
    assert pairs["permutation_p"].iloc[0] == paired_tests_table.table(planted, pair[0][1])[
        "permutation_p"
    ].iloc[0]  # fmt: skip
    assert pairs["delta_roc_auc"].mean() == pytest.approx(shifted["delta"])
    table = results.metrics_table(trials, predictions)
    mine = predictions[(predictions["arm"] == "real") & (predictions["seed"] == 0)]
    wins = [
        (len(a), roc_auc_score(one["target"], one["probability"]), one["target"].sum())
        for _, one in mine.groupby("fold")
        for a in [one]
    ]
    weights = [p * (n - p) for n, _, p in wins]
    assert table["roc_auc"].iloc[0] == pytest.approx(
        np.average([area for _, area, _ in wins], weights=weights)
    )


@pytest.mark.parametrize(
    ("seeds", "generators", "word"), [(5, 3, "helps"), (4, 3, "pilot"), (5, 2, "pilot")]
)
def test_few_seeds_or_generators_make_a_pilot_without_a_verdict(seeds, generators, word):
    planted = _study(seeds=list(range(seeds)), generator={"seeds": list(range(generators))})
    signal = {"real": 1.2, "real+synthetic@1.0": 2.4}
    tables = _tables(planted, *_predictions(planted, signal))
    (row,) = tables.primary(planted)
    assert row["verdict"] == word and row["low"] > 0.02
    conclusion = _conclude(planted, tables)
    assert conclusion["headline"].startswith("A pilot: too few" if word == "pilot" else "Adding")
    assert conclusion["verdict"] == word and not conclusion["by_arm"]


def test_one_seed_is_named_as_the_reason_why_there_is_no_interval():
    planted = _study(seeds=[0])
    signal = {"real": 1.2, "real+synthetic@1.0": 2.4}
    tables = _tables(planted, *_predictions(planted, signal))
    (row,) = tables.primary(planted)
    assert row["verdict"] == "pilot" and np.isnan(row["low"])
    warnings = " ".join(_conclude(planted, tables)["warnings"])
    assert "with one seed the variance between seeds is unknown" in warnings
    assert "perfectly separated" not in warnings


def test_a_control_without_generators_needs_seeds_alone():
    arms = ["real", "real+duplicated@1.0", "real+synthetic@1.0"]
    planted = _study(arms=arms, generator={"seeds": [0]})
    signal = dict.fromkeys(arms, 1.2) | {"real+duplicated@1.0": 2.4}
    rows = {r["arm"]: r for r in _tables(planted, *_predictions(planted, signal)).primary(planted)}
    assert rows["real+duplicated@1.0"]["verdict"] == "helps"
    assert rows["real+synthetic@1.0"]["verdict"] == "pilot"


def test_the_notes_name_what_the_verdict_does_not_cover():
    planted = _study(generator={"seeds": [0]})
    signal = {"real": 1.2, "real+synthetic@1.0": 2.4}
    sets = pd.DataFrame({"unlike_real": [""], "copies": [0.0]})
    sets = sets.assign(**{"coverage-texture": 0.9, "coverage-texture reference": 0.95})
    tables = _tables(planted, *_predictions(planted, signal), sets)
    conclusion = _conclude(planted, tables)
    assert "of this one generator" in conclusion["headline"]
    assert "about these images alone" in json.dumps(conclusion["warnings"])
    assert conclusion["scope"] == (
        "Scope: other test groups and seeds (5); for generators (1), these training images, these "
        "validation images and this one classifier."
    )
    two = planted.generator.model_copy(update={"seeds": [0, 1]})
    two = planted.model_copy(update={"generator": two, "seeds": [0, 1]})
    warnings = json.dumps(_conclude(two, tables)["warnings"])
    assert "Only 2 seeds" in warnings and "2 generators leave one degree" in warnings


@pytest.mark.parametrize(
    ("folds", "generators", "ratio", "covered"),
    [
        (1, 2, 1.9, None),
        (1, 2, 2.1, 88),
        (1, 3, 2.1, 93),
        (2, 2, 2.1, 93),
        (1, 4, 9.0, None),
        (5, 2, 9.0, None),
        (1, 1, 9.0, None),
    ],
)
def test_few_generators_that_differ_much_are_told_how_rarely_intervals_cover(
    folds, generators, ratio, covered
):
    planted = _study()
    signal = {"real": 1.2, "real+synthetic@1.0": 1.2}
    tables = _tables(planted, *_predictions(planted, signal))
    deltas = tables.deltas.assign(
        folds=folds,
        generators=generators,
        variance_seeds=0.3,
        variance_residual=0.7,
        variance_generators=ratio**2,
    )
    warnings = json.dumps(_conclude(planted, tables._replace(deltas=deltas))["warnings"])
    assert ("more than 2 times as much as trainings" in warnings) == (covered is not None)
    assert covered is None or f"in {covered} % of studies alone" in warnings
