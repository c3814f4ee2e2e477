"""The figures of a report: tables in, matplotlib figures out; no files."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers import metrics
from experiments.arms import Arm, parse

PALETTE = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F"]
VERDICT_COLOURS = {
    "helps": "#009E73",
    "hurts": "#D55E00",
    "equivalent": "#0072B2",
    "inconclusive": "#7F7F7F",
}


def forest(deltas: pd.DataFrame, metric: str, margin: float) -> Figure:
    """Deltas of every arm against `real` in one metric, with intervals, margin and verdict.

    An interval much wider than most ends in an arrow, so that the others can be told apart.
    """
    rows = deltas[deltas["metric"] == metric]
    reach = rows[["low", "high"]].abs().max(axis=1).median()
    edge = np.nanmax([2.5 * reach, 1.2 * rows["delta"].abs().max(), 2 * margin])
    names = list(dict.fromkeys(rows["classifier"]))
    arms = list(dict.fromkeys(rows["arm"]))
    figure = Figure(figsize=(6.8, 1.2 + 0.27 * len(rows) + 0.3 * len(arms)), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-margin, margin, color="#0072B2", alpha=0.08, label=f"margin ±{margin:g}")
    axes.axvline(0, color="black", linewidth=0.8)
    y, ticks, labels = 0.0, [], []
    for arm in arms:
        for name in names:
            row = rows[(rows["arm"] == arm) & (rows["classifier"] == name)].iloc[0]
            colour = VERDICT_COLOURS.get(row["verdict"], "#595959")
            whole = name == "all"
            if np.isfinite(row["low"]):
                ends = np.clip([row["low"], row["high"]], -edge, edge)
                axes.plot(ends, [y, y], color=colour, lw=3 if whole else 1.3)
                for end, beyond, arrow in zip(ends, (row["low"], row["high"]), "<>", strict=True):
                    if end != beyond:
                        axes.plot(end, y, arrow, color=colour, ms=7 if whole else 5)
            axes.plot(row["delta"], y, "D" if whole else "o", color=colour, ms=7 if whole else 4)
            ticks.append(y)
            labels.append(f"{arm}: mean of classifiers" if whole else name)
            if whole:
                axes.annotate(
                    row["verdict"],
                    (1.01, y),
                    xycoords=("axes fraction", "data"),
                    color=colour,
                    va="center",
                    fontsize=9,
                    fontweight="bold",
                )
            y -= 1
        y -= 0.6
    axes.set_yticks(ticks, labels, fontsize=8)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text().endswith("classifiers") else "normal")
    axes.set_xlabel(f"change in {metrics.title(metric)} against the arm `real`")
    figure.legend(loc="outside lower right", fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def ratio_curves(deltas: pd.DataFrame, metric: str) -> Figure:
    """The metric's change against the ratio of extra images, per classifier, with the control."""
    rows = deltas[(deltas["metric"] == metric)].copy()
    arms = {name: parse(name) for name in rows["arm"].unique()}
    names = list(dict.fromkeys(rows["classifier"]))
    figure = Figure(figsize=(2.9 * len(names), 3.1), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    kinds = (
        ("synthetic", "synthetic", "#0072B2"),
        ("duplicated", "duplicated (control)", "#7F7F7F"),
        ("oracle", "more real images", "#009E73"),
    )
    for axes, name in zip(panels, names, strict=True):
        for shift, (kind, label, colour) in enumerate(kinds):
            points = [(0.0, 0.0, 0.0, 0.0)]
            for arm, parsed in arms.items():
                plain = Arm(arm, real=True, **{kind: getattr(parsed, kind)})
                if parsed != plain or not getattr(parsed, kind):
                    continue
                row = rows[(rows["arm"] == arm) & (rows["classifier"] == name)].iloc[0]
                points.append((getattr(parsed, kind), row["delta"], row["low"], row["high"]))
            x, y, low, high = np.array(sorted(points)).T
            x = x + 0.012 * shift
            if len(x) > 1:
                axes.plot(x, y, "o-", color=colour, label=label, markersize=4)
                axes.vlines(x[1:], low[1:], high[1:], color=colour, alpha=0.6)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_title("mean of classifiers" if name == "all" else name, fontsize=9)
        axes.set_xlabel("extra images per real one", fontsize=8)
        axes.tick_params(labelsize=8)
    panels[0].set_ylabel(f"change in {metrics.title(metric)}", fontsize=8)
    if panels[0].get_legend_handles_labels()[0]:
        panels[0].legend(fontsize=8, frameon=False)
    return figure


def confusion_matrices(metrics: pd.DataFrame, positive: str, negative: str) -> Figure:
    """One small matrix per arm and classifier, summed over the seeds."""
    names = list(dict.fromkeys(metrics["classifier"]))
    arms = list(dict.fromkeys(metrics["arm"]))
    figure = Figure(figsize=(1.5 + 1.75 * len(arms), 0.5 + 1.9 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), len(arms), squeeze=False)
    for row, name in enumerate(names):
        for column, arm in enumerate(arms):
            same = metrics[(metrics["classifier"] == name) & (metrics["arm"] == arm)]
            cells = same[["tn", "fp", "fn", "tp"]].sum().to_numpy(float).reshape(2, 2)
            shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
            axes = panels[row][column]
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            for i in (0, 1):
                for j in (0, 1):
                    colour = "white" if shares[i, j] > 0.6 else "black"
                    text = f"{cells[i, j]:.0f}\n{shares[i, j]:.0%}"
                    axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
            axes.set_xticks([0, 1], [negative, positive], fontsize=7)
            axes.set_yticks([0, 1], [negative, positive] if column == 0 else ["", ""], fontsize=7)
            if row == 0:
                axes.set_title(arm, fontsize=7.5)
            if column == 0:
                axes.set_ylabel(f"{name}\ntruth", fontsize=8)
            if row == len(names) - 1:
                axes.set_xlabel("predicted", fontsize=7)
    return figure


def training_curves(histories: pd.DataFrame) -> Figure:
    """Loss, accuracy and learning rate against steps; a dot marks the weights that were kept.

    One row of panels per classifier. Solid: validation; dotted: training. Means over the seeds.
    """
    names = list(dict.fromkeys(histories["classifier"]))
    arms = list(dict.fromkeys(histories["arm"]))
    figure = Figure(figsize=(11, 2.7 * len(names) + 0.4), layout="constrained")
    panels = figure.subplots(len(names), 3, squeeze=False)
    for row, name in zip(panels, names, strict=True):
        for arm, colour in zip(arms, colours(len(arms)), strict=True):
            same = histories[(histories["classifier"] == name) & (histories["arm"] == arm)]
            mean = same.groupby("step")[
                ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
            ].mean()
            kept = same[same["best"] == 1]
            for axes, metric in zip(row, ("loss", "accuracy"), strict=False):
                axes.plot(mean.index, mean[metric], ":", color=colour, linewidth=1)
                axes.plot(mean.index, mean[f"val_{metric}"], color=colour, lw=1.3, label=arm)
                axes.plot(kept["step"], kept[f"val_{metric}"], "o", color=colour, markersize=4)
            row[2].plot(mean.index, mean["learning_rate"], color=colour, linewidth=1.3)
        for axes, label in zip(row, ("loss", "accuracy", "learning rate"), strict=True):
            axes.set_ylabel(label, fontsize=8)
            axes.set_xlabel("optimiser step", fontsize=8)
            axes.tick_params(labelsize=7)
        row[0].set_title(name, fontsize=9, loc="left")
    figure.legend(
        *panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8
    )
    return figure


def colours(count: int) -> list[str]:
    return [PALETTE[i % len(PALETTE)] for i in range(count)]
