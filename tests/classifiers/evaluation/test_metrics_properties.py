"""Metrics at their edges: single bins, limits that are just met, folds, and one class."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from classifiers.evaluation import metrics, ranking, reliability

RNG = np.random.default_rng


def sample(seed: int, count: int = 60):
    rng = RNG(seed)
    labels = rng.integers(0, 2, count)
    return labels, np.round(rng.beta(1 + labels, 2 - labels), 2), rng.uniform(0, 3, count)


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_alone_are_those_of_scikit_learn(weighted):
    labels, probabilities, weights = sample(0)
    weights = weights if weighted else None
    for ours, theirs in (
        (metrics.roc_auc, roc_auc_score),
        (metrics.average_precision, average_precision_score),
    ):
        expected = theirs(labels, probabilities, sample_weight=weights)
        assert ours(labels, probabilities, weights) == pytest.approx(expected)
        if not weighted:
            assert ours(list(labels), list(probabilities)) == pytest.approx(expected)


def test_reliability_is_scikit_learns_curve_also_without_the_upper_bins():
    labels, probabilities, _ = sample(1)
    for most in (1.0, 0.55):
        shown = np.clip(probabilities + 0.003, 0, 0.999) * most  # off the edges of bins
        positives, mean = calibration_curve(labels, shown, n_bins=10)
        values = reliability.reliability(labels, shown)
        assert values["probability"] == pytest.approx(mean)
        assert values["positives"] / values["count"] == pytest.approx(positives)
        assert values["positives"].dtype.kind == "i" and values["count"].sum() == 60
    one = reliability.reliability(
        [1, 0], [0.05, 1.0]
    )  # lists; a bin of one image; the end of the last
    assert {name: values.tolist() for name, values in one.items()} == {
        "count": [1, 1],
        "probability": [0.05, 1.0],
        "positives": [1, 0],
    }
    whole = reliability.reliability([0, 1, 1], [0, 1, 1])
    assert whole["probability"].tolist() == [0, 1] and whole["positives"].tolist() == [0, 2]


def test_a_network_is_constant_within_one_part_in_a_million():
    assert metrics.is_constant([0.5, 0.5]) is True
    assert metrics.is_constant([0.0, 1e-6, 5e-7]) and not metrics.is_constant([0.0, 1.1e-6])
    assert not metrics.is_constant([0.5]) and not metrics.is_constant([])


def test_names_for_people():
    assert metrics.title("roc_auc") == "ROC AUC" and metrics.title("accuracy") == "accuracy"


@pytest.mark.parametrize("turned", [False, True])
def test_a_rate_of_just_nine_tenths_is_reached(turned):
    """Ten negatives, one of them above four of five positives: specificity 0.9 to the last digit.

    Turned round, sensitivity and specificity change places.
    """
    labels = np.repeat([0, 1], [10, 5])
    scores = np.array([*np.linspace(0.1, 0.3, 9), 0.9, 0.95, 0.6, 0.6, 0.6, 0.2])
    name = "sensitivity_at_90_specificity"
    if turned:
        labels, scores, name = 1 - labels, 1 - scores, "specificity_at_90_sensitivity"
    assert metrics.evaluate(labels, scores, 0.5)[name] == pytest.approx(0.8)
    assert metrics.evaluate(labels[1:], scores[1:], 0.5)[name] == pytest.approx(0.2)


def test_the_best_of_all_thresholds_includes_those_that_call_all_and_none():
    values = metrics.evaluate([0, 1], [0.9, 0.1], 0.5)  # the wrong way round
    assert values["sensitivity_at_90_specificity"] == 0
    assert values["specificity_at_90_sensitivity"] == 0
    assert metrics.evaluate([0, 1], [0.5, 0.5], 0.5)["sensitivity_at_90_specificity"] == 0


def test_cells_of_the_confusion_matrix_with_a_threshold_for_each_image():
    labels, probabilities, weights = sample(2)
    thresholds = RNG(3).choice([0.3, 0.5, 0.7], 60)
    predicted = np.array([p >= t for p, t in zip(probabilities, thresholds, strict=True)])
    for w in (None, weights):
        cells = metrics.confusion(labels, probabilities, thresholds, w)
        expected = confusion_matrix(labels, predicted, sample_weight=w).ravel()
        assert [*cells] == ["tn", "fp", "fn", "tp"] and [*cells.values()] == pytest.approx(expected)
    assert metrics.confusion([1, 0], [0.5, 0.5], 0.5) == {"tn": 0, "fp": 1, "fn": 0, "tp": 1}


def test_folds_count_by_what_their_value_is_a_mean_over():
    labels, probabilities, weights = sample(4, 90)
    folds = np.repeat([3, 1, 7], [40, 35, 15])
    labels[-5:] = [1, 0, 1, 0, 0]
    parts = [np.flatnonzero(folds == fold) for fold in (1, 3, 7)]
    single = [metrics.evaluate(labels[p], probabilities[p], 0.5, weights[p]) for p in parts]
    plus = np.array([weights[p][labels[p] == 1].sum() for p in parts])
    minus = np.array([weights[p][labels[p] == 0].sum() for p in parts])
    combined = metrics.evaluate(labels, probabilities, 0.5, weights, folds)
    for name, counts in (
        ("roc_auc", plus * minus),
        ("average_precision", plus),
        ("sensitivity_at_90_specificity", plus),
        ("specificity_at_90_sensitivity", minus),
    ):
        expected = np.average([values[name] for values in single], weights=counts)
        assert combined[name] == pytest.approx(expected), name
    pooled = metrics.evaluate(labels, probabilities, 0.5, weights)
    for name in set(metrics.NAMES) - set(ranking.RANKING):
        assert combined[name] == pooled[name]
    assert list(combined) == list(pooled) == list(metrics.NAMES)


def test_a_fold_of_one_class_does_not_count_and_none_is_undefined():
    labels, scores = np.array([0, 1, 1, 0, 1, 1]), np.array([0.1, 0.6, 0.3, 0.4, 0.2, 0.9])
    folds = np.array([0, 0, 0, 0, 1, 1])
    with_it = metrics.within_folds(labels, scores, folds)
    without = metrics.within_folds(labels[:4], scores[:4], folds[:4])
    assert with_it == pytest.approx(without) and with_it["roc_auc"] == 0.75
    single = metrics.within_folds(list(labels[4:]), list(scores[4:]), list(folds[4:]))
    assert set(single) == set(ranking.RANKING) and np.isnan(list(single.values())).all()


def test_rows_of_weights_may_leave_a_fold_or_a_class_without_images():
    labels, probabilities, _ = sample(5, 40)
    folds = np.arange(40) % 2
    weights = RNG(6).integers(0, 2, (4, 40)).astype(float)
    weights[1, labels == 1] = 0
    weights[2, (folds == 1) & (labels == 0)] = 0
    batch = metrics.evaluate(labels, probabilities, 0.5, weights, folds)
    for row in range(4):
        kept = weights[row] > 0
        single = metrics.evaluate(labels[kept], probabilities[kept], 0.5, None, folds[kept])
        for name in metrics.NAMES:
            assert batch[name][row] == pytest.approx(single[name], nan_ok=True), (row, name)
    assert np.isnan(batch["roc_auc"][1]) and np.isnan(batch["recall"][1])


def test_matthews_correlation_of_constant_calls_is_undefined():
    assert metrics.mcc(3, 1, 2, 4) == pytest.approx((12 - 2) / np.sqrt(5 * 6 * 4 * 5))
    assert metrics.mcc(0, 2, 0, 2) is not None and np.isnan(metrics.mcc(0, 2, 0, 2))
    assert np.isnan(metrics.mcc(2, 0, 2, 0))


def test_brier_and_calibration_error_by_hand():
    """Two images in the bin from 0.2 on (surplus 0.2 + 0.29 - 1), one in the last: 1 - 1."""
    labels, probabilities = [0, 1, 1], [0.2, 0.29, 1.0]
    assert metrics.brier(labels, probabilities) == pytest.approx((0.04 + 0.71**2) / 3)
    assert metrics.calibration_error(labels, probabilities) == pytest.approx(0.51 / 3)
    weights = [[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    values = metrics.calibration_error(labels, probabilities, weights)
    assert values[0] == pytest.approx(abs(0.4 - 0.71) / 4) and np.isnan(values[1])
    assert metrics.brier(labels, probabilities, weights)[0] == pytest.approx((0.08 + 0.71**2) / 4)
