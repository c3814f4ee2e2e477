"""Curves of the trials' predictions: mean over training runs, and the band between the extremes.

The number beside each arm is the mean over its training runs in the study's table of metrics. In
cross-validation each fold has a curve of its own, and the mean of the curves does not weight folds:
the area under it differs from that number, for which folds are weighted (`metrics.within_folds`).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classifiers.evaluation import curves
from classifiers.evaluation.reliability import reliability
from experiments.reporting.study_figures import open_panels
from ufgen.display.figure_style import GREY, counted, footnote, legend_below, line_styles, style

HEIGHT = 2.0  # inches
Curve = tuple[np.ndarray, np.ndarray]


@style()
def roc_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw ROC curves, one panel per classifier, one line per arm.

    Args:
        predictions: predictions.csv: one row per trial and test image.
        metrics: metrics.csv, for the areas.

    Returns:
        The figure.
    """
    figure, panels = _panels(
        predictions, metrics, "roc_auc", curves.roc_points, curves.resample_roc
    )
    for axes in panels:
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
    footnote(figure, f"In brackets: ROC AUC, mean over training runs. {_counts(predictions)}")
    return figure


@style()
def precision_recall_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw precision against recall; the dotted line is the prevalence.

    Args:
        predictions: predictions.csv: one row per trial and test image.
        metrics: metrics.csv, for the average precision.

    Returns:
        The figure.
    """
    functions = curves.precision_recall_points, curves.resample_precision_recall
    figure, panels = _panels(predictions, metrics, "average_precision", *functions)
    for axes in panels:
        axes.axhline(predictions["target"].mean(), ls=":", color=GREY, lw=0.8)
        axes.set(xlabel="sensitivity (recall)", ylabel="precision")
    footnote(
        figure, f"In brackets: average precision, mean over training runs. {_counts(predictions)}"
    )
    return figure


@style()
def reliability_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the fraction of positives against the probability, all runs of an arm together.

    Args:
        predictions: predictions.csv: one row per trial and test image.
        metrics: metrics.csv, for the calibration error.

    Returns:
        The figure.
    """
    figure, panels, arms = _open(predictions)
    for name, axes in panels.items():
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=0.8)
        for arm, look in arms.items():
            rows = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            bins = reliability(rows["target"].to_numpy(), rows["probability"].to_numpy())
            fraction = bins["positives"] / bins["count"]
            label = _label(metrics, name, arm, "calibration_error")
            axes.plot(bins["probability"], fraction, marker="o", ms=3, **look, label=label)
        axes.set(xlabel="predicted probability", ylabel="fraction of positive images")
        legend_below(axes)
    footnote(
        figure,
        "Points: all training runs together. In brackets: expected calibration error, mean over "
        f"training runs.\n{_counts(predictions)}",
    )
    return figure


def _panels(
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    metric: str,
    points: Callable[[np.ndarray, np.ndarray], Curve],
    mean: Callable[[list[Curve]], Curve],
) -> tuple[Figure, list[Axes]]:
    """A panel per classifier with the mean and the band of each arm's curves, one per fold.

    `points` makes the curve of one training run, `mean` interpolates several on one axis.
    """
    figure, panels, arms = _open(predictions)
    for name, axes in panels.items():
        for arm, look in arms.items():
            rows = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            columns = [name for name in ("generator", "seed", "repeat", "fold") if name in rows]
            runs = [
                points(run["target"].to_numpy(), run["probability"].to_numpy())
                for _, run in rows.groupby(columns, dropna=False)
                if run["target"].nunique() == 2
            ]
            if not runs:
                continue
            x, lines = mean(runs)
            axes.plot(x, lines.mean(axis=0), **look, label=_label(metrics, name, arm, metric))
            low, high = lines.min(axis=0), lines.max(axis=0)
            axes.fill_between(x, low, high, color=look["color"], alpha=0.08, lw=0)
        legend_below(axes)
    return figure, list(panels.values())


def _open(predictions: pd.DataFrame) -> tuple[Figure, dict[str, Axes], dict[str, dict]]:
    """A figure, its panel for each classifier, and the style of each arm's line."""
    names, arms = (list(dict.fromkeys(predictions[name])) for name in ("classifier", "arm"))
    figure, panels = open_panels(len(names), HEIGHT + 0.14 * len(arms))
    for axes, name in zip(panels, names, strict=True):
        axes.set(title=name, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    looks = dict(zip(arms, line_styles(len(arms)), strict=True))
    return figure, dict(zip(names, panels, strict=True)), looks


def _label(metrics: pd.DataFrame, classifier: str, arm: str, metric: str) -> str:
    """The arm with its mean over training runs from the table, undefined if one of them is."""
    rows = metrics[(metrics["classifier"] == classifier) & (metrics["arm"] == arm)]
    mean = np.mean(rows[metric].to_numpy("float64")) if len(rows) else np.nan
    return f"{arm} ({mean:.3f})" if np.isfinite(mean) else f"{arm} (undefined)"


def _counts(predictions: pd.DataFrame) -> str:
    """How many test images and groups, and how many training runs each line may rest on."""
    columns = ["arm", "classifier", "generator", "seed"]
    columns += [name for name in ("repeat", "fold") if name in predictions]
    runs = predictions.drop_duplicates(columns).groupby(["arm", "classifier"]).size()
    text = counted(predictions["path"].nunique(), "test image")
    if "group" in predictions:
        text += f" of {counted(predictions['group'].nunique(), 'group')}"
    fewest, most = runs.min(), runs.max()
    span = "" if fewest == most else f"{fewest} to "
    return f"{text}; {span}{counted(most, 'training run')} per line."
