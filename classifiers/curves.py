"""ROC, precision-recall and reliability curves of one test set, as numbers and as a figure."""

from pathlib import Path

import numpy as np

from classifiers import intervals, metrics
from ufgen.atomic import whole_file

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7F7F7F"
NOTHING_RANKED = "no curve: all images\nget the same probability"


def precision_recall(labels: np.ndarray, probabilities: np.ndarray) -> tuple:
    """Recall and precision (K,), recall falling from 1 to 0, for `step(..., where="post")`.

    Each precision holds for the recalls down to the next threshold's, and the last one, of the
    highest score, down to 0: no point is invented at precision 1, and the area under the steps is
    the average precision.
    """
    from sklearn.metrics import precision_recall_curve

    precisions, recalls, _ = precision_recall_curve(labels, probabilities)
    return recalls, np.append(precisions[:-1], precisions[-2])


def write_curves(
    path: Path, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> None:
    """ROC, precision-recall and reliability curves, and where the threshold lies on them.

    Where all images get the same probability, or are of one class, there is no curve to draw.
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import roc_curve

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    roc, precision, reliable = figure.subplots(1, 3)
    at = metrics.evaluate(labels, probabilities, threshold)
    roc.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8)
    precision.axhline(np.mean(labels), ls="--", color=GREY, lw=0.8)
    reliable.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8, label="perfect")
    if metrics.is_constant(probabilities):
        for axes in (roc, precision):
            axes.text(0.5, 0.5, NOTHING_RANKED, ha="center", va="center", backgroundcolor="white")
    elif len(np.unique(labels)) == 2:
        false, true, _ = roc_curve(labels, probabilities)
        roc.plot(false, true, color=BLUE)
        roc.plot(1 - at["specificity"], at["recall"], "o", color=ORANGE, label="threshold")
        precision.step(*precision_recall(labels, probabilities), where="post", color=BLUE)
        precision.plot(at["recall"], at["precision"], "o", color=ORANGE, label="threshold")
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
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, loc="lower right")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"
