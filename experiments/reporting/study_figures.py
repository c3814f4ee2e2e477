"""The figures of a report: tables in, matplotlib figures out; no files."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classifiers.evaluation import metrics
from experiments.design.arms import Arm, parse
from ufgen.display.figure_style import (
    BAD_TEXT,
    BLACK,
    BLUE,
    COLUMN,
    GOOD_TEXT,
    GREEN,
    GREY,
    PALE_BLUE,
    counted,
    footnote,
    line_styles,
    open_figure,
    style,
)

VERDICTS = {
    "helps": ("▲", GOOD_TEXT),
    "hurts": ("▼", BAD_TEXT),
    "equivalent": ("=", BLACK),
    "inconclusive": ("?", GREY),
    "not interpretable": ("×", GREY),
    "pilot": ("…", GREY),
}


@style()
def forest(
    deltas: pd.DataFrame, metric: str, margin: float, headline: dict | None = None
) -> Figure:
    """Draw the change of every arm against its reference: intervals, margin and verdict.

    The mean of the classifiers has a diamond, a thick line and the verdict; single classifiers,
    which are exploratory, are grey and have none. An interval much wider than most is clipped and
    ends in an arrow, so that the others stay readable.

    Args:
        deltas: deltas.csv: one row per arm, classifier and metric.
        metric: Which of them.
        margin: The study's margin, which is shaded.
        headline: The row of the headline comparison; drawn where it is the mean of several arms.

    Returns:
        The figure.
    """
    rows = deltas[deltas["metric"] == metric]
    if headline is not None and headline["arm"] not in set(rows["arm"]):
        rows = pd.concat([pd.DataFrame([headline]), rows], ignore_index=True)
    reach = rows[["low", "high"]].abs().max(axis=1).median()
    edge = np.nanmax([2.5 * reach, 1.2 * rows["delta"].abs().max(), 2 * margin])
    names = list(dict.fromkeys(rows["classifier"]))
    arms = list(dict.fromkeys(rows["arm"]))
    figure = open_figure(height=1.2 + 0.19 * len(rows) + 0.22 * len(arms))
    axes = figure.subplots()
    axes.axvspan(-margin, margin, fc=PALE_BLUE, ec=BLUE, lw=0.5, zorder=0)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    y, ticks, labels, weights = 0.0, [], [], []
    for arm in arms:
        of_arm = rows[rows["arm"] == arm].set_index("classifier")
        for name in (name for name in names if name in of_arm.index):
            row, mean = of_arm.loc[name], name == "all"
            _interval(axes, row, y, edge, mean)
            ticks.append(y)
            labels.append(_label(row) if mean else name)
            weights.append("bold" if mean else "normal")
            y -= 1
        y -= 0.6
    axes.set_yticks(ticks, labels)
    for label, weight in zip(axes.get_yticklabels(), weights, strict=True):
        label.set_fontweight(weight)
    axes.set_xlabel(f"change in {metrics.title(metric)} against the reference arm")
    axes.set_ylim(y + 0.9, 0.7)
    footnote(figure, _forest_note(rows, margin))
    return figure


def _interval(axes: Axes, row: pd.Series, y: float, edge: float, mean: bool) -> None:
    colour = BLACK if mean else GREY
    if np.isfinite(row["low"]):
        ends = np.clip([row["low"], row["high"]], -edge, edge)
        axes.plot(ends, [y, y], color=colour, lw=3 if mean else 1.3, gid=f"interval {y:g}")
        for end, unclipped, arrow in zip(ends, (row["low"], row["high"]), "<>", strict=True):
            if end != unclipped:
                axes.plot(end, y, arrow, color=colour, ms=7 if mean else 5)
    face = colour if mean else "white"
    axes.plot(row["delta"], y, "D" if mean else "o", color=colour, mfc=face, ms=6 if mean else 4)
    if mean:
        sign, colour = VERDICTS.get(row["verdict"], ("", BLACK))
        axes.annotate(
            f"{sign} {row['verdict']}",
            (1.01, y),
            xycoords=("axes fraction", "data"),
            color=colour,
            va="center",
            fontweight="bold",
        )


def _label(row: pd.Series) -> str:
    against = "" if _reference(row) == "real" else f" against {_reference(row)}"
    several = row["arm"].count(", ") + 1
    if several > 1:
        return f"headline: mean of {several} arms ({_percent(row['confidence'])})"
    return f"{row['arm']}{against}, mean ({_percent(row['confidence'])})"


def _reference(row: pd.Series) -> str:
    return row.get("reference", "real")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.4g} %"


def _forest_note(rows: pd.DataFrame, margin: float) -> str:
    levels = rows.loc[rows["classifier"] != "all", "confidence"]
    text = "Lines: intervals of the level in brackets"
    if len(levels):
        text += f"; of single classifiers (exploratory, not adjusted) {_percent(levels.iloc[0])}"
    counts = [f"Margin ±{margin:g} shaded"]
    counts.append(counted(rows["classifier"].nunique() - 1, "classifier"))
    generators = rows["folds"] * rows["generators"]
    counts += [counted(rows["seeds"].max(), "seed"), counted(generators.max(), "generator")]
    if "test_groups" in rows:
        counts.append(
            counted(rows["test_groups"].max(), "test group") + " in the class with fewer groups"
        )
    return f"{text}.\n{', '.join(counts)}."


@style()
def ratio_curves(deltas: pd.DataFrame, metric: str, real: str = "real") -> Figure:
    """Draw the change of a metric against the ratio of additional images, a panel per classifier.

    Args:
        deltas: deltas.csv: one row per arm, classifier and metric.
        metric: Which of them.
        real: What the images that are not synthetic are called.

    Returns:
        The figure; duplicated images, the control, and more real ones are drawn for comparison.
    """
    rows = deltas[(deltas["metric"] == metric)].copy()
    arms = {name: parse(name) for name in rows["arm"].unique()}
    names = list(dict.fromkeys(rows["classifier"]))
    figure, panels = open_panels(len(names), 2.3, sharey=True)
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("synthetic", "synthetic", {"color": BLUE, "linestyle": "-", "marker": "o"}),
        ("duplicated", "duplicated (control)", {"color": GREY, "linestyle": "--", "marker": "s"}),
        ("oracle", f"more {real} images", {"color": GREEN, "linestyle": "-.", "marker": "^"}),
    )
    levels = set()
    for axes, name in zip(panels, names, strict=True):
        for shift, (kind, label, look) in enumerate(kinds):
            points = [(0.0, 0.0, 0.0, 0.0)]
            for arm, parsed in arms.items():
                ratio = getattr(parsed, kind)
                if not ratio or parsed != Arm(arm, real=True, **{kind: ratio}):
                    continue
                row = rows[(rows["arm"] == arm) & (rows["classifier"] == name)].iloc[0]
                points.append((ratio, row["delta"], row["low"], row["high"]))
                levels.add(row["confidence"])
            x, y, low, high = np.array(sorted(points)).T
            x = x + 0.012 * shift
            if len(x) > 1:
                axes.plot(x, y, **look, label=label)
                axes.vlines(x[1:], low[1:], high[1:], color=look["color"], lw=1)
        axes.axhline(0, color=BLACK, linewidth=0.6)
        axes.set_title("mean of classifiers" if name == "all" else name)
        axes.set_xlabel(f"additional images\nper {real} image")
    for axes in panels[:: min(3, len(panels))]:
        axes.set_ylabel(f"change in {metrics.title(metric)}")
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=len(kinds))
    counts = [counted(rows[f"{word}s"].max(), word) for word in ("seed", "generator")]
    bars = " or ".join(map(_percent, sorted(levels)))
    footnote(figure, f"Bars: {bars} intervals, as in the forest plot; {', '.join(counts)}.")
    return figure


@style()
def confusion_matrices(metrics: pd.DataFrame, positive: str, negative: str) -> Figure:
    """Draw one matrix per arm and classifier, summed over training runs (generators x seeds).

    Args:
        metrics: metrics.csv: one row per trial, with the counts tn, fp, fn and tp.
        positive: The name of the positive class.
        negative: The name of the other one.

    Returns:
        The figure.
    """
    names = list(dict.fromkeys(metrics["classifier"]))
    arms = list(dict.fromkeys(metrics["arm"]))
    figure = open_figure(max(COLUMN, 1.2 + 1.2 * len(arms)), 0.6 + 1.5 * len(names))
    panels = figure.subplots(len(names), len(arms), squeeze=False)
    for row, name in enumerate(names):
        for column, arm in enumerate(arms):
            trials = metrics[(metrics["classifier"] == name) & (metrics["arm"] == arm)]
            cells = trials[["tn", "fp", "fn", "tp"]].sum().to_numpy(float).reshape(2, 2)
            fractions = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
            axes = panels[row][column]
            axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
            for i in (0, 1):
                for j in (0, 1):
                    colour = "white" if fractions[i, j] > 0.6 else BLACK
                    text = f"{cells[i, j]:.0f}\n{fractions[i, j]:.0%}"
                    axes.text(j, i, text, ha="center", va="center", color=colour)
            axes.set_xticks([0, 1], [negative, positive])
            axes.set_yticks([0, 1], [negative, positive] if column == 0 else ["", ""])
            if row == 0:
                axes.set_title(arm.replace("+", "\n+"))
            if column == 0:
                axes.set_ylabel(f"{name}\ntruth")
            if row == len(names) - 1:
                axes.set_xlabel("predicted")
    runs = metrics.groupby(["arm", "classifier"]).size().max()
    footnote(
        figure,
        f"Test images, summed over up to {counted(runs, 'training run')}; fractions of each row.",
    )
    return figure


@style()
def training_curves(histories: pd.DataFrame) -> Figure:
    """Draw loss, accuracy and learning rate against steps, one row of panels per classifier.

    Means over training runs; thick lines are validation, thin ones training. A dot marks the
    weights that a run chose.

    Args:
        histories: The history.csv of all trials, with arm and classifier.

    Returns:
        The figure.
    """
    names = list(dict.fromkeys(histories["classifier"]))
    arms = list(dict.fromkeys(histories["arm"]))
    figure = open_figure(height=1.9 * len(names) + 0.6)
    panels = figure.subplots(len(names), 3, squeeze=False)
    for row, name in zip(panels, names, strict=True):
        for arm, look in zip(arms, line_styles(len(arms)), strict=True):
            rows = histories[(histories["classifier"] == name) & (histories["arm"] == arm)]
            mean = rows.groupby("step")[
                ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
            ].mean()
            chosen = rows[rows["best"] == 1]
            for axes, metric in zip(row, ("loss", "accuracy"), strict=False):
                axes.plot(mean.index, mean[metric], **look, lw=0.6)
                axes.plot(mean.index, mean[f"val_{metric}"], **look, lw=1.6, label=arm)
                axes.plot(chosen["step"], chosen[f"val_{metric}"], "o", color=look["color"])
            row[2].plot(mean.index, mean["learning_rate"], **look)
        for axes, label in zip(row, ("loss", "accuracy", "learning rate"), strict=True):
            axes.set_ylabel(label)
            axes.set_xlabel("optimiser step")
        row[0].set_title(name, loc="left")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    runs = histories.groupby(["arm", "classifier", "step"]).size().max()
    footnote(
        figure,
        f"Means over up to {counted(runs, 'training run')}. Thick: validation images, with a dot "
        "at the weights that a run chose; thin: training images.",
    )
    return figure


def open_panels(count: int, height: float, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """Open a figure of several panels, up to three in a line.

    Args:
        count: How many.
        height: That of each: inches.
        sharey: Whether they have one scale on the y axis.

    Returns:
        The figure and its panels.
    """
    columns = min(3, count)
    lines = -(-count // columns)
    figure = open_figure(height=height * lines + 0.5)
    panels = list(figure.subplots(lines, columns, squeeze=False, sharey=sharey).ravel())
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]
