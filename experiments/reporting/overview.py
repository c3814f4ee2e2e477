"""The overview of a sweep: the studies of all its levels on one page."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from classifiers.evaluation import metrics
from experiments.analysis.finished_study import read_deltas
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
    """Write sweep.csv, the figure sweep.svg and report.html into `root/<name>/`.

    One row is one arm at one level, in the primary metric, mean of the classifiers.

    Args:
        name: The sweep's name.
        studies: One study per level; each is finished.
        root: The folder of all studies.

    Returns:
        The path of the page.
    """
    folder, parts = Path(root) / name, []
    for study in studies:
        deltas = read_deltas(Path(root) / study.name)
        rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == study.primary_metric)]
        levels = {factor: getattr(study.images, factor) for factor in FACTORS}
        parts.append(rows.assign(**levels, study=study.name))
    columns = ["arm", "reference", "baseline", "value", "delta", "low", "high"]
    columns += ["confidence", "verdict", "study"]
    table = pd.concat(parts)[[*FACTORS, *columns]].reset_index(drop=True)
    with atomic_file(folder / "sweep.csv") as temporary:
        table.to_csv(temporary, index=False)
    figure = draw(table, studies[0].primary_metric, studies[0].margin)
    save(figure, folder / "sweep.svg")
    templates = Environment(
        loader=PackageLoader("experiments"), autoescape=True, undefined=StrictUndefined
    )
    page = templates.get_template("overview.html.j2").render(
        colours=PAGE_COLOURS,
        name=name,
        question=studies[0].question,
        metric=metrics.title(studies[0].primary_metric),
        rows=table.to_dict("records"),
        figure=(folder / "sweep.svg").read_text(encoding="utf-8").partition("<svg")[2],
        count=len(studies),
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


@style()
def draw(table: pd.DataFrame, metric: str, margin: float) -> Figure:
    """Draw each tested arm's change with its interval at every level, a panel per resolution.

    Args:
        table: sweep.csv.
        metric: The primary metric.
        margin: The study's margin, which is shaded.

    Returns:
        The figure.
    """
    arms = [arm for arm in table["arm"].unique() if parse(arm).tested]
    resolutions = sorted(table["resolution"].unique())
    fractions = sorted(table["fraction"].unique())
    figure = open_figure(max(COLUMN, 1.6 + 2.8 * len(resolutions)), 3.4)
    panels = figure.subplots(1, len(resolutions), sharey=True, squeeze=False)[0]
    looks = line_styles(len(arms), first=1)
    for axes, resolution in zip(panels, resolutions, strict=True):
        axes.axhspan(-margin, margin, fc=PALE_BLUE, ec=BLUE, lw=0.5, zorder=0)
        axes.axhline(0, color=BLACK, lw=0.7)
        for index, (arm, look) in enumerate(zip(arms, looks, strict=True)):
            rows = table[(table["arm"] == arm) & (table["resolution"] == resolution)]
            shift = 0.09 * (index - len(arms) / 2)
            x = [fractions.index(fraction) + shift for fraction in rows["fraction"]]
            axes.vlines(x, rows["low"], rows["high"], color=look["color"], lw=1.4)
            marker = MARKERS[index % len(MARKERS)]
            axes.plot(x, rows["delta"], marker, color=look["color"], label=arm)
        axes.set_xticks(range(len(fractions)), [f"{fraction:.0%}" for fraction in fractions])
        axes.set_title(f"{resolution} px")
        axes.set_xlabel("fraction of the training groups in use")
    panels[0].set_ylabel(f"change in {metrics.title(metric)}")
    legend_beside(panels[-1])
    levels = [f"{100 * level:.4g} %" for level in sorted(table["confidence"].unique())]
    bars = " or ".join(levels)
    footnote(figure, f"Bars: {bars} intervals of the mean of the classifiers; margin shaded.")
    return figure
