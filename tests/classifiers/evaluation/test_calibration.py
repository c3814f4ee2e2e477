"""Temperature and threshold by hand: which side of which score, and what is fitted to what."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import log_loss, roc_curve

from classifiers.evaluation import calibration

LABELS = np.array([0, 0, 1, 0, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])


def _sample(seed, count=40):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 4 == 0).astype(int)
    return labels, expit(rng.normal(1.5 * labels - 1, 1) * 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_minimises_the_log_loss_of_platts_targets(seed):
    labels, probabilities = _sample(seed)
    positives, negatives = labels.sum(), (1 - labels).sum()
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(log_temperature):
        p = expit(logit(probabilities) / np.exp(log_temperature[0]))
        return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()

    expected = np.exp(minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-8}).x[0])
    fitted = calibration.fit_temperature(labels, probabilities)
    assert fitted == pytest.approx(np.clip(expected, 0.5, 20), rel=1e-3)


def test_the_temperature_stays_within_its_bounds():
    labels = np.tile([0, 1], 50)
    useless = np.where(labels, 0.01, 0.99)
    assert calibration.fit_temperature(labels, useless) == pytest.approx(20, rel=1e-3)
    timid = np.where(labels, 0.55, 0.45)
    assert calibration.fit_temperature(labels, timid) == pytest.approx(0.5, rel=1e-3)
    assert calibration.fit_temperature(np.ones(5), np.full(5, 0.7)) == 1
    assert calibration.fit_temperature([0, 1, 1], [0.2, 0.7, 0.8]) > 0  # lists will do


def test_scaling_divides_logits_and_keeps_order_and_half():
    fitted = calibration.scale([0.1, 0.5, 0.9], 2)
    assert fitted == pytest.approx(expit(logit([0.1, 0.5, 0.9]) / 2))
    assert fitted[1] == 0.5
    same = np.array([0.1, 0.7])
    assert calibration.scale(same, 1) is same
    ends = calibration.scale([0.0, 1.0], 1.5)
    assert ends == pytest.approx([expit(logit(1e-38) / 1.5), expit(logit(1 - 6e-8) / 1.5)])
    assert ends[0] > 0 and ends[1] < 1


def test_log_loss_against_scikit_learn_and_at_the_ends():
    labels, probabilities = _sample(1)
    assert calibration.log_loss(labels, probabilities) == pytest.approx(
        log_loss(labels, probabilities)
    )
    assert calibration.log_loss([1, 0], [0.0, 1.0]) == pytest.approx(
        -(np.log(1e-38) + np.log(6e-8)) / 2, rel=1e-6
    )


def test_youdens_threshold_by_hand():
    """Sensitivity + specificity - 1: 1/3 above 0.2 (3 of 3, 2 of 3), and 2/3 above 0.4 as well."""
    assert calibration.youden_threshold(LABELS, SCORES) == pytest.approx(0.5)
    assert calibration.youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.25)
    assert calibration.youden_threshold([0, 1], [0.6, 0.9]) == pytest.approx(0.75)
    assert calibration.youden_threshold([1, 1, 1], [0.1, 0.2, 0.9]) == 0.5
    # equally good at (0.1 + 0.2) / 2 and (0.6 + 0.7) / 2: the one nearest to 0.5 is taken
    tied = calibration.youden_threshold([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.7])
    assert tied == pytest.approx(0.65)
    high = calibration.youden_threshold([0, 1, 0, 1], [0.3, 0.4, 0.8, 0.9])
    assert high == pytest.approx(0.35)
    assert calibration.youden_threshold([0, 1], [0.2, 0.2]) == pytest.approx(0.6)


@pytest.mark.parametrize("seed", range(5))
def test_youdens_threshold_is_as_good_as_any_and_lies_midway(seed):
    labels, probabilities = _sample(seed)
    threshold = calibration.youden_threshold(labels, probabilities)
    false, true, _ = roc_curve(labels, probabilities)
    predicted = probabilities >= threshold
    index = predicted[labels == 1].mean() - predicted[labels == 0].mean()
    assert index == pytest.approx((true - false).max())
    _assert_midway(threshold, probabilities)


def _assert_midway(threshold, probabilities):
    edges = np.array([0.0, *probabilities, 1.0])
    above, below = edges[edges > threshold].min(), edges[edges < threshold].max()
    assert threshold == pytest.approx((above + below) / 2) and above - below > 1e-6


def test_the_threshold_of_a_sensitivity_by_hand():
    def of(wanted):
        return calibration.sensitivity_threshold(LABELS, SCORES, wanted)

    assert of(1.0) == pytest.approx(0.25) and of(0.9) == pytest.approx(0.25)
    assert of(2 / 3) == pytest.approx(0.5) and of(0.5) == pytest.approx(0.5)
    assert of(1 / 3) == pytest.approx(0.75) and of(0.01) == pytest.approx(0.75)
    lowest = calibration.sensitivity_threshold([1, 1, 0], [0.2, 0.6, 0.4], 1.0)
    assert lowest == pytest.approx(0.1)
    assert calibration.sensitivity_threshold([1, 1, 0], [0.0, 0.6, 0.4], 1.0) == 0
    with pytest.raises(ValueError, match="no positive image"):
        calibration.sensitivity_threshold([0, 0], [0.1, 0.2], 0.9)


@pytest.mark.parametrize("score", [0.0, 0.49596, 0.5, 1.0])
def test_no_threshold_lies_on_the_one_score_of_a_constant_network(score):
    """Rounding by another runtime must not turn every decision round."""
    labels = np.arange(20) % 2
    probabilities = np.clip(score + np.linspace(-4e-8, 4e-8, 20), 0, 1)
    for threshold in (
        calibration.youden_threshold(labels, probabilities),
        *((calibration.sensitivity_threshold(labels, probabilities, 0.9),) if score else ()),
    ):
        assert abs(threshold - score) > 0.2
        assert len(set(probabilities >= threshold)) == 1


def test_scores_within_rounding_are_not_parted_and_others_are():
    close = np.array([0.3, 0.3 + 5e-7, 0.6])
    assert calibration.youden_threshold([0, 1, 1], close) == pytest.approx(0.45)
    apart = np.array([0.3, 0.3 + 3e-6, 0.6])
    assert calibration.youden_threshold([0, 1, 1], apart) == pytest.approx(0.3 + 1.5e-6, abs=1e-9)


def test_fit_sets_the_threshold_on_scaled_probabilities():
    labels, raw = _sample(2)
    temperature, threshold = calibration.fit(labels, raw)
    assert temperature == calibration.fit_temperature(labels, raw) and temperature > 1.5
    scaled = calibration.scale(raw, temperature)
    assert threshold == calibration.youden_threshold(labels, scaled)
    assert threshold != pytest.approx(calibration.youden_threshold(labels, raw))
    aimed = calibration.fit(labels, raw, 0.9)
    assert aimed.temperature == temperature
    assert aimed.threshold == calibration.sensitivity_threshold(labels, scaled, 0.9)
    assert (scaled[labels == 1] >= aimed.threshold).mean() >= 0.9
