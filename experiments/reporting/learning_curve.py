"""Synthetic images beside more real ones, and their effect by the generator's quality."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers.evaluation import metrics as metric_names
from experiments.design.arms import Arm, parse, reference_in
from ufgen.display.figure_style import (
    BLACK,
    counted,
    footnote,
    legend_beside,
    line_styles,
    log_where_wide,
    open_figure,
    style,
)


@style()
def learning_curve(metrics: pd.DataFrame, metric: str, real: str = "real") -> Figure | None:
    """Draw a metric against the number of real images, and arms with synthetic ones beside it.

    Mean over classifiers; the band and the bars go from the lowest to the highest training run.

    Args:
        metrics: metrics.csv: one row per trial.
        metric: A column of it.
        real: What the images that are not synthetic are called.

    Returns:
        The figure; None without arms `real+oracle@RATIO`.
    """
    arms = {name: parse(name) for name in metrics["arm"].unique()}
    real_only = [n for n, arm in arms.items() if arm == Arm(n, real=True, oracle=arm.oracle)]
    if len(real_only) < 2:
        return None
    curve = sorted(_spread(metrics, name, metric) for name in real_only)
    x, y, low, high = np.array(curve).T
    figure = open_figure(height=3.4)
    axes = figure.subplots()
    axes.plot(x, y, "o-", color=BLACK, label=f"{real} images alone")
    axes.fill_between(x, low, high, color=BLACK, alpha=0.08)
    with_synthetic = [name for name, arm in arms.items() if arm.tested and arm.real]
    looks = line_styles(len(with_synthetic), first=1)
    for number, (name, look) in enumerate(zip(with_synthetic, looks, strict=True), 1):
        _, mean, lowest, highest = _spread(metrics, name, metric)
        position = x[0] * (1 + 0.02 * number)
        axes.vlines(position, lowest, highest, color=look["color"], lw=1)
        axes.axhline(mean, **look, lw=0.7)
        axes.plot(position, mean, **look, marker="D", ms=5, label=name)
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{count:.0f}" for count in x])
    axes.minorticks_off()
    axes.set_xlabel(f"{real} training images")
    axes.set_ylabel(metric_names.title(metric))
    legend_beside(axes)
    footnote(figure, f"Mean of {_counts(metrics)}; bars and band: lowest to highest run.")
    return figure


@style()
def quality(metrics: pd.DataFrame, synthetic: pd.DataFrame, metric: str) -> Figure | None:
    """Draw each generator's change against the reference arm, by how far its images are from real.

    Args:
        metrics: metrics.csv: one row per trial.
        synthetic: synthetic.csv: one row per set of synthetic images.
        metric: A column of `metrics`.

    Returns:
        The figure; None where fewer than two generators or sets of images can be compared.
    """
    distances = synthetic.groupby(["generator", "filtered"])["KD-texture"].mean()
    if distances.nunique() < 2:
        return None
    means, arms = metrics.groupby("arm")[metric].mean(), metrics["arm"].unique()
    names = [name for name in arms if parse(name).tested]
    figure = open_figure(height=3.2)
    axes = figure.subplots()
    axes.axhline(0, color=BLACK, lw=0.7)
    for name, look in zip(names, line_styles(len(names), first=1), strict=True):
        changes = metrics[metrics["arm"] == name].groupby("generator")[metric].mean()
        changes = changes - means[reference_in(name, arms)]
        keys = [(str(generator), parse(name).filtered) for generator in changes.index]
        axes.plot(
            [distances.get(key, np.nan) for key in keys],
            changes,
            "o",
            color=look["color"],
            label=name,
        )
    axes.set_xlabel("KD-texture between synthetic and training images (lower is closer)")
    axes.set_ylabel(f"change in {metric_names.title(metric)}")
    legend_beside(axes)
    log_where_wide(axes.xaxis, distances, distances.abs().min())
    splits = synthetic["split"].nunique() if "split" in synthetic else 1
    point = "one generator" if splits == 1 else f"one generator seed in {splits} splits"
    footnote(figure, f"Each point: {point}, mean of {_counts(metrics)}.")
    return figure


def _counts(metrics: pd.DataFrame) -> str:
    classifiers = counted(metrics["classifier"].nunique(), "classifier")
    return f"{classifiers} and {counted(metrics['seed'].nunique(), 'seed')}"


def _spread(metrics: pd.DataFrame, arm: str, metric: str) -> tuple[float, float, float, float]:
    """Training images, and mean, lowest and highest training run; classifiers averaged."""
    rows = metrics[metrics["arm"] == arm]
    runs = rows.groupby(["generator", "seed"])[metric].mean()
    return float(rows["n_train"].mean()), runs.mean(), runs.min(), runs.max()
