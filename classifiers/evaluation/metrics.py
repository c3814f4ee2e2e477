"""Metrics of binary classification from labels and probabilities: pure functions.

Unless stated otherwise, functions take `labels` (N,) of 0 and 1 and `probabilities` (N,) in 0..1,
and optional non-negative `weights` of shape (N,) or (B, N): B rows give B values, so that a
bootstrap is one call. A metric whose denominator is zero is undefined: NaN, never 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from classifiers.evaluation.ranking import average_precision as average_precision
from classifiers.evaluation.ranking import (
    contributions_to_ranking,
    ranking,
    weight_by_score,
    within_folds,
)
from classifiers.evaluation.ranking import roc_auc as roc_auc
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
POOLED = ("precision", "f1", "mcc", "calibration_error")
"""Metrics that are not weighted means over folds."""
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
        values |= ranking(*weight_by_score(labels, probabilities, weights))
    else:
        values |= within_folds(labels, probabilities, folds, weights)
    return {name: values[name] for name in NAMES}


def contributions(
    labels: ArrayLike,
    probabilities: ArrayLike,
    threshold: np.ndarray,
    folds: ArrayLike,
    weights: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """What each of K folds contributes to the metrics that are weighted means over folds.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        threshold: Lowest probability that is predicted positive, (N,).
        folds: The fold of each image, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        For each metric of `NAMES` but `POOLED`, (K,) or (K, B): the sum over folds is what
        `evaluate` returns with `folds`.

    Example:
        >>> parts = contributions([0, 1, 0, 1], [0.1, 0.9, 0.8, 0.2], np.full(4, 0.5), [0, 0, 1, 1])
        >>> parts["roc_auc"].tolist(), parts["accuracy"].tolist()
        ([0.5, 0.0], [0.5, 0.0])
    """
    labels, weights = labels_and_weights(labels, weights)
    probabilities, folds = np.asarray(probabilities), np.asarray(folds)
    sums: dict[str, list] = {"accuracy": [], "recall": [], "specificity": [], "brier": []}
    positives, negatives = weights @ (labels == 1), weights @ (labels == 0)
    for fold in np.unique(folds):
        rows = folds == fold
        part = labels[rows], probabilities[rows], weights[..., rows]
        counts = confusion(*part[:2], np.asarray(threshold)[rows], part[2])
        total = part[2].sum(axis=-1)
        sums["accuracy"].append(ratio(counts["tp"] + counts["tn"], positives + negatives))
        sums["recall"].append(ratio(counts["tp"], positives))
        sums["specificity"].append(ratio(counts["tn"], negatives))
        of_fold = np.where(total > 0, total * brier(*part), 0.0)
        sums["brier"].append(ratio(of_fold, positives + negatives))
    parts = {name: np.stack(values) for name, values in sums.items()}
    parts["balanced_accuracy"] = (parts["recall"] + parts["specificity"]) / 2
    return parts | contributions_to_ranking(labels, probabilities, folds, weights)


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
