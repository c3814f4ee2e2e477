"""Intervals of `ufgen evaluate`: never of zero width, as wide as few groups demand, and curves."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest, norm, t
from sklearn.metrics import average_precision_score, roc_auc_score

from classifiers.evaluation import (
    curve_figure,
    curves,
    evaluation_report,
    intervals,
    metrics,
    ranking,
)
from ufgen.display import figure_style

GROUPS = np.repeat(np.arange(16), 5)
LABELS = (GROUPS >= 8).astype(int)


def _assess(labels, probabilities, groups=GROUPS, threshold=0.5):
    return evaluation_report.assess(labels, probabilities, groups, threshold).set_index("metric")


def _draw(rng, groups, images, icc=0.4, distance=1.5):
    members = np.repeat(np.arange(groups), images)
    labels = rng.integers(0, 2, len(members))
    own, shared = rng.normal(size=len(members)), rng.normal(size=groups)[members]
    return labels, distance * labels + icc**0.5 * shared + (1 - icc) ** 0.5 * own, members


@pytest.mark.parametrize("images", [1, 5])
@pytest.mark.parametrize("right", [True, False])
def test_at_0_and_1_an_interval_is_exact_or_undefined(images, right):
    groups = np.repeat(np.arange(16), images)
    labels = (groups >= 8).astype(int)
    report = _assess(labels, np.where((labels == 1) == right, 0.9, 0.1), groups)
    of_eight = binomtest(8 if right else 0, 8).proportion_ci(0.95, "exact")
    for name in ("recall", "specificity", "roc_auc"):
        assert report.loc[name, ["low", "high"]].tolist() == pytest.approx(of_eight), name
    assert report.loc["roc_auc", "interval"] == "Clopper-Pearson, perfect separation"
    assert not (report["high"] - report["low"] < 1e-3).any()
    assert np.isnan(report.loc[["f1", "mcc", "brier"], "low"]).all()
    lines = evaluation_report.text(report.reset_index(), metrics.confusion(labels, labels, 0.5))
    assert "no interval" in lines


def test_a_constant_network_ranks_nothing():
    report = _assess(LABELS, np.full(80, 0.4) + np.linspace(0, 1e-7, 80))
    for name in ranking.RANKING:
        assert np.isnan(report.loc[name, "low"]) and report.loc[name, "interval"] == "no interval"
    assert report.loc["specificity", "low"] == pytest.approx(0.025 ** (1 / 8))


def test_a_proportion_of_groups_by_hand():
    """Five groups of four; design effect by Taylor linearisation (Korn & Graubard 1998)."""
    hits = np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1])
    groups = np.repeat(list("abcde"), 4)
    residuals = np.array([4, 3, 2, 4, 1]) - 4 * 0.7
    effective = 0.21 / (5 / 4 * (residuals**2).sum() / 20**2)
    effective *= (norm.ppf(0.975) / t.ppf(0.975, 4)) ** 2
    expected = intervals.clopper_pearson(0.7 * effective, effective)
    assert intervals.grouped_proportion_interval(hits, groups) == pytest.approx(expected)
    low, high = intervals.clopper_pearson(14, 20)
    assert expected[0] < low and expected[1] > high
    assert np.isnan(intervals.grouped_proportion_interval(hits[:4], groups[:4])).all()
    even = intervals.grouped_proportion_interval(np.tile([0, 1], 10), groups)
    images = 20 * (norm.ppf(0.975) / t.ppf(0.975, 4)) ** 2  # even groups: never more than images
    assert even == pytest.approx(intervals.clopper_pearson(images / 2, images))


def test_the_area_between_groups_by_hand():
    rng = np.random.default_rng(0)
    labels, scores, groups = _draw(rng, 6, 4)
    scores = scores.round(1)

    def area(without=None):
        wins = total = 0.0
        for i in np.flatnonzero(labels == 1):
            for j in np.flatnonzero(labels == 0):
                if groups[i] != groups[j] and without not in (groups[i], groups[j]):
                    wins += (scores[i] > scores[j]) + (scores[i] == scores[j]) / 2
                    total += 1
        return wins / total

    left = np.array([area(g) for g in range(6)])
    error = np.sqrt(5 / 6 * ((left - left.mean()) ** 2).sum())
    sizes = [np.bincount(groups[labels == c]) for c in (0, 1)]
    df = min(s.sum() ** 2 / (s**2).sum() for s in sizes) - 1
    value = area()
    half = t.ppf(0.975, df) * error / (value * (1 - value))
    expected = expit(np.log(value / (1 - value)) + np.array([-half, half]))
    assert intervals.grouped_area_interval(labels, scores, groups) == pytest.approx(expected)


def test_independent_images_of_a_rare_class_widen_delongs_interval():
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], [5, 100])
    scores = rng.normal(labels)
    area, covariance = (x.item() for x in intervals.delong(labels, scores))
    half = t.ppf(0.975, 4) * covariance**0.5 / (area * (1 - area))
    expected = expit(np.log(area / (1 - area)) + np.array([-half, half]))
    assert intervals.delong_interval(labels, scores) == pytest.approx(expected)


@pytest.mark.parametrize(("groups", "images"), [(5, 30), (8, 20)])
def test_few_groups_hold_the_truth_as_often_as_they_say(groups, images):
    rng = np.random.default_rng(groups)
    held = np.zeros(2)
    for _ in range(300):
        labels, scores, members = _draw(rng, groups, images)
        low, high = intervals.grouped_area_interval(labels, scores, members)
        held[0] += low <= norm.cdf(1.5 / 2**0.5) <= high
        of = labels == 1
        low, high = intervals.grouped_proportion_interval(scores[of] > 0.75, members[of])
        held[1] += low <= norm.cdf(0.75) <= high
    assert (held / 300 > 0.92).all()


def test_the_mean_of_two_proportions_is_not_sure_where_one_of_them_is_1():
    low, high = intervals.mean_of_two_interval((1.0, 0.8), (0.6, 1.0), (0.5, 0.95))
    assert low == pytest.approx(0.9 - 0.25) and high == pytest.approx(0.9 + 0.075)


def test_few_groups_of_a_class_are_warned_of():
    labels = np.repeat([1, 0], [30, 40])
    groups = np.r_[np.repeat(np.arange(3), 10), np.arange(10, 50)]
    (warning,) = evaluation_report.warnings(labels, groups)
    assert "only 3 of the groups hold positive images" in warning
    (warning,) = evaluation_report.warnings(1 - labels, groups)
    assert "only 3 of the groups hold negative images" in warning
    assert not evaluation_report.warnings(labels, np.arange(70))


def test_precision_recall_steps_invent_no_point_and_enclose_the_average_precision():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 60)
    probabilities = rng.random(60).round(1)
    recalls, precisions = curves.precision_recall_points(labels, probabilities)
    assert (np.diff(recalls) > 0).all() and recalls[0] > 0 and recalls[-1] == 1
    x, y = curves.steps(recalls, precisions)
    under = (np.diff(x) * y[1:]).sum()  # what is drawn
    assert under == pytest.approx(average_precision_score(labels, probabilities))
    first = probabilities >= probabilities[labels == 1].max()
    assert precisions[0] == pytest.approx(labels[first].mean()) and precisions[0] < 1
    flat = curves.precision_recall_points(labels, np.full(60, 0.3))[1]
    assert flat == pytest.approx(labels.mean())


@pytest.mark.parametrize("constant", [False, True])
def test_the_figure_draws_steps_and_no_curve_of_a_constant_network(tmp_path, monkeypatch, constant):
    kept = []
    monkeypatch.setattr(figure_style, "save", lambda figure, *paths: kept.append(figure))
    probabilities = np.full(80, 0.4) if constant else expit(np.arange(80) / 20 - 2)
    curve_figure.write_curves(tmp_path / "curves.png", LABELS, probabilities, 0.5)
    roc, precision, reliable = kept[0].axes
    curves_drawn = [[line for line in axes.lines if line.get_color() == figure_style.BLUE]
             for axes in (roc, precision)]  # fmt: skip
    assert [len(lines) for lines in curves_drawn] == [not constant] * 2
    for line in curves_drawn[1]:
        x, y = line.get_data()
        assert ((np.diff(x) == 0) | (np.diff(y) == 0)).all()  # steps
    assert constant == any("same probability" in text.get_text() for text in roc.texts)
    assert "40 positive, 40 negative" in roc.get_title() and "n = 80" in reliable.get_title()
    area = roc_auc_score(LABELS, probabilities)
    assert f"ROC AUC {area:.3f}" in roc.get_title()
