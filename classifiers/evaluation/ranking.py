"""Metrics that rank images by their scores: pure functions, also within folds.

Arguments and undefined values are as in `classifiers.evaluation.metrics`.
"""

import numpy as np
from numpy.typing import ArrayLike

from classifiers.evaluation.weighting import labels_and_weights, ratio

RANKING = (
    "roc_auc",
    "average_precision",
    "sensitivity_at_90_specificity",
    "specificity_at_90_sensitivity",
)


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
    parts = contributions_to_ranking(labels, probabilities, folds, weights)
    return {name: of_folds.sum(axis=0) for name, of_folds in parts.items()}


def contributions_to_ranking(
    labels: ArrayLike,
    probabilities: ArrayLike,
    folds: ArrayLike,
    weights: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """What each of K folds contributes to the metrics of `RANKING` (see `within_folds`).

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        folds: The fold of each image, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        (K,) or (K, B) for each metric of `RANKING`; NaN where no fold has both classes.
    """
    labels, weights = labels_and_weights(labels, weights)
    probabilities, folds = np.asarray(probabilities), np.asarray(folds)
    sums: dict[str, list] = {name: [] for name in RANKING}
    totals: dict[str, list] = {name: [] for name in RANKING}
    for fold in np.unique(folds):
        rows = folds == fold
        by_score = weight_by_score(labels[rows], probabilities[rows], weights[..., rows])
        positives, negatives = (of_class.sum(axis=-1) for of_class in by_score)
        both = (positives > 0) & (negatives > 0)
        counts = (positives * negatives, positives, positives, negatives)
        values = ranking(*by_score)
        for name, count in zip(RANKING, counts, strict=True):
            sums[name].append(np.where(both, values[name] * count, 0.0))
            totals[name].append(np.where(both, count, 0.0))
    return {name: ratio(np.stack(sums[name]), np.sum(totals[name], axis=0)) for name in RANKING}


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
    return _roc_auc(*weight_by_score(labels, probabilities, weights))


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
    return _average_precision(*weight_by_score(labels, probabilities, weights))


def weight_by_score(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """The weight of each class at each distinct score.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Any scores that rank images, (N,).
        weights: Non-negative, (N,) or (B, N).

    Returns:
        Sums of weights of positives and of negatives, (..., M), in increasing score.
    """
    labels, weights = labels_and_weights(labels, weights)
    order = np.argsort(probabilities, kind="stable")
    scores = np.asarray(probabilities)[order]
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    weights, labels = weights[..., order], labels[order]
    return (
        np.add.reduceat(weights * (labels == 1), starts, axis=-1),
        np.add.reduceat(weights * (labels == 0), starts, axis=-1),
    )


def ranking(positives: np.ndarray, negatives: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the metrics of `RANKING`.

    Args:
        positives: From `weight_by_score`.
        negatives: From `weight_by_score`.

    Returns:
        A number, or B numbers, for each.
    """
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
