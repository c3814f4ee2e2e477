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
BINS = 10
SAME = 1e-6
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
    """A metric's name for people."""
    return TITLES.get(metric, metric)


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float | np.ndarray,
    weights: np.ndarray | None = None,
    folds: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """All metrics of `NAMES`; `recall` is the sensitivity. An image is called positive where its
    probability is at least `threshold`, one number or (N,); `sensitivity_at_90_specificity` is the
    largest sensitivity of all thresholds that leave a specificity of at least 0.9, and the other
    one likewise.

    With `folds` (N,), which names the fold whose network scored each image, the metrics that rank
    images (`RANKING`) are computed within folds and averaged (`within_folds`): scores of different
    networks are not ranked against each other.
    """
    counts = confusion(labels, probabilities, threshold, weights)
    tn, fp, fn, tp = (counts[name] for name in ("tn", "fp", "fn", "tp"))
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    found = {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
        "mcc": mcc(tn, fp, fn, tp),
        "brier": brier(labels, probabilities, weights),
        "calibration_error": calibration_error(labels, probabilities, weights),
    }
    if folds is None:
        found |= _ranking(*_weight_by_score(labels, probabilities, weights))
    else:
        found |= within_folds(labels, probabilities, folds, weights)
    return {name: found[name] for name in NAMES}


def within_folds(labels, probabilities, folds, weights=None) -> dict[str, np.ndarray]:
    """The metrics of `RANKING`, each computed within folds and averaged over them.

    `folds` (N,) names each image's fold. A fold counts by what its value is a mean over: the area
    under the ROC curve by its pairs of a positive and a negative image, average precision and
    sensitivity by its positive images, specificity by its negative ones (in sums of `weights`); a
    fold with one class does not count. Pooling the scores of different networks instead biases the
    area downwards (Forman & Scholz, SIGKDD Explorations 2010; Airola et al., CSDA 2011).
    """
    labels, weights = _arrays(labels, weights)
    probabilities, folds = np.asarray(probabilities), np.asarray(folds)
    sums = dict.fromkeys(RANKING, 0.0)
    totals = dict.fromkeys(RANKING, 0.0)
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
    return {name: _ratio(sums[name], totals[name]) for name in RANKING}


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


def mcc(tn, fp, fn, tp) -> np.ndarray:
    """Matthews correlation of calls and labels, -1..1; undefined where one of them is constant."""
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return _ratio(tp * tn - fp * fn, np.sqrt(margins))


def roc_auc(labels, probabilities, weights=None) -> np.ndarray:
    """Area under the ROC curve: P(positive scores higher) + P(tie) / 2 (Mann-Whitney)."""
    return _roc_auc(*_weight_by_score(labels, probabilities, weights))


def average_precision(labels, probabilities, weights=None) -> np.ndarray:
    """Sum over thresholds of precision x increase in recall, without interpolation."""
    return _average_precision(*_weight_by_score(labels, probabilities, weights))


def is_constant(probabilities) -> bool:
    """Whether two or more images all get the same probability, to one part in a million.

    Smaller differences are rounding: they rank nothing, and another runtime turns them round.
    """
    return len(probabilities) > 1 and bool(np.ptp(probabilities) <= SAME)


def brier(labels, probabilities, weights=None) -> np.ndarray:
    """Mean squared difference between probability and label (Brier 1950)."""
    labels, weights = _arrays(labels, weights)
    return _ratio(weights @ np.square(probabilities - labels), weights.sum(axis=-1))


def calibration_error(labels, probabilities, weights=None) -> np.ndarray:
    """Expected calibration error: mean |share of positives - mean probability| over bins.

    Ten bins of equal width, each counted by its images (Naeini, AAAI 2015), of the probability of
    the positive class.
    """
    labels, weights = _arrays(labels, weights)
    surplus = weights * (np.asarray(probabilities, "float64") - labels)
    of_bin = _bins(probabilities)[:, None] == np.arange(BINS)
    return _ratio(np.abs(surplus @ of_bin).sum(axis=-1), weights.sum(axis=-1))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """The bins of a reliability diagram that hold images: `count`, `probability`, `positives`.

    `probability` is the mean in the bin, `positives` the number of positive images.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    bins = _bins(probabilities)
    count = np.bincount(bins, minlength=BINS)
    held = count > 0
    return {
        "count": count[held],
        "probability": np.bincount(bins, probabilities, BINS)[held] / count[held],
        "positives": np.bincount(bins, labels, BINS)[held].astype(int),
    }


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
    return _ratio(wins, positives.sum(axis=-1) * negatives.sum(axis=-1))


def _average_precision(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    true = np.cumsum(positives[..., ::-1], axis=-1)
    false = np.cumsum(negatives[..., ::-1], axis=-1)
    with np.errstate(invalid="ignore"):
        precision = np.nan_to_num(true / (true + false))
    return _ratio((precision * positives[..., ::-1]).sum(axis=-1), positives.sum(axis=-1))


def _rates(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and specificity at each threshold: above all scores, then at each, falling."""
    none = np.zeros((*positives.shape[:-1], 1))
    true = np.concatenate([none, np.cumsum(positives[..., ::-1], axis=-1)], axis=-1)
    false = np.concatenate([none, np.cumsum(negatives[..., ::-1], axis=-1)], axis=-1)
    return _ratio(true, true[..., -1:]), 1 - _ratio(false, false[..., -1:])


def _best(values, others, least: float) -> np.ndarray:
    """The largest value of all thresholds where the other rate is at least `least`.

    Undefined with one class.
    """
    reached = np.where(others >= least - 1e-12, values, -np.inf).max(axis=-1)
    defined = np.isfinite(values).all(axis=-1) & np.isfinite(others).all(axis=-1)
    return np.where(defined, reached, np.nan)[()]


def _bins(probabilities) -> np.ndarray:
    """The number of each probability's bin, 0..BINS - 1; the last one holds 1 too."""
    return np.minimum((np.asarray(probabilities, "float64") * BINS).astype(int), BINS - 1)
