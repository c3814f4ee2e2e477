"""Exact intervals, DeLong and calibration against scipy, scikit-learn and definitions."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from classifiers.evaluation import calibration, evaluation_report, intervals, metrics


@pytest.mark.parametrize(("successes", "trials"), [(0, 9), (9, 9), (1, 30), (17, 40)])
def test_clopper_pearson_against_scipy(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(0.9, method="exact")
    assert intervals.clopper_pearson(successes, trials, 0.9) == pytest.approx(expected)


def test_a_proportion_of_nothing_may_be_anything():
    assert intervals.clopper_pearson(0, 0) == (0, 1)


def _scores(seed=0, models=2):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([0, 1], [40, 25]))
    common = rng.normal(size=65)
    own = rng.normal(size=(models, 65))
    return labels, np.round(labels + common + own, 1)


def test_delong_against_its_definition():
    labels, scores = _scores()
    areas, covariance = intervals.delong(labels, scores)
    wins = []
    for row in scores:
        positive, negative = row[labels == 1][:, None], row[labels == 0][None]
        wins.append((positive > negative) + (positive == negative) / 2)
    wins = np.array(wins)
    expected = np.cov(wins.mean(axis=2)) / 25 + np.cov(wins.mean(axis=1)) / 40
    np.testing.assert_allclose(areas, [roc_auc_score(labels, row) for row in scores])
    np.testing.assert_allclose(covariance, expected)


def test_delong_interval_holds_the_true_area_as_often_as_it_says():
    rng = np.random.default_rng(5)
    true, hits = 0.7602, 0  # of normal scores one standard deviation apart: Phi(1 / sqrt(2))
    labels = np.repeat([0, 1], [60, 40])
    for _ in range(400):
        low, high = intervals.delong_interval(labels, labels + rng.normal(size=100))
        hits += low < true < high
    assert 0.92 <= hits / 400 <= 0.98


def test_delong_is_undefined_where_nothing_can_be_said():
    labels = np.array([0, 0, 0, 1])
    assert np.isnan(intervals.delong(labels, np.arange(4))[0]).all()
    assert np.isnan(intervals.delong_interval(labels, np.array([0, 2, 3, 1]))).all()
    assert np.isnan(intervals.delong_interval(labels, np.arange(4))).all()
    two = intervals.clopper_pearson(2, 2)
    assert intervals.delong_interval(np.array([0, 0, 1, 1]), np.arange(4)) == two
    assert np.isnan(intervals.delong_interval(np.zeros(4, int), np.arange(4))).all()


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_temperature_against_logistic_regression(true):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=3000)
    labels = (rng.uniform(size=3000) < expit(scores)).astype(int)
    overconfident = expit(scores * true)
    temperature = calibration.fit_temperature(labels, overconfident)
    target = np.where(labels, (labels.sum() + 1) / (labels.sum() + 2), 1 / (3002 - labels.sum()))
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8)
    both = np.tile(scores * true, 2)[:, None]  # a soft target: each image as both, by weight
    model.fit(both, np.repeat([1, 0], 3000), np.concatenate([target, 1 - target]))
    expected = max(calibration.TEMPERATURES[0], 1 / model.coef_[0, 0])
    assert temperature == pytest.approx(expected, rel=1e-3)
    scaled = calibration.scale(overconfident, temperature)
    assert metrics.calibration_error(labels, scaled) < 0.03
    assert (np.argsort(scaled) == np.argsort(overconfident)).all()


def test_sure_predictions_have_a_finite_temperature():
    labels, sure = np.array([0, 1, 0, 1]), np.array([0.0, 1.0, 0.0, 1.0])
    temperature = calibration.fit_temperature(labels, sure)
    assert 1 < temperature <= calibration.TEMPERATURES[1]  # four images prove no certainty
    assert np.isfinite(calibration.scale(sure, temperature)).all()
    assert (np.diff(calibration.scale([1e-20, 1e-9, 0.5, 0.9, 0.99], 0.5)) > 0).all()
    assert calibration.fit_temperature(np.zeros(3), sure[:3]) == 1


def test_assessment_says_how_each_interval_was_found():
    labels, scores = _scores()
    probabilities = expit(scores[0])
    ungrouped = evaluation_report.assess(labels, probabilities, np.arange(65), 0.5).set_index(
        "metric"
    )
    assert ungrouped.loc["roc_auc", "interval"] == "DeLong"
    assert ungrouped.loc["recall", "interval"] == "Clopper-Pearson"
    assert list(ungrouped.index) == list(metrics.NAMES)
    bounded = ungrouped.drop("calibration_error")
    assert ((bounded["low"] < bounded["value"]) & (bounded["value"] < bounded["high"])).all()
    assert np.isnan(ungrouped.loc["calibration_error", "low"])
    paired = np.concatenate([np.arange(65), np.arange(65)])
    twice = [np.concatenate([x, x]) for x in (labels, probabilities)]
    grouped = evaluation_report.assess(*twice, paired, 0.5).set_index("metric")
    assert grouped.loc["roc_auc", "interval"] == "jackknife over groups"
    assert grouped.loc["brier", "interval"] == "bootstrap over groups"
    width, before = (table["high"] - table["low"] for table in (grouped, ungrouped))
    for name in bounded.index:  # every image twice says no more than once
        assert width[name] == pytest.approx(before[name], rel=0.2), name


def test_one_class_is_undefined_in_words():
    report = evaluation_report.assess(np.zeros(5, int), np.linspace(0, 1, 5), np.arange(5), 0.5)
    counts = metrics.confusion(np.zeros(5, int), np.linspace(0, 1, 5), 0.5)
    lines = evaluation_report.text(report, counts).splitlines()
    assert any(line.startswith("ROC AUC") and line.endswith("undefined") for line in lines)
