"""How good a classifier is on images it has not seen: every metric with an interval, and curves."""

from pathlib import Path

import numpy as np
import pandas as pd

from classifiers import curves, intervals, metrics
from ufgen import figures
from ufgen.figures import BLUE, GREY, VERMILLION

REPLICATES = 2000
DEFINED = 0.95
PROPORTIONS = {
    "accuracy": (("tp", "tn"), ("tp", "tn", "fp", "fn")),
    "precision": (("tp",), ("tp", "fp")),
    "recall": (("tp",), ("tp", "fn")),
    "specificity": (("tn",), ("tn", "fp")),
}


def assess(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a metric: metric, value, low, high, interval (how it was found); undefined is NaN.

    Where every image is a group of its own, proportions have exact intervals (Clopper-Pearson) and
    the area under the ROC curve DeLong's; everything else, and everything where groups hold several
    images, a percentile bootstrap over groups, undefined where one replicate in twenty is.
    """
    values = metrics.evaluate(labels, probabilities, threshold)
    counts = metrics.confusion(labels, probabilities, threshold)
    weights = intervals.group_weights(groups, REPLICATES, np.random.default_rng(seed))
    resampled = metrics.evaluate(labels, probabilities, threshold, weights)
    alone = len(np.unique(groups)) == len(groups)
    rows = []
    for name, value in values.items():
        if alone and name in PROPORTIONS:
            hits, trials = (sum(counts[cell] for cell in cells) for cells in PROPORTIONS[name])
            low, high = intervals.clopper_pearson(hits, trials, confidence)
            found = "exact"
        elif alone and name == "roc_auc":
            low, high = intervals.delong_interval(labels, probabilities, confidence)
            found = "DeLong"
        else:
            low, high = _percentiles(resampled[name], confidence)
            found = "bootstrap over groups"
        if not np.isfinite(value):
            low = high = np.nan
        rows.append((name, float(value), float(low), float(high), found))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "interval"])


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if len(defined) < DEFINED * len(values):
        return float("nan"), float("nan")
    return tuple(np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2]))


def text(table: pd.DataFrame, counts: dict[str, float]) -> str:
    """The table of `assess` and the confusion matrix as lines for a terminal."""
    lines = []
    for row in table.to_dict("records"):
        value = _shown(row["value"])
        if np.isfinite(row["low"]):
            value += f"   {row['low']:.3f} to {row['high']:.3f}   {row['interval']}"
        lines.append(f"{metrics.title(row['metric']):32} {value}")
    cells = ", ".join(f"{name} {counts[name]:.0f}" for name in ("tp", "fn", "fp", "tn"))
    return "\n".join([*lines, f"{'confusion matrix':32} {cells}"])


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"


@figures.style()
def write_curves(
    path: Path, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> None:
    """ROC, precision-recall and reliability curves, and where the threshold lies on them."""
    figure = figures.open_figure(height=3.0)
    roc, precision, reliable = figure.subplots(1, 3)
    at = metrics.evaluate(labels, probabilities, threshold)
    roc.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8)
    precision.axhline(np.mean(labels), ls="--", color=GREY, lw=0.8)
    reliable.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8, label="perfect")
    if len(np.unique(labels)) == 2:
        roc.plot(*curves.roc_points(labels, probabilities), color=BLUE)
        roc.plot(1 - at["specificity"], at["recall"], "o", color=VERMILLION, label="threshold")
        reached = curves.precision_recall_points(labels, probabilities)
        precision.plot(*curves.steps(*reached), color=BLUE)
        precision.plot(at["recall"], at["precision"], "o", color=VERMILLION, label="threshold")
    bins = metrics.reliability(labels, probabilities)
    share = bins["positives"] / bins["count"]
    low, high = intervals.clopper_pearson(bins["positives"], bins["count"])
    errors = np.maximum([share - low, high - share], 0)
    reliable.errorbar(bins["probability"], share, errors, fmt="o", color=BLUE, label="images")
    for x, y, count in zip(bins["probability"], share, bins["count"], strict=True):
        reliable.annotate(
            str(count), (x, y), textcoords="offset points", xytext=(6, 3), fontsize=7, color=GREY
        )
    roc.set(
        xlabel="1 - specificity", ylabel="sensitivity", title=f"ROC, area {_shown(at['roc_auc'])}"
    )
    precision.set(
        xlabel="sensitivity (recall)",
        ylabel="precision",
        title=f"Precision and recall, average {_shown(at['average_precision'])}",
    )
    reliable.set(
        xlabel="predicted probability",
        ylabel="share of positive images",
        title=f"Reliability, error {_shown(at['calibration_error'])}",
    )
    for axes in (roc, precision, reliable):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.grid(alpha=0.3)
        figures.legend_below(axes, 2)
    figures.save(figure, path)
