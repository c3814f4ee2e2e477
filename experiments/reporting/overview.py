"""The page of a study at several levels: what the studies of all levels say together."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from classifiers.evaluation import metrics
from experiments.design.arms import parse
from experiments.design.study import Study
from experiments.design.sweep import FACTORS
from ufgen.atomic import atomic_file, write_text
from ufgen.display.figure_style import (
    BLACK,
    BLUE,
    COLUMN,
    PAGE_COLOURS,
    PALE_BLUE,
    footnote,
    legend_beside,
    line_styles,
    open_figure,
    save,
    style,
)

MARKERS = "osD^v"


def write_overview(name: str, studies: list[Study], root: Path) -> Path:
    """Write `root/<name>/`: factors.csv, the figure and report.html; the page's path.

    Every study must be finished in `root`. One row is one arm at one level, in the primary metric,
    mean of the classifiers.
    """
    folder, parts = Path(root) / name, []
    for study in studies:
        deltas = pd.read_csv(Path(root) / study.name / "deltas.csv")
        rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == study.primary_metric)]
        levels = {factor: getattr(study.images, factor) for factor in FACTORS}
        parts.append(rows.assign(**levels, study=study.name))
    kept = ["arm", "reference", "baseline", "value", "delta", "low", "high"]
    kept += ["confidence", "verdict", "study"]
    table = pd.concat(parts)[[*FACTORS, *kept]].reset_index(drop=True)
    with atomic_file(folder / "factors.csv") as temporary:
        table.to_csv(temporary, index=False)
    figure = draw(table, studies[0].primary_metric, studies[0].margin)
    save(figure, folder / "factors.svg")
    templates = Environment(
        loader=PackageLoader("experiments"), autoescape=True, undefined=StrictUndefined
    )
    page = templates.get_template("overview.html.j2").render(
        colours=PAGE_COLOURS,
        name=name,
        question=studies[0].question,
        metric=metrics.title(studies[0].primary_metric),
        rows=table.to_dict("records"),
        figure=(folder / "factors.svg").read_text(encoding="utf-8").partition("<svg")[2],
        count=len(studies),
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


@style()
def draw(table: pd.DataFrame, metric: str, margin: float) -> Figure:
    """Each tested arm's change with its interval, at every level; a panel for each resolution."""
    arms = [arm for arm in table["arm"].unique() if parse(arm).tested]
    sizes = sorted(table["resolution"].unique())
    levels = sorted(table["fraction"].unique())
    figure = open_figure(max(COLUMN, 1.6 + 2.8 * len(sizes)), 3.4)
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    looks = line_styles(len(arms), first=1)
    for axes, size in zip(panels, sizes, strict=True):
        axes.axhspan(-margin, margin, fc=PALE_BLUE, ec=BLUE, lw=0.5, zorder=0)
        axes.axhline(0, color=BLACK, lw=0.7)
        for place, (arm, look) in enumerate(zip(arms, looks, strict=True)):
            rows = table[(table["arm"] == arm) & (table["resolution"] == size)]
            x = [levels.index(f) + 0.09 * (place - len(arms) / 2) for f in rows["fraction"]]
            axes.vlines(x, rows["low"], rows["high"], color=look["color"], lw=1.4)
            axes.plot(
                x, rows["delta"], MARKERS[place % len(MARKERS)], color=look["color"], label=arm
            )
        axes.set_xticks(range(len(levels)), [f"{level:.0%}" for level in levels])
        axes.set_title(f"{size} px")
        axes.set_xlabel("share of the training groups in use")
    panels[0].set_ylabel(f"change in {metrics.title(metric)}")
    legend_beside(panels[-1])
    levels = " or ".join(f"{100 * level:.4g} %" for level in sorted(table["confidence"].unique()))
    footnote(figure, f"Bars: {levels} intervals of the mean of the classifiers; margin shaded.")
    return figure
