"""Which weights a training run keeps: never those of a constant network, nor a maximum of noise."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from classifiers.evaluation import calibration, metrics
from classifiers.training import weight_selection
from classifiers.training.settings import Training
from classifiers.training.weight_selection import Evaluation, Selection, best
from ufgen.errors import UserError


def _at(step, value, loss, error=0.05, constant=False, first=False):
    return Evaluation(step, first, value, error, loss, constant)


FIRST = _at(1, 0.5, 0.69, first=True, constant=True)


def test_a_constant_network_is_not_kept_though_its_plain_loss_is_least():
    """The case of a report: AUC 0.635 at step 42, overconfident; the constant one lost less."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    overconfident = 1 / (1 + np.exp(-rng.normal(0.8 * labels, 1, 120) * 12))
    constant = np.full(120, 0.49596) + rng.uniform(0, 1e-8, 120)
    assert reference.log_loss(labels, constant) < reference.log_loss(labels, overconfident)
    kept = Selection()
    for step, raw in ((6, constant), (42, overconfident), (60, constant)):
        evaluation = weight_selection.evaluate(step, step == 6, labels, raw, "roc_auc")
        assert evaluation.constant == (raw is constant)
        kept.add(evaluation, lambda step=step: [step])
    assert kept.best()[0].step == 42 and kept.best()[1] == [42]


@pytest.mark.parametrize("metric", metrics.NAMES)
def test_no_metric_prefers_a_network_that_separates_nothing(metric):
    rng = np.random.default_rng(1)
    labels = (np.arange(120) % 3 == 0).astype(int)
    raw = {
        1: np.full(120, 1 / 3),
        2: 1 / 3 + rng.uniform(-1e-4, 1e-4, 120),  # uninformative, at the prevalence
        3: 1 / (1 + np.exp(-rng.normal(4 * labels - 2, 1))),
        4: np.full(120, 0.99),
    }
    evaluations = [weight_selection.evaluate(s, s == 1, labels, p, metric) for s, p in raw.items()]
    assert best(evaluations).step == 3
    assert evaluations[0].row()["val_constant"] == 1 and evaluations[2].row()["val_constant"] == 0


def test_within_the_noise_of_the_best_the_calibrated_loss_decides():
    evaluations = [
        _at(1, 0.6, 0.6, first=True),
        _at(2, 0.82, 0.5),
        _at(3, 0.86, 0.55),
        _at(4, 0.8, 0.4),
    ]
    assert best(evaluations).step == 2  # 0.80 is further from 0.86 than one standard error of 0.05
    assert best(evaluations[:2] + evaluations[3:]).step == 4
    assert best([*evaluations, _at(5, 0.95, 0.9)]).step == 5


def test_the_first_evaluation_is_kept_only_if_no_later_one_comes_close():
    first = _at(1, 0.8, 0.3, first=True)
    assert best([first, _at(2, 0.78, 0.6)]).step == 2
    assert best([first, _at(2, 0.7, 0.2)]).step == 1
    assert best([first]).step == 1
    assert best([first, _at(2, 0.9, 0.1, constant=True)]).step == 1


def test_nan_is_never_chosen():
    labels = np.array([0, 1, 0, 1])
    missing = weight_selection.evaluate(
        1, True, labels, np.array([0.1, np.nan, 0.2, 0.3]), "roc_auc"
    )
    assert math.isnan(missing.row()["val_selection"])
    assert math.isnan(missing.row()["val_calibrated_loss"])
    assert best([missing]) is None and Selection().best() is None
    for order in itertools.permutations([missing, FIRST, _at(3, -math.inf, 0.9, 0.0)]):
        kept = Selection()
        for evaluation in order:
            kept.add(evaluation, lambda: [])
        assert kept.best()[0].step == 3
    one_class = weight_selection.evaluate(
        2, False, np.zeros(4), np.array([0.1, 0.2, 0.3, 0.4]), "roc_auc"
    )
    assert best([one_class, one_class._replace(step=3, loss=0.01)]).step == 3


@pytest.mark.parametrize("seed", range(20))
def test_weights_that_may_be_chosen_are_not_dropped(seed):
    rng = np.random.default_rng(seed)
    evaluations = [
        _at(i, round(rng.uniform(0.5, 1), 1), round(rng.uniform(0.3, 0.7), 1), 0.1,
            bool(rng.random() < 0.3), i == 0)
        for i in range(12)
    ]  # fmt: skip
    kept = Selection()
    for end, evaluation in enumerate(evaluations, 1):
        kept.add(evaluation, lambda evaluation=evaluation: [evaluation.step])
        chosen, weights = kept.best()
        assert chosen == best(evaluations[:end]) and weights == [chosen.step]
    assert len(kept._kept) < 7


def test_the_value_is_the_calibrated_metric_with_its_bootstrap_error():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 50)
    raw = 1 / (1 + np.exp(-rng.normal(labels, 1) * 5))
    evaluation = weight_selection.evaluate(9, False, labels, raw, "roc_auc")
    assert evaluation.value == pytest.approx(reference.roc_auc_score(labels, raw))
    assert evaluation.standard_error == pytest.approx(0.0485, abs=0.008)  # DeLong's of this sample
    calibrated = calibration.scale(raw, calibration.fit_temperature(labels, raw))
    assert evaluation.loss == pytest.approx(reference.log_loss(labels, calibrated))
    brier = weight_selection.evaluate(9, False, labels, raw, "brier")
    assert brier.value == pytest.approx(-reference.brier_score_loss(labels, calibrated))
    assert brier.row()["val_selection"] == -brier.value
    assert _at(2, -0.2, 0.6).row()["val_selection"] == -0.2  # a correlation may be negative
    assert weight_selection.uncalibrated_scores(labels, raw)["val_loss"] == pytest.approx(
        reference.log_loss(labels, raw)
    )


def test_the_metric_is_a_checked_setting_and_the_first_row_is_recognised():
    assert Training().as_dict()["selection_metric"] == "roc_auc"
    with pytest.raises(UserError, match="selection_metric is 'auc', expected accuracy"):
        Training(selection_metric="auc")
    assert weight_selection.kept_first(pd.DataFrame({"best": [1, 0]}))
    assert not weight_selection.kept_first(pd.DataFrame({"best": [0, 1]}))
    assert not weight_selection.kept_first(pd.DataFrame({"best": [1]}))
