"""The test images whose probabilities an arm changed most, with heatmaps before and after."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classifiers.explanation.saliency_box import enlarge
from experiments.design.arms import parse
from experiments.reporting.heatmaps import HeatmapPair, Heatmaps, choose_pair
from ufgen.atomic import atomic_file
from ufgen.display.figure_style import (
    BAD_TEXT,
    COLUMN,
    FORMATS,
    GOOD_TEXT,
    footnote,
    open_figure,
    save,
    style,
)

IMAGES_PER_DIRECTION = 4  # at most, for the better and for the worse
MIN_CHANGE = 0.05
COLUMNS = ["path", "label", "before", "after", "gain"]


def choose(
    predictions: pd.DataFrame,
    arm: str,
    reference: str = "real",
    per_direction: int = IMAGES_PER_DIRECTION,
) -> pd.DataFrame:
    """Choose the test images whose mean probability changed most; `MIN_CHANGE` at least.

    Args:
        predictions: One row per trial and test image: path, label, target, arm, probability.
        arm: Compared with the reference.
        reference: The other arm.
        per_direction: At most as many images that gained, and that lost.

    Returns:
        The columns path, label, before and after (the probability of the positive class, mean of
        all classifiers and training runs), and gain (that of the true class), largest gain first.
    """
    by_image = predictions.groupby(["path", "label", "target", "arm"])["probability"]
    means = by_image.mean().unstack("arm")
    table = means[[reference, arm]].set_axis(["before", "after"], axis=1).reset_index()
    sign = np.where(table["target"] == 1, 1, -1)
    table["gain"] = sign * (table["after"] - table["before"])
    table = table[table["gain"].abs() >= MIN_CHANGE - 1e-9]
    table = table.sort_values(["gain", "path"], ascending=[False, True])
    gained, lost = table[table["gain"] > 0], table[table["gain"] < 0]
    chosen = pd.concat([gained[:per_direction], lost[-per_direction:]])
    return chosen[COLUMNS].reset_index(drop=True)


@style()
def draw(
    chosen: pd.DataFrame,
    pixels: np.ndarray,
    heatmaps: HeatmapPair,
    arm: str,
    reference: str,
    caption: str,
) -> Figure:
    """Draw images above their heatmaps in both arms.

    Args:
        chosen: The N images of `choose`.
        pixels: Theirs: uint8 (N, H, W, C).
        heatmaps: Those of these images, or none.
        arm: The name of the arm.
        reference: The name of the other one.
        caption: What the footnote begins with.

    Returns:
        The figure.
    """
    lines: list[tuple[str, Heatmaps | None]] = [("image", None)]
    if heatmaps.before is not None:
        lines += [(reference, heatmaps.before), (arm, heatmaps.after)]
    columns = max(1, len(chosen))
    figure = open_figure(max(COLUMN, 0.9 * columns), 1.1 + 0.85 * len(lines))
    panels = figure.subplots(len(lines), columns, squeeze=False)
    for axes in panels.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    if chosen.empty:
        text = f"No mean probability changed by {MIN_CHANGE:g} or more."
        panels[0][0].text(0.5, 0.5, text, ha="center", va="center")
    for column, image in enumerate(chosen.to_dict("records")):
        for line, (name, of_arm) in enumerate(lines):
            heatmap = None if of_arm is None else of_arm[image["path"]]
            _draw_image(panels[line][column], pixels[column], heatmap)
            if column == 0:
                panels[line][column].set_ylabel(name.replace("+", "\n+"), fontsize=7)
        sign, colour = ("▲", GOOD_TEXT) if image["gain"] > 0 else ("▼", BAD_TEXT)
        title = f"{sign} {image['label']}\n{image['before']:.3f}→{image['after']:.3f}"
        panels[0][column].set_title(title, fontsize=7, color=colour)
    if len(lines) > 1 and len(chosen):
        _colour_bar(figure, panels[1:])
    footnote(figure, f"{caption}\n{heatmaps.text[0].upper()}{heatmaps.text[1:]}.")
    return figure


def _draw_image(axes: Axes, image: np.ndarray, heatmap: np.ndarray | None) -> None:
    axes.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    if heatmap is not None:
        heatmap = enlarge(heatmap, image.shape[1], image.shape[0])
        heatmap = heatmap / max(heatmap.max(), 1e-9)
        opacity = 0.6 * np.clip(heatmap, 0, 1)
        axes.imshow(heatmap, cmap="inferno", alpha=opacity, vmin=0, vmax=1)


def _colour_bar(figure: Figure, panels: np.ndarray) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap="inferno"), ax=panels, fraction=0.02, ticks=[0, 1])
    bar.set_label("fraction of the\nheatmap's maximum", fontsize=7)


def write(
    folder: Path,
    arm: str,
    predictions: pd.DataFrame,
    trials: list[Path],
    pixels_of: Callable[[list[str]], np.ndarray],
) -> None:
    """Write changed.csv and figures/changed.* into a study's folder.

    The arm's reference, and which classifiers beat chance in it, are read from deltas.csv.

    Args:
        folder: The study's folder.
        arm: Compared with its reference.
        predictions: One row per trial and test image.
        trials: The folders of all trials.
        pixels_of: Gives uint8 (N, H, W, C) for the paths of N images.
    """
    reference, above_chance = _reference_of(folder, arm)
    chosen = choose(predictions, arm, reference)
    with atomic_file(folder / "changed.csv") as temporary:
        chosen.to_csv(temporary, index=False)
    heatmaps = choose_pair(predictions, trials, arm, reference, above_chance)
    pixels = pixels_of(chosen["path"].tolist()) if len(chosen) else np.zeros((0, 1, 1, 1), "uint8")
    positive = predictions.loc[predictions["target"] == 1, "label"].iloc[0]
    caption = (
        f"Test images whose mean probability of {positive} changed by {MIN_CHANGE:g} or more, "
        f"from {reference} to {arm}:\nfor the better (▲) and for the worse (▼), at most "
        f"{IMAGES_PER_DIRECTION} each; means over {predictions['classifier'].nunique()} "
        "classifiers and all training runs."
    )
    figure = draw(chosen, pixels, heatmaps, arm, reference, caption)
    save(figure, *(folder / "figures" / f"changed{suffix}" for suffix in FORMATS))


def _reference_of(folder: Path, arm: str) -> tuple[str, set[str] | None]:
    """The arm's reference, and the classifiers that beat chance in it; None if that is unknown."""
    file = folder / "deltas.csv"
    if not file.is_file():
        return parse(arm).reference.name, None
    deltas = pd.read_csv(file, keep_default_na=False)
    rows = deltas[deltas["arm"] == arm]
    above_chance = rows["reference_beats_chance"].astype(str) == "True"
    return rows["reference"].iloc[0], set(rows.loc[above_chance, "classifier"]) - {"all"}
