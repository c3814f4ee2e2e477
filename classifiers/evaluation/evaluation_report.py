"""How good a classifier is on images it has not seen: every metric with an interval."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from classifiers.evaluation import intervals, metrics
from classifiers.evaluation.ranking import RANKING

REPLICATES = 2000
MIN_DEFINED = 0.95
"""Fraction of bootstrap replicates in which a metric must be defined to have an interval."""
FEW_GROUPS = 10
NO_INTERVAL = "no interval"
UNDEFINED = (np.nan, np.nan, NO_INTERVAL)

Bounds = tuple[float, float, str]
"""Lower and upper bound, and the method."""


def assess(
    labels: ArrayLike,
    probabilities: ArrayLike,
    groups: ArrayLike,
    threshold: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute all metrics with confidence intervals.

    Proportions have Clopper and Pearson's interval, exact where every image is a group of its own,
    else for the effective sample size. Balanced accuracy, of ungrouped images or where one of the
    two is 0 or 1, has one from those of sensitivity and specificity. The area under the ROC curve
    has DeLong's, or, where groups hold several images, that of a jackknife over groups, which is
    for pairs of images from different groups, while the value counts all pairs; where the classes
    are perfectly separated, an exact one. Every other metric has the standard error of a bootstrap
    over groups (undefined if more than one replicate in twenty is) and Student's quantile on the
    logit scale; none at 0 or 1. The calibration error has none: it is biased upwards for few
    images, and more so for resampled ones. Where all images get the same probability, no metric
    that ranks has an interval.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        groups: The group (patient) of each image, (N,).
        threshold: Lowest probability that is predicted positive.
        confidence: Coverage, in 0..1.
        seed: Of the bootstrap.

    Returns:
        One row per metric: metric, value, low, high, interval (the method); undefined is NaN.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    probabilities = np.asarray(probabilities, "float64")
    scored = labels, probabilities, groups
    values = {k: float(v) for k, v in metrics.evaluate(labels, probabilities, threshold).items()}
    bounds = _of_proportions(*scored, threshold, confidence)
    bounds |= _by_bootstrap(*scored, threshold, values, confidence, seed)
    rates = values["recall"], values["specificity"]
    if _ungrouped(groups) or {0.0, 1.0} & set(rates):
        both = [bounds[name][:2] for name in ("recall", "specificity")]
        low, high = intervals.mean_of_two_interval(rates, *both)
        bounds["balanced_accuracy"] = low, high, "MOVER"
    if not metrics.is_constant(probabilities):
        bounds["roc_auc"] = _of_area(*scored, confidence)
    rows = []
    for name, value in values.items():
        low, high, method = bounds.get(name, UNDEFINED)
        low, high, method = (low, high, method) if np.isfinite([value, low]).all() else UNDEFINED
        rows.append((name, value, float(low), float(high), method))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "interval"])


def _of_proportions(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    confidence: float,
) -> dict[str, Bounds]:
    predicted = probabilities >= threshold
    parts = {
        "accuracy": (np.ones(len(labels), bool), predicted == labels),
        "precision": (predicted, labels == 1),
        "recall": (labels == 1, predicted),
        "specificity": (labels == 0, ~predicted),
    }
    method = "Clopper-Pearson"
    if not _ungrouped(groups):
        method += ", effective sample size"
    return {
        name: (*intervals.grouped_proportion_interval(hits[of], groups[of], confidence), method)
        for name, (of, hits) in parts.items()
    }


def _of_area(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, confidence: float
) -> Bounds:
    if _ungrouped(groups):
        low, high = intervals.delong_interval(labels, probabilities, confidence)
        method = "DeLong"
    else:
        low, high = intervals.grouped_area_interval(labels, probabilities, groups, confidence)
        method = "jackknife over groups"
    separated = low == 0 or high == 1
    return low, high, "Clopper-Pearson, perfect separation" if separated else method


def _by_bootstrap(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    values: dict[str, float],
    confidence: float,
    seed: int,
) -> dict[str, Bounds]:
    """Intervals from bootstrap standard errors, of the metrics without an analytic one."""
    weights = intervals.group_weights(groups, REPLICATES, np.random.default_rng(seed))
    replicates = metrics.evaluate(labels, probabilities, threshold, weights)
    df = min(intervals.effective_groups(groups[labels == label]) for label in (0, 1)) - 1
    ranking = set() if metrics.is_constant(probabilities) else set(RANKING) - {"roc_auc"}
    bounds = {}
    for name in {"balanced_accuracy", "f1", "mcc", "brier"} | ranking:
        defined = replicates[name][np.isfinite(replicates[name])]
        if len(defined) < MIN_DEFINED * REPLICATES or not df > 0:
            continue
        lowest = -1 if name == "mcc" else 0  # to 0..1 and back
        span = 1 - lowest
        error = defined.std() * np.sqrt((df + 1) / df)
        low, high = intervals.logit_interval(
            (values[name] - lowest) / span, error / span, df, confidence
        )
        bounds[name] = low * span + lowest, high * span + lowest, "bootstrap over groups"
    return bounds


def _ungrouped(groups: np.ndarray) -> bool:
    return len(np.unique(groups)) == len(groups)


def warnings(labels: ArrayLike, groups: ArrayLike) -> list[str]:
    """Warn where few groups of a class make the intervals wide, and unreliable.

    Args:
        labels: 0 or 1, (N,).
        groups: The group of each image, (N,).

    Returns:
        No sentence, or one.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    counts = {label: len(np.unique(groups[labels == label])) for label in (0, 1)}
    fewest = min(counts, key=lambda label: counts[label])
    if not 0 < counts[fewest] < FEW_GROUPS:
        return []
    return [
        f"only {counts[fewest]} of the groups hold {'positive' if fewest else 'negative'} images: "
        f"with fewer than {FEW_GROUPS} the intervals are wide, and may still be too narrow"
    ]


def text(table: pd.DataFrame, counts: Mapping[str, np.ndarray]) -> str:
    """Format the table of `assess` and the confusion matrix for a terminal.

    Args:
        table: As `assess` returns it.
        counts: tn, fp, fn and tp, as `metrics.confusion` returns them.

    Returns:
        A line per metric, and one for the confusion matrix.
    """
    lines = []
    for row in table.to_dict("records"):
        value = _shown(row["value"])
        if np.isfinite(row["low"]):
            value += f"   {row['low']:.3f} to {row['high']:.3f}   {row['interval']}"
        elif np.isfinite(row["value"]):
            value += f"   {NO_INTERVAL}"
        lines.append(f"{metrics.title(row['metric']):32} {value}")
    cells = ", ".join(f"{name} {counts[name]:.0f}" for name in ("tp", "fn", "fp", "tn"))
    return "\n".join([*lines, f"{'confusion matrix':32} {cells}"])


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"
