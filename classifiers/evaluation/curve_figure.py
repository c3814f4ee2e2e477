"""ROC, precision-recall and reliability curves of one test set, in one figure."""

from pathlib import Path

import numpy as np

from classifiers.evaluation import curves, intervals, metrics
from ufgen.display import figure_style
from ufgen.display.figure_style import BLUE, GREY, VERMILLION

NOTHING_RANKED = "no curve: all images\nget the same probability"


@figure_style.style()
def write_curves(
    path: Path, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> None:
    """ROC, precision-recall and reliability curves, and where the threshold lies on them.

    Where all images get the same probability, or are of one class, there is no curve to draw.
    """
    figure = figure_style.open_figure(height=3.2)
    roc, precision, reliable = figure.subplots(1, 3)
    at = metrics.evaluate(labels, probabilities, threshold)
    roc.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8)
    precision.axhline(np.mean(labels), ls="--", color=GREY, lw=0.8)
    reliable.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8, label="perfect")
    if metrics.is_constant(probabilities):
        for axes in (roc, precision):
            axes.text(0.5, 0.5, NOTHING_RANKED, ha="center", va="center", backgroundcolor="white")
    elif len(np.unique(labels)) == 2:
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
    positives = int(np.sum(labels))
    roc.set(
        xlabel="1 - specificity",
        ylabel="sensitivity",
        title=f"ROC AUC {_shown(at['roc_auc'])}\n"
        f"{positives} positive, {len(labels) - positives} negative images",
    )
    precision.set(
        xlabel="sensitivity (recall)",
        ylabel="precision",
        title=f"average precision {_shown(at['average_precision'])}\n"
        f"share of positives {np.mean(labels):.3f}, n = {len(labels)}",
    )
    reliable.set(
        xlabel="predicted probability",
        ylabel="share of positive images",
        title=f"expected calibration error {_shown(at['calibration_error'])}\n"
        f"{metrics.BINS} bins, n = {len(labels)}",
    )
    for axes in (roc, precision, reliable):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.grid(alpha=0.3)
        figure_style.legend_below(axes, 2)
    figure_style.save(figure, path)


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"
