"""A sheet of the most telling test images, with the evidence for what was called."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.evaluation import prediction_text
from classifiers.explanation.saliency_box import enlarge, salient_box
from ufgen.atomic import atomic_file
from ufgen.display import figure_style

EACH = 5
TITLE = (
    "Evidence for the predicted class (Grad-CAM); box: weak localisation, not a measurement of a "
    "lesion"
)
NOTHING = "No evidence: all images get the same probability, or no part of them changes it"
TITLES = {
    "confident": "most confident,\nright",
    "wrong": "most confident,\nwrong",
    "uncertain": "most uncertain",
}
ABOUT = ("kind", "path", "label", "predicted", "probability", "threshold")
BOX = ("x0", "y0", "x1", "y1")


def choose(predictions: pd.DataFrame, each: int = EACH) -> pd.DataFrame:
    """Up to `each` rows of each kind of `TITLES`, the foremost first, with a column `kind`.

    `predictions` have target (0 or 1), probability and threshold, one row an image; confidence is
    the probability's distance from the threshold, as a share of the way to 0 or 1.
    """
    probability, threshold = (predictions[c].to_numpy() for c in ("probability", "threshold"))
    positive = probability >= threshold
    room = np.where(positive, 1 - threshold, threshold)
    confidence = np.abs(probability - threshold) / np.maximum(room, 1e-9)
    right = positive == (predictions["target"].to_numpy() == 1)
    order = np.argsort(-confidence, kind="stable")
    kinds = {
        "confident": [row for row in order if right[row]],
        "wrong": [row for row in order if not right[row]],
        "uncertain": list(order[::-1]),
    }
    parts = [predictions.iloc[rows[:each]].assign(kind=kind) for kind, rows in kinds.items()]
    return pd.concat(parts)


@figure_style.style()
def write(
    folder: Path,
    explain: Callable[[np.ndarray, bool], np.ndarray],
    predictions: pd.DataFrame,
    pixels: np.ndarray,
    positive: str,
) -> Path:
    """Write explanations.png and explanations.csv; `pixels` are those of `predictions`, by row.

    `explain` finds the evidence maps (N, h, w) of some pixels, for the class `positive` or not.
    Each picture shows the evidence for the predicted class, and a box around its salient region
    (shares of the width and height): weak localisation, learnt without any drawn box. Maps of
    zeros are not drawn, and have no box.
    """
    predictions = predictions.reset_index(drop=True)
    chosen, heatmaps = choose(predictions), {}
    for of_positive in (True, False):
        alike = (chosen["probability"] >= chosen["threshold"]) == of_positive
        rows = chosen[alike].index.unique()
        if len(rows):
            heatmaps |= dict(zip(rows, explain(pixels[rows], of_positive), strict=True))
    figure = figure_style.open_figure(2.3 * EACH + 0.6, 2.75 * len(TITLES))
    panels, rows = figure.subplots(len(TITLES), EACH, squeeze=False), []
    for line, (kind, title) in enumerate(TITLES.items()):
        for panel in panels[line]:
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        panels[line][0].set_ylabel(title, fontsize=10)
        part = chosen[chosen["kind"] == kind]
        if part.empty:
            panels[line][0].text(0.5, 0.5, "none", ha="center", va="center")
        for panel, (row, metadata) in zip(panels[line], part.iterrows(), strict=False):
            box = salient_box(heatmaps[row])
            _draw(panel, pixels[row], heatmaps[row], box, metadata, positive)
            found = {name: metadata.get(name) for name in ABOUT}
            rows.append(found | dict(zip(BOX, box or [np.nan] * 4, strict=True)))
    figure.suptitle(TITLE if any(e.any() for e in heatmaps.values()) else NOTHING, fontsize=9)
    figure_style.save(figure, folder / "explanations.png")
    with atomic_file(folder / "explanations.csv") as temporary:
        table = pd.DataFrame(rows, columns=[*ABOUT, *BOX])
        table = table.rename(columns={"probability": f"probability_{positive}"})
        table.to_csv(temporary, index=False)
    return folder / "explanations.png"


def _draw(panel, image: np.ndarray, heatmaps: np.ndarray, box, metadata, positive: str) -> None:
    from matplotlib.patches import Rectangle

    size = image.shape[0]
    panel.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    if box:
        heat = enlarge(heatmaps, size, size) / heatmaps.max()
        panel.imshow(heat, cmap="inferno", alpha=0.55 * np.clip(heat, 0, 1))
        left, top, right, bottom = (edge * size - 0.5 for edge in box)
        panel.add_patch(
            Rectangle(
                (left, top), right - left, bottom - top, fill=False, ec=figure_style.SKY, lw=1.6
            )
        )
    said = prediction_text.text(
        metadata["probability"], positive, metadata["predicted"], metadata["threshold"]
    )
    panel.set_title(f"is {metadata['label']}\n{said}".replace(" → ", "\n→ "), fontsize=7)
