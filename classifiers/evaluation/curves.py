"""ROC and precision-recall curves: only points that a threshold reaches, and how they join."""

import numpy as np


def roc_points(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False positive rate and sensitivity (T,), rising, from a threshold above all scores to below.

    Straight lines join them, so that ties count half: the area under them is `metrics.roc_auc`.
    Needs images of both classes.
    """
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return false, true


def precision_recall_points(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Recall, rising from above 0 to 1, and the precision at the first threshold that reaches it.

    Each precision holds from the recall before it (0 for the first) up to its own: a step. The
    area under the steps is `metrics.average_precision` (Davis and Goadrich, ICML 2006: straight
    lines between the points would promise what no threshold gives). Needs a positive image.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, probabilities)
    recall, first = np.unique(recall[::-1], return_index=True)
    reached = recall > 0  # what is left out is the point (0, 1), which belongs to no threshold
    return recall[reached], precision[::-1][first][reached]


def steps(recall: np.ndarray, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the steps, from recall 0 on, for a plain line."""
    starts = np.concatenate([[0.0], recall[:-1]])
    return np.column_stack([starts, recall]).ravel(), np.repeat(precision, 2)


def mean_roc(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """False positive rates (X,), and the sensitivity of each of the C curves there: (C, X).

    Every rate that any curve has comes twice, for the lower and the upper end of the vertical part
    that a curve may have there. The area under the mean of the curves is the mean of their areas.
    """
    rates = np.unique(np.concatenate([false for false, _ in curves]))
    return np.repeat(rates, 2), np.stack([_ends(rates, *curve) for curve in curves])


def mean_precision(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Recalls (X,) from 0 on, and the steps of each of the C curves there: (C, X).

    The area under the mean of the curves is the mean of their average precisions.
    """
    recalls = np.unique(np.concatenate([recall for recall, _ in curves]))
    found = [
        steps(recalls, precision[np.searchsorted(recall, recalls)]) for recall, precision in curves
    ]
    return found[0][0], np.stack([line for _, line in found])


def _ends(rates: np.ndarray, false: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The sensitivity just below and just above each rate, in turn (2X,)."""
    known, first = np.unique(false, return_index=True)
    last = np.append(first[1:], len(false)) - 1
    place = np.searchsorted(known, rates)
    met = known[place] == rates
    before = np.maximum(place - 1, 0)
    share = (rates - known[before]) / np.where(met, 1, known[place] - known[before])
    between = true[last[before]] + share * (true[first[place]] - true[last[before]])
    lower, upper = (
        np.where(met, true[first[place]], between),
        np.where(met, true[last[place]], between),
    )
    return np.column_stack([lower, upper]).ravel()
