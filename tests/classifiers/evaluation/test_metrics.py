"""Metrics against scikit-learn, with ties, weights and undefined cases."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as reference

from classifiers.evaluation import calibration, metrics, reliability


def _case(seed, ties):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 80)
    probabilities = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    return labels, np.round(probabilities, 1) if ties else probabilities, rng.integers(0, 4, 80)


def _calibration_error(labels, probabilities, weights):
    """By its definition, bin by bin."""
    weights = np.ones(len(labels)) if weights is None else weights
    error, edges = 0.0, np.arange(11) / 10
    for low, high in pairwise(edges):
        inside = (probabilities >= low) & ((probabilities < high) | (high == 1))
        if weights[inside].sum():
            accuracy = np.average(labels[inside], weights=weights[inside])
            confidence = np.average(probabilities[inside], weights=weights[inside])
            error += weights[inside].sum() * abs(accuracy - confidence)
    return error / weights.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_scikit_learn(seed, ties, weighted):
    labels, probabilities, weights = _case(seed, ties)
    weights = weights.astype(float) if weighted else None
    ours = metrics.evaluate(labels, probabilities, 0.5, weights)
    predicted = (probabilities >= 0.5).astype(int)
    theirs = {
        "accuracy": reference.accuracy_score(labels, predicted, sample_weight=weights),
        "precision": reference.precision_score(labels, predicted, sample_weight=weights),
        "recall": reference.recall_score(labels, predicted, sample_weight=weights),
        "specificity": reference.recall_score(
            labels, predicted, pos_label=0, sample_weight=weights
        ),
        "f1": reference.f1_score(labels, predicted, sample_weight=weights),
        "balanced_accuracy": reference.balanced_accuracy_score(
            labels, predicted, sample_weight=weights
        ),
        "roc_auc": reference.roc_auc_score(labels, probabilities, sample_weight=weights),
        "average_precision": reference.average_precision_score(
            labels, probabilities, sample_weight=weights
        ),
        "brier": reference.brier_score_loss(labels, probabilities, sample_weight=weights),
    }
    theirs["mcc"] = reference.matthews_corrcoef(labels, predicted, sample_weight=weights)
    fpr, tpr, _ = reference.roc_curve(
        labels, probabilities, sample_weight=weights, drop_intermediate=False
    )
    theirs["sensitivity_at_90_specificity"] = tpr[1 - fpr >= 0.9 - 1e-12].max()
    theirs["specificity_at_90_sensitivity"] = (1 - fpr)[tpr >= 0.9 - 1e-12].max()
    theirs["calibration_error"] = _calibration_error(labels, probabilities, weights)
    assert set(theirs) == set(metrics.NAMES)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


def test_rows_of_weights_give_rows_of_values():
    labels, probabilities, _ = _case(0, True)
    weights = np.random.default_rng(1).integers(0, 3, (5, 80))
    batch = metrics.evaluate(labels, probabilities, 0.5, weights)
    for row in range(5):
        single = metrics.evaluate(labels, probabilities, 0.5, weights[row])
        for name in metrics.NAMES:
            assert batch[name][row] == pytest.approx(single[name])


def test_accuracy_is_made_of_sensitivity_specificity_and_prevalence():
    labels, probabilities, _ = _case(2, False)
    values = metrics.evaluate(labels, probabilities, 0.45)
    prevalence = labels.mean()
    whole = values["recall"] * prevalence + values["specificity"] * (1 - prevalence)
    assert values["accuracy"] == pytest.approx(whole)


def test_row_order_changes_nothing():
    labels, probabilities, _ = _case(1, True)
    order = np.random.default_rng(0).permutation(len(labels))
    one = metrics.evaluate(labels, probabilities, 0.5)
    two = metrics.evaluate(labels[order], probabilities[order], 0.5)
    assert one == pytest.approx(two)


def test_undefined_is_not_zero():
    values = metrics.evaluate(np.zeros(4, int), np.full(4, 0.2), 0.5)
    undefined = {name for name, value in values.items() if np.isnan(value)}
    expected = {"precision", "recall", "f1", "balanced_accuracy", "roc_auc", "average_precision"}
    expected |= {"mcc", "sensitivity_at_90_specificity", "specificity_at_90_sensitivity"}
    assert undefined == expected
    assert values["specificity"] == 1


def test_youden_threshold_is_the_best_there_is():
    labels, probabilities, _ = _case(0, False)
    threshold = calibration.youden_threshold(labels, probabilities)
    false, true, _ = reference.roc_curve(labels, probabilities)
    values = metrics.evaluate(labels, probabilities, threshold)
    assert values["recall"] + values["specificity"] - 1 == pytest.approx((true - false).max())
    assert calibration.youden_threshold(np.ones(3, int), np.array([0.1, 0.2, 0.3])) == 0.5


def test_reliability_holds_every_image_once():
    labels, probabilities, _ = _case(0, True)
    values = reliability.reliability(labels, probabilities)
    assert values["count"].sum() == 80 and values["positives"].sum() == labels.sum()
    gaps = np.abs(values["positives"] - values["count"] * values["probability"]).sum() / 80
    assert gaps == pytest.approx(metrics.calibration_error(labels, probabilities))


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 1.0])
def test_a_threshold_for_a_sensitivity_reaches_it_and_no_higher_one_does(wanted):
    labels, probabilities, _ = _case(1, True)
    threshold = calibration.sensitivity_threshold(labels, probabilities, wanted)
    assert (probabilities[labels == 1] >= threshold).mean() >= wanted
    higher = probabilities[probabilities >= threshold].min() + 1e-9
    assert (probabilities[labels == 1] >= higher).mean() < wanted
