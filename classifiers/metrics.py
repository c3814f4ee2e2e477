"""From (labels, probabilities) to numbers: pure functions.

Every function takes `labels` (N,) of 0 and 1 and `probabilities` (N,) in 0..1, joined beforehand,
and optional non-negative `weights` of shape (N,) or (B, N): with B rows it returns B values, which
makes a bootstrap one call. A metric whose denominator is zero is undefined: NaN, never 0.
"""

import numpy as np

NAMES = (
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "balanced_accuracy",
    "roc_auc",
    "average_precision",
    "brier",
)


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    weights: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """All metrics of `NAMES`; `recall` is the sensitivity. An image is called positive where its
    probability is at least `threshold`."""
    counts = confusion(labels, probabilities, threshold, weights)
    tn, fp, fn, tp = (counts[name] for name in ("tn", "fp", "fn", "tp"))
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
        "roc_auc": roc_auc(labels, probabilities, weights),
        "average_precision": average_precision(labels, probabilities, weights),
        "brier": brier(labels, probabilities, weights),
    }


def confusion(labels, probabilities, threshold, weights=None) -> dict[str, np.ndarray]:
    """The four cells of the confusion matrix: tn, fp, fn, tp (sums of weights)."""
    labels, weights = _arrays(labels, weights)
    called = np.asarray(probabilities) >= threshold
    return {
        "tn": weights @ ((labels == 0) & ~called),
        "fp": weights @ ((labels == 0) & called),
        "fn": weights @ ((labels == 1) & ~called),
        "tp": weights @ ((labels == 1) & called),
    }


def roc_auc(labels, probabilities, weights=None) -> np.ndarray:
    """Area under the ROC curve: P(positive scores higher) + P(tie) / 2 (Mann-Whitney)."""
    positives, negatives = _weight_by_score(labels, probabilities, weights)
    below = np.cumsum(negatives, axis=-1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=-1)
    return _ratio(wins, positives.sum(axis=-1) * negatives.sum(axis=-1))


def average_precision(labels, probabilities, weights=None) -> np.ndarray:
    """Sum over thresholds of precision x increase in recall, without interpolation."""
    positives, negatives = _weight_by_score(labels, probabilities, weights)
    true = np.cumsum(positives[..., ::-1], axis=-1)
    false = np.cumsum(negatives[..., ::-1], axis=-1)
    with np.errstate(invalid="ignore"):
        precision = np.nan_to_num(true / (true + false))
    return _ratio((precision * positives[..., ::-1]).sum(axis=-1), positives.sum(axis=-1))


def brier(labels, probabilities, weights=None) -> np.ndarray:
    """Mean squared difference between probability and label (Brier 1950)."""
    labels, weights = _arrays(labels, weights)
    return _ratio(weights @ np.square(probabilities - labels), weights.sum(axis=-1))


def youden_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the largest sensitivity + specificity - 1 (Youden 1950).

    Meant for validation images. It lies midway between two neighbouring scores; of equals, the
    one nearest to 0.5 is taken, and 0.5 where there is only one class.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    if len(np.unique(labels)) < 2:
        return 0.5
    scores = np.unique(probabilities)
    candidates = np.concatenate([[scores[0]], (scores[1:] + scores[:-1]) / 2])
    called = probabilities[None] >= candidates[:, None]
    index = called[:, labels == 1].mean(axis=1) - called[:, labels == 0].mean(axis=1)
    best = candidates[np.isclose(index, index.max())]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _ratio(numerator, denominator) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, np.divide(numerator, denominator), np.nan)[()]


def _arrays(labels, weights) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels)
    return labels, np.ones(len(labels)) if weights is None else np.asarray(weights, "float64")


def _weight_by_score(labels, probabilities, weights) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, in increasing score."""
    labels, weights = _arrays(labels, weights)
    order = np.argsort(probabilities, kind="stable")
    scores = np.asarray(probabilities)[order]
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    weights, labels = weights[..., order], labels[order]
    return (
        np.add.reduceat(weights * (labels == 1), starts, axis=-1),
        np.add.reduceat(weights * (labels == 0), starts, axis=-1),
    )
