"""ROC, precision-recall and reliability curves of one test set, in one figure."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from classifiers.evaluation import curves, intervals, metrics, reliability
from ufgen.display import figure_style
from ufgen.display.figure_style import BLUE, GREY, VERMILLION

OBSERVED = "observed, 95 % Clopper-Pearson interval\n(images taken as independent)"
CONSTANT = "no curve: all images\nget the same probability"


@figure_style.style()
def write_curves(path: Path, labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> None:
    """Draw ROC, precision-recall and reliability curves, and mark the threshold on them.

    ROC and precision-recall curves are left out where all images get the same probability, or
    belong to one class.

    Args:
        path: Image file to write.
        labels: 0 or 1, (N,).
        probabilities: Of the positive class, in 0..1, (N,).
        threshold: Lowest probability that is predicted positive.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    figure = figure_style.open_figure(height=3.2)
    roc, precision, calibration = figure.subplots(1, 3)
    values = metrics.evaluate(labels, probabilities, threshold)
    at = {name: float(value) for name, value in values.items()}
    roc.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8)
    precision.axhline(np.mean(labels), ls="--", color=GREY, lw=0.8)
    calibration.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8, label="perfect")
    if metrics.is_constant(probabilities):
        for axes in (roc, precision):
            axes.text(0.5, 0.5, CONSTANT, ha="center", va="center", backgroundcolor="white")
    elif len(np.unique(labels)) == 2:
        roc.plot(*curves.roc_points(labels, probabilities), color=BLUE)
        roc.plot(1 - at["specificity"], at["recall"], "o", color=VERMILLION, label="threshold")
        points = curves.precision_recall_points(labels, probabilities)
        precision.plot(*curves.steps(*points), color=BLUE)
        precision.plot(at["recall"], at["precision"], "o", color=VERMILLION, label="threshold")
    bins = reliability.reliability(labels, probabilities)
    fraction = bins["positives"] / bins["count"]
    low, high = intervals.clopper_pearson(bins["positives"], bins["count"])
    errors = np.maximum([fraction - low, high - fraction], 0)
    calibration.errorbar(bins["probability"], fraction, errors, fmt="o", color=BLUE, label=OBSERVED)
    for x, y, count in zip(bins["probability"], fraction, bins["count"], strict=True):
        calibration.annotate(
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
        f"fraction of positives {np.mean(labels):.3f}, n = {len(labels)}",
    )
    calibration.set(
        xlabel="predicted probability",
        ylabel="fraction of positive images",
        title=f"expected calibration error {_shown(at['calibration_error'])}\n"
        f"{reliability.BINS} bins, n = {len(labels)}",
    )
    for axes in (roc, precision, calibration):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.grid(alpha=0.3)
        figure_style.legend_below(axes)
    figure_style.save(figure, path)


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"
