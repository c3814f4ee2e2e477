"""Metrics of binary classification from labels and probabilities: pure functions.

Unless stated otherwise, functions take `labels` (N,) of 0 and 1 and `probabilities` (N,) in 0..1,
and optional non-negative `weights` of shape (N,) or (B, N): B rows give B values, so that a
bootstrap is one call. A metric whose denominator is zero is undefined: NaN, never 0.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classifiers.evaluation.reliability import brier, calibration_error
from classifiers.evaluation.weighting import labels_and_weights, ratio

NAMES = (
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "balanced_accuracy",
    "mcc",
    "roc_auc",
    "average_precision",
    "sensitivity_at_90_specificity",
    "specificity_at_90_sensitivity",
    "brier",
    "calibration_error",
)
LESS_IS_BETTER = frozenset({"brier", "calibration_error"})
RANKING = NAMES[7:11]
TOLERANCE = 1e-6
"""Probabilities that differ by no more count as equal in `is_constant` and between thresholds;
ranking metrics compare exactly."""
TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "recall": "sensitivity (recall)",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "specificity_at_90_sensitivity": "specificity at 90 % sensitivity",
    "brier": "Brier score",
    "calibration_error": "expected calibration error",
}


def title(metric: str) -> str:
    """The display name of a metric.

    Args:
        metric: One of `NAMES`.

    Returns:
        Its name in tables and figures.

    Example:
        >>> title("recall")
        'sensitivity (recall)'
    """
    return TITLES.get(metric, metric)


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    threshold: float | np.ndarray,
    weights: ArrayLike | None = None,
    folds: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """Compute all metrics of `NAMES`; `recall` is the sensitivity.

    `sensitivity_at_90_specificity` is the largest sensitivity of all thresholds with a specificity
    of at least 0.9, and `specificity_at_90_sensitivity` likewise.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        threshold: Lowest probability that is predicted positive, one number or (N,).
        weights: Non-negative, (N,) or (B, N).
        folds: The fold whose network scored each image, (N,). With it, the metrics of `RANKING` are
            computed `within_folds`: scores of different networks are not ranked against each other.

    Returns:
        A number, or B numbers, for each metric.

    Example:
        >>> evaluate([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], 0.5)["roc_auc"].item()
        0.75
    """
    counts = confusion(labels, probabilities, threshold, weights)
    tn, fp, fn, tp = (counts[name] for name in ("tn", "fp", "fn", "tp"))
    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    values = {
        "accuracy": ratio(tp + tn, tp + tn + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
        "mcc": mcc(tn, fp, fn, tp),
        "brier": brier(labels, probabilities, weights),
        "calibration_error": calibration_error(labels, probabilities, weights),
    }
    if folds is None:
        values |= _ranking(*_weight_by_score(labels, probabilities, weights))
    else:
        values |= within_folds(labels, probabilities, folds, weights)
    return {name: values[name] for name in NAMES}


def within_folds(
    labels: ArrayLike,
    probabilities: ArrayLike,
    folds: ArrayLike,
    weights: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """The metrics of `RANKING`, each computed within folds and averaged over them.

    Folds are weighted by what the metric is a mean over (in sums of `weights`): ROC AUC by pairs of
    a positive and a negative image, average precision and sensitivity by positive images,
    specificity by negative ones; folds with a single class are left out. Pooling the scores of
    different networks instead biases the ROC AUC downwards (Forman & Scholz, SIGKDD Explorations
    2010; Airola et al., CSDA 2011).

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        folds: The fold of each image, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        A number, or B numbers, for each metric of `RANKING`.
    """
    labels, weights = labels_and_weights(labels, weights)
    probabilities, folds = np.asarray(probabilities), np.asarray(folds)
    sums: dict[str, Any] = dict.fromkeys(RANKING, 0.0)
    totals: dict[str, Any] = dict.fromkeys(RANKING, 0.0)
    for fold in np.unique(folds):
        rows = folds == fold
        by_score = _weight_by_score(labels[rows], probabilities[rows], weights[..., rows])
        positives, negatives = (of_class.sum(axis=-1) for of_class in by_score)
        both = (positives > 0) & (negatives > 0)
        counts = (positives * negatives, positives, positives, negatives)
        values = _ranking(*by_score)
        for name, count in zip(RANKING, counts, strict=True):
            sums[name] += np.where(both, values[name] * count, 0.0)
            totals[name] += np.where(both, count, 0.0)
    return {name: ratio(sums[name], totals[name]) for name in RANKING}


def confusion(
    labels: ArrayLike,
    probabilities: ArrayLike,
    threshold: float | np.ndarray,
    weights: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """The cells of the confusion matrix.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        threshold: Lowest probability that is predicted positive, one number or (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        tn, fp, fn and tp: sums of weights, a number or B numbers each.
    """
    labels, weights = labels_and_weights(labels, weights)
    predicted = np.asarray(probabilities) >= threshold
    return {
        "tn": weights @ ((labels == 0) & ~predicted),
        "fp": weights @ ((labels == 0) & predicted),
        "fn": weights @ ((labels == 1) & ~predicted),
        "tp": weights @ ((labels == 1) & predicted),
    }


def mcc(tn: np.ndarray, fp: np.ndarray, fn: np.ndarray, tp: np.ndarray) -> np.ndarray:
    """Matthews correlation coefficient of predicted and true classes.

    Args:
        tn: True negatives, a number or (B,), as the other three.
        fp: False positives.
        fn: False negatives.
        tp: True positives.

    Returns:
        -1..1; undefined where all labels or all predictions are of one class.
    """
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return ratio(tp * tn - fp * fn, np.sqrt(margins))


def roc_auc(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> np.ndarray:
    """Area under the ROC curve: P(positive scores higher) + P(tie) / 2 (Mann-Whitney).

    Args:
        labels: 0 or 1, (N,).
        probabilities: Any scores that rank images, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        A number in 0..1, or B numbers.
    """
    return _roc_auc(*_weight_by_score(labels, probabilities, weights))


def average_precision(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> np.ndarray:
    """Sum over thresholds of precision times increase in recall, without interpolation.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Any scores that rank images, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        A number in 0..1, or B numbers.
    """
    return _average_precision(*_weight_by_score(labels, probabilities, weights))


def is_constant(probabilities: ArrayLike) -> bool:
    """Whether two or more images all get the same probability, to within 1e-6 (absolute).

    Smaller differences are rounding errors, and differ between runtimes.

    Args:
        probabilities: In 0..1, (N,).

    Returns:
        False for fewer than two images.
    """
    probabilities = np.asarray(probabilities)
    return len(probabilities) > 1 and bool(np.ptp(probabilities) <= TOLERANCE)


def _weight_by_score(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, in increasing score."""
    labels, weights = labels_and_weights(labels, weights)
    order = np.argsort(probabilities, kind="stable")
    scores = np.asarray(probabilities)[order]
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    weights, labels = weights[..., order], labels[order]
    return (
        np.add.reduceat(weights * (labels == 1), starts, axis=-1),
        np.add.reduceat(weights * (labels == 0), starts, axis=-1),
    )


def _ranking(positives: np.ndarray, negatives: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of `RANKING` from what `_weight_by_score` returns."""
    sensitivities, specificities = _rates(positives, negatives)
    return {
        "roc_auc": _roc_auc(positives, negatives),
        "average_precision": _average_precision(positives, negatives),
        "sensitivity_at_90_specificity": _best(sensitivities, specificities, 0.9),
        "specificity_at_90_sensitivity": _best(specificities, sensitivities, 0.9),
    }


def _roc_auc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    below = np.cumsum(negatives, axis=-1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=-1)
    return ratio(wins, positives.sum(axis=-1) * negatives.sum(axis=-1))


def _average_precision(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    true = np.cumsum(positives[..., ::-1], axis=-1)
    false = np.cumsum(negatives[..., ::-1], axis=-1)
    with np.errstate(invalid="ignore"):
        precision = np.nan_to_num(true / (true + false))
    return ratio((precision * positives[..., ::-1]).sum(axis=-1), positives.sum(axis=-1))


def _rates(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and specificity at each threshold: above all scores, then at each, falling."""
    none = np.zeros((*positives.shape[:-1], 1))
    true = np.concatenate([none, np.cumsum(positives[..., ::-1], axis=-1)], axis=-1)
    false = np.concatenate([none, np.cumsum(negatives[..., ::-1], axis=-1)], axis=-1)
    return ratio(true, true[..., -1:]), 1 - ratio(false, false[..., -1:])


def _best(rates: np.ndarray, others: np.ndarray, minimum: float) -> np.ndarray:
    """The largest rate of all thresholds where the other rate is at least `minimum`.

    Undefined with a single class.
    """
    best = np.where(others >= minimum - 1e-12, rates, -np.inf).max(axis=-1)
    defined = np.isfinite(rates).all(axis=-1) & np.isfinite(others).all(axis=-1)
    return np.where(defined, best, np.nan)[()]
