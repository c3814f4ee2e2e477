"""ROC and precision-recall curves: the points that thresholds reach, and how they are joined."""

import numpy as np
from numpy.typing import ArrayLike

Curve = tuple[np.ndarray, np.ndarray]
"""x and y of the points of a curve, (T,) each."""


def roc_points(labels: ArrayLike, probabilities: ArrayLike) -> Curve:
    """The ROC curve, from the threshold above all scores to the one below.

    Straight lines join its points, so that ties count half: the area under them is
    `metrics.roc_auc`.

    Args:
        labels: 0 or 1, (N,), of both classes.
        probabilities: Scores of the positive class, (N,).

    Returns:
        False positive rate and sensitivity, (T,) each, increasing.
    """
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return fpr, tpr


def precision_recall_points(labels: ArrayLike, probabilities: ArrayLike) -> Curve:
    """The precision-recall curve, without the point (0, 1), which belongs to no threshold.

    Each precision holds from the previous recall (0 for the first) up to its own: a step. The area
    under the steps is `metrics.average_precision`; linear interpolation would be optimistic (Davis
    & Goadrich, ICML 2006).

    Args:
        labels: 0 or 1, (N,), at least one of them 1.
        probabilities: Scores of the positive class, (N,).

    Returns:
        Recall, increasing from above 0 to 1, and the precision at the highest threshold that
        reaches it, (T,) each.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, probabilities)
    recall, first = np.unique(recall[::-1], return_index=True)
    reached = recall > 0
    return recall[reached], precision[::-1][first][reached]


def steps(recall: np.ndarray, precision: np.ndarray) -> Curve:
    """The corners of the steps of a precision-recall curve, from recall 0 on.

    Args:
        recall: Increasing, (T,).
        precision: (T,).

    Returns:
        Recall and precision of the corners, (2T,) each.
    """
    starts = np.concatenate([[0.0], recall[:-1]])
    return np.column_stack([starts, recall]).ravel(), np.repeat(precision, 2)


def resample_roc(curves: list[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """ROC curves at common false positive rates, so that they can be averaged vertically.

    Every rate of any curve comes twice, for the lower and the upper end of a vertical part. The
    area under the mean of the curves is the mean of their areas.

    Args:
        curves: C curves, as `roc_points` returns them.

    Returns:
        False positive rates (X,), and the sensitivity of each curve at each, (C, X).
    """
    rates = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    return np.repeat(rates, 2), np.stack([_ends(rates, *curve) for curve in curves])


def resample_precision_recall(curves: list[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Precision-recall curves at common recalls, so that they can be averaged.

    The area under the mean of the curves is the mean of their average precisions.

    Args:
        curves: C curves, as `precision_recall_points` returns them.

    Returns:
        Recalls (X,) from 0 on, and the precision of each curve's steps at each, (C, X).
    """
    recalls = np.unique(np.concatenate([recall for recall, _ in curves]))
    common = [
        steps(recalls, precision[np.searchsorted(recall, recalls)]) for recall, precision in curves
    ]
    return common[0][0], np.stack([precision for _, precision in common])


def _ends(rates: np.ndarray, fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """The sensitivity just below and just above each rate, in turn (2X,)."""
    distinct, first = np.unique(fpr, return_index=True)
    last = np.append(first[1:], len(fpr)) - 1
    index = np.searchsorted(distinct, rates)
    met = distinct[index] == rates
    before = np.maximum(index - 1, 0)
    fraction = (rates - distinct[before]) / np.where(met, 1, distinct[index] - distinct[before])
    between = tpr[last[before]] + fraction * (tpr[first[index]] - tpr[last[before]])
    lower, upper = (
        np.where(met, tpr[first[index]], between),
        np.where(met, tpr[last[index]], between),
    )
    return np.column_stack([lower, upper]).ravel()
