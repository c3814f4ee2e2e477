"""Curves of the trials' predictions: mean over trainings, and the band between the extremes.

The number beside each arm is the mean over its trainings in the study's table of metrics.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers.evaluation import curves
from classifiers.evaluation.reliability import reliability
from experiments.reporting.study_figures import panels_of
from ufgen.display.figure_style import GREY, counted, footnote, legend_below, line_styles, style

HEIGHT = 2.0


@style()
def roc_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """One panel per classifier, one line per arm; `metrics` names the areas."""
    figure, panels = _panels(predictions, metrics, "roc_auc", curves.roc_points, curves.mean_roc)
    for axes in panels:
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
    footnote(figure, f"In brackets: ROC AUC, mean over training runs. {_counts(predictions)}")
    return figure


@style()
def precision_recall_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """One panel per classifier, one line per arm; the dotted line is the share of positives."""
    how = curves.precision_recall_points, curves.mean_precision
    figure, panels = _panels(predictions, metrics, "average_precision", *how)
    for axes in panels:
        axes.axhline(predictions["target"].mean(), ls=":", color=GREY, lw=0.8)
        axes.set(xlabel="sensitivity (recall)", ylabel="precision")
    footnote(
        figure, f"In brackets: average precision, mean over training runs. {_counts(predictions)}"
    )
    return figure


@style()
def reliability_curves(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Share of positives against the predicted probability, all trainings of an arm together."""
    figure, panels, arms = _open(predictions)
    for name, axes in panels.items():
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=0.8)
        for arm, look in arms.items():
            made = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            bins = reliability(made["target"].to_numpy(), made["probability"].to_numpy())
            share = bins["positives"] / bins["count"]
            label = _named(metrics, name, arm, "calibration_error")
            axes.plot(bins["probability"], share, marker="o", ms=3, **look, label=label)
        axes.set(xlabel="predicted probability", ylabel="share of positive images")
        legend_below(axes)
    footnote(
        figure,
        "Points: all training runs together. In brackets: expected calibration error, mean over "
        f"training runs.\n{_counts(predictions)}",
    )
    return figure


def _panels(
    predictions: pd.DataFrame, metrics: pd.DataFrame, metric: str, points, mean
) -> tuple[Figure, list]:
    """A panel per classifier with the mean and the band of each arm's curves.

    `points` makes the curve of one training, `mean` puts several on one axis.
    """
    figure, panels, arms = _open(predictions)
    for name, axes in panels.items():
        for arm, look in arms.items():
            same = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            apart = [column for column in ("generator", "seed", "fold") if column in same]
            found = [
                points(made["target"].to_numpy(), made["probability"].to_numpy())
                for _, made in same.groupby(apart, dropna=False)
                if made["target"].nunique() == 2
            ]
            if not found:
                continue
            x, lines = mean(found)
            axes.plot(x, lines.mean(axis=0), **look, label=_named(metrics, name, arm, metric))
            low, high = lines.min(axis=0), lines.max(axis=0)
            axes.fill_between(x, low, high, color=look["color"], alpha=0.08, lw=0)
        legend_below(axes)
    return figure, list(panels.values())


def _open(predictions: pd.DataFrame) -> tuple[Figure, dict, dict]:
    """A figure, its panel for each classifier, and the look of each arm's line."""
    names, arms = (list(dict.fromkeys(predictions[name])) for name in ("classifier", "arm"))
    figure, panels = panels_of(len(names), HEIGHT + 0.14 * len(arms))
    for axes, name in zip(panels, names, strict=True):
        axes.set(title=name, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    looks = dict(zip(arms, line_styles(len(arms)), strict=True))
    return figure, dict(zip(names, panels, strict=True)), looks


def _named(metrics: pd.DataFrame, classifier: str, arm: str, metric: str) -> str:
    """The arm with its number from the table: the mean over trainings, undefined if one is."""
    rows = metrics[(metrics["classifier"] == classifier) & (metrics["arm"] == arm)]
    mean = np.mean(rows[metric].to_numpy("float64")) if len(rows) else np.nan
    return f"{arm} ({mean:.3f})" if np.isfinite(mean) else f"{arm} (undefined)"


def _counts(predictions: pd.DataFrame) -> str:
    """How many test images and groups, and how many trainings each line may rest on."""
    apart = ["arm", "classifier", "generator", "seed"]
    runs = predictions.drop_duplicates(apart).groupby(["arm", "classifier"]).size()
    text = counted(predictions["path"].nunique(), "test image")
    if "group" in predictions:
        text += f" of {counted(predictions['group'].nunique(), 'group')}"
    few, many = runs.min(), runs.max()
    span = "" if few == many else f"{few} to "
    return f"{text}; {span}{counted(many, 'training run')} a line."
