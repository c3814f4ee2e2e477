"""A sheet of informative test images, with Grad-CAM heatmaps for their predicted classes."""

from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from classifiers.evaluation import prediction_text
from classifiers.explanation.saliency_box import Box, enlarge, salient_box
from ufgen.atomic import atomic_file
from ufgen.display import figure_style

PER_KIND = 5
TITLE = "Grad-CAM for the predicted class; box: weak localisation, not a measurement of a lesion"
NO_HEATMAP = "No heatmap: all images get the same probability, or all heatmaps are zero"
TITLES = {
    "confident": "most confident,\ncorrect",
    "wrong": "most confident,\nwrong",
    "uncertain": "most uncertain",
}
COLUMNS = ("kind", "path", "label", "predicted", "probability", "threshold")
BOX_COLUMNS = ("x0", "y0", "x1", "y1")


def choose(predictions: pd.DataFrame, per_kind: int = PER_KIND) -> pd.DataFrame:
    """Choose the most confident correct and wrong predictions, and the most uncertain ones.

    Confidence is the distance of the probability from the threshold, as a fraction of the distance
    from the threshold to 0 or 1.

    Args:
        predictions: One row per image, with target (0 or 1), probability and threshold.
        per_kind: Most rows of each kind.

    Returns:
        The chosen rows with their kind, one of `TITLES`, the foremost of each first.
    """
    probability, threshold = (predictions[c].to_numpy() for c in ("probability", "threshold"))
    positive = probability >= threshold
    distance = np.where(positive, 1 - threshold, threshold)
    confidence = np.abs(probability - threshold) / np.maximum(distance, 1e-9)
    right = positive == (predictions["target"].to_numpy() == 1)
    order = np.argsort(-confidence, kind="stable")
    kinds = {
        "confident": [row for row in order if right[row]],
        "wrong": [row for row in order if not right[row]],
        "uncertain": list(order[::-1]),
    }
    parts = [predictions.iloc[rows[:per_kind]].assign(kind=kind) for kind, rows in kinds.items()]
    return pd.concat(parts)


@figure_style.style()
def write(
    folder: Path,
    explain: Callable[[np.ndarray, bool], np.ndarray],
    predictions: pd.DataFrame,
    pixels: np.ndarray,
    positive: str,
) -> Path:
    """Write explanations.png and explanations.csv.

    Each image is shown with the heatmap for its predicted class, and a box around the salient
    region (`salient_box`). Heatmaps of zeros are not drawn, and have no box.

    Args:
        folder: Where to write.
        explain: From uint8 images (N, size, size, channels), and whether the positive class is
            explained, to heatmaps (N, h, w).
        predictions: One row per image, with path, label, predicted, target, probability and
            threshold.
        pixels: The images of `predictions`, uint8 (N, size, size, channels).
        positive: Name of the positive class.

    Returns:
        The path of explanations.png.
    """
    predictions = predictions.reset_index(drop=True)
    chosen = choose(predictions)
    heatmaps: dict[Hashable, np.ndarray] = {}
    for of_positive in (True, False):
        of_class = (chosen["probability"] >= chosen["threshold"]) == of_positive
        images = chosen[of_class].index.unique()
        if len(images):
            heatmaps |= dict(zip(images, explain(pixels[images], of_positive), strict=True))
    figure = figure_style.open_figure(2.3 * PER_KIND + 0.6, 2.75 * len(TITLES))
    panels, rows = figure.subplots(len(TITLES), PER_KIND, squeeze=False), []
    for line, (kind, title) in enumerate(TITLES.items()):
        for panel in panels[line]:
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        panels[line][0].set_ylabel(title, fontsize=10)
        part = chosen[chosen["kind"] == kind]
        if part.empty:
            panels[line][0].text(0.5, 0.5, "none", ha="center", va="center")
        for panel, (image, prediction) in zip(panels[line], part.iterrows(), strict=False):
            box = salient_box(heatmaps[image])
            _draw(panel, pixels[image], heatmaps[image], box, prediction, positive)
            row = {name: prediction.get(name) for name in COLUMNS}
            rows.append(row | dict(zip(BOX_COLUMNS, box or [np.nan] * 4, strict=True)))
    explained = any(heatmap.any() for heatmap in heatmaps.values())
    figure.suptitle(TITLE if explained else NO_HEATMAP, fontsize=9)
    figure_style.save(figure, folder / "explanations.png")
    with atomic_file(folder / "explanations.csv") as temporary:
        table = pd.DataFrame(rows, columns=[*COLUMNS, *BOX_COLUMNS])
        table = table.rename(columns={"probability": f"probability_{positive}"})
        table.to_csv(temporary, index=False)
    return folder / "explanations.png"


def _draw(
    panel: Axes,
    image: np.ndarray,
    heatmap: np.ndarray,
    box: Box | None,
    prediction: pd.Series,
    positive: str,
) -> None:
    size = image.shape[0]
    panel.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    if box:
        heat = enlarge(heatmap, size, size) / heatmap.max()
        panel.imshow(heat, cmap="inferno", alpha=0.55 * np.clip(heat, 0, 1))
        left, top, right, bottom = (edge * size - 0.5 for edge in box)
        panel.add_patch(
            Rectangle(
                (left, top), right - left, bottom - top, fill=False, ec=figure_style.SKY, lw=1.6
            )
        )
    text = prediction_text.text(
        prediction["probability"], positive, prediction["predicted"], prediction["threshold"]
    )
    panel.set_title(f"true class: {prediction['label']}\n{text}".replace(" → ", "\n→ "), fontsize=7)
