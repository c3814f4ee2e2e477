"""Curves of the trials' predictions: mean over trainings, and the band between the extremes."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers import metrics
from experiments.figures import colours

GRID = np.linspace(0, 1, 201)


def roc_curves(predictions: pd.DataFrame) -> Figure:
    """One panel per classifier, one line per arm."""

    def curve(made: pd.DataFrame) -> tuple[np.ndarray, float]:
        from sklearn.metrics import roc_curve

        false, true, _ = roc_curve(made["target"], made["probability"])
        return np.interp(GRID, false, true), float(metrics.roc_auc(*_scored(made)))

    figure, panels = _panels(predictions, curve, start=0.0)
    for axes in panels:
        axes.plot([0, 1], [0, 1], ":", color="gray", linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
        _legend(axes, "lower right")
    return figure


def precision_recall_curves(predictions: pd.DataFrame) -> Figure:
    """One panel per classifier, one line per arm; the dotted line is the share of positives."""

    def curve(made: pd.DataFrame) -> tuple[np.ndarray, float]:
        from sklearn.metrics import precision_recall_curve

        precision, recall, _ = precision_recall_curve(made["target"], made["probability"])
        average = float(metrics.average_precision(*_scored(made)))
        return np.interp(GRID, recall[::-1], precision[::-1]), average

    figure, panels = _panels(predictions, curve)
    for axes in panels:
        axes.axhline(predictions["target"].mean(), ls=":", color="gray", lw=0.8)
        axes.set(xlabel="sensitivity (recall)", ylabel="precision", ylim=(-0.02, 1.02))
        _legend(axes, "lower left")
    return figure


def reliability_curves(predictions: pd.DataFrame) -> Figure:
    """Share of positives against the predicted probability, all trainings of an arm together."""
    names, arms = (list(dict.fromkeys(predictions[name])) for name in ("classifier", "arm"))
    figure = Figure(figsize=(3.7 * len(names), 3.9), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        axes.plot([0, 1], [0, 1], ":", color="gray", linewidth=0.8)
        for arm, colour in zip(arms, colours(len(arms)), strict=True):
            made = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            bins = metrics.reliability(*_scored(made))
            share = bins["positives"] / bins["count"]
            error = float(metrics.calibration_error(*_scored(made)))
            label = f"{arm} ({error:.3f})"
            axes.plot(bins["probability"], share, "o-", color=colour, lw=1.2, ms=3, label=label)
        axes.set(title=name, xlabel="predicted probability", ylabel="share of positive images")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(fontsize=6.5, loc="upper left", frameon=False)
    return figure


def _scored(made: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return made["target"].to_numpy(), made["probability"].to_numpy()


def _panels(predictions: pd.DataFrame, curve, start: float | None = None) -> tuple[Figure, list]:
    """A panel per classifier with the mean and the band of each arm's `curve` on GRID.

    `curve` gives values on GRID and a number for the legend; `start` is put before them at 0.
    """
    names, arms = (list(dict.fromkeys(predictions[name])) for name in ("classifier", "arm"))
    figure = Figure(figsize=(3.7 * len(names), 3.9), layout="constrained")
    panels = list(np.atleast_1d(figure.subplots(1, len(names))))
    before = [] if start is None else [start]
    x = np.concatenate([np.zeros(len(before)), GRID])
    for axes, name in zip(panels, names, strict=True):
        axes.set(title=name)
        for arm, colour in zip(arms, colours(len(arms)), strict=True):
            same = predictions[(predictions["classifier"] == name) & (predictions["arm"] == arm)]
            trainings = same.groupby(["generator", "seed"], dropna=False)
            found = [curve(made) for _, made in trainings if made["target"].nunique() == 2]
            if not found:
                continue
            lines = np.stack([np.concatenate([before, line]) for line, _ in found])
            label = f"{arm} ({np.mean([number for _, number in found]):.3f})"
            axes.plot(x, lines.mean(axis=0), color=colour, lw=1.4, label=label)
            axes.fill_between(x, lines.min(axis=0), lines.max(axis=0), color=colour, alpha=0.08)
        axes.set_aspect("equal")
    return figure, panels


def _legend(axes, where: str) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=6.5, loc=where, frameon=False)
