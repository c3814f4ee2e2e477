"""How good a classifier is on images it has not seen: every metric with an interval."""

import numpy as np
import pandas as pd

from classifiers.evaluation import intervals, metrics

REPLICATES = 2000
DEFINED = 0.95
FEW_GROUPS = 10
NO_INTERVAL = "no interval"
NONE = (np.nan, np.nan, NO_INTERVAL)


def assess(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a metric: metric, value, low, high, interval (how it was found); undefined is NaN.

    Proportions have Clopper and Pearson's interval, exact where every image is a group of its own,
    else for the effective number of images; balanced accuracy, of single images or where one of the
    two is 0 or 1, has one from those of sensitivity and specificity. The area under the ROC curve
    has DeLong's, or, where groups hold several images, a jackknife's over groups. Every other
    metric has a standard error by a bootstrap over groups, undefined where one replicate in twenty
    is, and Student's quantile on the logit scale; none at 0 or 1. The calibration error has none:
    few images, and resampled ones still more, make it larger than it is. A network that gives all
    images the same probability ranks nothing: no metric that ranks has an interval.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    probabilities = np.asarray(probabilities, "float64")
    scored = labels, probabilities, groups
    values = metrics.evaluate(labels, probabilities, threshold)
    found = _of_proportions(*scored, threshold, confidence)
    found |= _by_bootstrap(*scored, threshold, values, confidence, seed)
    rates = values["recall"], values["specificity"]
    if _alone(groups) or {0.0, 1.0} & set(rates):
        both = [found[name][:2] for name in ("recall", "specificity")]
        low, high = intervals.mean_of_two_interval(rates, *both)
        found["balanced_accuracy"] = low, high, "of sensitivity and specificity"
    if not metrics.is_constant(probabilities):
        found["roc_auc"] = _of_area(*scored, confidence)
    rows = []
    for name, value in values.items():
        low, high, how = found.get(name, NONE)
        low, high, how = (low, high, how) if np.isfinite([value, low]).all() else NONE
        rows.append((name, float(value), float(low), float(high), how))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "interval"])


def _of_proportions(labels, probabilities, groups, threshold, confidence) -> dict[str, tuple]:
    called = probabilities >= threshold
    parts = {
        "accuracy": (np.ones(len(labels), bool), called == labels),
        "precision": (called, labels == 1),
        "recall": (labels == 1, called),
        "specificity": (labels == 0, ~called),
    }
    how = "exact" if _alone(groups) else "Clopper-Pearson, effective number"
    return {
        name: (*intervals.grouped_proportion_interval(hit[of], groups[of], confidence), how)
        for name, (of, hit) in parts.items()
    }


def _of_area(labels, probabilities, groups, confidence) -> tuple:
    if _alone(groups):
        low, high = intervals.delong_interval(labels, probabilities, confidence)
        how = "DeLong"
    else:
        low, high = intervals.grouped_area_interval(labels, probabilities, groups, confidence)
        how = "jackknife over groups"
    return low, high, "exact bound" if low == 0 or high == 1 else how


def _by_bootstrap(
    labels, probabilities, groups, threshold, values: dict, confidence: float, seed: int
) -> dict[str, tuple]:
    """Intervals of the metrics that have none of their own, from their standard deviations."""
    weights = intervals.group_weights(groups, REPLICATES, np.random.default_rng(seed))
    replicates = metrics.evaluate(labels, probabilities, threshold, weights)
    df = min(intervals.effective_groups(groups[labels == label]) for label in (0, 1)) - 1
    ranked = set() if metrics.is_constant(probabilities) else set(metrics.RANKING) - {"roc_auc"}
    found = {}
    for name in {"balanced_accuracy", "f1", "mcc", "brier"} | ranked:
        defined = replicates[name][np.isfinite(replicates[name])]
        if len(defined) < DEFINED * REPLICATES or not df > 0:
            continue
        lowest = -1 if name == "mcc" else 0  # to 0..1 and back
        span = 1 - lowest
        error = defined.std() * np.sqrt((df + 1) / df)
        edges = intervals.logit_interval(
            (values[name] - lowest) / span, error / span, df, confidence
        )
        found[name] = (*(edge * span + lowest for edge in edges), "bootstrap over groups")
    return found


def _alone(groups: np.ndarray) -> bool:
    return len(np.unique(groups)) == len(groups)


def warnings(labels: np.ndarray, groups: np.ndarray) -> list[str]:
    """A sentence where few groups of a class make the intervals wide, and uncertain themselves."""
    labels, groups = np.asarray(labels), np.asarray(groups)
    counts = {c: len(np.unique(groups[labels == c])) for c in (0, 1)}
    rarer = min(counts, key=counts.get)
    if not 0 < counts[rarer] < FEW_GROUPS:
        return []
    return [
        f"only {counts[rarer]} of the groups hold {'positive' if rarer else 'negative'} images: "
        f"with fewer than {FEW_GROUPS} the intervals are wide, and may still be too narrow"
    ]


def text(table: pd.DataFrame, counts: dict[str, float]) -> str:
    """The table of `assess` and the confusion matrix as lines for a terminal."""
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
