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
from experiments.reporting.macro import Macro, conclude
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
MEAN = "mean of the classes"


def write_overview(name: str, studies: list[Study], root: Path) -> Path:
    """Write sweep.csv, the figure sweep.svg and report.html into `root/<name>/`.

    One row is one arm at one level, in the primary metric, mean of the classifiers. Where several
    positive classes are levels there are rows for their mean, too, macro.csv (as deltas.csv) and
    macro_headline.csv.

    Args:
        name: The sweep's name.
        studies: One study per level; each is finished.
        root: The folder of all studies.

    Returns:
        The path of the page.

    Raises:
        UserError: Studies have no seed in common, or an older version wrote one.
    """
    folder, parts = Path(root) / name, []
    for study in studies:
        deltas = read_deltas(Path(root) / study.name)
        parts.append(_rows(study, deltas, study.images.positive, study.name))
    macros, sentences = _means_of_classes(studies, Path(root)), {}
    for study, found in macros:
        parts.append(_rows(study, found.deltas, MEAN, ""))
        level = f"{study.images.resolution} px, {100 * study.images.fraction:g} % of the groups"
        sentences[level] = f"{found.conclusion['sentence']} {found.conclusion['scope']}"
    if macros:
        _write_macro(folder, macros)
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
        classes=[found.positives for _, found in macros][:1],
        sentences=sentences,
        figure=(folder / "sweep.svg").read_text(encoding="utf-8").partition("<svg")[2],
        count=len(studies),
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _rows(study: Study, deltas: pd.DataFrame, positive: str | None, name: str) -> pd.DataFrame:
    """The deltas of one level that the overview shows."""
    rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == study.primary_metric)]
    levels = {factor: getattr(study.images, factor) for factor in FACTORS}
    return rows.assign(**levels | {"positive": positive or ""}, study=name)


def _means_of_classes(studies: list[Study], root: Path) -> list[tuple[Study, Macro]]:
    """The mean over positive classes of each level that has several, with one of its studies."""
    levels: dict[tuple, list[Study]] = {}
    for study in studies:
        levels.setdefault((study.images.fraction, study.images.resolution), []).append(study)
    return [
        (same[0], conclude([root / study.name for study in same]))
        for same in levels.values()
        if len({study.images.positive for study in same}) > 1
    ]


def _write_macro(folder: Path, macros: list[tuple[Study, Macro]]) -> None:
    """Write macro.csv and macro_headline.csv: the tables of the mean, by level."""
    for file, name in (("macro.csv", "deltas"), ("macro_headline.csv", "headline")):
        tables = []
        for study, found in macros:
            images, table = study.images, getattr(found, name)
            tables.append(table.assign(fraction=images.fraction, resolution=images.resolution))
        with atomic_file(folder / file) as temporary:
            pd.concat(tables).to_csv(temporary, index=False)


@style()
def draw(table: pd.DataFrame, metric: str, margin: float) -> Figure:
    """Draw each tested arm's change with its interval at every level.

    There is a panel for each resolution, and for each positive class where there are several.

    Args:
        table: sweep.csv.
        metric: The primary metric.
        margin: The study's margin, which is shaded.

    Returns:
        The figure.
    """
    arms = [arm for arm in table["arm"].unique() if parse(arm).tested]
    fractions = sorted(table["fraction"].unique())
    shown = table[["resolution", "positive"]].drop_duplicates().to_dict("records")
    figure = open_figure(max(COLUMN, 1.6 + 2.8 * len(shown)), 3.4)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    looks = line_styles(len(arms), first=1)
    for axes, level in zip(panels, shown, strict=True):
        axes.axhspan(-margin, margin, fc=PALE_BLUE, ec=BLUE, lw=0.5, zorder=0)
        axes.axhline(0, color=BLACK, lw=0.7)
        within = table[(table[list(level)] == pd.Series(level)).all(axis=1)]
        for index, (arm, look) in enumerate(zip(arms, looks, strict=True)):
            rows = within[within["arm"] == arm]
            shift = 0.09 * (index - len(arms) / 2)
            x = [fractions.index(fraction) + shift for fraction in rows["fraction"]]
            axes.vlines(x, rows["low"], rows["high"], color=look["color"], lw=1.4)
            marker = MARKERS[index % len(MARKERS)]
            axes.plot(x, rows["delta"], marker, color=look["color"], label=arm)
        axes.set_xlim(-0.5, len(fractions) - 0.5)
        axes.set_xticks(range(len(fractions)), [f"{100 * fraction:g} %" for fraction in fractions])
        several = table["positive"].nunique() > 1
        axes.set_title(f"{level['resolution']} px" + (f", {level['positive']}" if several else ""))
        axes.set_xlabel("fraction of the training groups in use")
    panels[0].set_ylabel(f"change in {metrics.title(metric)}")
    legend_beside(panels[-1])
    levels = [f"{100 * level:.4g} %" for level in sorted(table["confidence"].unique())]
    bars = " or ".join(levels)
    footnote(figure, f"Bars: {bars} intervals of the mean of the classifiers; margin shaded.")
    return figure
