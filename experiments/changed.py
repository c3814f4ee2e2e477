"""The test images whose probabilities an arm changed most, with the evidence before and after."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers.salience import enlarge
from experiments.trial import read_predictions
from ufgen.atomic import whole_file
from ufgen.figures import COLUMN, FORMATS, open_figure, save, style

EACH = 5


def choose(predictions: pd.DataFrame, arm: str, each: int = EACH) -> pd.DataFrame:
    """The images that `arm` changed most against `real`: path, label, before, after, gain.

    Probabilities are means over all trainings and classifiers; `gain` is that of the true class.
    First up to `each` that gained most, then up to `each` that lost most, the last one worst.
    """
    about = ["path", "label", "target"]
    means = predictions.groupby([*about, "arm"])["probability"].mean().unstack("arm")
    found = means[["real", arm]].set_axis(["before", "after"], axis=1).reset_index()
    sign = np.where(found["target"] == 1, 1, -1)
    found["gain"] = sign * (found["after"] - found["before"])
    found = found.sort_values(["gain", "path"], ascending=[False, True])
    gained, lost = found[found["gain"] > 0][:each], found[found["gain"] < 0][-each:]
    columns = ["path", "label", "before", "after", "gain"]
    return pd.concat([gained, lost])[columns].reset_index(drop=True)


def evidence(trials: list[Path], arm: str, classifier: str) -> dict[str, np.ndarray]:
    """Grad-CAM maps (h, w) by path, of the trials of an arm that kept them (see `trial`)."""
    found = {}
    for place in trials:
        if not (place / "evidence.npy").is_file():
            continue
        about = json.loads((place / "trial.json").read_text())
        if (about["arm"], about["classifier"]) == (arm, classifier):
            maps = np.load(place / "evidence.npy", allow_pickle=False)
            paths = read_predictions(place)["path"]
            found |= dict(zip(paths, maps.astype("float32"), strict=True))
    return found


@style()
def draw(
    chosen: pd.DataFrame, pixels: np.ndarray, maps: list[dict], arm: str, classifier: str
) -> Figure:
    """Images above their evidence in `real` and in `arm`; `pixels` belong to `chosen` by row."""
    lines = [("image", None), ("real", maps[0]), (arm, maps[1])]
    figure = open_figure(max(COLUMN, 0.9 * len(chosen)), 3.6)
    panels = figure.subplots(len(lines), len(chosen), squeeze=False)
    for row, about in chosen.iterrows():
        for line, (name, known) in enumerate(lines):
            axes, image = panels[line][row], pixels[row]
            axes.set(xticks=[], yticks=[])
            axes.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
            if known and about["path"] in known:
                heat = enlarge(known[about["path"]], image.shape[1], image.shape[0])
                heat = heat / max(heat.max(), 1e-9)
                axes.imshow(heat, cmap="inferno", alpha=0.6 * np.clip(heat, 0, 1), vmin=0, vmax=1)
            if row == 0:
                axes.set_ylabel(name, fontsize=8)
        title = f"{about['label']}\n{about['before']:.2f} → {about['after']:.2f}"
        colour = "#00734f" if about["gain"] > 0 else "#b04a00"
        panels[0][row].set_title(title, fontsize=8, color=colour)
    figure.suptitle(f"evidence of {classifier} for the positive class (Grad-CAM)", fontsize=9)
    return figure


def write(folder: Path, arm: str, predictions: pd.DataFrame, trials: list[Path], pixels_of) -> None:
    """Write changed.csv and figures/changed.*; `pixels_of` gives uint8 (N, H, W, C) for paths."""
    chosen = choose(predictions, arm)
    with whole_file(folder / "changed.csv") as temporary:
        chosen.to_csv(temporary, index=False)
    if chosen.empty:
        return
    classifier = predictions["classifier"].iloc[0]
    maps = [evidence(trials, name, classifier) for name in ("real", arm)]
    figure = draw(chosen, pixels_of(chosen["path"].tolist()), maps, arm, classifier)
    save(figure, *(folder / "figures" / f"changed{kind}" for kind in FORMATS))
