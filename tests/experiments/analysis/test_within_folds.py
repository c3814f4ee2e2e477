"""Cross-validated images are ranked within the fold whose network scored them."""

import numpy as np
import pytest
from sklearn import metrics as reference

from classifiers.evaluation import metrics, ranking


def _scored(seed=0, images=150):
    rng = np.random.default_rng(seed)
    labels, folds = (
        rng.integers(0, 2, images),
        rng.choice(["a", "b", "c"], images, p=[0.6, 0.3, 0.1]),
    )
    scores = np.clip(rng.normal(0.4 + 0.15 * labels, 0.12), 0, 1).round(2)
    return labels, scores, folds


def _averaged(labels, scores, folds, metric, count, weights):
    """`metric` of each fold that has two classes, averaged by `count`."""
    values, counts = [], []
    for fold in np.unique(folds):
        y, p, w = (a[folds == fold] for a in (labels, scores, weights))
        positives, negatives = w[y == 1].sum(), w[y == 0].sum()
        if positives and negatives:
            values.append(metric(y, p, w))
            counts.append(count(positives, negatives))
    return np.average(values, weights=counts)


def _reached(y, p, w, of_positives):
    false, true, _ = reference.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    if of_positives:
        return true[1 - false >= 0.9 - 1e-12].max()
    return (1 - false)[true >= 0.9 - 1e-12].max()


REFERENCES = {
    "roc_auc": (
        lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
        lambda positives, negatives: positives * negatives,
    ),
    "average_precision": (
        lambda y, p, w: reference.average_precision_score(y, p, sample_weight=w),
        lambda positives, negatives: positives,
    ),
    "sensitivity_at_90_specificity": (
        lambda y, p, w: _reached(y, p, w, True),
        lambda positives, negatives: positives,
    ),
    "specificity_at_90_sensitivity": (
        lambda y, p, w: _reached(y, p, w, False),
        lambda positives, negatives: negatives,
    ),
}


@pytest.mark.parametrize("name", ranking.RANKING)
def test_each_fold_by_scikit_learn_and_their_stated_average(name):
    labels, scores, folds = _scored()
    weights = np.random.default_rng(1).integers(0, 3, (4, len(labels)))
    weights[3, (folds == "c") & (labels == 1)] = 0  # no positive image of this fold
    values = metrics.evaluate(labels, scores, 0.5, weights, folds)[name]
    assert values.shape == (4,)
    for row in range(4):
        expected = _averaged(labels, scores, folds, *REFERENCES[name], weights[row])
        assert values[row] == pytest.approx(expected, abs=1e-12)
    alone = metrics.evaluate(labels, scores, 0.5, folds=folds)[name]
    ones = np.ones(len(labels))
    assert alone == pytest.approx(_averaged(labels, scores, folds, *REFERENCES[name], ones))


def test_what_a_fold_adds_to_all_its_scores_changes_no_rank():
    labels, scores, folds = _scored(2, 600)
    offset = np.select([folds == "a", folds == "b"], [0.3, 0.0], 0.6)
    shifted = (scores + offset) / 2
    plain = metrics.evaluate(labels, scores, 0.5, folds=folds)
    moved = metrics.evaluate(labels, shifted, 0.5, folds=folds)
    for name in ranking.RANKING:
        assert moved[name] == pytest.approx(plain[name])
    assert metrics.roc_auc(labels, shifted) < plain["roc_auc"] - 0.05  # pooled, it does


def test_one_fold_is_no_fold_and_thresholded_metrics_are_of_all_images():
    labels, scores, folds = _scored()
    plain = metrics.evaluate(labels, scores, 0.45)
    assert metrics.evaluate(labels, scores, 0.45, folds=np.zeros(len(labels))) == plain
    split = metrics.evaluate(labels, scores, 0.45, folds=folds)
    assert list(split) == list(metrics.NAMES)
    for name in set(metrics.NAMES) - set(ranking.RANKING):
        assert split[name] == plain[name]


def test_a_fold_of_one_class_does_not_count_and_such_folds_alone_are_undefined():
    labels, folds = np.array([0, 1, 1, 1, 0]), np.array([1, 1, 2, 2, 3])
    scores = np.array([0.2, 0.8, 0.1, 0.3, 0.9])
    values = metrics.within_folds(labels, scores, folds)
    assert set(values.values()) == {1.0}
    single = metrics.within_folds(labels[2:], scores[2:], folds[2:])
    assert all(np.isnan(value) for value in single.values())
