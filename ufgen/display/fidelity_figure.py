"""fidelity.png: each metric of a fidelity table beside its real-vs-real reference."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ufgen.display import figure_style
from ufgen.display.figure_style import BLUE, GREY, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROPORTIONS = ("precision", "recall", "coverage")
LOWER_IS_BETTER = ("KD", "FD")


@figure_style.style()
def write_figure(table: pd.DataFrame, path: Path, real: str = "real") -> None:
    """Write the figure: a panel for each metric, with a line for each scope.

    Args:
        table: A fidelity table (see `ufgen.fidelity.fidelity_table`).
        path: The file to write.
        real: The word for the images compared with (see `figure_style.source_word`).
    """
    metrics = list(dict.fromkeys(table["metric"]))
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = figure_style.open_figure(2.4 * columns, 0.5 + 1.9 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    for axes, metric in zip(panels, metrics, strict=False):
        _draw_metric(axes, table[table["metric"] == metric].iloc[::-1], metric)
    grey = f"Grey: random parts of the {real} images (halves for KD and FD)."
    figure_style.footnote(figure, f"Dot: synthetic images, KD with its 95 % interval. {grey}")
    figure_style.save(figure, path)


def _draw_metric(axes: "Axes", rows: pd.DataFrame, metric: str) -> None:
    kind = metric.partition("-")[0]
    for y, row in enumerate(rows.to_dict("records")):
        axes.plot([row["reference_low"], row["reference_high"]], [y, y], color=PALE, linewidth=8)
        axes.plot(row["reference"], y, "|", color=GREY, markersize=12)
        axes.plot([row["low"], row["high"]], [y, y], color=BLUE)
        axes.plot(row["value"], y, "o", color=BLUE)
    axes.set_yticks(range(len(rows)), rows["scope"])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    better = "lower" if kind in LOWER_IS_BETTER else "higher"
    axes.set_title(metric)
    axes.set_xlabel(f"{better} is better")
    axes.grid(axis="x", alpha=0.3)
    if kind in PROPORTIONS:
        axes.set_xlim(-0.02, 1.02)
    else:
        near = rows[["reference", "reference_low", "reference_high"]].abs().max().max()
        figure_style.log_where_wide(axes.xaxis, rows["value"], near)
